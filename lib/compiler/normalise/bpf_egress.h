// Egress rules: destinations, pods and services to sets of addresses and ports.
#ifndef LIB_COMPILER_NORMALISE_BPF_EGRESS_H_
#define LIB_COMPILER_NORMALISE_BPF_EGRESS_H_

#include <string>
#include <vector>

#include "google/protobuf/repeated_field.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/bpf_rules.h"
#include "proto/facts.pb.h"
#include "proto/policy.pb.h"

namespace varmor {

// Everything an egress rule has but its destination.
struct EgressRuleHead {
  Action action;
  Origin origin;
  // Field of the rule, for diagnostics.
  std::string field;
};

void AppendDestination(const BpfDestination& destination, const EgressRuleHead& head, BpfRules& out,
                       Diagnostics& diagnostics);

// vArmor 0.7: {ipBlock, ip, port}.
void AppendLegacyEgress(const BpfLegacyEgress& egress, const EgressRuleHead& head, BpfRules& out,
                        Diagnostics& diagnostics);

// Cluster IPs on all ports, endpoints on their ports. Null `cluster`: the watch is recorded and the
// addresses are reported missing.
void AppendService(const BpfServiceDestination& service, const EgressRuleHead& head,
                   const ClusterFacts* cluster, BpfRules& out, Diagnostics& diagnostics);

// Addresses of pods; those of pods on the node's own network are skipped and reported.
void AppendPods(const BpfPodDestination& pods, const EgressRuleHead& head,
                const ClusterFacts* cluster, BpfRules& out, Diagnostics& diagnostics);

}  // namespace varmor

#endif  // LIB_COMPILER_NORMALISE_BPF_EGRESS_H_
