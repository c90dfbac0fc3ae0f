// The golden policies, compared with themselves without looking at digests, and with one another.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/diff/diff_bpf.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/compiler/simulate/decide_bpf_event.h"

namespace varmor {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The BPF artifacts of all golden cases that have one, compiled again.
const std::vector<BpfArtifact>& Goldens() {
  static const auto* goldens = [] {
    auto* artifacts = new std::vector<BpfArtifact>;
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator("testdata/compile")) {
      const std::string name = entry.path().filename().string();
      if (name == "policy.yaml" || name == "policy.json") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      LoadOptions load_options;
      load_options.lenient = true;
      CompileOptions options;
      options.lenient = true;
      options.modeling_finished = true;
      for (const LoadedPolicy& policy :
           LoadPolicies({{file.string(), ReadFile(file)}}, load_options).policies) {
        const absl::StatusOr<CompileResult> result = Compile(policy, options, BuiltinCatalogue());
        if (result.ok() && result->bpf.has_value()) artifacts->push_back(*result->bpf);
      }
    }
    return artifacts;
  }();
  return *goldens;
}

DiffResult DiffOf(const BpfArtifact& before, const BpfArtifact& after) {
  DiffResult result;
  DiffBpfOptions options;
  options.trust_digests = false;
  const absl::Status status = DiffBpf(&before, &after, result, options);
  EXPECT_TRUE(status.ok()) << status;
  return result;
}

TEST(DiffBpfGoldenTest, EveryPolicyIsTheSameAsItself) {
  EXPECT_GT(Goldens().size(), 10u);
  for (const BpfArtifact& artifact : Goldens()) {
    SCOPED_TRACE(artifact.name());
    EXPECT_TRUE(DiffOf(artifact, artifact).same());
  }
}

TEST(DiffBpfGoldenTest, PoliciesWithOtherBytesDifferWithExamplesOrSayNothingOfTheKind) {
  const std::vector<BpfArtifact>& goldens = Goldens();
  int changes = 0;
  for (size_t i = 0; i < goldens.size(); ++i) {
    const BpfArtifact& before = goldens[i];
    const BpfArtifact& after = goldens[(i + 1) % goldens.size()];
    SCOPED_TRACE(before.name() + ", " + after.name());
    const DiffResult there = DiffOf(before, after);
    const DiffResult back = DiffOf(after, before);
    EXPECT_EQ(there.changes.size(), back.changes.size());
    EXPECT_EQ(there.undecided, back.undecided);
    const auto a = BpfEventSimulator::Load(before).value();
    const auto b = BpfEventSimulator::Load(after).value();
    for (const Change& change : there.changes) {
      ++changes;
      const Verdict x = a.Decide(change.example).value();
      const Verdict y = b.Decide(change.example).value();
      EXPECT_TRUE(x.outcome != y.outcome || x.reported != y.reported ||
                  x.would_deny != y.would_deny)
          << change.example.ShortDebugString();
    }
  }
  EXPECT_GT(changes, 100);
}

}  // namespace
}  // namespace varmor
