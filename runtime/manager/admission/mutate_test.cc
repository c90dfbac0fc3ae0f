#include "runtime/manager/admission/mutate.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1735689600);  // 2025-01-01T00:00:00Z
constexpr char kStamp[] = "2025-01-01T00:00:00Z";

constexpr char kBpf[] = "container.bpf.security.beta.varmor.org/";
constexpr char kAppArmor[] = "container.apparmor.security.beta.varmor.org/";
constexpr char kSeccomp[] = "container.seccomp.security.beta.varmor.org/";
constexpr char kKubernetes[] = "container.apparmor.security.beta.kubernetes.io/";

Json Policy(const std::string& kind, const std::string& enforcer,
            const std::string& mode = "EnhanceProtect") {
  return {{"apiVersion", "crd.varmor.org/v1beta1"},
          {"kind", "VarmorPolicy"},
          {"metadata", {{"name", "db"}, {"namespace", "shop"}}},
          {"spec",
           {{"target", {{"kind", kind}, {"name", "db"}}},
            {"policy", {{"enforcer", enforcer}, {"mode", mode}}}}}};
}

WorkloadPolicies PoliciesOf(const std::vector<Json>& policies) {
  std::vector<WorkloadPolicy> read;
  for (const Json& each : policies) {
    auto policy = ReadWorkloadPolicy(each, "", "varmor", {});
    EXPECT_TRUE(policy.ok()) << policy.status();
    read.push_back(*std::move(policy));
  }
  return WorkloadPolicies(std::move(read));
}

// A pod, or a workload around its template.
Json Workload(const std::string& kind, const Json& pod) {
  const Json::json_pointer name("/metadata/name");
  if (kind == "Pod") {
    Json object = pod;
    object["apiVersion"] = "v1";
    object["kind"] = "Pod";
    object[name] = "db";
    return object;
  }
  Json object = {{"apiVersion", "apps/v1"}, {"kind", kind}, {"spec", {{"template", pod}}}};
  object[name] = "db";
  return object;
}

AdmissionRequest RequestFor(const Json& object, const std::string& operation = "CREATE") {
  AdmissionRequest request;
  request.uid = "1";
  request.kind = object["kind"];
  request.group = request.kind == "Pod" ? "" : "apps";
  request.name_space = "shop";
  request.name = "db";
  request.operation = operation;
  request.object = object;
  return request;
}

// What the server stores. A patch that is not strict RFC 6902 throws, which fails the test.
Json Patched(const Json& object, const WorkloadPolicies& policies,
             const TemplateOptions& options = {}) {
  const Mutation mutation = Mutate(RequestFor(object), policies, options, kNow);
  EXPECT_TRUE(mutation.answer.allowed);
  return mutation.answer.patch.is_null() ? object : object.patch(mutation.answer.patch);
}

Json ParsedPod(const char* text) { return Json::parse(text); }

TEST(MutateTest, ExampleOfTheSpecification) {
  const Json object = Workload("StatefulSet", ParsedPod(R"({"spec": {"containers": [
      {"name": "main"}, {"name": "sidecar", "securityContext": {"privileged": true}}]}})"));
  TemplateOptions options;
  options.app_armor_field = true;
  const Json patch = Json::parse(R"([
    {"op": "add", "path": "/metadata/annotations",
     "value": {"webhook.varmor.org/mutatedAt": "2025-01-01T00:00:00Z"}},
    {"op": "add", "path": "/spec/template/metadata", "value": {
      "labels": {"varmor.org/profile": "varmor-shop-db"}}},
    {"op": "add", "path": "/spec/template/metadata/annotations", "value": {
      "container.bpf.security.beta.varmor.org/main": "localhost/varmor-shop-db",
      "container.bpf.security.beta.varmor.org/sidecar": "localhost/varmor-shop-db",
      "container.seccomp.security.beta.varmor.org/main": "localhost/varmor-shop-db"}},
    {"op": "add", "path": "/spec/template/spec/containers/0/securityContext", "value": {
      "seccompProfile": {"type": "Localhost", "localhostProfile": "varmor-shop-db"}}}])");
  EXPECT_EQ(Patched(object, PoliciesOf({Policy("StatefulSet", "BPFSeccomp")}), options),
            object.patch(patch));

  Json runtime_default = object.patch(patch);
  runtime_default["spec"]["template"]["spec"]["containers"][0]["securityContext"] =
      Json::parse(R"({"seccompProfile": {"type": "RuntimeDefault"}})");
  EXPECT_EQ(
      Patched(object, PoliciesOf({Policy("StatefulSet", "BPFSeccomp", "RuntimeDefault")}), options),
      runtime_default);
}

// One thing that a user wrote, in the container `main` or for the whole pod.
struct Condition {
  const char* name;
  const char* pod;  // what stands in a pod with the containers main and sidecar
  // Enforcers that the condition keeps out of both containers (pod) or of `main`.
  bool whole_pod;
  bool bpf;
  bool app_armor_annotation;  // servers before 1.30
  bool app_armor_field;       // 1.30 and newer
  bool seccomp;
};

constexpr Condition kConditions[] = {
    {"Nothing", R"({"spec": {"containers": [{"name": "main"}, {"name": "sidecar"}]}})", false,
     false, false, false, false},
    {"BpfUnconfined",
     R"({"metadata": {"annotations": {"container.bpf.security.beta.varmor.org/main": "unconfined"}},
         "spec": {"containers": [{"name": "main"}, {"name": "sidecar"}]}})",
     false, true, false, false, false},
    {"AppArmorUnconfined",
     R"({"metadata": {"annotations":
          {"container.apparmor.security.beta.varmor.org/main": "unconfined"}},
         "spec": {"containers": [{"name": "main"}, {"name": "sidecar"}]}})",
     false, false, true, true, false},
    {"KubernetesAppArmorUnconfined",
     R"({"metadata": {"annotations":
          {"container.apparmor.security.beta.kubernetes.io/main": "unconfined"}},
         "spec": {"containers": [{"name": "main"}, {"name": "sidecar"}]}})",
     false, false, true, true, false},
    {"AppArmorFieldUnconfined",
     R"({"spec": {"containers": [{"name": "main", "securityContext":
          {"appArmorProfile": {"type": "Unconfined"}}}, {"name": "sidecar"}]}})",
     false, false, true, true, false},
    {"PodAppArmorFieldUnconfined",
     R"({"spec": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}},
          "containers": [{"name": "main"}, {"name": "sidecar"}]}})",
     true, false, true, true, false},
    {"SeccompUnconfined",
     R"({"metadata": {"annotations":
          {"container.seccomp.security.beta.varmor.org/main": "unconfined"}},
         "spec": {"containers": [{"name": "main"}, {"name": "sidecar"}]}})",
     false, false, false, false, true},
    {"Privileged",
     R"({"spec": {"containers": [{"name": "main", "securityContext": {"privileged": true}},
          {"name": "sidecar"}]}})",
     false, false, false, false, true},
    {"SeccompFieldUnconfined",
     R"({"spec": {"containers": [{"name": "main", "securityContext":
          {"seccompProfile": {"type": "Unconfined"}}}, {"name": "sidecar"}]}})",
     false, false, false, false, true},
    {"PodSeccompFieldUnconfined",
     R"({"spec": {"securityContext": {"seccompProfile": {"type": "Unconfined"}},
          "containers": [{"name": "main"}, {"name": "sidecar"}]}})",
     true, false, false, false, true},
    {"NotPrivileged",
     R"({"metadata": {"annotations": null}, "spec": {"containers": [{"name": "main",
          "securityContext": {"privileged": false, "runAsUser": 1}},
          {"name": "sidecar", "securityContext": null}]}})",
     false, false, false, false, false},
};

struct Words {
  bool bpf = false;
  bool app_armor = false;
  bool seccomp = false;
};

// All permutations of all non-empty sets of enforcer words.
std::vector<std::pair<std::string, Words>> Permutations() {
  std::vector<std::pair<std::string, Words>> all;
  for (int bits = 1; bits < 8; ++bits) {
    std::vector<std::string> words;
    if (bits & 1) words.push_back("AppArmor");
    if (bits & 2) words.push_back("BPF");
    if (bits & 4) words.push_back("Seccomp");
    do {
      all.push_back(
          {absl::StrJoin(words, ""), {(bits & 2) != 0, (bits & 1) != 0, (bits & 4) != 0}});
    } while (std::next_permutation(words.begin(), words.end()));
  }
  return all;
}

// The table of the specification, written down once more.
Json Expected(const Condition& condition, const Words& words, bool field, bool runtime_default,
              const std::string& kind) {
  const std::string word = "localhost/varmor-shop-db";
  Json pod = ParsedPod(condition.pod);
  Json annotations = pod.value("/metadata/annotations"_json_pointer, Json::object());
  if (annotations.is_null()) annotations = Json::object();
  bool changed = false;
  for (Json& container : pod["spec"]["containers"]) {
    const std::string name = container["name"];
    const bool applies = condition.whole_pod || name == "main";
    const auto set_field = [&](const char* member, const Json& value) {
      if (container["securityContext"].is_null()) container["securityContext"] = Json::object();
      container["securityContext"][member] = value;
    };
    const Json localhost = {{"type", "Localhost"}, {"localhostProfile", "varmor-shop-db"}};
    if (words.bpf && !(applies && condition.bpf)) {
      annotations[kBpf + name] = word;
      changed = true;
    }
    if (words.app_armor &&
        !(applies && (field ? condition.app_armor_field : condition.app_armor_annotation))) {
      annotations[(field ? kAppArmor : kKubernetes) + name] = word;
      if (field) set_field("appArmorProfile", localhost);
      changed = true;
    }
    if (words.seccomp && !(applies && condition.seccomp)) {
      annotations[kSeccomp + name] = word;
      set_field("seccompProfile", runtime_default ? Json{{"type", "RuntimeDefault"}} : localhost);
      changed = true;
    }
  }
  if (!changed) return Workload(kind, ParsedPod(condition.pod));
  pod["metadata"]["annotations"] = annotations;
  if (kind != "Pod") pod["metadata"]["labels"] = {{"varmor.org/profile", "varmor-shop-db"}};
  Json object = Workload(kind, pod);
  object["metadata"]["annotations"]["webhook.varmor.org/mutatedAt"] = kStamp;
  return object;
}

TEST(MutateTest, EveryEnforcerServerKindModeAndConditionIsWhatTheTableSays) {
  int cases = 0;
  for (const auto& [enforcer, words] : Permutations()) {
    for (const bool field : {false, true}) {
      for (const char* kind : {"Deployment", "StatefulSet", "DaemonSet", "Pod"}) {
        for (const char* mode : {"EnhanceProtect", "RuntimeDefault"}) {
          const WorkloadPolicies policies = PoliciesOf({Policy(kind, enforcer, mode)});
          TemplateOptions options;
          options.app_armor_field = field;
          for (const Condition& condition : kConditions) {
            SCOPED_TRACE(
                absl::StrCat(enforcer, " ", field, " ", kind, " ", mode, " ", condition.name));
            const Json object = Workload(kind, ParsedPod(condition.pod));
            const Json once = Patched(object, policies, options);
            ASSERT_EQ(once, Expected(condition, words, field, std::string(mode) == "RuntimeDefault",
                                     kind));
            // Nothing to do the second time, not even a new stamp.
            const Mutation again =
                Mutate(RequestFor(once), policies, options, kNow + absl::Hours(1));
            ASSERT_TRUE(again.answer.patch.is_null()) << again.answer.patch;
            ++cases;
          }
        }
      }
    }
  }
  EXPECT_EQ(cases, 15 * 2 * 4 * 2 * 11);
}

TEST(MutateTest, ReplacesOtherValuesAndKeepsThem) {
  const Json object = Workload("Deployment", ParsedPod(R"({"metadata": {"annotations": {
      "container.apparmor.security.beta.kubernetes.io/main": "runtime/default", "a/b~c": "d"}},
      "spec": {"containers": [{"name": "main", "securityContext": {
        "seccompProfile": {"type": "RuntimeDefault"}}}]}})"));
  const WorkloadPolicies policies = PoliciesOf({Policy("Deployment", "AppArmorSeccomp")});
  const Json once = Patched(object, policies);
  Json expected = object;
  expected["metadata"]["annotations"]["webhook.varmor.org/mutatedAt"] = kStamp;
  expected["spec"]["template"] = Json::parse(R"({"metadata": {"annotations": {
      "container.apparmor.security.beta.kubernetes.io/main": "localhost/varmor-shop-db",
      "container.seccomp.security.beta.varmor.org/main": "localhost/varmor-shop-db",
      "varmor.org/original-apparmor": "{\"main\":{\"annotations\":{\"container.apparmor.security.beta.kubernetes.io/main\":\"runtime/default\"}}}",
      "varmor.org/original-seccomp": "{\"main\":{\"field\":{\"type\":\"RuntimeDefault\"}}}",
      "a/b~c": "d"}, "labels": {"varmor.org/profile": "varmor-shop-db"}},
      "spec": {"containers": [{"name": "main", "securityContext": {
        "seccompProfile": {"type": "Localhost", "localhostProfile": "varmor-shop-db"}}}]}})");
  EXPECT_EQ(once, expected);
  EXPECT_EQ(Patched(once, policies), once);
}

TEST(MutateTest, OnlyNamedContainersAndNoInitOrEphemeralOnes) {
  const Json object = Workload("Pod", ParsedPod(R"({"spec": {
      "initContainers": [{"name": "main"}, {"name": "init"}],
      "ephemeralContainers": [{"name": "main"}],
      "containers": [{"name": "main"}, {"name": "other"}, {"name": "third"}]}})"));
  Json policy = Policy("Pod", "AppArmorBPFSeccomp");
  policy["spec"]["target"]["containers"] = {"third", "init", "absent"};
  TemplateOptions options;
  options.app_armor_field = true;
  Json expected = Workload("Pod", ParsedPod(R"({
      "metadata": {"annotations": {
        "container.apparmor.security.beta.varmor.org/third": "localhost/varmor-shop-db",
        "container.bpf.security.beta.varmor.org/third": "localhost/varmor-shop-db",
        "container.seccomp.security.beta.varmor.org/third": "localhost/varmor-shop-db",
        "webhook.varmor.org/mutatedAt": "2025-01-01T00:00:00Z"}},
      "spec": {
        "initContainers": [{"name": "main"}, {"name": "init"}],
        "ephemeralContainers": [{"name": "main"}],
        "containers": [{"name": "main"}, {"name": "other"}, {"name": "third", "securityContext": {
          "appArmorProfile": {"type": "Localhost", "localhostProfile": "varmor-shop-db"},
          "seccompProfile": {"type": "Localhost", "localhostProfile": "varmor-shop-db"}}}]}})"));
  EXPECT_EQ(Patched(object, PoliciesOf({policy}), options), expected);
}

TEST(MutateTest, LeavesOthersAlone) {
  const Json object = Workload("Deployment", ParsedPod(R"({"spec": {"containers": [
      {"name": "main"}]}})"));
  const WorkloadPolicies policies = PoliciesOf({Policy("Deployment", "BPF"), Policy("Pod", "BPF")});
  const auto patch = [&](const AdmissionRequest& request) {
    const Mutation mutation = Mutate(request, policies, {}, kNow);
    EXPECT_TRUE(mutation.answer.allowed);
    return mutation.answer.patch;
  };
  EXPECT_FALSE(patch(RequestFor(object)).is_null());
  EXPECT_FALSE(patch(RequestFor(object, "UPDATE")).is_null());

  AdmissionRequest request = RequestFor(object, "DELETE");
  EXPECT_TRUE(patch(request).is_null());
  request = RequestFor(object);
  request.name_space = "other";
  EXPECT_TRUE(patch(request).is_null());
  request = RequestFor(object);
  request.name = "web";
  EXPECT_TRUE(patch(request).is_null());
  request = RequestFor(object, "UPDATE");
  request.subresource = "scale";
  EXPECT_TRUE(patch(request).is_null());
  request = RequestFor(object);
  request.kind = "ReplicaSet";
  EXPECT_TRUE(patch(request).is_null());
  request = RequestFor(object);
  request.group = "example.org";
  EXPECT_TRUE(patch(request).is_null());
  const Json pod = Workload("Pod", ParsedPod(R"({"spec": {"containers": [{"name": "main"}]}})"));
  EXPECT_FALSE(patch(RequestFor(pod)).is_null());
  EXPECT_TRUE(patch(RequestFor(pod, "UPDATE")).is_null());
}

TEST(MutateTest, WhatIsNoWorkloadIsAllowedAsItIs) {
  const WorkloadPolicies policies = PoliciesOf({Policy("Deployment", "AppArmorBPFSeccomp")});
  for (const char* text :
       {"null", "3", "{}", R"({"metadata": []})", R"({"spec": {"template": 7}})",
        R"({"spec": {"template": {"spec": {"containers": {}}}}})",
        R"({"spec": {"template": {"metadata": "x", "spec": {"containers": [{"name": "main"}]}}}})",
        R"({"spec": {"template": {"metadata": {"annotations": []},
            "spec": {"containers": [{"name": "main"}]}}}})",
        R"({"spec": {"template": {"spec": {"containers": [3, null, {}, {"name": 5},
            {"name": "main", "securityContext": "x"}]}}}})"}) {
    AdmissionRequest request = RequestFor(Workload("Deployment", {}));
    request.object = Json::parse(text);
    const Mutation mutation = Mutate(request, policies, {}, kNow);
    EXPECT_TRUE(mutation.answer.allowed) << text;
    EXPECT_TRUE(mutation.answer.patch.is_null()) << text << mutation.answer.patch;
  }
}

TEST(MutateTest, TheFirstOfSeveralPoliciesIsAppliedAndAllAreTold) {
  Json named = Policy("Deployment", "BPF");
  Json labelled = Policy("Deployment", "Seccomp");
  labelled["metadata"]["name"] = "aaa";
  labelled["spec"]["target"] = {{"kind", "Deployment"},
                                {"selector", {{"matchLabels", {{"app", "db"}}}}}};
  Json object =
      Workload("Deployment", ParsedPod(R"({"spec": {"containers": [{"name": "main"}]}})"));
  object["metadata"]["labels"] = {{"app", "db"}};
  const WorkloadPolicies policies = PoliciesOf({labelled, named});
  const Mutation mutation = Mutate(RequestFor(object), policies, {}, kNow);
  ASSERT_EQ(mutation.matching.size(), 2);
  EXPECT_EQ(mutation.matching[0]->name, "db");
  EXPECT_EQ(mutation.matching[1]->name, "aaa");
  EXPECT_EQ(object.patch(mutation.answer.patch)["spec"]["template"]["metadata"]["annotations"],
            (Json{{"container.bpf.security.beta.varmor.org/main", "localhost/varmor-shop-db"}}));
  ASSERT_EQ(mutation.remarks.size(), 1);
  EXPECT_EQ(mutation.remarks[0].policy, mutation.matching[1]);
  EXPECT_EQ(mutation.answer.warnings,
            std::vector<std::string>({"VarmorPolicy shop/aaa is not applied, because VarmorPolicy "
                                      "shop/db matches too and comes first"}));
}

TEST(MutateTest, TellsWhatIsNotProtected) {
  Json policy = Policy("Pod", "AppArmorSeccomp");
  policy["spec"]["target"]["containers"] = {"main", "absent"};
  Json pod = Workload("Pod", ParsedPod(R"({"metadata": {"annotations": {
      "container.apparmor.security.beta.varmor.org/main": "unconfined"}}, "spec": {"containers": [
      {"name": "main", "securityContext": {"privileged": true}}, {"name": "other"}]}})"));
  const Mutation mutation = Mutate(RequestFor(pod), PoliciesOf({policy}), {}, kNow);
  EXPECT_TRUE(mutation.answer.patch.is_null());
  EXPECT_EQ(mutation.answer.warnings,
            std::vector<std::string>(
                {"VarmorPolicy shop/db: container \"main\" gets no AppArmor: it, or its pod, says "
                 "unconfined",
                 "VarmorPolicy shop/db: container \"main\" gets no Seccomp: it is privileged",
                 "VarmorPolicy shop/db: spec.target.containers names \"absent\", which is no "
                 "container of the pod"}));
  policy["metadata"]["annotations"]["varmor.org/allow-opt-out"] = "false";
  EXPECT_EQ(Mutate(RequestFor(pod), PoliciesOf({policy}), {}, kNow).answer.warnings.size(), 2);
}

// A pod that a controller makes of an old template has no policy, and needs none.
TEST(MutateTest, TakesOutWhatAPolicyThatIsGoneHadWritten) {
  for (const bool field : {false, true}) {
    TemplateOptions options;
    options.app_armor_field = field;
    options.bpf_exclusive = field;
    const Json object = Workload("Pod", ParsedPod(R"({"spec": {"containers": [{"name": "main",
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}]}})"));
    for (const char* enforcers : {"AppArmorBPFSeccomp", "BPF", "AppArmor", "Seccomp"}) {
      Json pod = Patched(object, PoliciesOf({Policy("Pod", enforcers)}), options);
      std::vector<std::string> asked;
      const auto is_gone = [&](const std::string& name) {
        asked.push_back(name);
        return true;
      };
      const Mutation mutation = Mutate(RequestFor(pod), WorkloadPolicies(), options, kNow, is_gone);
      EXPECT_EQ(asked, std::vector<std::string>({"varmor-shop-db"})) << enforcers;
      EXPECT_EQ(mutation.released, asked);
      EXPECT_EQ(mutation.answer.warnings.size(), 1);
      ASSERT_FALSE(mutation.answer.patch.is_null()) << enforcers;
      Json released = pod.patch(mutation.answer.patch);
      EXPECT_EQ(released["spec"], object["spec"]) << enforcers;
      EXPECT_EQ(released["metadata"]["annotations"], (Json{{kMutatedAnnotation, kStamp}}));
      // Not with a policy, not when it is only unknown here, and not in the name of another.
      EXPECT_TRUE(
          Mutate(RequestFor(pod), PoliciesOf({Policy("Deployment", "BPF")}), options, kNow, is_gone)
              .answer.patch.is_null());
      EXPECT_TRUE(
          Mutate(RequestFor(pod), WorkloadPolicies(), options, kNow, [](const std::string&) {
            return false;
          }).answer.patch.is_null());
    }
  }
  const Json own = Workload("Pod", ParsedPod(R"({"spec": {"containers": [{"name": "main",
      "securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "mine"}}}]}})"));
  EXPECT_TRUE(Mutate(RequestFor(own), WorkloadPolicies(), {}, kNow, [](const std::string&) {
                return true;
              }).answer.patch.is_null());
}

// The pods of a template do not have the labels of its workload, but this one.
TEST(MutateTest, PodsOfAnOldTemplateAreReleasedByItsLabel) {
  const Json deployment =
      Workload("Deployment", ParsedPod(R"({"metadata": {"labels": {"app": "db"}},
      "spec": {"containers": [{"name": "main"}]}})"));
  const Json object = Patched(deployment, PoliciesOf({Policy("Deployment", "BPFSeccomp")}));
  const Json& pod_template = object["spec"]["template"];
  EXPECT_EQ(pod_template["metadata"]["labels"],
            (Json{{"app", "db"}, {kProfileLabel, "varmor-shop-db"}}));
  const Json pod = Workload("Pod", pod_template);
  const auto gone = [](const std::string&) { return true; };
  const Mutation mutation = Release(RequestFor(pod), WorkloadPolicies(), kNow, gone);
  EXPECT_EQ(mutation.released, std::vector<std::string>({"varmor-shop-db"}));
  Json released = pod.patch(mutation.answer.patch);
  EXPECT_EQ(released["spec"], deployment["spec"]["template"]["spec"]);
  EXPECT_EQ(released["metadata"]["labels"], (Json{{"app", "db"}}));
  EXPECT_EQ(released["metadata"]["annotations"], (Json{{kMutatedAnnotation, kStamp}}));
  // While there is a policy, they keep what they have, whatever policies say about pods.
  Json about_pods = Policy("Pod", "AppArmor");
  about_pods["metadata"]["name"] = "pods";
  about_pods["spec"]["target"]["name"] = "db";
  EXPECT_TRUE(Release(RequestFor(pod), PoliciesOf({Policy("Deployment", "BPFSeccomp"), about_pods}),
                      kNow, gone)
                  .answer.patch.is_null());
}

TEST(MutateTest, TemplatesAreLabelledOnlyWhenTheirPodsAreNewAnyway) {
  const WorkloadPolicies policies = PoliciesOf({Policy("Deployment", "BPF")});
  const Json plain =
      Workload("Deployment", ParsedPod(R"({"spec": {"containers": [{"name": "main"}]}})"));
  const Json labelled = Patched(plain, policies);
  Json unlabelled = labelled;
  unlabelled["spec"]["template"]["metadata"].erase("labels");
  const auto update = [&](const Json& before, const Json& after) {
    AdmissionRequest request = RequestFor(after, "UPDATE");
    request.old_object = before;
    const Mutation mutation = Mutate(request, policies, {}, kNow);
    const Json stored =
        mutation.answer.patch.is_null() ? after : after.patch(mutation.answer.patch);
    return stored["spec"]["template"];
  };
  const Json& without = unlabelled["spec"]["template"];
  const Json& with = labelled["spec"]["template"];
  // Neither an edit of something else, nor the manifest as it was written first.
  Json scaled = unlabelled;
  scaled["spec"]["replicas"] = 3;
  EXPECT_EQ(update(unlabelled, scaled), without);
  EXPECT_EQ(update(unlabelled, plain), without);
  EXPECT_EQ(update(labelled, plain), with);
  // The label is put back without a change of the template that is stored.
  EXPECT_EQ(update(labelled, unlabelled), with);
  Json image = unlabelled;
  image["spec"]["template"]["spec"]["containers"][0]["image"] = "new";
  EXPECT_EQ(update(unlabelled, image)["metadata"], with["metadata"]);
  EXPECT_EQ(update(plain, plain), with);
}

TEST(MutateTest, RefusesPodsOfTooManyContainers) {
  Json object = Workload("Deployment", ParsedPod(R"({"spec": {"containers": []}})"));
  for (int i = 0; i < 501; ++i) {
    object["spec"]["template"]["spec"]["containers"].push_back({{"name", absl::StrCat("c", i)}});
  }
  const WorkloadPolicies policies = PoliciesOf({Policy("Deployment", "AppArmorBPFSeccomp")});
  const Mutation mutation = Mutate(RequestFor(object), policies, {}, kNow);
  EXPECT_FALSE(mutation.answer.allowed);
  EXPECT_EQ(mutation.answer.message,
            "spec.containers: has 501 containers, not 500 at most; use more pods");
  object["spec"]["template"]["spec"]["containers"].erase(0);
  EXPECT_FALSE(Mutate(RequestFor(object), policies, {}, kNow).answer.patch.is_null());
}

TEST(MutateTest, AnotherPolicyTakesThePlaceOfOneThatIsGone) {
  const Json object =
      Workload("Deployment", ParsedPod(R"({"spec": {"containers": [{"name": "main"}]}})"));
  const Json before = Patched(object, PoliciesOf({Policy("Deployment", "BPFSeccomp")}));
  Json policy = Policy("Deployment", "AppArmor");
  policy["metadata"]["name"] = "new";
  const Mutation mutation = Mutate(RequestFor(before, "UPDATE"), PoliciesOf({policy}), {}, kNow,
                                   [](const std::string&) { return true; });
  const Json after = before.patch(mutation.answer.patch);
  EXPECT_EQ(after["spec"], Patched(object, PoliciesOf({policy}))["spec"]);
}

}  // namespace
}  // namespace varmor
