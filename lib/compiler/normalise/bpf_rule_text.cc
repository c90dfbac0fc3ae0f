#include "lib/compiler/normalise/bpf_rule_text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/network/ipv6_only.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/policy/capability.h"
#include "proto/builtin_rule.pb.h"

namespace varmor {
namespace {

constexpr size_t kShown = 4;
constexpr uint64_t kEverything = ~uint64_t{0};

// The words whose bits are all in `bits`, fewest first come, each bit named once.
std::string MaskText(absl::Span<const BpfWord> words, uint64_t bits, bool none = false) {
  if (bits == kEverything) return "all";
  std::vector<std::string> names;
  for (const BpfWord& word : words) {
    const uint64_t mask = none ? word.none_bits : word.bits;
    if (mask == 0 || mask == kEverything || (bits & mask) != mask) continue;
    names.emplace_back(word.word);
    bits &= ~mask;
  }
  return absl::StrJoin(names, ",");
}

template <typename T, typename Formatter>
std::string ShortList(const std::vector<T>& list, Formatter format) {
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(list.size(), kShown); ++i) shown.push_back(format(list[i]));
  std::string out = absl::StrJoin(shown, ",");
  if (list.size() > kShown) absl::StrAppend(&out, " and ", list.size() - kShown, " more");
  return out;
}

std::string RangeText(const PortRange& range) {
  return range.first == range.last ? absl::StrCat(range.first)
                                   : absl::StrCat(range.first, "-", range.last);
}

std::string DestinationText(const BpfEgress& rule) {
  if (rule.pod_self) return "pod-self";
  if (rule.prefixes.size() == 1 && rule.prefixes[0].bits == 0) return "any";
  // Written as one network, kept as many.
  if (rule.prefixes == Ipv6Only(BpfPrefix{})) return "::/0";
  return ShortList(rule.prefixes, PrefixText);
}

}  // namespace

std::string AccessText(uint32_t access) {
  constexpr uint32_t kAll = kAccessRead | kAccessWrite | kAccessAppend | kAccessExec;
  if (access == kAll) return "all";
  std::vector<std::string> names;
  if ((access & kAccessRead) != 0) names.emplace_back("read");
  if ((access & kAccessWrite) != 0) names.emplace_back("write");
  if ((access & kAccessAppend) != 0) names.emplace_back("append");
  if ((access & kAccessExec) != 0) names.emplace_back("exec");
  return absl::StrJoin(names, ",");
}

std::string PrefixText(const BpfPrefix& prefix) {
  static constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  char text[INET6_ADDRSTRLEN];
  const bool ipv4 =
      prefix.bits >= 96 && std::equal(kMapped.begin(), kMapped.end(), prefix.address.begin());
  if (ipv4) {
    inet_ntop(AF_INET, prefix.address.data() + 12, text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, prefix.address.data(), text, sizeof(text));
  }
  if (prefix.bits == 128) return text;
  return absl::StrCat(text, "/", ipv4 ? prefix.bits - 96 : prefix.bits);
}

std::string RuleText(const BpfFile& rule) {
  std::string kind;
  if ((rule.access & ~kAccessExec) != 0) kind = "file";
  if ((rule.access & kAccessExec) != 0) kind += kind.empty() ? "exec" : ",exec";
  std::string text = absl::StrCat(kind, " ", rule.pattern.text());
  if (kind != "exec") absl::StrAppend(&text, " ", AccessText(rule.access));
  return text;
}

std::string RuleText(const BpfSocket& rule) {
  std::string text = "socket";
  if (rule.domains != 0) {
    absl::StrAppend(&text, " domains=", MaskText(kSocketDomainWords, rule.domains));
  }
  if (rule.types != 0) absl::StrAppend(&text, " types=", MaskText(kSocketTypeWords, rule.types));
  if (rule.protocols != 0) {
    absl::StrAppend(&text, " protocols=", MaskText(kSocketProtocolWords, rule.protocols));
  }
  return text;
}

std::string RuleText(const BpfEgress& rule) {
  std::string text = absl::StrCat("egress ", DestinationText(rule));
  if (!rule.ports.empty()) absl::StrAppend(&text, " ports=", ShortList(rule.ports, RangeText));
  return text;
}

std::string RuleText(const BpfPtrace& rule) {
  return absl::StrCat("ptrace ", MaskText(kPtracePermissionWords, rule.permissions),
                      rule.strict ? " strict" : "");
}

std::string RuleText(const BpfMount& rule) {
  const std::string any = MaskText(kMountFlagWords, rule.any);
  const std::string none =
      rule.none == kEverything ? "" : MaskText(kMountFlagWords, rule.none, true);
  return absl::StrCat("mount ", rule.source.text(), " fstype=", rule.fstype, " flags=", any,
                      any.empty() || none.empty() ? "" : ",", none);
}

std::string RuleText(const BpfCapability& rule) {
  constexpr uint64_t kKnown = (uint64_t{1} << kCapabilityNames.size()) - 1;
  if ((rule.mask & kKnown) == kKnown) return "capability all";
  std::vector<std::string> names;
  for (size_t i = 0; i < kCapabilityNames.size(); ++i) {
    if ((rule.mask >> i & 1) != 0) names.emplace_back(kCapabilityNames[i]);
  }
  return absl::StrCat("capability ", absl::StrJoin(names, ","));
}

std::string RuleText(const BpfOperation& rule) {
  switch (rule.operation) {
    case BpfEffects::CREATE_USER_NAMESPACE:
      return "create a user namespace";
    case BpfEffects::LOAD_BPF_PROGRAM:
      return "load a BPF program";
    case BpfEffects::ATTACH_SOCKET_FILTER:
      return "attach a socket filter";
    default:
      return absl::StrCat("operation ", rule.operation);
  }
}

std::string RuleText(const BpfDiskDevice& rule) {
  return rule.mount ? "mount a disk of the node"
                    : absl::StrCat("file on a disk of the node ", AccessText(rule.access));
}

}  // namespace varmor
