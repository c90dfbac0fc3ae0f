// BpfRawRules, as people and the catalogue write them, to BpfRules: words to bits, patterns parsed,
// addresses resolved.
#ifndef LIB_COMPILER_NORMALISE_BPF_RAW_RULES_H_
#define LIB_COMPILER_NORMALISE_BPF_RAW_RULES_H_

#include <string>

#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/bpf_rules.h"
#include "lib/compiler/ir/origin.h"
#include "proto/facts.pb.h"
#include "proto/policy.pb.h"

namespace varmor {

struct BpfRawRulesContext {
  // Origin::rule of every entry.
  std::string rule;
  // Field of the BpfRawRules object, or of the reference to a built-in rule.
  std::string field;
  // The rules come from the catalogue: `field` is the place of everything in them.
  bool builtin = false;
  // Of rules without qualifiers.
  Action default_action;
  // The qualifier "allow" is known (profiles that deny by default).
  bool knows_allow = false;
  // Null: addresses of services and pods are unknown.
  const ClusterFacts* cluster = nullptr;
};

// Appends the rules in the order files, processes, sockets, destinations, pods, services, ptrace,
// mounts, capabilities. A rule with a mistake is reported and left out.
void AppendBpfRawRules(const BpfRawRules& rules, const BpfRawRulesContext& context, BpfRules& out,
                       Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_NORMALISE_BPF_RAW_RULES_H_
