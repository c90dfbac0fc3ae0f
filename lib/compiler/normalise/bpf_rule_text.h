// BPF rules in the words people write them with: for reports, events and artifacts.
#ifndef LIB_COMPILER_NORMALISE_BPF_RULE_TEXT_H_
#define LIB_COMPILER_NORMALISE_BPF_RULE_TEXT_H_

#include <cstdint>
#include <string>

#include "lib/compiler/ir/bpf_rules.h"

namespace varmor {

// "read,write,append"; "all" for every access of a file rule.
std::string AccessText(uint32_t access);
// "192.168.1.0/24", "2001:db8::1"; without bits for a single address.
std::string PrefixText(const BpfPrefix& prefix);

// "file /etc/** write,append", "exec **/ping", "file,exec /x all"
std::string RuleText(const BpfFile& rule);
// "socket domains=inet,inet6 types=raw"
std::string RuleText(const BpfSocket& rule);
// "egress 10.0.0.0/8 ports=80-443": at most four addresses and ports, then how many more.
std::string RuleText(const BpfEgress& rule);
std::string RuleText(const BpfPtrace& rule);
std::string RuleText(const BpfMount& rule);
std::string RuleText(const BpfCapability& rule);
std::string RuleText(const BpfOperation& rule);
std::string RuleText(const BpfDiskDevice& rule);

}  // namespace varmor

#endif  // LIB_COMPILER_NORMALISE_BPF_RULE_TEXT_H_
