#include "runtime/manager/admission/workload_policies.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;

Json Policy(const std::string& text) {
  Json policy = Json::parse(text);
  policy["kind"] =
      policy["metadata"].contains("namespace") ? "VarmorPolicy" : "VarmorClusterPolicy";
  policy["spec"]["policy"]["enforcer"] = "BPF";
  return policy;
}

WorkloadPolicy Read(const Json& policy, const OptOutDefaults& opt_out = {}) {
  auto read = ReadWorkloadPolicy(policy, "", "varmor", opt_out);
  EXPECT_TRUE(read.ok()) << read.status();
  return *std::move(read);
}

TEST(WorkloadPoliciesTest, ReadsAPolicy) {
  const Json policy = Json::parse(R"({"kind": "VarmorPolicy",
      "metadata": {"name": "DB", "namespace": "shop", "creationTimestamp": "2025-01-01T00:00:00Z"},
      "spec": {"target": {"kind": "Pod", "selector": {}, "containers": ["a", "b"]},
               "policy": {"enforcer": "bpfAppArmor", "mode": "RuntimeDefault"}}})");
  const WorkloadPolicy read = Read(policy);
  EXPECT_EQ(read.name_space, "shop");
  EXPECT_EQ(read.name, "DB");
  EXPECT_EQ(read.created, "2025-01-01T00:00:00Z");
  EXPECT_EQ(read.target_kind, "Pod");
  EXPECT_EQ(read.protection.profile_name, "varmor-shop-db");
  EXPECT_TRUE(read.protection.enforcers.bpf);
  EXPECT_TRUE(read.protection.enforcers.app_armor);
  EXPECT_FALSE(read.protection.enforcers.seccomp);
  EXPECT_TRUE(read.protection.runtime_default);
  EXPECT_TRUE(read.protection.allow_opt_out);
  EXPECT_THAT(read.protection.containers, ElementsAre("a", "b"));

  // The profile that exists may be older than the policy.
  auto older = ReadWorkloadPolicy(policy, "Seccomp", "varmor", {});
  ASSERT_TRUE(older.ok());
  EXPECT_TRUE(older->protection.enforcers.seccomp);
  EXPECT_FALSE(older->protection.enforcers.bpf);
}

TEST(WorkloadPoliciesTest, ClusterPoliciesHaveNamesOfTheInstallation) {
  auto read = ReadWorkloadPolicy(
      Policy(R"({"metadata": {"name": "all"}, "spec": {"target": {"kind": "Pod", "name": "x"}}})"),
      "", "security", {});
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->name_space, "");
  EXPECT_EQ(read->protection.profile_name, "varmor-cluster-security-all");
}

TEST(WorkloadPoliciesTest, SaysWhoMayOptOut) {
  Json policy =
      Policy(R"({"metadata": {"name": "a", "namespace": "n"}, "spec": {"target": {"name": "x"}}})");
  Json cluster = Policy(R"({"metadata": {"name": "a"}, "spec": {"target": {"name": "x"}}})");
  const OptOutDefaults strict = {/*namespaced_policies=*/true, /*cluster_policies=*/false};
  EXPECT_TRUE(Read(policy, strict).protection.allow_opt_out);
  EXPECT_FALSE(Read(cluster, strict).protection.allow_opt_out);
  EXPECT_TRUE(Read(cluster).protection.allow_opt_out);
  policy["metadata"]["annotations"] = {{"varmor.org/allow-opt-out", "false"}};
  cluster["metadata"]["annotations"] = {{"varmor.org/allow-opt-out", "true"}};
  EXPECT_FALSE(Read(policy, strict).protection.allow_opt_out);
  EXPECT_TRUE(Read(cluster, strict).protection.allow_opt_out);
}

TEST(WorkloadPoliciesTest, RefusesWhatProtectsNothing) {
  const auto status = [](const char* target, const char* enforcer) {
    Json policy = Json::parse(R"({"kind": "VarmorPolicy", "metadata": {"name": "a"}})");
    policy["spec"] = {{"target", Json::parse(target)}, {"policy", {{"enforcer", enforcer}}}};
    return ReadWorkloadPolicy(policy, "", "varmor", {}).status();
  };
  EXPECT_EQ(status(R"({"kind": "Pod"})", "BPF").message(),
            "spec.target: has to have one of name and selector; write one of them");
  EXPECT_EQ(status(R"({"kind": "Pod", "name": "a", "selector": {}})", "BPF").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status(R"({"kind": "Pod", "name": "a"})", "BFP").message(),
            "spec.policy.enforcer: unknown enforcer \"BFP\"; did you mean \"BPF\"?");
}

struct SelectorCase {
  const char* selector;
  bool matches;  // {"app": "db", "tier": ""}
};

TEST(WorkloadPoliciesTest, SelectsLikeKubernetes) {
  const Json labels = {{"app", "db"}, {"tier", ""}};
  for (const SelectorCase& each : std::vector<SelectorCase>{
           {"null", false},
           {"{}", true},
           {R"({"matchLabels": {"app": "db"}})", true},
           {R"({"matchLabels": {"app": "db", "tier": ""}})", true},
           {R"({"matchLabels": {"app": "web"}})", false},
           {R"({"matchLabels": {"none": ""}})", false},
           {R"({"matchLabels": {"app": 1}})", false},
           {R"({"matchLabels": []})", false},
           {R"({"matchLabels": null, "matchExpressions": null})", true},
           {R"({"matchExpressions": [{"key": "app", "operator": "In", "values": ["x", "db"]}]})",
            true},
           {R"({"matchExpressions": [{"key": "app", "operator": "In", "values": ["x"]}]})", false},
           {R"({"matchExpressions": [{"key": "none", "operator": "In", "values": ["x"]}]})", false},
           {R"({"matchExpressions": [{"key": "app", "operator": "In", "values": []}]})", false},
           {R"({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["x"]}]})",
            true},
           {R"({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["db"]}]})",
            false},
           {R"({"matchExpressions": [{"key": "none", "operator": "NotIn", "values": ["x"]}]})",
            true},
           {R"({"matchExpressions": [{"key": "app", "operator": "NotIn"}]})", false},
           {R"({"matchExpressions": [{"key": "tier", "operator": "Exists"}]})", true},
           {R"({"matchExpressions": [{"key": "none", "operator": "Exists"}]})", false},
           {R"({"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["x"]}]})",
            false},
           {R"({"matchExpressions": [{"key": "none", "operator": "DoesNotExist"}]})", true},
           {R"({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]})", false},
           {R"({"matchExpressions": [{"key": "app", "operator": "Equals", "values": ["db"]}]})",
            false},
           {R"({"matchExpressions": [{"operator": "Exists"}]})", false},
           {R"({"matchLabels": {"app": "db"},
                "matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["db"]}]})",
            false},
       }) {
    EXPECT_EQ(SelectorMatches(Json::parse(each.selector), labels), each.matches) << each.selector;
  }
  EXPECT_TRUE(SelectorMatches(Json::object(), nullptr));
  EXPECT_FALSE(SelectorMatches({{"matchLabels", {{"a", "b"}}}}, nullptr));
}

std::vector<std::string> Names(const std::vector<const WorkloadPolicy*>& policies) {
  std::vector<std::string> names;
  for (const WorkloadPolicy* each : policies) names.push_back(each->name);
  return names;
}

TEST(WorkloadPoliciesTest, OrdersByScopeNameAgeAndName) {
  std::vector<WorkloadPolicy> policies;
  for (const char* text : {
           R"({"metadata": {"name": "c", "namespace": "n", "creationTimestamp": "2025-01-02"},
               "spec": {"target": {"kind": "Pod", "selector": {}}}})",
           R"({"metadata": {"name": "d", "namespace": "n", "creationTimestamp": "2025-01-01"},
               "spec": {"target": {"kind": "Pod", "selector": {}}}})",
           R"({"metadata": {"name": "b", "namespace": "n", "creationTimestamp": "2025-01-02"},
               "spec": {"target": {"kind": "Pod", "selector": {}}}})",
           R"({"metadata": {"name": "named", "namespace": "n", "creationTimestamp": "2025-01-09"},
               "spec": {"target": {"kind": "Pod", "name": "x"}}})",
           R"({"metadata": {"name": "everywhere", "creationTimestamp": "2025-01-09"},
               "spec": {"target": {"kind": "Pod", "selector": {}}}})",
           R"({"metadata": {"name": "everyX", "creationTimestamp": "2025-01-09"},
               "spec": {"target": {"kind": "Pod", "name": "x"}}})",
           R"({"metadata": {"name": "elsewhere", "namespace": "m", "creationTimestamp": "2025"},
               "spec": {"target": {"kind": "Pod", "selector": {}}}})",
           R"({"metadata": {"name": "kind", "namespace": "n", "creationTimestamp": "2025"},
               "spec": {"target": {"kind": "Deployment", "selector": {}}}})"}) {
    policies.push_back(Read(Policy(text)));
  }
  // Whatever the order they come in.
  for (int i = 0; i < 8; ++i) {
    std::rotate(policies.begin(), policies.begin() + 3, policies.end());
    const WorkloadPolicies index(policies);
    EXPECT_THAT(Names(index.Match("Pod", "n", "x", nullptr)),
                ElementsAre("everyX", "everywhere", "named", "d", "b", "c"));
    // No name yet: by labels.
    EXPECT_THAT(Names(index.Match("Pod", "n", "", nullptr)),
                ElementsAre("everywhere", "d", "b", "c"));
    EXPECT_THAT(Names(index.Match("StatefulSet", "n", "x", nullptr)), ElementsAre());
  }
}

TEST(WorkloadPoliciesTest, AProfileBelongsToTheOldestPolicy) {
  const WorkloadPolicies policies({
      Read(Policy(R"({"metadata": {"name": "c", "namespace": "a-b", "creationTimestamp": "2025"},
                      "spec": {"target": {"kind": "Pod", "name": "x"}}})")),
      Read(Policy(R"({"metadata": {"name": "b-c", "namespace": "a", "creationTimestamp": "2024"},
                      "spec": {"target": {"kind": "Pod", "name": "x"}}})")),
  });
  ASSERT_NE(policies.OwnerOf("varmor-a-b-c"), nullptr);
  EXPECT_EQ(policies.OwnerOf("varmor-a-b-c")->name, "b-c");
  EXPECT_EQ(policies.OwnerOf("varmor-a-b"), nullptr);
}

}  // namespace
}  // namespace varmor
