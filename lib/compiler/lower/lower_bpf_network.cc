#include "lib/compiler/lower/lower_bpf_network.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/compiler/lower/bpf_decisions.h"
#include "lib/compiler/network/address_sets.h"
#include "lib/compiler/network/port_sets.h"

namespace varmor {
namespace {

// Bits of BpfSocket::protocols that put a socket of a class under a rule.
uint64_t ProtocolBits(int protocol_class) {
  switch (protocol_class) {
    case VARMOR_PROTOCOL_TCP:
      return uint64_t{1} << 6;
    case VARMOR_PROTOCOL_UDP:
      return uint64_t{1} << 17;
    case VARMOR_PROTOCOL_ICMP:
      return uint64_t{1} << 1;
    case VARMOR_PROTOCOL_ICMPV6:
      return uint64_t{1} << 58;
    default:
      return 0;
  }
}

bool MaskHolds(uint64_t mask, int bit) { return mask == 0 || (mask >> bit & 1) != 0; }

bool ProtocolHolds(uint64_t mask, int protocol_class) {
  // "all" covers the protocols that no rule can name as well.
  return mask == 0 || mask == ~uint64_t{0} || (mask & ProtocolBits(protocol_class)) != 0;
}

varmor_verdict SocketVerdict(const Numbered<BpfSocket>& rules, int domain, int type,
                             int protocol_class) {
  varmor_verdict verdict = EmptyVerdict();
  for (const auto& [number, rule] : rules) {
    if (MaskHolds(rule->domains, domain) && MaskHolds(rule->types, type) &&
        ProtocolHolds(rule->protocols, protocol_class)) {
      Join(verdict, rule->action, number);
    }
  }
  return verdict;
}

bool IsEmpty(const varmor_verdict& verdict) {
  return verdict.deny == 0 && verdict.audit == 0 && verdict.allow == 0;
}

varmor_verdict VerdictOf(const PortSegment& segment) {
  varmor_verdict verdict = EmptyVerdict();
  const auto set = [](uint32_t rule, uint8_t& value, uint16_t& number) {
    if (rule == kNoPortRule) return;
    value = 1;
    number = static_cast<uint16_t>(rule);
  };
  set(segment.deny_rule, verdict.deny, verdict.deny_rule);
  set(segment.audit_rule, verdict.audit, verdict.audit_rule);
  set(segment.allow_rule, verdict.allow, verdict.allow_rule);
  return verdict;
}

// Numbers sets of rules and writes their ports.
class PortSets {
 public:
  PortSets(const Numbered<BpfEgress>& rules, BpfProfile& profile) : profile_(profile) {
    for (const auto& [number, rule] : rules) by_number_[number] = rule;
  }

  uint32_t Number(const std::vector<uint32_t>& rule_numbers) {
    const auto [it, inserted] =
        numbers_.emplace(rule_numbers, static_cast<uint32_t>(numbers_.size() + 1));
    if (inserted) WritePorts(rule_numbers, it->second);
    return it->second;
  }

 private:
  void WritePorts(const std::vector<uint32_t>& rule_numbers, uint32_t set) {
    std::vector<PortRule> rules;
    rules.reserve(rule_numbers.size());
    for (const uint32_t number : rule_numbers) {
      const BpfEgress& rule = *by_number_.at(number);
      rules.push_back({rule.ports, rule.action, number});
    }
    for (const PortSegment& segment : SplitPorts(rules)) {
      const varmor_verdict verdict = VerdictOf(segment);
      for (const PortPrefix& prefix : PortPrefixes(segment.first, segment.last)) {
        profile_.ports.push_back({set, prefix.port, prefix.bits, verdict});
      }
    }
  }

  BpfProfile& profile_;
  std::unordered_map<uint32_t, const BpfEgress*> by_number_;
  std::map<std::vector<uint32_t>, uint32_t> numbers_;
};

void ReportEgress(const Numbered<BpfEgress>& rules, const BpfLimits& limits,
                  Diagnostics& diagnostics) {
  diagnostics.Error(
      "egress-tables", rules.back().second->origin.field,
      absl::StrCat("the addresses and ports of ", rules.size(),
                   " egress rules overlap in more ways than the tables have room for (",
                   limits.networks, " networks, ", limits.port_entries, " port entries)"),
      "join rules with the same ports, or drop networks that lie inside others");
}

}  // namespace

void LowerSockets(const Numbered<BpfSocket>& rules, BpfProfile& profile) {
  RecordTable<varmor_verdict> verdicts;
  if (!rules.empty()) {
    profile.sockets.assign(VARMOR_SOCKET_DOMAINS, varmor_socket_domain{});
    for (int domain = 0; domain < VARMOR_SOCKET_DOMAINS; ++domain) {
      for (int type = 0; type < VARMOR_SOCKET_TYPES; ++type) {
        for (int protocol = 0; protocol < VARMOR_PROTOCOL_CLASSES; ++protocol) {
          const varmor_verdict verdict = SocketVerdict(rules, domain, type, protocol);
          if (IsEmpty(verdict)) continue;
          profile.sockets[domain].verdict[type][protocol] =
              static_cast<uint16_t>(verdicts.Intern(verdict));
        }
      }
    }
  }
  profile.socket_verdicts = verdicts.Take();
}

void LowerEgress(const Numbered<BpfEgress>& rules, const BpfLimits& limits, BpfProfile& profile,
                 Diagnostics& diagnostics) {
  PortSets sets(rules, profile);
  std::vector<AddressRule> addresses;
  std::vector<uint32_t> pod_self;
  for (const auto& [number, rule] : rules) {
    if (rule->pod_self) pod_self.push_back(number);
    for (const BpfPrefix& prefix : rule->prefixes) addresses.push_back({prefix, number});
  }
  const auto closed = CloseAddresses(std::move(addresses), limits.set_members);
  if (!closed.has_value() || closed->size() > limits.networks) {
    ReportEgress(rules, limits, diagnostics);
    return;
  }
  if (!pod_self.empty()) profile.header.pod_self_set = sets.Number(pod_self);
  for (const AddressSet& entry : *closed) {
    profile.addresses.emplace_back(entry.prefix, sets.Number(entry.rules));
    if (profile.ports.size() > limits.port_entries) {
      ReportEgress(rules, limits, diagnostics);
      return;
    }
  }
}

}  // namespace varmor
