#include "lib/compiler/simulate/testing/bpf_random_rules.h"

#include "absl/strings/str_cat.h"
#include "lib/compiler/emit/emit_bpf.h"
#include "lib/compiler/lower/lower_bpf.h"

namespace varmor {

Origin RandomRules::Next() { return {"raw", absl::StrCat("r", next_++)}; }

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

BpfArtifact EmitRules(const BpfRules& rules) {
  Diagnostics diagnostics;
  return EmitBpf(LowerBpf(rules, "varmor-test", diagnostics).value());
}

}  // namespace varmor
