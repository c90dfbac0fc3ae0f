#include "runtime/manager/cluster_addresses.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;

TEST(ClusterAddressesTest, ReadsServicesSlicesAndPods) {
  ClusterAddresses addresses;
  EXPECT_TRUE(addresses.Changed(Json::parse(R"({"kind": "Service",
      "metadata": {"namespace": "default", "name": "kubernetes", "labels": {"a": "b"}},
      "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"]}})")));
  EXPECT_TRUE(addresses.Changed(Json::parse(R"({"kind": "Service",
      "metadata": {"namespace": "a", "name": "old"}, "spec": {"clusterIP": "10.0.0.2"}})")));
  EXPECT_TRUE(addresses.Changed(Json::parse(R"({"kind": "EndpointSlice",
      "metadata": {"namespace": "default", "name": "kubernetes",
                   "labels": {"kubernetes.io/service-name": "kubernetes"}},
      "addressType": "IPv4", "ports": [{"port": 6443}, {"name": "any"}],
      "endpoints": [{"addresses": ["192.0.2.2"]}, {"addresses": ["192.0.2.1"]}]})")));
  EXPECT_TRUE(addresses.Changed(Json::parse(R"({"kind": "Pod",
      "metadata": {"namespace": "shop", "name": "db-0", "labels": {"app": "db"}},
      "spec": {"hostNetwork": true},
      "status": {"phase": "Running", "podIPs": [{"ip": "10.1.0.9"}, {"ip": "10.1.0.5"}]}})")));
  const auto facts = addresses.Facts();
  ASSERT_EQ(facts->services_size(), 2);
  EXPECT_EQ(facts->services(0).name(), "old");
  EXPECT_THAT(facts->services(0).cluster_ips(), ElementsAre("10.0.0.2"));
  EXPECT_THAT(facts->services(1).cluster_ips(), ElementsAre("10.0.0.1", "fd00::1"));
  EXPECT_EQ(facts->services(1).labels().at("a"), "b");
  ASSERT_EQ(facts->endpoint_slices_size(), 1);
  EXPECT_THAT(facts->endpoint_slices(0).addresses(), ElementsAre("192.0.2.1", "192.0.2.2"));
  EXPECT_THAT(facts->endpoint_slices(0).ports(), ElementsAre(6443u));
  ASSERT_EQ(facts->pods_size(), 1);
  EXPECT_THAT(facts->pods(0).ips(), ElementsAre("10.1.0.5", "10.1.0.9"));
  EXPECT_TRUE(facts->pods(0).host_network());
}

TEST(ClusterAddressesTest, TellsOnlyWhatMatters) {
  ClusterAddresses addresses;
  Json pod = Json::parse(R"({"kind": "Pod",
      "metadata": {"namespace": "shop", "name": "db-0", "labels": {"app": "db"}},
      "status": {"phase": "Pending"}})");
  EXPECT_TRUE(addresses.Changed(pod));
  pod["status"]["conditions"] = {{{"type", "Ready"}}};
  EXPECT_FALSE(addresses.Changed(pod));
  pod["status"]["podIPs"] = {{{"ip", "10.1.0.5"}}};
  EXPECT_TRUE(addresses.Changed(pod));
  pod["metadata"]["labels"]["app"] = "other";
  EXPECT_TRUE(addresses.Changed(pod));
  // Gone in fact, though the object is still there.
  pod["metadata"]["deletionTimestamp"] = "2025-01-01T00:00:00Z";
  EXPECT_TRUE(addresses.Changed(pod));
  EXPECT_EQ(addresses.Facts()->pods(0).ips_size(), 0);
  EXPECT_TRUE(addresses.Gone(pod));
  EXPECT_FALSE(addresses.Gone(pod));
  EXPECT_EQ(addresses.Facts()->pods_size(), 0);
}

}  // namespace
}  // namespace varmor
