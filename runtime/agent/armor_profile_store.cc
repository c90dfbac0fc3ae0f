#include "runtime/agent/armor_profile_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/protocol/armor_profile.h"

namespace varmor {
namespace {

// A member of `metadata`; "" when it is not there or no text.
std::string MetadataOf(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains("metadata") || !object["metadata"].is_object()) {
    return "";
  }
  const auto found = object["metadata"].find(key);
  return found != object["metadata"].end() && found->is_string() ? found->get<std::string>() : "";
}

std::string KeyOf(const Json& object) {
  return ArmorProfileKey(MetadataOf(object, "namespace"), MetadataOf(object, "name"));
}

}  // namespace

ArmorProfileStore::Entry ArmorProfileStore::Read(const Json& object) {
  Entry entry;
  entry.created = MetadataOf(object, "creationTimestamp");
  AgentPolicy& policy = entry.policy;
  policy.source = KeyOf(object);
  policy.profile_namespace = MetadataOf(object, "namespace");
  policy.profile = MetadataOf(object, "name");
  absl::StatusOr<ArmorProfile> read = ParseArmorProfile(object);
  if (!read.ok()) {
    policy.problem = std::string(read.status().message());
    policy.damaged = true;
    policy.retiring = !MetadataOf(object, "deletionTimestamp").empty();
    if (object.contains("spec")) policy.revision = ArmorProfileRevision(object["spec"]);
    return entry;
  }
  policy.identity.kind = read->owner.kind;
  policy.identity.name = read->owner.name;
  if (read->owner.kind == "VarmorPolicy") policy.identity.name_space = read->name_space;
  policy.revision = read->revision;
  policy.retiring = read->retiring || read->deleting;
  entry.counter = read->reconcile_counter;
  if (read->spec.modeling) {
    policy.problem = "unsupported: mode BehaviorModeling: recording behaviour is not built";
    return entry;
  }
  policy.artifacts = PackedArtifacts(read->spec.artifacts);
  return entry;
}

ArmorProfileStore::Change ArmorProfileStore::Take(const InformerEvent& event) {
  Change change;
  if (event.type == InformerEvent::Type::kSynced) {
    change.policies = !synced_;
    synced_ = true;
    return change;
  }
  const std::string key = KeyOf(event.object);
  if (event.type == InformerEvent::Type::kDeleted) {
    change.policies = entries_.erase(key) > 0;
    return change;
  }
  Entry entry = Read(event.object);
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    entries_.emplace(key, std::move(entry));
    change.policies = true;
    return change;
  }
  const Entry& before = found->second;
  change.policies = before.policy.revision != entry.policy.revision ||
                    before.policy.retiring != entry.policy.retiring ||
                    before.policy.problem != entry.policy.problem;
  if (!change.policies && before.counter != entry.counter) change.reapply = key;
  if (entry.policy.damaged) {
    entry.policy.identity = before.policy.identity;
    entry.policy.artifacts = before.policy.artifacts;
  }
  found->second = std::move(entry);
  return change;
}

std::vector<AgentPolicy> ArmorProfileStore::Policies() const {
  // Who has which name of a profile: on a node there is one of each.
  std::map<std::string, std::pair<std::string, std::string>> owners;
  for (const auto& [key, entry] : entries_) {
    const auto [at, is_new] =
        owners.emplace(entry.policy.profile, std::make_pair(entry.created, key));
    if (!is_new) at->second = std::min(at->second, std::make_pair(entry.created, key));
  }
  std::vector<AgentPolicy> out;
  for (const auto& [key, entry] : entries_) {
    out.push_back(entry.policy);
    const std::string& owner = owners[entry.policy.profile].second;
    if (owner == key) continue;
    out.back().artifacts = PackedArtifacts();
    if (!out.back().problem.empty()) continue;
    out.back().problem = absl::StrCat("profile name ", entry.policy.profile,
                                      " belongs to ArmorProfile ", owner, " on this node");
  }
  return out;
}

}  // namespace varmor
