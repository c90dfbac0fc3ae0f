#include "runtime/kube/testing/strategic_merge.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>

namespace varmor {
namespace {

using Json = nlohmann::json;

// patchMergeKey in k8s.io/api/core/v1/types.go and meta/v1/types.go, by the list's name.
const std::map<std::string, std::string>& MergeKeys() {
  static const auto& keys = *new std::map<std::string, std::string>{
      {"containers", "name"},
      {"initContainers", "name"},
      {"containerStatuses", "name"},
      {"volumes", "name"},
      {"env", "name"},
      {"imagePullSecrets", "name"},
      {"volumeMounts", "mountPath"},
      {"volumeDevices", "devicePath"},
      {"ports", "containerPort"},
      {"conditions", "type"},
      {"ownerReferences", "uid"},
      {"addresses", "type"},
      {"hostAliases", "ip"},
      {"topologySpreadConstraints", "topologyKey"},
      {"podIPs", "ip"},
  };
  return keys;
}

void MergeListByKey(Json& target, const Json& patch, const std::string& key) {
  for (const Json& entry : patch) {
    const auto found = std::find_if(target.begin(), target.end(), [&](const Json& old) {
      return old.contains(key) && entry.contains(key) && old[key] == entry[key];
    });
    if (entry.contains("$patch")) {
      if (entry["$patch"] != "delete") throw std::invalid_argument("$patch is not \"delete\"");
      if (found != target.end()) target.erase(found);
    } else if (found != target.end()) {
      StrategicMerge(*found, entry);
    } else {
      target.push_back(entry);
    }
  }
}

void MergeList(const std::string& name, Json& target, const Json& patch) {
  const auto key = MergeKeys().find(name);
  if (name == "finalizers") {
    for (const Json& value : patch) {
      if (std::find(target.begin(), target.end(), value) == target.end()) target.push_back(value);
    }
  } else if (key != MergeKeys().end() &&
             std::all_of(patch.begin(), patch.end(), [](const Json& e) { return e.is_object(); })) {
    MergeListByKey(target, patch, key->second);
  } else {
    target = patch;
  }
}

}  // namespace

void StrategicMerge(Json& target, const Json& patch) {
  if (!target.is_object()) target = Json::object();
  for (const auto& [name, value] : patch.items()) {
    if (name.rfind("$", 0) == 0) {
      throw std::invalid_argument("the fake does not know the directive " + name);
    }
    if (value.is_null()) {
      target.erase(name);
    } else if (value.is_object()) {
      StrategicMerge(target[name], value);
    } else if (value.is_array() && target.contains(name) && target[name].is_array()) {
      MergeList(name, target[name], value);
    } else {
      target[name] = value;
    }
  }
}

}  // namespace varmor
