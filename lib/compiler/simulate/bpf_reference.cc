#include "lib/compiler/simulate/bpf_reference.h"

#include <algorithm>

#include "lib/compiler/automaton/naive_match.h"

namespace varmor {
namespace {

// Collects what the matching rules say about the bits of `want`.
class Tally {
 public:
  explicit Tally(uint32_t want) : want_(want) {}

  void Add(uint32_t bits, const Action& action, const Origin& origin) {
    bits &= want_;
    if (bits == 0) return;
    if (action.deny) {
      denied_ |= bits;
      deniers_.insert(origin.field);
    }
    if (action.audit) {
      audited_ |= bits;
      auditors_.insert(origin.field);
    }
    if (action.allow) {
      allowed_ |= bits;
      allowers_.insert(origin.field);
    }
  }

  ReferenceVerdict Verdict(bool default_deny) const {
    const bool by_default = default_deny && allowed_ != want_;
    ReferenceVerdict verdict;
    verdict.would_deny = denied_ != 0 || by_default;
    verdict.audit = audited_ != 0 || (by_default && denied_ == 0);
    if (denied_ != 0) {
      verdict.responsible = deniers_;
    } else if (!by_default) {
      verdict.responsible = audited_ != 0 ? auditors_ : allowers_;
    }
    return verdict;
  }

 private:
  const uint32_t want_;
  uint32_t denied_ = 0;
  uint32_t audited_ = 0;
  uint32_t allowed_ = 0;
  std::set<std::string> deniers_;
  std::set<std::string> auditors_;
  std::set<std::string> allowers_;
};

bool Has(uint64_t mask, uint32_t number) { return mask == 0 || (mask >> number & 1) != 0; }

bool InPrefix(const BpfPrefix& prefix, const std::array<uint8_t, 16>& address) {
  for (int bit = 0; bit < prefix.bits; ++bit) {
    const int mask = 0x80 >> (bit % 8);
    if ((prefix.address[bit / 8] & mask) != (address[bit / 8] & mask)) return false;
  }
  return true;
}

bool OnPort(const BpfEgress& rule, uint16_t port) {
  if (rule.ports.empty()) return true;
  return std::any_of(rule.ports.begin(), rule.ports.end(), [port](const PortRange& range) {
    return range.first <= port && port <= range.last;
  });
}

// The protocol that a socket ends up with, as far as rules can name it; 63 is none of those.
uint32_t EffectiveProtocol(uint32_t domain, uint32_t type, uint32_t protocol) {
  const bool internet = domain == 2 || domain == 10;
  if (!internet) return 63;
  if (protocol == 0 && type == 1) return 6;
  if (protocol == 0 && type == 2) return 17;
  if (protocol == 262) return 6;
  if (protocol == 136) return 17;
  return protocol == 1 || protocol == 6 || protocol == 17 || protocol == 58 ? protocol : 63;
}

}  // namespace

ReferenceVerdict BpfReference::File(absl::string_view path, uint32_t access) const {
  Tally tally(access);
  for (const BpfFile& rule : rules_.files) {
    if (NaiveMatch(rule.pattern, path)) tally.Add(rule.access, rule.action, rule.origin);
  }
  return tally.Verdict(rules_.default_deny);
}

ReferenceVerdict BpfReference::Ancestor(absl::string_view path) const {
  Tally tally(1);
  for (const BpfFile& rule : rules_.files) {
    if ((rule.access & ~uint32_t{kAccessExec}) == 0 || rule.action.allow) continue;
    for (const std::string& ancestor : rule.pattern.LiteralAncestors()) {
      if (ancestor == path) tally.Add(1, rule.action, rule.origin);
    }
  }
  return tally.Verdict(false);
}

ReferenceVerdict BpfReference::Exec(absl::string_view path) const {
  Tally tally(kAccessExec);
  for (const BpfFile& rule : rules_.files) {
    if (NaiveMatch(rule.pattern, path)) tally.Add(rule.access, rule.action, rule.origin);
  }
  return tally.Verdict(rules_.default_deny);
}

ReferenceVerdict BpfReference::Capability(int number) const {
  Tally tally(1);
  for (const BpfCapability& rule : rules_.capabilities) {
    tally.Add(rule.mask >> number & 1, rule.action, rule.origin);
  }
  return tally.Verdict(rules_.default_deny);
}

ReferenceVerdict BpfReference::Socket(uint32_t domain, uint32_t type, uint32_t protocol) const {
  Tally tally(1);
  for (const BpfSocket& rule : rules_.sockets) {
    const bool all_protocols = rule.protocols == ~uint64_t{0};
    const bool matches =
        Has(rule.domains, domain) && Has(rule.types, type) &&
        (all_protocols || Has(rule.protocols, EffectiveProtocol(domain, type, protocol)));
    tally.Add(matches, rule.action, rule.origin);
  }
  return tally.Verdict(rules_.default_deny);
}

ReferenceVerdict BpfReference::Egress(const std::array<uint8_t, 16>& address, uint16_t port,
                                      bool own) const {
  Tally tally(1);
  for (const BpfEgress& rule : rules_.egress) {
    bool covers = own && rule.pod_self;
    for (const BpfPrefix& prefix : rule.prefixes) covers |= InPrefix(prefix, address);
    tally.Add(covers && OnPort(rule, port), rule.action, rule.origin);
  }
  return tally.Verdict(rules_.default_deny);
}

ReferenceVerdict BpfReference::Ptrace(uint32_t permission, bool same_container) const {
  Tally tally(permission);
  for (const BpfPtrace& rule : rules_.ptrace) {
    if (same_container && !rule.strict) continue;
    tally.Add(rule.permissions, rule.action, rule.origin);
  }
  return tally.Verdict(rules_.default_deny && !same_container);
}

ReferenceVerdict BpfReference::Mount(absl::string_view source, absl::string_view fstype,
                                     uint64_t ops) const {
  Tally tally(1);
  for (const BpfMount& rule : rules_.mounts) {
    const bool has_flags = (ops & (kMountUmount | kMountPivotRoot)) == 0;
    const bool moves_root =
        (ops & kMountPivotRoot) != 0 && (rule.any & kMountMove) != 0 && !rule.action.allow;
    const bool matches =
        ((ops & rule.any) != 0 || (has_flags && (~ops & rule.none) != 0) || moves_root) &&
        (rule.fstype == "*" || rule.fstype == fstype) && NaiveMatch(rule.source, source);
    tally.Add(matches, rule.action, rule.origin);
  }
  return tally.Verdict(rules_.default_deny);
}

ReferenceVerdict BpfReference::Operation(uint32_t number) const {
  Tally tally(1);
  for (const BpfOperation& rule : rules_.operations) {
    tally.Add(rule.operation == number, rule.action, rule.origin);
  }
  return tally.Verdict(false);
}

}  // namespace varmor
