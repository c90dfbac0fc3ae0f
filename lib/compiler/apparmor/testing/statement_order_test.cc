// The order of statements means nothing to the AppArmor parser: every built-in rule, in every mode
// and with every qualifier, compiles to the same bytes when the lines of the profile are shuffled.
//
// The profiles that are not privileged hold the same large base and take a second each for every
// two: with VARMOR_ORACLE_FULL=1 they come with every qualifier, otherwise as denials only.

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"
#include "lib/compiler/apparmor/testing/policy_binary.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {
namespace {

std::string PolicyText(const BuiltinRule& rule, bool privileged, bool audit, bool allow) {
  std::string rules;
  switch (rule.category()) {
    case BuiltinRule::HARDENING:
      rules = absl::StrCat("hardeningRules: [", rule.id(), "]");
      break;
    case BuiltinRule::ATTACK_PROTECTION:
      rules = absl::StrCat("attackProtectionRules: [{rules: [", rule.id(), "]}, {rules: [",
                           rule.id(), "], targets: [/bin/sh]}]");
      break;
    default:
      rules = absl::StrCat("vulMitigationRules: [", rule.id(), "]");
  }
  const auto word = [](bool value) { return value ? "true" : "false"; };
  return absl::StrCat(
      "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\nmetadata: {name: p, namespace: ns}\n"
      "spec:\n  target: {kind: Pod, name: t}\n  policy:\n    enforcer: AppArmor\n"
      "    mode: EnhanceProtect\n    enhanceProtect:\n      privileged: ",
      word(privileged), "\n      auditViolations: ", word(audit),
      "\n      allowViolations: ", word(allow), "\n      ", rules, "\n");
}

// The profile's text for a node with one disk; "" when the rule is not for AppArmor.
std::string ProfileText(const std::string& policy) {
  LoadOptions load_options;
  load_options.lenient = true;
  const LoadResult loaded = LoadPolicies({{"policy.yaml", policy}}, load_options);
  if (loaded.policies.size() != 1) return "";
  CompileOptions options;
  options.lenient = true;
  const auto result = Compile(loaded.policies[0], options, BuiltinCatalogue());
  if (!result.ok() || !result->app_armor.has_value()) return "";
  std::string text;
  for (const AppArmorPiece& piece : result->app_armor->pieces()) {
    absl::StrAppend(&text, piece.text());
    if (piece.has_hole()) {
      absl::StrAppend(&text, piece.hole().prefix(), "/dev/sda", piece.hole().suffix(), "\n");
    }
  }
  return text;
}

// Shuffles the lines between every two that open or close a profile.
std::string Shuffled(const std::string& text, std::mt19937& random) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  size_t begin = 0;
  for (size_t i = 0; i <= lines.size(); ++i) {
    const bool frame = i == lines.size() || absl::EndsWith(lines[i], "{") ||
                       absl::EndsWith(lines[i], "}") || absl::StartsWith(lines[i], "abi") ||
                       absl::StartsWith(lines[i], "include");
    if (!frame) continue;
    for (size_t n = i - begin; n > 1; --n) {
      std::swap(lines[begin + n - 1], lines[begin + random() % n]);
    }
    begin = i + 1;
  }
  return absl::StrJoin(lines, "\n");
}

// Whether both automata give the same accept words for every text.
bool SameAutomata(const std::vector<BinaryDfa>& a, const std::vector<BinaryDfa>& b) {
  if (a.size() != b.size()) return false;
  if (a.empty()) return true;
  std::map<std::pair<uint32_t, uint32_t>, bool> seen = {
      {{BinaryDfa::kStart, BinaryDfa::kStart}, true}};
  std::vector<std::pair<uint32_t, uint32_t>> open = {{BinaryDfa::kStart, BinaryDfa::kStart}};
  while (!open.empty()) {
    const auto [left, right] = open.back();
    open.pop_back();
    if (a[0].accept(left) != b[0].accept(right) || a[0].accept2(left) != b[0].accept2(right)) {
      return false;
    }
    for (int byte = 0; byte < 256; ++byte) {
      const auto c = static_cast<uint8_t>(byte);
      const std::pair<uint32_t, uint32_t> next = {a[0].Next(left, c), b[0].Next(right, c)};
      if (seen.emplace(next, true).second) open.push_back(next);
    }
  }
  return true;
}

bool SameMeaning(const std::string& a, const std::string& b) {
  const auto left = ParseBinaryPolicy(a);
  const auto right = ParseBinaryPolicy(b);
  if (!left.ok() || !right.ok() || left->size() != right->size()) return false;
  for (size_t i = 0; i < left->size(); ++i) {
    const BinaryProfile& x = (*left)[i];
    const BinaryProfile& y = (*right)[i];
    if (x.name != y.name || x.caps_allow != y.caps_allow || x.caps_audit != y.caps_audit ||
        x.caps_quiet != y.caps_quiet || x.transitions != y.transitions ||
        !SameAutomata(x.policy, y.policy) || !SameAutomata(x.file, y.file)) {
      return false;
    }
  }
  return true;
}

TEST(StatementOrderTest, DoesNotChangeWhatTheParserMakesOfBuiltinRules) {
  std::mt19937 random(7);
  std::vector<std::string> texts;  // as emitted, shuffled, as emitted, ...
  std::vector<std::string> names;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    for (int bits = 0; bits < 8; ++bits) {
      const bool privileged = (bits & 1) != 0;
      if (!privileged && bits != 0 && std::getenv("VARMOR_ORACLE_FULL") == nullptr) continue;
      const std::string policy = PolicyText(rule, privileged, (bits & 2) != 0, (bits & 4) != 0);
      const std::string text = ProfileText(policy);
      if (text.empty()) continue;
      names.push_back(absl::StrCat(rule.id(), " ", bits));
      texts.push_back(text);
      texts.push_back(Shuffled(text, random));
    }
  }
  ASSERT_GT(names.size(), 200u);
  const std::vector<ParserVerdict> verdicts = RunAppArmorParserOnEach(texts, /*compile=*/true);
  int other_bytes = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    const ParserVerdict& emitted = verdicts[2 * i];
    const ParserVerdict& shuffled = verdicts[2 * i + 1];
    ASSERT_TRUE(emitted.ok && shuffled.ok) << emitted.messages << shuffled.messages;
    if (emitted.binary == shuffled.binary) continue;
    ++other_bytes;
    EXPECT_TRUE(SameMeaning(emitted.binary, shuffled.binary)) << names[i];
  }
  std::cout << names.size() << " profiles shuffled: " << names.size() - other_bytes
            << " the same bytes, " << other_bytes
            << " the same automata with states numbered otherwise\n";
}

}  // namespace
}  // namespace varmor
