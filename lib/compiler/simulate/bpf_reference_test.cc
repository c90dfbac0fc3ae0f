// The image against the reference, on random rules and events: whatever merging, automata and tries
// do, every decision is that of a loop over the rules.
#include "lib/compiler/simulate/bpf_reference.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/emit/emit_bpf.h"
#include "lib/compiler/lower/lower_bpf.h"
#include "lib/compiler/simulate/decide_bpf.h"
#include "lib/compiler/simulate/testing/bpf_random_rules.h"

namespace varmor {
namespace {

struct Loaded {
  BpfArtifact artifact;
  BpfSimulator simulator;
};

Loaded Load(const BpfRules& rules) {
  Diagnostics diagnostics;
  const BpfProfile profile = LowerBpf(rules, "varmor-test", diagnostics).value();
  for (const Diagnostic& d : diagnostics.list()) ADD_FAILURE() << FormatDiagnostic(d);
  BpfArtifact artifact = EmitBpf(profile);
  BpfSimulator simulator = BpfSimulator::Load(artifact).value();
  return {std::move(artifact), std::move(simulator)};
}

class Comparison {
 public:
  Comparison(const BpfRules& rules, const Loaded& loaded) : rules_(rules), loaded_(loaded) {}

  void Check(const BpfVerdict& got, const ReferenceVerdict& want, const std::string& event) {
    ++count_;
    EXPECT_EQ(got.would_deny, want.would_deny) << event;
    EXPECT_EQ(got.deny, want.would_deny && !rules_.complain) << event;
    EXPECT_EQ(got.audit, want.audit) << event;
    if (want.responsible.empty()) {
      EXPECT_EQ(got.rule, -1) << event;
      return;
    }
    ASSERT_GE(got.rule, 0) << event;
    ASSERT_LT(got.rule, loaded_.artifact.rules_size()) << event;
    EXPECT_EQ(want.responsible.count(loaded_.artifact.rules(got.rule).field()), 1u)
        << event << ": " << loaded_.artifact.rules(got.rule).ShortDebugString();
  }
  int count() const { return count_; }

 private:
  const BpfRules& rules_;
  const Loaded& loaded_;
  int count_ = 0;
};

void CheckPaths(const BpfSimulator& image, const BpfReference& reference, RandomRules& random,
                Comparison& comparison) {
  for (int i = 0; i < 40; ++i) {
    const std::string path = random.Path();
    const uint32_t access = (1 + random.Pick(7)) << 1;
    comparison.Check(image.DecideFile(path, access, false), reference.File(path, access),
                     absl::StrCat("file ", path, " ", access));
    comparison.Check(image.DecideExec(path), reference.Exec(path), absl::StrCat("exec ", path));
    const uint64_t ops = random.MountOps();
    const std::string type = random.Fstype(false);
    comparison.Check(image.DecideMount(path, type, ops, false), reference.Mount(path, type, ops),
                     absl::StrCat("mount ", path, " ", type, " ", ops));
  }
}

void CheckNetwork(const BpfSimulator& image, const BpfReference& reference, RandomRules& random,
                  Comparison& comparison) {
  for (int i = 0; i < 40; ++i) {
    const std::array<uint8_t, 16> address = random.Address();
    const uint16_t port = random.Port();
    const bool own = random.Pick(4) == 0;
    comparison.Check(image.DecideEgress(address, port, own), reference.Egress(address, port, own),
                     absl::StrCat("egress ", address[12], ".", address[14], ".", address[15], ":",
                                  port, own ? " own" : ""));
  }
  for (const uint32_t domain : {1u, 2u, 10u, 16u, 45u}) {
    for (const uint32_t type : {1u, 2u, 3u, 5u}) {
      for (const uint32_t protocol : {0u, 1u, 2u, 6u, 17u, 58u, 132u, 136u, 255u, 262u}) {
        comparison.Check(image.DecideSocket(domain, type, protocol),
                         reference.Socket(domain, type, protocol),
                         absl::StrCat("socket ", domain, " ", type, " ", protocol));
      }
    }
  }
}

void CheckRest(const BpfSimulator& image, const BpfReference& reference, Comparison& comparison) {
  for (int number = 0; number < 41; ++number) {
    comparison.Check(image.DecideCapability(number), reference.Capability(number),
                     absl::StrCat("capability ", number));
  }
  for (const uint32_t permission : {2u, 4u, 8u, 16u}) {
    for (const bool same : {false, true}) {
      comparison.Check(image.DecidePtrace(permission, same), reference.Ptrace(permission, same),
                       absl::StrCat("ptrace ", permission, same ? " same" : ""));
    }
  }
  for (uint32_t number = 1; number <= 3; ++number) {
    comparison.Check(image.DecideOperation(number), reference.Operation(number),
                     absl::StrCat("operation ", number));
  }
}

TEST(BpfReferenceTest, TheImageDecidesAsALoopOverTheRules) {
  int count = 0;
  for (uint32_t seed = 0; seed < 250; ++seed) {
    SCOPED_TRACE(seed);
    RandomRules random(seed);
    const BpfRules rules = random.Make();
    const Loaded loaded = Load(rules);
    const BpfReference reference(rules);
    Comparison comparison(rules, loaded);
    CheckPaths(loaded.simulator, reference, random, comparison);
    CheckNetwork(loaded.simulator, reference, random, comparison);
    CheckRest(loaded.simulator, reference, comparison);
    count += comparison.count();
    if (HasFailure()) return;  // the first seed is enough to look at
  }
  EXPECT_GT(count, 90000);
}

TEST(BpfReferenceTest, DirectoriesAboveProtectedPathsStay) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    RandomRules random(seed + 1000);
    BpfRules rules = random.Make();
    const Loaded loaded = Load(rules);
    const BpfReference reference(rules);
    for (int i = 0; i < 50; ++i) {
      const std::string path = random.Path();
      const ReferenceVerdict want = reference.Ancestor(path);
      const BpfVerdict got = loaded.simulator.DecideAncestor(path);
      EXPECT_EQ(got.would_deny, want.would_deny) << path;
      EXPECT_EQ(got.audit, want.audit) << path;
    }
  }
}

// Rule numbers follow the order of the rules; what is decided does not.
TEST(BpfReferenceTest, TheOrderOfRulesChangesNoDecision) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    RandomRules random(seed);
    const BpfRules rules = random.Make();
    const Loaded before = Load(rules);
    EXPECT_EQ(before.artifact.SerializeAsString(), Load(rules).artifact.SerializeAsString());

    BpfRules shuffled = rules;
    random.Shuffle(shuffled.files);
    random.Shuffle(shuffled.sockets);
    random.Shuffle(shuffled.egress);
    random.Shuffle(shuffled.mounts);
    random.Shuffle(shuffled.capabilities);
    const Loaded after = Load(shuffled);
    const BpfReference reference(rules);
    Comparison comparison(rules, after);
    CheckPaths(after.simulator, reference, random, comparison);
    CheckNetwork(after.simulator, reference, random, comparison);
    CheckRest(after.simulator, reference, comparison);
  }
}

}  // namespace
}  // namespace varmor
