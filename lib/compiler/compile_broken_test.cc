// What must not compile, or not without a word: every testdata/broken/CASE.yaml, and beside it in
// CASE.txt everything that is said about it, whole, first by a strict compile, then by a lenient
// one. Cases are named after the error conditions (e01 ...), the known weaknesses of vArmor (w01
// ...) and the checks on creation (c-...) that they stand for.
//
// To rewrite them: UPDATE_GOLDENS=1 bazel run //lib/compiler:compile_broken_test (fails all the
// same).

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {
namespace {

namespace fs = std::filesystem;

fs::path Directory() {
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  return fs::path(workspace == nullptr ? "." : workspace) / "testdata/broken";
}

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

std::string Said(const std::string& name, bool lenient) {
  LoadOptions load_options;
  load_options.lenient = lenient;
  CompileOptions options;
  options.lenient = lenient;
  const std::string file = name + ".yaml";
  const LoadResult loaded = LoadPolicies({{file, ReadFile(Directory() / file)}}, load_options);
  std::string said;
  for (const Diagnostic& d : loaded.diagnostics.list()) said += FormatDiagnostic(d);
  for (const LoadedPolicy& policy : loaded.policies) {
    const absl::StatusOr<CompileResult> result = Compile(policy, options, BuiltinCatalogue());
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) continue;
    for (const Diagnostic& d : result->diagnostics.list()) {
      EXPECT_GT(d.place.line, 0) << FormatDiagnostic(d);
      said += FormatDiagnostic(d);
    }
    const bool has_artifact =
        result->app_armor.has_value() || result->bpf.has_value() || result->seccomp.has_value();
    EXPECT_NE(has_artifact, result->diagnostics.HasErrors()) << "an artifact in spite of errors";
    absl::StrAppend(&said, has_artifact ? "compiled\n" : "refused\n");
  }
  return said;
}

class CompileBrokenTest : public testing::TestWithParam<std::string> {};

TEST_P(CompileBrokenTest, SaysEverything) {
  const std::string actual =
      absl::StrCat("== strict\n", Said(GetParam(), false), "== lenient\n", Said(GetParam(), true));
  const fs::path wanted = Directory() / (GetParam() + ".txt");
  EXPECT_EQ(ReadFile(wanted), actual)
      << "to accept it: UPDATE_GOLDENS=1 bazel run //lib/compiler:compile_broken_test";
  if (std::getenv("UPDATE_GOLDENS") != nullptr) {
    std::ofstream(wanted, std::ios::binary) << actual;
  }
}

TEST(CompileBrokenFilesTest, EveryTextBelongsToACase) {
  for (const auto& entry : fs::directory_iterator(Directory())) {
    EXPECT_TRUE(fs::exists(fs::path(entry.path()).replace_extension(".yaml"))) << entry.path();
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, CompileBrokenTest, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<std::string>& info) {
                           std::string name;
                           for (const char c : info.param) {
                             name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace varmor
