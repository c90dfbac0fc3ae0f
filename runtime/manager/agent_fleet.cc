#include "runtime/manager/agent_fleet.h"

#include <algorithm>
#include <utility>

#include "runtime/kube/kube_object.h"

namespace varmor {
namespace {

std::string NameOf(const Json& object) { return TextAt(object, {"metadata", "name"}); }

// The one value of a matchFields entry that names a node, "" for other entries.
std::string NodeNamedBy(const Json& field) {
  const Json* values = FieldAt(field, {"values"});
  if (TextAt(field, {"key"}) != "metadata.name" || TextAt(field, {"operator"}) != "In" ||
      values == nullptr || !values->is_array() || values->size() != 1 ||
      !values->front().is_string()) {
    return "";
  }
  return values->front().get<std::string>();
}

// Before a pod of a DaemonSet is bound to its node, its affinity names it (since Kubernetes 1.12).
std::string TargetOf(const Json& pod) {
  const std::string bound = TextAt(pod, {"spec", "nodeName"});
  if (!bound.empty()) return bound;
  const Json* terms =
      FieldAt(pod, {"spec", "affinity", "nodeAffinity",
                    "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"});
  if (terms == nullptr || !terms->is_array()) return "";
  for (const Json& term : *terms) {
    const Json* fields = FieldAt(term, {"matchFields"});
    if (fields == nullptr || !fields->is_array()) continue;
    for (const Json& field : *fields) {
      std::string node = NodeNamedBy(field);
      if (!node.empty()) return node;
    }
  }
  return "";
}

int CountAt(const Json& daemon_set, absl::string_view key) {
  return static_cast<int>(NumberAt(daemon_set, {"status", key}).value_or(0));
}

}  // namespace

bool AgentFleet::PodChanged(const Json& object) {
  Pod pod = {TextAt(object, {"spec", "nodeName"}), TargetOf(object),
             TextAt(object, {"status", "phase"}) == "Running" &&
                 FieldAt(object, {"metadata", "deletionTimestamp"}) == nullptr};
  MutexLock lock(&mutex_);
  const auto [known, is_new] = pods_.try_emplace(NameOf(object));
  if (!is_new && known->second == pod) return false;
  known->second = std::move(pod);
  counted_ = nullptr;
  return true;
}

bool AgentFleet::PodGone(const Json& object, std::string& left) {
  left.clear();
  MutexLock lock(&mutex_);
  const auto found = pods_.find(NameOf(object));
  if (found == pods_.end()) return false;
  left = found->second.bound;
  pods_.erase(found);
  for (const auto& [name, pod] : pods_) {
    if (pod.bound == left) left.clear();
  }
  counted_ = nullptr;
  return true;
}

bool AgentFleet::DaemonSetChanged(const Json& object) {
  const int desired = CountAt(object, "desiredNumberScheduled");
  const int scheduled =
      CountAt(object, "currentNumberScheduled") + CountAt(object, "numberMisscheduled");
  MutexLock lock(&mutex_);
  if (desired_ == desired && scheduled_ == scheduled) return false;
  desired_ = desired;
  scheduled_ = scheduled;
  counted_ = nullptr;
  return true;
}

bool AgentFleet::NodeChanged(const Json& object) {
  MutexLock lock(&mutex_);
  if (!nodes_.insert(NameOf(object)).second) return false;
  counted_ = nullptr;
  return true;
}

bool AgentFleet::NodeGone(const Json& object) {
  MutexLock lock(&mutex_);
  if (nodes_.erase(NameOf(object)) == 0) return false;
  counted_ = nullptr;
  return true;
}

AgentNodes AgentFleet::Count() const {
  AgentNodes agents;
  std::set<std::string> present;
  std::set<std::string> missing;
  for (const auto& [name, pod] : pods_) {
    if (pod.target.empty()) continue;
    const bool exists = nodes_.count(pod.target) > 0;
    (exists ? present : missing).insert(pod.target);
    if (exists && pod.running && !pod.bound.empty()) agents.running.insert(pod.bound);
  }
  // The DaemonSet's controller does not look when a node goes, but when that node's pods are
  // collected: after about a minute, or, if they were never bound, at some time. Until then its
  // status counts them. Of what it counts, more than there are on nodes that exist are such.
  const int stale = std::min(std::max(scheduled_ - static_cast<int>(present.size()), 0),
                             static_cast<int>(missing.size()));
  agents.desired = std::max(desired_ - stale, 0);
  return agents;
}

std::shared_ptr<const AgentNodes> AgentFleet::Nodes() const {
  MutexLock lock(&mutex_);
  if (counted_ == nullptr) counted_ = std::make_shared<const AgentNodes>(Count());
  return counted_;
}

std::string AgentFleet::NodeOfPod(const std::string& pod) const {
  MutexLock lock(&mutex_);
  const auto found = pods_.find(pod);
  return found == pods_.end() ? "" : found->second.bound;
}

int AgentFleet::size() const {
  MutexLock lock(&mutex_);
  return std::max(desired_, static_cast<int>(pods_.size()));
}

}  // namespace varmor
