// Random whole profiles, right and damaged: our parser and the AppArmor parser accept the same
// ones. Where we refuse more, it is for a reason that docs/apparmor.md gives.
//
// VARMOR_ORACLE_PROFILES sets how many; 75000 takes some minutes.

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/check_statements.h"
#include "lib/compiler/apparmor/profile_text.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"
#include "lib/compiler/apparmor/testing/profile_generator.h"
#include "lib/compiler/diagnostic/diagnostic.h"

namespace varmor {
namespace {

int Count(const char* variable, int otherwise) {
  const char* value = std::getenv(variable);
  int count = 0;
  return value != nullptr && absl::SimpleAtoi(value, &count) ? count : otherwise;
}

void CheckBlock(const AppArmorBlock& block, Diagnostics& diagnostics) {
  std::vector<AppArmorPlacedStatement> statements;
  for (const AppArmorStatement& statement : block.statements)
    statements.push_back({statement, "f"});
  CheckAppArmorStatements(statements, diagnostics);
  for (const AppArmorBlock& child : block.children) CheckBlock(child, diagnostics);
}

// Errors of our parser and of the checks that need all rules; empty when we accept.
std::vector<Diagnostic> OurErrors(const std::string& text) {
  Diagnostics diagnostics;
  const auto profile = ParseAppArmorProfileText(text, "f", {}, diagnostics);
  if (profile.has_value()) CheckBlock(profile->profile(), diagnostics);
  std::vector<Diagnostic> errors;
  for (const Diagnostic& diagnostic : diagnostics.list()) {
    if (diagnostic.severity == Diagnostic::Severity::kError) errors.push_back(diagnostic);
  }
  return errors;
}

// What only we refuse, by docs/apparmor.md: by code, or by what the message says.
std::string ReasonOfStrictness(const Diagnostic& error) {
  for (const char* code : {"apparmor-structure", "apparmor-include", "apparmor-useless-target",
                           "apparmor-relative-path", "apparmor-unknown-rule", "apparmor-rlimit"}) {
    if (error.code == code) return code;
  }
  for (const char* problem :
       {"is a wildcard inside a class", "looks like a definition", "no blanks around the arrow",
        "expected a blank behind", "control character", "not closed on its line",
        "no blank between", "middle of a rule", "has no values", "also stands for a backslash",
        "\"x\" does not say how to execute", "expected a value", "empty character class"}) {
    if (absl::StrContains(absl::StrCat(error.problem, "; ", error.fix), problem)) return problem;
  }
  return "";
}

TEST(GeneratedProfilesTest, AreAcceptedByBothParsersOrRefusedByBoth) {
  const int wanted = Count("VARMOR_ORACLE_PROFILES", 5000);
  constexpr int kBatch = 500;
  ProfileGenerator generator(20251125);
  int both_accept = 0;
  int both_refuse = 0;
  int differ = 0;
  std::map<std::string, int> stricter;
  for (int done = 0; done < wanted; done += kBatch) {
    std::vector<std::string> texts;
    for (int i = 0; i < std::min(kBatch, wanted - done); ++i) {
      ProfileOptions options;
      options.risky = generator.OneIn(3);
      options.avoid_conflicts = !generator.OneIn(4);
      std::string text = generator.Profile(options).text;
      texts.push_back(generator.OneIn(4) ? generator.Damaged(std::move(text)) : std::move(text));
    }
    const std::vector<ParserVerdict> verdicts = RunAppArmorParserOnEach(texts);
    for (size_t i = 0; i < texts.size(); ++i) {
      ASSERT_FALSE(absl::StartsWith(verdicts[i].messages, "MISSING")) << verdicts[i].messages;
      const std::vector<Diagnostic> errors = OurErrors(texts[i]);
      if (verdicts[i].ok == errors.empty()) {
        ++(verdicts[i].ok ? both_accept : both_refuse);
        continue;
      }
      const std::string reason = errors.empty() ? "" : ReasonOfStrictness(errors[0]);
      if (!reason.empty()) {
        ++stricter[reason];
        continue;
      }
      if (++differ > 20) continue;
      ADD_FAILURE() << (verdicts[i].ok
                            ? "only we refuse: " + FormatDiagnostic(errors[0])
                            : "only the AppArmor parser refuses: " + verdicts[i].messages)
                    << "\n"
                    << texts[i];
    }
  }
  std::cout << wanted << " profiles: " << both_accept << " accepted by both, " << both_refuse
            << " refused by both, " << differ << " differ";
  for (const auto& [reason, count] : stricter) {
    std::cout << ", " << count << " refused by us (" << reason << ")";
  }
  std::cout << std::endl;
  EXPECT_EQ(differ, 0);
  // The generator is worth something only while both happen often.
  EXPECT_GT(both_accept, wanted / 3);
  EXPECT_GT(both_refuse, wanted / 20);
}

}  // namespace
}  // namespace varmor
