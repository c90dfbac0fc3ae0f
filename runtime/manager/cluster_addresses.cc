#include "runtime/manager/cluster_addresses.h"

#include <algorithm>
#include <utility>

#include "google/protobuf/util/message_differencer.h"
#include "runtime/kube/kube_object.h"
#include "runtime/manager/object_cache.h"

namespace varmor {
namespace {

using google::protobuf::util::MessageDifferencer;

void ReadLabels(const Json& object, google::protobuf::Map<std::string, std::string>& labels) {
  const Json* found = FieldAt(object, {"metadata", "labels"});
  if (found == nullptr || !found->is_object()) return;
  for (const auto& label : found->items()) {
    if (label.value().is_string()) labels[label.key()] = label.value().get<std::string>();
  }
}

// The texts of a list; with `key`, those that its items have under it.
void ReadTexts(const Json* list, const char* key,
               google::protobuf::RepeatedPtrField<std::string>& out) {
  if (list == nullptr || !list->is_array()) return;
  for (const Json& item : *list) {
    if (key != nullptr) {
      const std::string text = TextAt(item, {key});
      if (!text.empty()) *out.Add() = text;
    } else if (item.is_string()) {
      *out.Add() = item.get<std::string>();
    }
  }
  std::sort(out.begin(), out.end());
}

ServiceFact ReadService(const Json& object) {
  ServiceFact fact;
  fact.set_namespace_(TextAt(object, {"metadata", "namespace"}));
  fact.set_name(TextAt(object, {"metadata", "name"}));
  ReadLabels(object, *fact.mutable_labels());
  const Json* addresses = FieldAt(object, {"spec", "clusterIPs"});
  if (addresses != nullptr) {
    ReadTexts(addresses, nullptr, *fact.mutable_cluster_ips());
  } else if (const std::string address = TextAt(object, {"spec", "clusterIP"}); !address.empty()) {
    fact.add_cluster_ips(address);
  }
  return fact;
}

EndpointSliceFact ReadSlice(const Json& object) {
  EndpointSliceFact fact;
  fact.set_namespace_(TextAt(object, {"metadata", "namespace"}));
  ReadLabels(object, *fact.mutable_labels());
  fact.set_address_type(TextAt(object, {"addressType"}));
  const Json* endpoints = FieldAt(object, {"endpoints"});
  if (endpoints != nullptr && endpoints->is_array()) {
    for (const Json& endpoint : *endpoints) {
      ReadTexts(FieldAt(endpoint, {"addresses"}), nullptr, *fact.mutable_addresses());
    }
  }
  const Json* ports = FieldAt(object, {"ports"});
  if (ports != nullptr && ports->is_array()) {
    for (const Json& port : *ports) {
      const absl::optional<int64_t> number = NumberAt(port, {"port"});
      if (number.has_value()) fact.add_ports(static_cast<uint32_t>(*number));
    }
  }
  return fact;
}

PodFact ReadPod(const Json& object) {
  PodFact fact;
  fact.set_namespace_(TextAt(object, {"metadata", "namespace"}));
  fact.set_name(TextAt(object, {"metadata", "name"}));
  ReadLabels(object, *fact.mutable_labels());
  const Json* host_network = FieldAt(object, {"spec", "hostNetwork"});
  fact.set_host_network(host_network != nullptr && *host_network == true);
  const std::string phase = TextAt(object, {"status", "phase"});
  const bool ended = phase == "Succeeded" || phase == "Failed" ||
                     FieldAt(object, {"metadata", "deletionTimestamp"}) != nullptr;
  if (!ended) ReadTexts(FieldAt(object, {"status", "podIPs"}), "ip", *fact.mutable_ips());
  return fact;
}

// False when the same was known.
template <typename Fact>
bool Keep(std::map<std::string, Fact>& facts, const std::string& key, Fact fact) {
  const auto [found, is_new] = facts.emplace(key, fact);
  if (is_new) return true;
  if (MessageDifferencer::Equals(found->second, fact)) return false;
  found->second = std::move(fact);
  return true;
}

}  // namespace

bool ClusterAddresses::Changed(const Json& object) {
  const std::string kind = TextAt(object, {"kind"});
  const std::string key = ObjectKey(object);
  MutexLock lock(&mutex_);
  if (kind == "Service") return Keep(services_, key, ReadService(object));
  if (kind == "EndpointSlice") return Keep(slices_, key, ReadSlice(object));
  return Keep(pods_, key, ReadPod(object));
}

bool ClusterAddresses::Gone(const Json& object) {
  const std::string kind = TextAt(object, {"kind"});
  const std::string key = ObjectKey(object);
  MutexLock lock(&mutex_);
  if (kind == "Service") return services_.erase(key) > 0;
  if (kind == "EndpointSlice") return slices_.erase(key) > 0;
  return pods_.erase(key) > 0;
}

std::shared_ptr<const ClusterFacts> ClusterAddresses::Facts() const {
  auto facts = std::make_shared<ClusterFacts>();
  MutexLock lock(&mutex_);
  for (const auto& [key, fact] : services_) *facts->add_services() = fact;
  for (const auto& [key, fact] : slices_) *facts->add_endpoint_slices() = fact;
  for (const auto& [key, fact] : pods_) *facts->add_pods() = fact;
  return facts;
}

}  // namespace varmor
