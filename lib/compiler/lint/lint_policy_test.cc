// Every lint has testdata/lint/ID.yaml, beside it in ID.txt everything that is said about it, and
// an entry in docs/lint.md. Policies called "fine..." are near misses.
//
// To rewrite the texts: UPDATE_GOLDENS=1 bazel run //lib/compiler/lint:lint_policy_test (fails all
// the same).
#include "lib/compiler/lint/lint_policy.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "lib/compiler/lint/lint_table.h"
#include "lib/compiler/lint/silence.h"

namespace varmor {
namespace {

namespace fs = std::filesystem;

fs::path Root() {
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  return workspace == nullptr ? "." : workspace;
}

fs::path Directory() { return Root() / "testdata/lint"; }

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> Cases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(Directory())) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

struct Checked {
  LoadResult loaded;
  std::vector<CompileResult> results;
  size_t silenced = 0;
};

// What `varmor check` does.
Checked Check(const PolicySource& source) {
  Checked checked;
  checked.loaded = LoadPolicies({source}, LoadOptions());
  EXPECT_EQ(0u, checked.loaded.diagnostics.size());
  CompileOptions options;
  options.keep_rules = true;
  for (const LoadedPolicy& policy : checked.loaded.policies) {
    absl::StatusOr<CompileResult> result = Compile(policy, options, BuiltinCatalogue());
    EXPECT_TRUE(result.ok()) << result.status();
    const Diagnostics found = LintPolicy(policy, *result, BuiltinCatalogue());
    for (const Diagnostic& d : found.list()) result->diagnostics.Add(d);
    checked.results.push_back(*std::move(result));
  }
  checked.silenced = SilenceFindings({source}, checked.loaded.policies, true, checked.results);
  return checked;
}

std::string Said(const std::string& name) {
  const std::string file = name + ".yaml";
  const Checked checked = Check({file, ReadFile(Directory() / file)});
  std::string said;
  for (size_t i = 0; i < checked.results.size(); ++i) {
    const std::string& policy = checked.loaded.policies[i].object.metadata().name();
    absl::StrAppend(&said, "== ", policy, "\n");
    for (const Diagnostic& d : checked.results[i].diagnostics.list()) {
      EXPECT_GT(d.place.line, 0) << FormatDiagnostic(d);
      EXPECT_FALSE(absl::StartsWith(policy, "fine") && (name == "silenced" || name == d.code))
          << "a false alarm: " << FormatDiagnostic(d);
      const LintSpec* lint = FindLint(d.code);
      EXPECT_EQ(lint == nullptr ? d.severity : lint->severity, d.severity) << FormatDiagnostic(d);
      said += FormatDiagnostic(d);
    }
  }
  if (checked.silenced > 0) absl::StrAppend(&said, "silenced: ", checked.silenced, "\n");
  return said;
}

class LintPolicyTest : public testing::TestWithParam<std::string> {};

TEST_P(LintPolicyTest, SaysWhatItFinds) {
  const std::string actual = Said(GetParam());
  const fs::path wanted = Directory() / (GetParam() + ".txt");
  EXPECT_EQ(ReadFile(wanted), actual)
      << "to accept it: UPDATE_GOLDENS=1 bazel run //lib/compiler/lint:lint_policy_test";
  if (std::getenv("UPDATE_GOLDENS") != nullptr) {
    std::ofstream(wanted, std::ios::binary) << actual;
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, LintPolicyTest, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<std::string>& info) {
                           std::string name;
                           for (const char c : info.param) {
                             name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
                           }
                           return name;
                         });

TEST(LintFilesTest, EveryTextBelongsToACase) {
  for (const auto& entry : fs::directory_iterator(Directory())) {
    EXPECT_TRUE(fs::exists(fs::path(entry.path()).replace_extension(".yaml"))) << entry.path();
  }
}

TEST(LintFilesTest, EveryLintIsFoundInItsCase) {
  for (const LintSpec& lint : AllLints()) {
    if (lint.id == "lint-limit") continue;  // below: its policy would be long
    const std::string said = ReadFile(Directory() / absl::StrCat(lint.id, ".txt"));
    EXPECT_TRUE(absl::StrContains(said, absl::StrCat("[", lint.id, "]\n"))) << lint.id;
  }
}

TEST(LintFilesTest, EveryCaseIsOfALint) {
  for (const std::string& name : Cases()) {
    if (name == "silenced") continue;
    EXPECT_NE(nullptr, FindLint(name)) << name;
  }
}

TEST(LintTableTest, IsSortedAndEachIdIsThereOnce) {
  for (size_t i = 1; i < AllLints().size(); ++i) {
    EXPECT_LT(AllLints()[i - 1].id, AllLints()[i].id);
  }
}

// The headings "### id" of docs/lint.md, each with the words of its first line.
TEST(LintDocsTest, EveryLintHasAnEntryAndTheOtherWayRound) {
  std::set<std::string> documented;
  std::string id;
  for (const absl::string_view line : absl::StrSplit(ReadFile(Root() / "docs/lint.md"), '\n')) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "### ")) {
      id = std::string(rest);
      EXPECT_TRUE(documented.insert(id).second) << id;
      EXPECT_NE(nullptr, FindLint(id)) << "docs/lint.md explains an unknown lint: " << id;
    } else if (!id.empty() && !line.empty()) {
      const LintSpec* lint = FindLint(id);
      if (lint != nullptr) {
        const std::string severity(SeverityName(lint->severity));
        EXPECT_TRUE(absl::StartsWithIgnoreCase(line, absl::StrCat("*", severity, ".*")))
            << id << ": the entry begins with *" << severity << ".*, not: " << line;
      }
      id.clear();
    }
  }
  for (const LintSpec& lint : AllLints()) {
    EXPECT_EQ(1u, documented.count(std::string(lint.id))) << lint.id << " is not in docs/lint.md";
  }
}

std::string PolicyWithFiles(int files) {
  std::string text =
      "apiVersion: crd.varmor.org/v1beta1\n"
      "kind: VarmorPolicy\n"
      "metadata: {name: web, namespace: shop}\n"
      "spec:\n"
      "  target: {kind: Deployment, name: web}\n"
      "  policy:\n"
      "    enforcer: BPF\n"
      "    mode: EnhanceProtect\n"
      "    enhanceProtect:\n"
      "      bpfRawRules:\n"
      "        files:\n";
  for (int i = 0; i < files; ++i) {
    absl::StrAppend(&text, "        - {qualifiers: [deny], pattern: \"/srv/*/", i,
                    "/*\", permissions: [write]}\n");
  }
  return text;
}

TEST(LintLimitTest, SaysWhenNotEverythingWasCompared) {
  const Checked checked = Check({"web.yaml", PolicyWithFiles(400)});
  ASSERT_EQ(1u, checked.results.size());
  const std::vector<Diagnostic>& found = checked.results[0].diagnostics.list();
  ASSERT_EQ(1u, found.size());
  EXPECT_EQ("lint-limit", found[0].code);
  EXPECT_EQ(Diagnostic::Severity::kNote, found[0].severity);
  EXPECT_EQ(0u, Check({"web.yaml", PolicyWithFiles(100)}).results[0].diagnostics.size());
}

TEST(LintWholeTest, FindsNothingInAPolicyWithErrors) {
  std::string text = PolicyWithFiles(1);
  absl::StrAppend(&text,
                  "        - {qualifiers: [deny], pattern: \"/etc/**\", permissions: [raed]}\n");
  absl::StrAppend(&text, "        - {qualifiers: [deny], pattern: \"/**\", permissions: [read]}\n");
  const Checked checked = Check({"web.yaml", text});
  ASSERT_EQ(1u, checked.results[0].diagnostics.size());
  EXPECT_EQ("unknown-word", checked.results[0].diagnostics.list()[0].code);
}

TEST(LintWholeTest, FindsTheSameTwice) { EXPECT_EQ(Said("shadowed-rule"), Said("shadowed-rule")); }

}  // namespace
}  // namespace varmor
