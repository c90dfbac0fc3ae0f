// Effects and example events in words, one line each: the cells and lists of the reference page.
#ifndef TOOLS_GEN_RULE_REFERENCE_DESCRIBE_EFFECTS_H_
#define TOOLS_GEN_RULE_REFERENCE_DESCRIBE_EFFECTS_H_

#include <string>
#include <vector>

#include "proto/builtin_rule.pb.h"
#include "proto/event.pb.h"

namespace varmor {

// Markdown, in the order of the record; empty for an enforcer that cannot enforce the rule.
std::vector<std::string> DescribeEffects(const AppArmorEffects& effects);
std::vector<std::string> DescribeEffects(const BpfEffects& effects);
std::vector<std::string> DescribeEffects(const SeccompEffects& effects);

// As docs/events.md writes it, with the enforcers it is for: "`write /etc/hosts` (bpf)".
std::string DescribeEvent(const Event& event);

}  // namespace varmor

#endif  // TOOLS_GEN_RULE_REFERENCE_DESCRIBE_EFFECTS_H_
