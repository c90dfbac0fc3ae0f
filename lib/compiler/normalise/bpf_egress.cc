#include "lib/compiler/normalise/bpf_egress.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/network/ipv6_only.h"
#include "lib/compiler/network/parse_address.h"
#include "lib/compiler/normalise/label_selector.h"
#include "lib/compiler/status/mistake.h"

namespace varmor {
namespace {

// The label of an endpoint slice that names its service.
constexpr char kServiceNameLabel[] = "kubernetes.io/service-name";

using PortMessages = google::protobuf::RepeatedPtrField<Port>;

void SortAndMerge(std::vector<PortRange>& ports) {
  std::sort(ports.begin(), ports.end(), [](const PortRange& a, const PortRange& b) {
    return std::make_pair(a.first, a.last) < std::make_pair(b.first, b.last);
  });
  std::vector<PortRange> merged;
  for (const PortRange& range : ports) {
    if (!merged.empty() && range.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  ports = std::move(merged);
}

// Nothing when a port is wrong; that is reported. An empty list is all ports.
std::optional<std::vector<PortRange>> ReadPorts(const PortMessages& messages,
                                                const std::string& field,
                                                Diagnostics& diagnostics) {
  std::vector<PortRange> ports;
  bool valid = true;
  for (int i = 0; i < messages.size(); ++i) {
    const Port& message = messages[i];
    const uint32_t last = message.end_port() == 0 ? message.port() : message.end_port();
    if (message.port() == 0 || last < message.port() || last > 65535) {
      diagnostics.Error(
          "bad-port-range", absl::StrCat(field, ".ports[", i, "]"),
          absl::StrCat("ports ", message.port(), " to ", last, " are no range within 1 to 65535"),
          "write endPort not below port");
      valid = false;
      continue;
    }
    ports.push_back({static_cast<uint16_t>(message.port()), static_cast<uint16_t>(last)});
  }
  if (!valid) return std::nullopt;
  SortAndMerge(ports);
  return ports;
}

void AddEgress(const EgressRuleHead& head, std::vector<BpfPrefix> prefixes,
               std::vector<PortRange> ports, BpfRules& out) {
  if (prefixes.empty()) return;
  std::sort(prefixes.begin(), prefixes.end());
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
  BpfEgress egress;
  egress.action = head.action;
  egress.prefixes = std::move(prefixes);
  egress.ports = std::move(ports);
  egress.origin = head.origin;
  out.egress.push_back(std::move(egress));
}

void ReportBadAddress(const absl::Status& status, const std::string& text, const std::string& field,
                      Diagnostics& diagnostics) {
  const Mistake mistake = MistakeOf(status);
  diagnostics.Error("bad-address", field,
                    absl::StrCat("address ", Quoted(text), ": ", mistake.problem), mistake.fix);
}

// The rule's addresses and whether the pod's own belong to them.
struct Addresses {
  std::vector<BpfPrefix> prefixes;
  bool pod_self = false;
};

std::optional<Addresses> ReadAddresses(const std::string& ip, const std::string& cidr,
                                       const std::string& cidr_key, const std::string& field,
                                       Diagnostics& diagnostics) {
  Addresses addresses;
  if (!ip.empty() && !cidr.empty()) {
    diagnostics.Error(
        "destination-ambiguous", field,
        absl::StrCat("both ip ", Quoted(ip), " and ", cidr_key, " ", Quoted(cidr), " are given"),
        "keep one of them, or write two rules");
    return std::nullopt;
  }
  if (ip.empty() && cidr.empty()) {
    addresses.prefixes = {BpfPrefix{}};  // ::/0 covers mapped IPv4 as well
  } else if (ip == "pod-self") {
    addresses.pod_self = true;
  } else if (!ip.empty()) {
    absl::StatusOr<std::vector<BpfPrefix>> prefixes = ParseDestination(ip);
    if (!prefixes.ok()) {
      ReportBadAddress(prefixes.status(), ip, field + ".ip", diagnostics);
      return std::nullopt;
    }
    addresses.prefixes = *std::move(prefixes);
  } else {
    const absl::StatusOr<BpfPrefix> prefix = ParseCidr(cidr);
    if (!prefix.ok()) {
      ReportBadAddress(prefix.status(), cidr, absl::StrCat(field, ".", cidr_key), diagnostics);
      return std::nullopt;
    }
    addresses.prefixes = Ipv6Only(*prefix);
  }
  return addresses;
}

void AddDestination(Addresses addresses, std::vector<PortRange> ports, const EgressRuleHead& head,
                    BpfRules& out) {
  if (addresses.pod_self) {
    BpfEgress egress;
    egress.action = head.action;
    egress.pod_self = true;
    egress.ports = std::move(ports);
    egress.origin = head.origin;
    out.egress.push_back(std::move(egress));
    return;
  }
  AddEgress(head, std::move(addresses.prefixes), std::move(ports), out);
}

// Addresses grouped by the ports they may be reached on.
using AddressGroups = std::map<std::vector<std::pair<uint16_t, uint16_t>>, std::vector<BpfPrefix>>;

void AddGroups(AddressGroups groups, const EgressRuleHead& head, BpfRules& out) {
  for (auto& [pairs, prefixes] : groups) {
    std::vector<PortRange> ports;
    for (const auto& [first, last] : pairs) ports.push_back({first, last});
    AddEgress(head, std::move(prefixes), std::move(ports), out);
  }
}

void CollectAddress(const std::string& text, absl::string_view owner, const std::string& field,
                    std::vector<BpfPrefix>& prefixes, Diagnostics& diagnostics) {
  const absl::StatusOr<BpfPrefix> prefix = ParseAddress(text);
  if (prefix.ok()) {
    prefixes.push_back(*prefix);
  } else {
    diagnostics.Warning("cluster-address-skipped", field,
                        absl::StrCat(owner, " has the address ", Quoted(text),
                                     ", which is no IP address; it is left out"),
                        "");
  }
}

void CollectSlice(const EndpointSliceFact& slice, const std::string& field, AddressGroups& groups,
                  Diagnostics& diagnostics) {
  if (slice.address_type() == "FQDN") {
    diagnostics.Warning("cluster-address-skipped", field,
                        absl::StrCat("an endpoint slice in namespace ", Quoted(slice.namespace_()),
                                     " lists host names, which cannot be matched; it is left out"),
                        "");
    return;
  }
  std::vector<std::pair<uint16_t, uint16_t>> ports;
  for (const uint32_t port : slice.ports()) {
    if (port >= 1 && port <= 65535) {
      ports.emplace_back(static_cast<uint16_t>(port), static_cast<uint16_t>(port));
    }
  }
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  for (const std::string& address : slice.addresses()) {
    CollectAddress(address, "an endpoint", field, groups[ports], diagnostics);
  }
}

void ReportMissingFacts(const EgressRuleHead& head, BpfRules& out, Diagnostics& diagnostics) {
  out.cluster_addresses_missing = true;
  diagnostics.StrictError(
      "cluster-facts-missing", head.field, "the addresses of services and pods are not known here",
      "give the cluster's facts (--cluster-facts FILE), or compile leniently and "
      "have the addresses filled in later");
}

}  // namespace

void AppendDestination(const BpfDestination& destination, const EgressRuleHead& head, BpfRules& out,
                       Diagnostics& diagnostics) {
  if (destination.ip().empty() && destination.cidr().empty() && destination.ports().empty()) {
    diagnostics.Error("destination-empty", head.field, "none of ip, cidr and ports is given",
                      "add at least one of them");
    return;
  }
  std::optional<Addresses> addresses =
      ReadAddresses(destination.ip(), destination.cidr(), "cidr", head.field, diagnostics);
  std::optional<std::vector<PortRange>> ports =
      ReadPorts(destination.ports(), head.field, diagnostics);
  if (!addresses.has_value() || !ports.has_value()) return;
  AddDestination(*std::move(addresses), *std::move(ports), head, out);
}

void AppendLegacyEgress(const BpfLegacyEgress& egress, const EgressRuleHead& head, BpfRules& out,
                        Diagnostics& diagnostics) {
  if (egress.ip().empty() && egress.ip_block().empty() && egress.port() == 0) {
    diagnostics.Error("destination-empty", head.field, "none of ip, ipBlock and port is given",
                      "add at least one of them");
    return;
  }
  std::optional<Addresses> addresses =
      ReadAddresses(egress.ip(), egress.ip_block(), "ipBlock", head.field, diagnostics);
  if (!addresses.has_value()) return;
  std::vector<PortRange> ports;
  if (egress.port() != 0) {
    const auto port = static_cast<uint16_t>(egress.port());
    ports.push_back({port, port});
  }
  AddDestination(*std::move(addresses), std::move(ports), head, out);
}

void AppendService(const BpfServiceDestination& service, const EgressRuleHead& head,
                   const ClusterFacts* cluster, BpfRules& out, Diagnostics& diagnostics) {
  const bool by_selector = service.has_service_selector();
  if (by_selector && !service.name().empty()) {
    diagnostics.Error("service-ambiguous", head.field, "both name and serviceSelector are given",
                      "keep one of them");
    return;
  }
  if (!by_selector && (service.name().empty() || service.namespace_().empty())) {
    diagnostics.Error("service-incomplete", head.field,
                      "neither a serviceSelector nor namespace and name are given",
                      "name the service with its namespace, or select services by labels");
    return;
  }
  EgressWatch watch;
  watch.set_field(head.field);
  watch.set_namespace_(service.namespace_());
  watch.set_service_name(service.name());
  if (by_selector) watch.set_selector(SelectorText(service.service_selector()));
  out.egress_watches.push_back(std::move(watch));
  if (cluster == nullptr) {
    ReportMissingFacts(head, out, diagnostics);
    return;
  }

  const auto in_namespace = [&](const std::string& name_space) {
    return service.namespace_().empty() || service.namespace_() == name_space;
  };
  AddressGroups groups;
  std::set<std::pair<std::string, std::string>> found;
  for (const ServiceFact& fact : cluster->services()) {
    const bool matches = by_selector ? SelectorMatches(service.service_selector(), fact.labels())
                                     : fact.name() == service.name();
    if (!matches || !in_namespace(fact.namespace_())) continue;
    found.emplace(fact.namespace_(), fact.name());
    for (const std::string& ip : fact.cluster_ips()) {
      if (ip == "None" || ip.empty()) continue;  // headless: its endpoints count
      CollectAddress(ip, absl::StrCat("service ", fact.namespace_(), "/", fact.name()), head.field,
                     groups[{}], diagnostics);
    }
  }
  for (const EndpointSliceFact& slice : cluster->endpoint_slices()) {
    const auto owner = slice.labels().find(kServiceNameLabel);
    const bool of_service =
        owner != slice.labels().end() && found.count({slice.namespace_(), owner->second}) > 0;
    const bool selected = by_selector && in_namespace(slice.namespace_()) &&
                          SelectorMatches(service.service_selector(), slice.labels());
    if (of_service || selected) CollectSlice(slice, head.field, groups, diagnostics);
  }
  if (groups.empty()) {
    diagnostics.Warning("cluster-destination-empty", head.field,
                        "no service of the cluster matches, so the rule covers no address",
                        "check namespace, name and labels");
  }
  AddGroups(std::move(groups), head, out);
}

void AppendPods(const BpfPodDestination& pods, const EgressRuleHead& head,
                const ClusterFacts* cluster, BpfRules& out, Diagnostics& diagnostics) {
  std::optional<std::vector<PortRange>> ports = ReadPorts(pods.ports(), head.field, diagnostics);
  EgressWatch watch;
  watch.set_field(head.field);
  watch.set_namespace_(pods.namespace_());
  watch.set_selector(SelectorText(pods.pod_selector()));
  watch.set_pods(true);
  out.egress_watches.push_back(std::move(watch));
  if (!ports.has_value()) return;
  if (cluster == nullptr) {
    ReportMissingFacts(head, out, diagnostics);
    return;
  }
  std::vector<BpfPrefix> prefixes;
  int host_network = 0;
  for (const PodFact& pod : cluster->pods()) {
    if (!pods.namespace_().empty() && pod.namespace_() != pods.namespace_()) continue;
    if (!SelectorMatches(pods.pod_selector(), pod.labels())) continue;
    if (pod.host_network()) {
      ++host_network;
      continue;
    }
    for (const std::string& ip : pod.ips()) {
      CollectAddress(ip, absl::StrCat("pod ", pod.namespace_(), "/", pod.name()), head.field,
                     prefixes, diagnostics);
    }
  }
  if (host_network > 0) {
    diagnostics.Warning("cluster-address-skipped", head.field,
                        absl::StrCat(host_network,
                                     " matching pods use their node's network and are "
                                     "left out: their addresses are the node's"),
                        "write the node's address as a destination if it is meant");
  }
  if (prefixes.empty()) {
    diagnostics.Warning("cluster-destination-empty", head.field,
                        "no pod of the cluster matches, so the rule covers no address",
                        "check namespace and labels");
  }
  AddEgress(head, std::move(prefixes), *std::move(ports), out);
}

}  // namespace varmor
