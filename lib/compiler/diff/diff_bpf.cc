#include "lib/compiler/diff/diff_bpf.h"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diff/diff_bpf_changes.h"
#include "lib/compiler/diff/diff_bpf_parts.h"
#include "lib/compiler/simulate/decide_bpf_event.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

struct Part {
  const char* name;
  absl::Status (*compare)(BpfChanges& changes, BpfDiffWork& work);
};

constexpr Part kParts[] = {
    {"rules about files", CompareBpfFiles},         {"rules about programs", CompareBpfExec},
    {"rules about mounts", CompareBpfMounts},       {"rules about sockets", CompareBpfSockets},
    {"rules about destinations", CompareBpfEgress}, {"other rules", CompareBpfRest},
};

absl::StatusOr<BpfEventSimulator> Load(const BpfArtifact* artifact) {
  if (artifact == nullptr) return BpfEventSimulator::WithoutArtifact();
  return BpfEventSimulator::Load(*artifact);
}

bool HasHole(const BpfArtifact* artifact, HoleKind kind) {
  if (artifact == nullptr) return false;
  return std::find(artifact->holes().begin(), artifact->holes().end(), kind) !=
         artifact->holes().end();
}

// What is known of rules about services and pods without their addresses.
using EgressText = std::tuple<std::string, std::string>;
std::multiset<EgressText> EgressRules(const BpfArtifact& artifact) {
  std::multiset<EgressText> rules;
  for (const RuleOrigin& rule : artifact.rules()) {
    if (absl::StartsWith(rule.text(), "egress")) rules.emplace(rule.action(), rule.text());
  }
  for (const EgressWatch& watch : artifact.egress_watches()) {
    rules.emplace(absl::StrCat(watch.namespace_(), "/", watch.service_name()),
                  absl::StrCat(watch.selector(), watch.pods() ? " pods" : ""));
  }
  return rules;
}

void ReportHoles(const BpfArtifact* before, const BpfArtifact* after, BpfChanges& changes) {
  const bool before_misses = HasHole(before, CLUSTER_ADDRESSES);
  const bool after_misses = HasHole(after, CLUSTER_ADDRESSES);
  if (!before_misses && !after_misses) return;
  if (before_misses && after_misses && EgressRules(*before) == EgressRules(*after)) return;
  changes.Undecided("addresses of services or pods were not known when compiling");
}

// Filled in on nodes; images of different nodes differ in it.
std::string DiskDevices(const BpfArtifact* artifact) {
  if (artifact == nullptr) return "";
  for (const BpfMap& map : artifact->maps()) {
    if (map.name() == "disk_devices") return map.SerializeAsString();
  }
  return "";
}

void ReportDisks(const BpfArtifact* before, const BpfArtifact* after, BpfChanges& changes) {
  if (HasHole(before, DISK_DEVICE_MAP) || HasHole(after, DISK_DEVICE_MAP)) return;
  const std::string a = DiskDevices(before);
  const std::string b = DiskDevices(after);
  if (a.empty() || b.empty() || a == b) return;
  changes.Undecided("the images are bound to nodes with different disks");
}

}  // namespace

absl::Status DiffBpf(const BpfArtifact* before, const BpfArtifact* after, DiffResult& result,
                     const DiffBpfOptions& options) {
  VARMOR_ASSIGN_OR_RETURN(const BpfEventSimulator before_simulator, Load(before));
  VARMOR_ASSIGN_OR_RETURN(const BpfEventSimulator after_simulator, Load(after));
  BpfChanges changes(before_simulator, after_simulator);
  ReportHoles(before, after, changes);
  const bool equal = before != nullptr && after != nullptr && before->digest() == after->digest();
  if (!equal || !options.trust_digests) {
    ReportDisks(before, after, changes);
    for (const Part& part : kParts) {
      BpfDiffWork work(options.work);
      const absl::Status status = part.compare(changes, work);
      if (absl::IsResourceExhausted(status)) {
        changes.Undecided(
            absl::StrCat(part.name, " take too much work to compare (", status.message(), ")"));
        continue;
      }
      VARMOR_RETURN_IF_ERROR(status);
    }
  }
  changes.MoveTo(result);
  return absl::OkStatus();
}

}  // namespace varmor
