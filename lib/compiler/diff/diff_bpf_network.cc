// Sockets, destinations, and what is left: capabilities, tracing, operations.
#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/compiler/diff/diff_bpf_parts.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/policy/capability.h"
#include "lib/compiler/status/status_macros.h"
#include "proto/builtin_rule.pb.h"

namespace varmor {
namespace {

using Address = std::array<uint8_t, 16>;

// Words that stand for one number.
std::vector<std::string> SingleWords(absl::Span<const BpfWord> words) {
  std::vector<std::string> single;
  for (const BpfWord& word : words) {
    if ((word.bits & (word.bits - 1)) == 0) single.emplace_back(word.word);
  }
  return single;
}

// One range of addresses in which both sides find the same sets.
struct AddressRange {
  Address first;
  Address last;
  // Whether a prefix was found, and the set; of both sides.
  std::array<std::pair<bool, uint32_t>, 2> sets;
};

// The first address behind a prefix; false when there is none.
bool Behind(const Address& prefix, int bits, Address& behind) {
  behind = prefix;
  for (int bit = bits - 1; bit >= 0; --bit) {
    const auto mask = static_cast<uint8_t>(0x80 >> (bit % 8));
    behind[bit / 8] ^= mask;
    if ((behind[bit / 8] & mask) != 0) return true;
  }
  return false;
}

Address Before(Address address) {
  for (int i = 15; i >= 0; --i) {
    if (address[i]-- != 0) break;
  }
  return address;
}

std::vector<AddressRange> AddressRanges(const BpfImage& before, const BpfImage& after) {
  std::set<Address> firsts = {Address{}};
  for (const BpfImage* image : {&before, &after}) {
    for (const auto& [bits, prefixes] : image->addresses) {
      for (const auto& [address, set] : prefixes) {
        firsts.insert(address);
        Address behind;
        if (Behind(address, bits, behind)) firsts.insert(behind);
      }
    }
  }
  std::vector<AddressRange> ranges;
  for (const Address& first : firsts) {
    if (!ranges.empty()) ranges.back().last = Before(first);
    AddressRange& range = ranges.emplace_back();
    range.first = first;
    range.last.fill(0xFF);
    range.sets[0].first = FindAddressSet(before, first, range.sets[0].second);
    range.sets[1].first = FindAddressSet(after, first, range.sets[1].second);
  }
  return ranges;
}

bool IsMapped(const Address& address) {
  static constexpr uint8_t kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  return std::equal(std::begin(kPrefix), std::end(kPrefix), address.begin());
}

// One of the addresses for documentation if the range has them, else its first.
Address AddressIn(const AddressRange& range) {
  static constexpr Address kExamples[] = {
      {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 1},      // RFC 5737
      {0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},  // RFC 3849
  };
  for (const Address& example : kExamples) {
    if (range.first <= example && example <= range.last) return example;
  }
  return range.first;
}

std::string AddressText(const Address& a) {
  if (IsMapped(a)) return absl::StrCat(a[12], ".", a[13], ".", a[14], ".", a[15]);
  // The longest run of zero groups is "::".
  std::array<int, 8> groups;
  for (int i = 0; i < 8; ++i) groups[i] = a[2 * i] << 8 | a[2 * i + 1];
  int best = 8, best_size = 1;
  for (int i = 0; i < 8; ++i) {
    int size = 0;
    while (i + size < 8 && groups[i + size] == 0) ++size;
    if (size > best_size) best = i, best_size = size;
  }
  std::string text;
  for (int i = 0; i < 8; ++i) {
    if (i == best) {
      text += "::";
      i += best_size - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    absl::StrAppendFormat(&text, "%x", groups[i]);
  }
  return text;
}

// Ports at which what one of the sets says may change. Nobody connects to port 0, so it comes last.
std::vector<uint16_t> PortsOf(const std::vector<std::pair<const BpfImage*, uint32_t>>& sets) {
  std::set<uint32_t> firsts = {1};
  for (const auto& [image, set] : sets) {
    const auto found = image->ports.find(set);
    if (found == image->ports.end()) continue;
    for (const BpfPortRange& range : found->second) {
      firsts.insert(range.first);
      firsts.insert(uint32_t{range.last} + 1);
    }
  }
  std::vector<uint16_t> ports;
  for (const uint32_t first : firsts) {
    if (first > 0 && first <= 0xFFFF) ports.push_back(static_cast<uint16_t>(first));
  }
  ports.push_back(0);
  return ports;
}

absl::Status AskAddress(const AddressRange& range, BpfChanges& changes, BpfDiffWork& work) {
  const BpfImage& before = changes.before();
  const BpfImage& after = changes.after();
  std::vector<std::pair<const BpfImage*, uint32_t>> sets;
  if (range.sets[0].first) sets.emplace_back(&before, range.sets[0].second);
  if (range.sets[1].first) sets.emplace_back(&after, range.sets[1].second);
  for (const BpfImage* image : {&before, &after}) {
    if (image->profile.pod_self_set != 0) sets.emplace_back(image, image->profile.pod_self_set);
  }
  const bool own_matters = before.profile.pod_self_set != 0 || after.profile.pod_self_set != 0;
  for (const uint16_t port : PortsOf(sets)) {
    for (int own = 0; own <= (own_matters ? 1 : 0); ++own) {
      if (!work.Spend(1000)) return absl::ResourceExhaustedError("ports");
      Event event;
      event.mutable_connect()->set_ip(AddressText(AddressIn(range)));
      event.mutable_connect()->set_port(port);
      event.mutable_connect()->set_own_address(own != 0);
      VARMOR_RETURN_IF_ERROR(changes.Ask("egress", event).status());
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CompareBpfSockets(BpfChanges& changes, BpfDiffWork& work) {
  // SCTP stands for the protocols that rules cannot name. Other families and types than those with
  // a name make no socket.
  const std::vector<std::string> protocols = {"", "tcp", "udp", "icmp", "icmpv6", "132"};
  for (const std::string& domain : SingleWords(kSocketDomainWords)) {
    for (const std::string& type : SingleWords(kSocketTypeWords)) {
      for (const std::string& protocol : protocols) {
        if (!work.Spend(300)) return absl::ResourceExhaustedError("sockets");
        Event event;
        event.mutable_socket()->set_domain(domain);
        event.mutable_socket()->set_type(type);
        event.mutable_socket()->set_protocol(protocol);
        VARMOR_RETURN_IF_ERROR(changes.Ask("socket", event).status());
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CompareBpfEgress(BpfChanges& changes, BpfDiffWork& work) {
  std::vector<AddressRange> ranges = AddressRanges(changes.before(), changes.after());
  std::stable_partition(ranges.begin(), ranges.end(),
                        [](const AddressRange& range) { return IsMapped(AddressIn(range)); });
  std::set<std::array<std::pair<bool, uint32_t>, 2>> seen;
  for (const AddressRange& range : ranges) {
    if (!work.Spend(100)) return absl::ResourceExhaustedError("addresses");
    if (!seen.insert(range.sets).second) continue;
    VARMOR_RETURN_IF_ERROR(AskAddress(range, changes, work));
  }
  return absl::OkStatus();
}

absl::Status CompareBpfRest(BpfChanges& changes, BpfDiffWork& /*work*/) {
  for (const absl::string_view name : kCapabilityNames) {
    Event event;
    event.set_capability(std::string(name));
    VARMOR_RETURN_IF_ERROR(changes.Ask("capability", event).status());
  }
  for (const char* permission : {"trace", "read", "traceby", "readby"}) {
    for (const bool same_container : {false, true}) {
      Event event;
      event.mutable_ptrace()->set_permission(permission);
      event.mutable_ptrace()->set_same_container(same_container);
      VARMOR_RETURN_IF_ERROR(changes.Ask("ptrace", event).status());
    }
  }
  for (int i = BpfEffects::Operation_MIN; i <= BpfEffects::Operation_MAX; ++i) {
    const auto operation = static_cast<BpfEffects::Operation>(i);
    if (!BpfEffects::Operation_IsValid(i) || operation == BpfEffects::OPERATION_UNSPECIFIED) {
      continue;
    }
    Event event;
    event.mutable_operation()->set_name(BpfEffects::Operation_Name(operation));
    VARMOR_RETURN_IF_ERROR(changes.Ask("operation", event).status());
  }
  return absl::OkStatus();
}

}  // namespace varmor
