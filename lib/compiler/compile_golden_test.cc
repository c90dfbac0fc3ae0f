// What we emit, byte for byte: every directory of testdata/compile is a case.
//
//   policy.yaml        the input; a "policies.yaml" stream compiles several and checks their names
//   flags              optional, one per line: lenient, modeling-finished, only=AppArmor
//   model.yaml         optional behaviour model      cluster.yaml   optional cluster facts
//   facts.yaml         optional node facts, bound into the artifacts
//   want/              NAME.apparmor, NAME.bpf.txt, NAME.seccomp.json, NAME.coverage.txt,
//                      diagnostics.txt; no other file, and none missing
//
// To rewrite them: UPDATE_GOLDENS=1 bazel run //lib/compiler:compile_golden_test
// (that run fails too, so that nobody updates unread).

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "lib/compiler/bind/bind_app_armor.h"
#include "lib/compiler/bind/bind_bpf.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/convert/convert_policy.h"
#include "lib/compiler/load/load_policy.h"

namespace varmor {
namespace {

namespace fs = std::filesystem;

using Files = std::map<std::string, std::string>;

std::string Root() {
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  return workspace == nullptr ? "." : workspace;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> Cases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(Root() + "/testdata/compile")) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// A readable summary; the digest stands for the bytes of the maps.
std::string BpfText(const BpfArtifact& artifact) {
  std::string out = absl::StrCat("name: ", artifact.name(), "\nabi: ", artifact.abi(),
                                 "\ndigest: ", artifact.digest(),
                                 "\ncomplain: ", artifact.complain() ? "yes" : "no", "\nrules:\n");
  for (int i = 0; i < artifact.rules_size(); ++i) {
    const RuleOrigin& rule = artifact.rules(i);
    absl::StrAppend(&out, "  ", i, ": ", rule.action(), " ", rule.text(), "  # ", rule.rule(),
                    rule.field().empty() ? "" : " ", rule.field(), "\n");
  }
  absl::StrAppend(&out, "tables:\n");
  for (const BpfTableSummary& table : artifact.tables()) {
    absl::StrAppend(&out, "  ", table.kind(), " ", table.direction(), ": ", table.patterns(),
                    " patterns, ", table.states(), " states, ", table.classes(), " classes, ",
                    table.pages(), " pages, ", table.accepts(), " accepts\n");
  }
  absl::StrAppend(&out, "maps:\n");
  for (const BpfMap& map : artifact.maps()) {
    absl::StrAppend(&out, "  ", map.name(), ": ", BpfMap::Kind_Name(map.kind()), " key ",
                    map.key_size(), " value ", map.value_size(), " entries ", map.entries_size(),
                    "/", map.max_entries(), "\n");
  }
  for (const int hole : artifact.holes()) {
    absl::StrAppend(&out, "hole: ", HoleKind_Name(static_cast<HoleKind>(hole)), "\n");
  }
  for (const EgressWatch& watch : artifact.egress_watches()) {
    absl::StrAppend(&out, "watch: ", watch.pods() ? "pods " : "services ", watch.namespace_(), "/",
                    watch.service_name(), " [", watch.selector(), "]  # ", watch.field(), "\n");
  }
  return out;
}

std::string CoverageText(const std::vector<Coverage>& coverage) {
  std::string out;
  for (const Coverage& entry : coverage) {
    absl::StrAppend(&out, entry.enforcer, " ", entry.rule, ": ", entry.state,
                    entry.reason.empty() ? "" : absl::StrCat(" (", entry.reason, ")"), "\n");
  }
  return out;
}

class GoldenCase {
 public:
  explicit GoldenCase(const std::string& name)
      : dir_(fs::path(Root()) / "testdata/compile" / name) {
    ReadOptions();
  }

  // File name under want/ to content.
  Files Compile();
  // What takes effect, of the policies as they are or rewritten by `convert`: texts without
  // comments, digests, JSON.
  std::vector<std::string> Effects(bool converted);
  fs::path want() const { return dir_ / "want"; }
  const fs::path& dir() const { return dir_; }

 private:
  void ReadOptions();
  std::string Input() const;
  template <typename Message>
  bool ReadMessage(const std::string& file, Message& message);
  void AddArtifacts(const CompileResult& result, Files& files);

  fs::path dir_;
  CompileOptions options_;
  BehaviorModel model_;
  ClusterFacts cluster_;
  NodeFacts facts_;
  bool has_facts_ = false;
};

template <typename Message>
bool GoldenCase::ReadMessage(const std::string& file, Message& message) {
  if (!fs::exists(dir_ / file)) return false;
  Diagnostics diagnostics;
  EXPECT_TRUE(LoadMessage({file, ReadFile(dir_ / file)}, LoadOptions(), &message, diagnostics));
  for (const Diagnostic& d : diagnostics.list()) ADD_FAILURE() << FormatDiagnostic(d);
  return true;
}

void GoldenCase::ReadOptions() {
  if (fs::exists(dir_ / "flags")) {
    for (absl::string_view flag :
         absl::StrSplit(ReadFile(dir_ / "flags"), '\n', absl::SkipWhitespace())) {
      if (flag == "lenient") {
        options_.lenient = true;
      } else if (flag == "modeling-finished") {
        options_.modeling_finished = true;
      } else if (absl::StartsWith(flag, "only=")) {
        options_.only_enforcers.emplace_back(flag.substr(5));
      } else {
        ADD_FAILURE() << "unknown flag " << flag;
      }
    }
  }
  if (ReadMessage("model.yaml", model_)) options_.model = &model_;
  if (ReadMessage("cluster.yaml", cluster_)) options_.cluster = &cluster_;
  has_facts_ = ReadMessage("facts.yaml", facts_);
  options_.caller_binds = has_facts_;
}

void GoldenCase::AddArtifacts(const CompileResult& result, Files& files) {
  const std::string& name = result.profile_name;
  if (result.app_armor.has_value()) {
    std::string text = UnboundText(*result.app_armor);
    if (has_facts_) {
      absl::StatusOr<std::string> bound = BindAppArmor(*result.app_armor, facts_);
      EXPECT_TRUE(bound.ok()) << bound.status();
      if (bound.ok()) text = *bound;
    }
    files[name + ".apparmor"] = text;
  }
  if (result.bpf.has_value()) {
    BpfArtifact artifact = *result.bpf;
    if (has_facts_) {
      absl::StatusOr<BpfArtifact> bound = BindBpf(artifact, facts_);
      EXPECT_TRUE(bound.ok()) << bound.status();
      if (bound.ok()) artifact = *bound;
    }
    files[name + ".bpf.txt"] = BpfText(artifact);
  }
  if (result.seccomp.has_value()) files[name + ".seccomp.json"] = result.seccomp->json();
  const std::string coverage = CoverageText(result.coverage);
  if (!coverage.empty()) files[name + ".coverage.txt"] = coverage;
}

std::string GoldenCase::Input() const {
  return fs::exists(dir_ / "policies.yaml") ? "policies.yaml" : "policy.yaml";
}

std::string WithoutComments(const std::string& text) {
  std::string out;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(absl::StripLeadingAsciiWhitespace(line), "#")) {
      absl::StrAppend(&out, line, "\n");
    }
  }
  return out;
}

std::vector<std::string> GoldenCase::Effects(bool converted) {
  LoadOptions load_options;
  load_options.lenient = true;
  CompileOptions options = options_;
  options.lenient = true;
  std::vector<std::string> effects;
  const LoadResult loaded = LoadPolicies({{"policy.yaml", ReadFile(dir_ / Input())}}, load_options);
  for (const LoadedPolicy& policy : loaded.policies) {
    std::vector<std::string> remarks;
    const LoadResult rewritten =
        LoadPolicies({{"converted.yaml", ConvertPolicy(policy, &remarks)}}, load_options);
    EXPECT_EQ(rewritten.policies.size(), 1);
    const LoadedPolicy& subject = converted ? rewritten.policies.at(0) : policy;
    const absl::StatusOr<CompileResult> result =
        ::varmor::Compile(subject, options, BuiltinCatalogue());
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) continue;
    effects.push_back(absl::StrCat(result->profile_name, " ", result->mode));
    if (result->app_armor.has_value()) {
      effects.push_back(WithoutComments(UnboundText(*result->app_armor)));
    }
    if (result->bpf.has_value()) effects.push_back(result->bpf->digest());
    if (result->seccomp.has_value()) effects.push_back(result->seccomp->json());
  }
  return effects;
}

Files GoldenCase::Compile() {
  const std::string input = Input();
  LoadOptions load_options;
  load_options.lenient = options_.lenient;
  const LoadResult loaded = LoadPolicies({{input, ReadFile(dir_ / input)}}, load_options);

  std::vector<CompileResult> results;
  for (const LoadedPolicy& policy : loaded.policies) {
    absl::StatusOr<CompileResult> result = ::varmor::Compile(policy, options_, BuiltinCatalogue());
    EXPECT_TRUE(result.ok()) << result.status();
    if (result.ok()) results.push_back(*std::move(result));
  }
  CheckProfileNames(loaded.policies, results);

  Files files;
  std::string diagnostics;
  for (const Diagnostic& d : loaded.diagnostics.list()) diagnostics += FormatDiagnostic(d);
  for (const CompileResult& result : results) {
    for (const Diagnostic& d : result.diagnostics.list()) diagnostics += FormatDiagnostic(d);
    AddArtifacts(result, files);
  }
  if (!diagnostics.empty()) files["diagnostics.txt"] = diagnostics;
  return files;
}

Files ReadWanted(const fs::path& want) {
  Files files;
  if (!fs::exists(want)) return files;
  for (const auto& entry : fs::directory_iterator(want)) {
    files[entry.path().filename().string()] = ReadFile(entry.path());
  }
  return files;
}

class CompileGoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(CompileGoldenTest, EmitsExactlyTheWantedFiles) {
  GoldenCase golden(GetParam());
  const Files actual = golden.Compile();
  const Files wanted = ReadWanted(golden.want());

  std::set<std::string> names;
  for (const auto& [name, content] : actual) names.insert(name);
  for (const auto& [name, content] : wanted) names.insert(name);
  bool same = true;
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const bool both = actual.count(name) > 0 && wanted.count(name) > 0;
    if (both) {
      EXPECT_EQ(wanted.at(name), actual.at(name));
    } else {
      ADD_FAILURE() << (actual.count(name) > 0 ? "emitted and not wanted:\n" + actual.at(name)
                                               : std::string("wanted and not emitted"));
    }
    same = same && both && wanted.at(name) == actual.at(name);
  }
  if (std::getenv("UPDATE_GOLDENS") != nullptr && !same) {
    fs::remove_all(golden.want());
    fs::create_directories(golden.want());
    for (const auto& [name, content] : actual) {
      std::ofstream(golden.want() / name, std::ios::binary) << content;
    }
  } else if (!same) {
    ADD_FAILURE() << "to accept it: UPDATE_GOLDENS=1 bazel run //lib/compiler:compile_golden_test";
  }
}

TEST_P(CompileGoldenTest, HasNoStrayFile) {
  const std::set<std::string> known = {"policy.yaml",  "policies.yaml", "flags", "model.yaml",
                                       "cluster.yaml", "facts.yaml",    "want"};
  for (const auto& entry : fs::directory_iterator(GoldenCase(GetParam()).dir())) {
    EXPECT_EQ(known.count(entry.path().filename().string()), 1) << entry.path();
  }
}

TEST_P(CompileGoldenTest, CompilesToTheSameBytesTwice) {
  EXPECT_EQ(GoldenCase(GetParam()).Compile(), GoldenCase(GetParam()).Compile());
}

TEST_P(CompileGoldenTest, MeansTheSameInTheNewestSchema) {
  GoldenCase golden(GetParam());
  const std::vector<std::string> effects = golden.Effects(/*converted=*/false);
  EXPECT_FALSE(effects.empty());
  EXPECT_EQ(effects, golden.Effects(/*converted=*/true));
}

std::string TestName(const testing::TestParamInfo<std::string>& info) {
  std::string name;
  for (const char c : info.param) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Cases, CompileGoldenTest, testing::ValuesIn(Cases()), TestName);

}  // namespace
}  // namespace varmor
