#include "lib/compiler/normalise/bpf_egress.h"

#include <string>
#include <vector>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/normalise/bpf_rules_for_test.h"
#include "proto/facts.pb.h"

namespace varmor {
namespace {

struct Case {
  const char* name;
  const char* rules;
  const char* outcome;
};

ClusterFacts Cluster(const std::string& text) {
  ClusterFacts cluster;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &cluster)) << text;
  return cluster;
}

void ExpectOutcomes(const std::vector<Case>& cases, const ClusterFacts* cluster = nullptr) {
  BpfRawRulesContext context = RawContext();
  context.cluster = cluster;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Outcome(c.rules, context), c.outcome);
  }
}

TEST(BpfDestinationTest, AddressesAndPortsAreRead) {
  ExpectOutcomes({
      {"Ip", R"(network { egress { to_destinations { ip: "192.0.2.1" } } })",
       "deny egress 192.0.2.1 @ bpf.network.egress.toDestinations[0]\n"},
      {"Cidr", R"(network { egress { to_destinations { cidr: "10.1.2.3/8" } } })",
       "deny egress 10.0.0.0/8 @ bpf.network.egress.toDestinations[0]\n"},
      {"Ipv6", R"(network { egress { to_destinations { cidr: "2001:db8::/32" } } })",
       "deny egress 2001:db8::/32 @ bpf.network.egress.toDestinations[0]\n"},
      {"EveryIpv6Address", R"(network { egress { to_destinations { cidr: "::/0" } } })",
       "deny egress ::/0 @ bpf.network.egress.toDestinations[0]\n"},
      {"EveryIpv4Address", R"(network { egress { to_destinations { cidr: "0.0.0.0/0" } } })",
       "deny egress 0.0.0.0/0 @ bpf.network.egress.toDestinations[0]\n"},
      {"Localhost", R"(network { egress { to_destinations { ip: "localhost" } } })",
       "deny egress ::,::1,0.0.0.0,127.0.0.0/8 @ bpf.network.egress.toDestinations[0]\n"},
      {"Unspecified", R"(network { egress { to_destinations { ip: "unspecified" } } })",
       "deny egress ::,0.0.0.0 @ bpf.network.egress.toDestinations[0]\n"},
      {"PodSelf", R"(network { egress { to_destinations { ip: "pod-self" ports { port: 80 } } } })",
       "deny egress pod-self ports=80 @ bpf.network.egress.toDestinations[0]\n"},
      {"OnlyPorts", R"(network { egress { to_destinations { ports { port: 25 } } } })",
       "deny egress any ports=25 @ bpf.network.egress.toDestinations[0]\n"},
      {"PortsAreSortedAndJoined",
       R"(network { egress { to_destinations { ip: "192.0.2.1" ports { port: 443 }
          ports { port: 80 end_port: 90 } ports { port: 85 end_port: 100 } ports { port: 101 }
          ports { port: 443 end_port: 443 } ports { port: 65535 } } } })",
       "deny egress 192.0.2.1 ports=80-101,443,65535 @ "
       "bpf.network.egress.toDestinations[0]\n"},
  });
}

TEST(BpfDestinationTest, E18_ToE20_WrongDestinationsAreErrors) {
  ExpectOutcomes({
      {"Nothing", R"(network { egress { to_destinations { } } })",
       "error: bpf.network.egress.toDestinations[0]: none of ip, cidr and ports is given "
       "[destination-empty]\n"
       "  fix: add at least one of them\n"},
      {"Both", R"(network { egress { to_destinations { ip: "192.0.2.1" cidr: "10.0.0.0/8" } } })",
       "error: bpf.network.egress.toDestinations[0]: both ip \"192.0.2.1\" and cidr "
       "\"10.0.0.0/8\" are given [destination-ambiguous]\n"
       "  fix: keep one of them, or write two rules\n"},
      {"LocalhostAndCidr",
       R"(network { egress { to_destinations { ip: "localhost" cidr: "10.0.0.0/8" } } })",
       "error: bpf.network.egress.toDestinations[0]: both ip \"localhost\" and cidr "
       "\"10.0.0.0/8\" are given [destination-ambiguous]\n"
       "  fix: keep one of them, or write two rules\n"},
      {"HostName", R"(network { egress { to_destinations { ip: "example.com" } } })",
       "error: bpf.network.egress.toDestinations[0].ip: address \"example.com\": not an IP "
       "address [bad-address]\n"
       "  fix: write one such as 192.0.2.1 or 2001:db8::1\n"},
      {"Zone", R"(network { egress { to_destinations { ip: "fe80::1%eth0" } } })",
       "error: bpf.network.egress.toDestinations[0].ip: address \"fe80::1%eth0\": an "
       "address with a zone [bad-address]\n"
       "  fix: remove the part from \"%\" on\n"},
      {"NetworkAsIp", R"(network { egress { to_destinations { ip: "10.0.0.0/8" } } })",
       "error: bpf.network.egress.toDestinations[0].ip: address \"10.0.0.0/8\": a network, "
       "not an address [bad-address]\n"
       "  fix: write it under \"cidr\"\n"},
      {"AddressAsCidr", R"(network { egress { to_destinations { cidr: "10.0.0.1" } } })",
       "error: bpf.network.egress.toDestinations[0].cidr: address \"10.0.0.1\": not a "
       "network [bad-address]\n"
       "  fix: write ADDRESS/BITS, or use \"ip\"\n"},
      {"Bits", R"(network { egress { to_destinations { cidr: "10.0.0.0/40" } } })",
       "error: bpf.network.egress.toDestinations[0].cidr: address \"10.0.0.0/40\": the part "
       "after \"/\" is not 0 to 32 [bad-address]\n"
       "  fix: write the number of network bits\n"},
      {"PortZero", R"(network { egress { to_destinations { ports { } } } })",
       "error: bpf.network.egress.toDestinations[0].ports[0]: ports 0 to 0 are no range "
       "within 1 to 65535 [bad-port-range]\n"
       "  fix: write endPort not below port\n"},
      {"Backwards", R"(network { egress { to_destinations { ports { port: 90 end_port: 80 } } } })",
       "error: bpf.network.egress.toDestinations[0].ports[0]: ports 90 to 80 are no range "
       "within 1 to 65535 [bad-port-range]\n"
       "  fix: write endPort not below port\n"},
      {"TooHigh",
       R"(network { egress { to_destinations { ports { port: 80 } ports { port: 65536 } } } })",
       "error: bpf.network.egress.toDestinations[0].ports[1]: ports 65536 to 65536 are no "
       "range within 1 to 65535 [bad-port-range]\n"
       "  fix: write endPort not below port\n"},
      {"EveryMistake",
       R"(network { egress { to_destinations { ip: "x" ports { port: 2 end_port: 1 } } } })",
       "error: bpf.network.egress.toDestinations[0].ip: address \"x\": not an IP address "
       "[bad-address]\n"
       "  fix: write one such as 192.0.2.1 or 2001:db8::1\n"
       "error: bpf.network.egress.toDestinations[0].ports[0]: ports 2 to 1 are no range "
       "within 1 to 65535 [bad-port-range]\n"
       "  fix: write endPort not below port\n"},
  });
}

TEST(BpfDestinationTest, LegacyEgressesAreRead) {
  ExpectOutcomes({
      {"Ip", R"(network { egresses { ip: "192.0.2.1" port: 80 } })",
       "deny egress 192.0.2.1 ports=80 @ bpf.network.egresses[0]\n"},
      {"Block", R"(network { egresses { ip_block: "10.0.0.0/8" } })",
       "deny egress 10.0.0.0/8 @ bpf.network.egresses[0]\n"},
      {"Port", R"(network { egresses { port: 53 } })",
       "deny egress any ports=53 @ bpf.network.egresses[0]\n"},
      {"Nothing", R"(network { egresses { } })",
       "error: bpf.network.egresses[0]: none of ip, ipBlock and port is given "
       "[destination-empty]\n"
       "  fix: add at least one of them\n"},
      {"Both", R"(network { egresses { ip: "192.0.2.1" ip_block: "10.0.0.0/8" } })",
       "error: bpf.network.egresses[0]: both ip \"192.0.2.1\" and ipBlock \"10.0.0.0/8\" "
       "are given [destination-ambiguous]\n"
       "  fix: keep one of them, or write two rules\n"},
      {"BadBlock", R"(network { egresses { ip_block: "10.0.0/8" } })",
       "error: bpf.network.egresses[0].ipBlock: address \"10.0.0/8\": not an IP address "
       "[bad-address]\n"
       "  fix: write one such as 192.0.2.1 or 2001:db8::1\n"},
  });
}

constexpr char kCluster[] = R"(
  services { namespace: "shop" name: "web" labels { key: "tier" value: "front" }
             cluster_ips: "10.96.0.5" cluster_ips: "fd00::5" }
  services { namespace: "shop" name: "db" labels { key: "tier" value: "back" }
             cluster_ips: "None" }
  services { namespace: "other" name: "web" labels { key: "tier" value: "front" }
             cluster_ips: "10.96.0.6" }
  services { namespace: "shop" name: "none" cluster_ips: "" }
  endpoint_slices { namespace: "shop" address_type: "IPv4" addresses: "10.244.0.2"
                    addresses: "10.244.0.3" ports: 8443 ports: 8080 ports: 8080
                    labels { key: "kubernetes.io/service-name" value: "web" } }
  endpoint_slices { namespace: "shop" address_type: "IPv4" addresses: "10.244.0.9"
                    labels { key: "kubernetes.io/service-name" value: "db" } }
  endpoint_slices { namespace: "other" address_type: "FQDN" addresses: "db.example.com"
                    labels { key: "kubernetes.io/service-name" value: "web" } }
  endpoint_slices { namespace: "shop" address_type: "IPv4" addresses: "10.244.0.77"
                    labels { key: "tier" value: "manual" } }
  pods { namespace: "shop" name: "a" labels { key: "app" value: "web" }
         ips: "10.244.1.1" ips: "fd00:1::1" }
  pods { namespace: "shop" name: "b" labels { key: "app" value: "web" } ips: "10.244.1.2" }
  pods { namespace: "other" name: "c" labels { key: "app" value: "web" } ips: "10.244.1.3" }
  pods { namespace: "shop" name: "d" labels { key: "app" value: "node" } ips: "192.168.0.1"
         host_network: true }
  pods { namespace: "shop" name: "e" labels { key: "app" value: "odd" } ips: "pending" }
)";

TEST(BpfServiceTest, ClusterAddressesOnAllPortsAndEndpointsOnTheirs) {
  const ClusterFacts cluster = Cluster(kCluster);
  ExpectOutcomes(
      {
          {"ByName", R"(network { egress { to_services { namespace: "shop" name: "web" } } })",
           "deny egress 10.96.0.5,fd00::5 @ bpf.network.egress.toServices[0]\n"
           "deny egress 10.244.0.2,10.244.0.3 ports=8080,8443 @ "
           "bpf.network.egress.toServices[0]\n"},
          {"BySelectorInANamespace",
           R"(network { egress { to_services { namespace: "shop"
              service_selector { match_labels { key: "tier" value: "front" } } } } })",
           "deny egress 10.96.0.5,fd00::5 @ bpf.network.egress.toServices[0]\n"
           "deny egress 10.244.0.2,10.244.0.3 ports=8080,8443 @ "
           "bpf.network.egress.toServices[0]\n"},
          {"SelectorsMatchSlicesToo",
           R"(network { egress { to_services {
              service_selector { match_labels { key: "tier" value: "manual" } } } } })",
           "deny egress 10.244.0.77 @ bpf.network.egress.toServices[0]\n"},
          {"Absent", R"(network { egress { to_services { namespace: "shop" name: "x" } } })",
           "warning: bpf.network.egress.toServices[0]: no service of the cluster matches, so "
           "the rule covers no address [cluster-destination-empty]\n"
           "  fix: check namespace, name and labels\n"},
          {"WithoutAddresses",
           R"(network { egress { to_services { namespace: "shop" name: "none" } } })",
           "warning: bpf.network.egress.toServices[0]: no service of the cluster matches, so "
           "the rule covers no address [cluster-destination-empty]\n"
           "  fix: check namespace, name and labels\n"},
      },
      &cluster);
}

TEST(BpfServiceTest, W27_HeadlessServicesAndHostNamesDoNotFail) {
  const ClusterFacts cluster = Cluster(kCluster);
  ExpectOutcomes(
      {
          {"Headless", R"(network { egress { to_services { namespace: "shop" name: "db" } } })",
           "deny egress 10.244.0.9 @ bpf.network.egress.toServices[0]\n"},
          {"HostNames", R"(network { egress { to_services { namespace: "other" name: "web" } } })",
           "deny egress 10.96.0.6 @ bpf.network.egress.toServices[0]\n"
           "warning: bpf.network.egress.toServices[0]: an endpoint slice in namespace \"other\" "
           "lists host names, which cannot be matched; it is left out "
           "[cluster-address-skipped]\n"},
      },
      &cluster);
}

TEST(BpfServiceTest, E21_ServicesAreNamedOrSelected) {
  const ClusterFacts cluster = Cluster(kCluster);
  ExpectOutcomes(
      {
          {"Both",
           R"(network { egress { to_services { namespace: "shop" name: "web"
              service_selector { match_labels { key: "a" value: "b" } } } } })",
           "error: bpf.network.egress.toServices[0]: both name and serviceSelector are given "
           "[service-ambiguous]\n"
           "  fix: keep one of them\n"},
          {"NameOnly", R"(network { egress { to_services { name: "web" } } })",
           "error: bpf.network.egress.toServices[0]: neither a serviceSelector nor namespace "
           "and name are given [service-incomplete]\n"
           "  fix: name the service with its namespace, or select services by labels\n"},
          {"NamespaceOnly", R"(network { egress { to_services { namespace: "shop" } } })",
           "error: bpf.network.egress.toServices[0]: neither a serviceSelector nor namespace "
           "and name are given [service-incomplete]\n"
           "  fix: name the service with its namespace, or select services by labels\n"},
          {"Nothing", R"(network { egress { to_services { } } })",
           "error: bpf.network.egress.toServices[0]: neither a serviceSelector nor namespace "
           "and name are given [service-incomplete]\n"
           "  fix: name the service with its namespace, or select services by labels\n"},
      },
      &cluster);
}

TEST(BpfPodsTest, PodsAreSelectedByLabelsAndNamespace) {
  const ClusterFacts cluster = Cluster(kCluster);
  ExpectOutcomes(
      {
          {"Namespace",
           R"(network { egress { to_pods { namespace: "shop" ports { port: 80 }
              pod_selector { match_labels { key: "app" value: "web" } } } } })",
           "deny egress 10.244.1.1,10.244.1.2,fd00:1::1 ports=80 @ "
           "bpf.network.egress.toPods[0]\n"},
          {"EveryNamespace",
           R"(network { egress { to_pods {
              pod_selector { match_labels { key: "app" value: "web" } } } } })",
           "deny egress 10.244.1.1,10.244.1.2,10.244.1.3,fd00:1::1 @ "
           "bpf.network.egress.toPods[0]\n"},
          {"NoSuchPod",
           R"(network { egress { to_pods {
              pod_selector { match_labels { key: "app" value: "x" } } } } })",
           "warning: bpf.network.egress.toPods[0]: no pod of the cluster matches, so the rule "
           "covers no address [cluster-destination-empty]\n"
           "  fix: check namespace and labels\n"},
          {"HostNetwork",
           R"(network { egress { to_pods {
              pod_selector { match_labels { key: "app" value: "node" } } } } })",
           "warning: bpf.network.egress.toPods[0]: 1 matching pods use their node's network and "
           "are left out: their addresses are the node's [cluster-address-skipped]\n"
           "  fix: write the node's address as a destination if it is meant\n"
           "warning: bpf.network.egress.toPods[0]: no pod of the cluster matches, so the rule "
           "covers no address [cluster-destination-empty]\n"
           "  fix: check namespace and labels\n"},
          {"AddressUnknown",
           R"(network { egress { to_pods {
              pod_selector { match_labels { key: "app" value: "odd" } } } } })",
           "warning: bpf.network.egress.toPods[0]: pod shop/e has the address \"pending\", "
           "which is no IP address; it is left out [cluster-address-skipped]\n"
           "warning: bpf.network.egress.toPods[0]: no pod of the cluster matches, so the rule "
           "covers no address [cluster-destination-empty]\n"
           "  fix: check namespace and labels\n"},
          {"Ports",
           R"(network { egress { to_pods { ports { port: 3 end_port: 2 }
              pod_selector { match_labels { key: "app" value: "web" } } } } })",
           "error: bpf.network.egress.toPods[0].ports[0]: ports 3 to 2 are no range within 1 to "
           "65535 [bad-port-range]\n"
           "  fix: write endPort not below port\n"},
      },
      &cluster);
}

TEST(BpfEgressTest, E22_UnknownClustersAreReportedAndTheRulesAreWatched) {
  const char* rules =
      R"(network { egress {
           to_services { namespace: "shop" name: "web" }
           to_services { service_selector { match_labels { key: "tier" value: "front" } } }
           to_pods { pod_selector { match_expressions { key: "app" operator: "Exists" } } } } })";
  ExpectOutcomes(
      {{"Strict", rules,
        "error: bpf.network.egress.toPods[0]: the addresses of services and pods are not "
        "known here [cluster-facts-missing]\n"
        "  fix: give the cluster's facts (--cluster-facts FILE), or compile leniently and "
        "have the addresses filled in later\n"
        "error: bpf.network.egress.toServices[0]: the addresses of services and pods are not "
        "known here [cluster-facts-missing]\n"
        "  fix: give the cluster's facts (--cluster-facts FILE), or compile leniently and "
        "have the addresses filled in later\n"
        "error: bpf.network.egress.toServices[1]: the addresses of services and pods are not "
        "known here [cluster-facts-missing]\n"
        "  fix: give the cluster's facts (--cluster-facts FILE), or compile leniently and "
        "have the addresses filled in later\n"}});

  Diagnostics diagnostics(/*lenient=*/true);
  const BpfRules read = ReadRawRules(rules, RawContext(), diagnostics);
  EXPECT_FALSE(diagnostics.HasErrors());
  EXPECT_TRUE(read.cluster_addresses_missing);
  EXPECT_TRUE(read.egress.empty());
  ASSERT_EQ(read.egress_watches.size(), 3u);
  EXPECT_EQ(read.egress_watches[0].ShortDebugString(),
            "field: \"bpf.network.egress.toPods[0]\" selector: \"app\" pods: true");
  EXPECT_EQ(read.egress_watches[1].ShortDebugString(),
            "field: \"bpf.network.egress.toServices[0]\" namespace: \"shop\" service_name: "
            "\"web\"");
  EXPECT_EQ(read.egress_watches[2].ShortDebugString(),
            "field: \"bpf.network.egress.toServices[1]\" selector: \"tier=front\"");
}

}  // namespace
}  // namespace varmor
