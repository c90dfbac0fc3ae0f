// The image against the reference, on random rules and events: whatever merging, automata and tries
// do, every decision is that of a loop over the rules.
#include "lib/compiler/simulate/bpf_reference.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/emit/emit_bpf.h"
#include "lib/compiler/lower/lower_bpf.h"
#include "lib/compiler/network/parse_address.h"
#include "lib/compiler/simulate/decide_bpf.h"

namespace varmor {
namespace {

class RandomRules {
 public:
  explicit RandomRules(uint32_t seed) : random_(seed) {}

  BpfRules Make();
  std::string Path();
  std::array<uint8_t, 16> Address();
  uint16_t Port() { return static_cast<uint16_t>(random_() % 24); }
  uint32_t Pick(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  uint64_t MountOps();
  std::string Fstype(bool with_any);
  template <typename List>
  void Shuffle(List& list) {
    std::shuffle(list.begin(), list.end(), random_);
  }

 private:
  Action AnyAction();
  Origin Next() { return {"raw", absl::StrCat("r", next_++)}; }
  PathPattern Pattern();
  BpfPrefix Prefix();

  std::mt19937 random_;
  bool allow_list_ = false;
  int next_ = 0;
};

Action RandomRules::AnyAction() {
  Action action;
  if (allow_list_ && Pick(3) != 0) {
    action.allow = true;
    action.audit = Pick(4) == 0;
    return action;
  }
  action.deny = Pick(2) == 0;
  action.audit = !action.deny || Pick(2) == 0;
  return action;
}

std::string RandomRules::Path() {
  static const char* const kNames[] = {"a", "b", "ab", "a.x", "x", "", "c"};
  std::string path;
  for (uint32_t i = 1 + Pick(4); i > 0; --i) absl::StrAppend(&path, "/", kNames[Pick(7)]);
  return path;
}

PathPattern RandomRules::Pattern() {
  static const char* const kPieces[] = {"a",    "b",       "*", "**", "?",
                                        "[ab]", "{a,b/c}", "x", ".x", "ab"};
  for (;;) {
    std::string text;
    if (Pick(5) == 0) {  // a name
      static const char* const kNames[] = {"a*", "*.x", "*", "**", "**a", "*b*", "?b"};
      text = kNames[Pick(7)];
    } else {
      for (uint32_t i = 1 + Pick(3); i > 0; --i) {
        text += '/';
        for (uint32_t j = 1 + Pick(2); j > 0; --j) text += kPieces[Pick(10)];
      }
    }
    const absl::StatusOr<PathPattern> pattern = PathPattern::Parse(text);
    if (pattern.ok()) return *pattern;
  }
}

BpfPrefix RandomRules::Prefix() {
  BpfPrefix prefix;
  prefix.address = Address();
  prefix.bits = Pick(4) == 0 ? static_cast<int>(Pick(129)) : static_cast<int>(96 + Pick(33));
  for (int bit = prefix.bits; bit < 128; ++bit) {
    prefix.address[bit / 8] &= static_cast<uint8_t>(~(0x80 >> (bit % 8)));
  }
  return prefix;
}

// Mostly mapped IPv4, of few values.
std::array<uint8_t, 16> RandomRules::Address() {
  std::array<uint8_t, 16> address{};
  if (Pick(5) != 0) address[10] = address[11] = 0xFF;
  address[0] = Pick(5) == 0 ? 0x20 : 0;
  address[12] = static_cast<uint8_t>(8 + Pick(4));
  address[14] = static_cast<uint8_t>(Pick(2) * 128);
  address[15] = static_cast<uint8_t>(Pick(4));
  return address;
}

uint64_t RandomRules::MountOps() {
  static constexpr uint64_t kBits[] = {kMountReadOnly, kMountNoSuid,  kMountBind,   kMountMove,
                                       kMountRemount,  kMountRecBind, kMountUmount, kMountNew};
  uint64_t ops = 0;
  for (uint32_t i = Pick(4); i > 0; --i) ops |= kBits[Pick(8)];
  return ops;
}

std::string RandomRules::Fstype(bool with_any) {
  static const char* const kTypes[] = {"proc", "none", "tmpfs", "*"};
  return kTypes[Pick(with_any ? 4 : 3)];
}

BpfRules RandomRules::Make() {
  BpfRules rules;
  allow_list_ = rules.default_deny = Pick(3) == 0;
  rules.complain = Pick(4) == 0;
  for (uint32_t i = Pick(9); i > 0; --i) {
    rules.files.push_back({AnyAction(), 1 + Pick(15), Pattern(), Next()});
  }
  for (uint32_t i = Pick(4); i > 0; --i) {
    static constexpr uint64_t kProtocols[] = {0, 1 << 6, 1 << 17, uint64_t{1} << 58 | 2,
                                              ~uint64_t{0}};
    static constexpr uint64_t kDomains[] = {0,       1 << 1,           1 << 2,
                                            1 << 10, 1 << 2 | 1 << 10, ~uint64_t{0}};
    static constexpr uint64_t kTypes[] = {0, 1 << 1, 1 << 2, 1 << 3, ~uint64_t{0}};
    BpfSocket& rule = rules.sockets.emplace_back();
    rule = {AnyAction(), kDomains[Pick(6)], kTypes[Pick(5)], kProtocols[Pick(5)], Next()};
  }
  for (uint32_t i = Pick(6); i > 0; --i) {
    BpfEgress& rule = rules.egress.emplace_back();
    rule.action = AnyAction();
    rule.origin = Next();
    rule.pod_self = Pick(5) == 0;
    for (uint32_t j = rule.pod_self ? 0 : 1 + Pick(3); j > 0; --j) {
      rule.prefixes.push_back(Prefix());
    }
    std::sort(rule.prefixes.begin(), rule.prefixes.end());
    if (Pick(3) != 0) {
      const auto first = static_cast<uint16_t>(1 + Pick(10));
      rule.ports.push_back({first, static_cast<uint16_t>(first + Pick(8))});
      if (Pick(2) == 0) rule.ports.push_back({22, 22});
    }
  }
  for (uint32_t i = Pick(3); i > 0; --i) {
    rules.ptrace.push_back({AnyAction(), (1 + Pick(15)) << 1, Pick(2) == 0, Next()});
  }
  for (uint32_t i = Pick(6); i > 0; --i) {
    BpfMount& rule = rules.mounts.emplace_back();
    rule = {AnyAction(), Pattern(), Fstype(true), MountOps(), Pick(3) == 0 ? MountOps() : 0,
            Next()};
    if (rule.any == 0 && rule.none == 0) rule.any = ~uint64_t{0};
  }
  for (uint32_t i = Pick(4); i > 0; --i) {
    rules.capabilities.push_back({AnyAction(), uint64_t{random_()} << 20 | random_(), Next()});
  }
  for (uint32_t i = Pick(3); i > 0; --i) {
    rules.operations.push_back({AnyAction(), 1 + Pick(3), Next()});
  }
  return rules;
}

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
