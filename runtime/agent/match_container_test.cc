#include "runtime/agent/match_container.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Container Web() {
  Container container;
  container.id = {"default", "c1"};
  container.name = "web";
  container.image = "docker.io/library/nginx:1.25";
  container.labels = {{"app", "shop"}};
  return container;
}

Container InPod() {
  Container container = Web();
  container.in_pod = true;
  container.pod.name = "shop-0";
  container.pod.name_space = "shop";
  return container;
}

AgentPolicy Policy(const std::string& target, const std::string& name_space = "default",
                   const std::string& name = "p") {
  AgentPolicy policy;
  policy.source = name + ".yaml";
  policy.identity = {name_space.empty() ? "VarmorClusterPolicy" : "VarmorPolicy", name, name_space};
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(target, &policy.target)) << target;
  return policy;
}

struct MatchCase {
  const char* name;
  const char* target;
  bool alone;   // matches the container outside of Kubernetes
  bool in_pod;  // matches the one in a pod of namespace shop, for a policy of that namespace
};

constexpr MatchCase kCases[] = {
    {"NameOfContainer", "kind: 'Pod' name: 'web'", true, false},
    {"NameOfPod", "kind: 'Pod' name: 'shop-0'", false, true},
    {"Label", "kind: 'Pod' selector {match_labels {key: 'app' value: 'shop'}}", true, true},
    {"OtherLabel", "kind: 'Pod' selector {match_labels {key: 'app' value: 'x'}}", false, false},
    {"Image",
     "kind: 'Pod' selector {match_labels {key: 'container.varmor.org/image' value: "
     "'docker.io/library/nginx:1.25'}}",
     true, true},
    {"ImageName",
     "kind: 'Pod' selector {match_labels {key: 'container.varmor.org/image-name' value: "
     "'docker.io/library/nginx'}}",
     true, true},
    {"In", "kind: 'Pod' selector {match_expressions {key: 'app' operator: 'In' values: 'shop'}}",
     true, true},
    {"NotIn",
     "kind: 'Pod' selector {match_expressions {key: 'app' operator: 'NotIn' values: 'shop'}}",
     false, false},
    {"NotInWithoutTheLabel",
     "kind: 'Pod' selector {match_expressions {key: 'tier' operator: 'NotIn' values: 'x'}}", true,
     true},
    {"Exists", "kind: 'Pod' selector {match_expressions {key: 'app' operator: 'Exists'}}", true,
     true},
    {"DoesNotExist",
     "kind: 'Pod' selector {match_expressions {key: 'app' operator: 'DoesNotExist'}}", false,
     false},
    {"EmptySelector", "kind: 'Pod' selector {}", true, true},
    {"Containers", "kind: 'Pod' selector {} containers: ['x', 'web']", true, true},
    {"OtherContainers", "kind: 'Pod' selector {} containers: ['x']", false, false},
    {"NoNameNoSelector", "kind: 'Pod'", false, false},
    {"Deployment", "kind: 'Deployment' name: 'web'", false, false},
};

TEST(PolicyMatchesTest, Table) {
  for (const MatchCase& one : kCases) {
    SCOPED_TRACE(one.name);
    EXPECT_EQ(PolicyMatches(Policy(one.target), Web()), one.alone);
    EXPECT_EQ(PolicyMatches(Policy(one.target, "shop"), InPod()), one.in_pod);
  }
}

TEST(PolicyMatchesTest, NamespacesAreThoseOfPods) {
  const char* all = "kind: 'Pod' selector {}";
  EXPECT_FALSE(PolicyMatches(Policy(all, "other"), InPod()));
  EXPECT_TRUE(PolicyMatches(Policy(all, ""), InPod()));
  EXPECT_TRUE(PolicyMatches(Policy(all, "other"), Web()));
}

TEST(PolicyMatchesTest, SandboxesAreNotConfined) {
  Container sandbox = InPod();
  sandbox.sandbox = true;
  EXPECT_FALSE(PolicyMatches(Policy("kind: 'Pod' selector {}", ""), sandbox));
}

TEST(TargetProblemTest, SaysWhatToUse) {
  EXPECT_EQ(TargetProblem(Policy("kind: 'Pod'").target), "");
  EXPECT_EQ(TargetProblem(Policy("kind: 'Deployment'").target),
            "spec.target.kind \"Deployment\" exists only in a cluster, so the policy confines no "
            "container here; use kind Pod");
}

TEST(ChoosePolicyTest, ClusterPoliciesFirstThenByName) {
  const char* all = "kind: 'Pod' selector {}";
  const AgentPolicy b = Policy(all, "a", "b");
  const AgentPolicy a = Policy(all, "a", "a");
  const AgentPolicy cluster = Policy(all, "", "z");
  const AgentPolicy other = Policy("kind: 'Pod' name: 'x'", "", "c");
  std::vector<std::string> shadowed;
  EXPECT_EQ(ChoosePolicy({&b, &a, &other}, Web(), shadowed), &a);
  EXPECT_THAT(shadowed, ElementsAre("b.yaml"));
  shadowed.clear();
  EXPECT_EQ(ChoosePolicy({&b, &cluster, &a}, Web(), shadowed), &cluster);
  EXPECT_THAT(shadowed, ElementsAre("b.yaml", "a.yaml"));
  EXPECT_EQ(ChoosePolicy({&other}, Web(), shadowed), nullptr);
}

TEST(ImageNameTest, WithoutTagAndDigest) {
  EXPECT_EQ(ImageName("nginx"), "nginx");
  EXPECT_EQ(ImageName("registry:5000/nginx"), "registry:5000/nginx");
  EXPECT_EQ(ImageName("registry:5000/nginx:1@sha256:ab"), "registry:5000/nginx");
}

struct AnnotationCase {
  const char* name;
  std::map<std::string, std::string> annotations;
  const char* profile;
  bool bpf;
  size_t problems;
};

TEST(ReadAnnotationsTest, Table) {
  const AnnotationCase cases[] = {
      {"None", {}, "", false, 0},
      {"Bpf",
       {{"container.bpf.security.beta.varmor.org/web", "localhost/varmor-a"}},
       "varmor-a",
       true,
       0},
      {"OfAnotherContainer",
       {{"container.bpf.security.beta.varmor.org/db", "localhost/varmor-a"}},
       "",
       false,
       0},
      {"Unconfined", {{"container.bpf.security.beta.varmor.org/web", "unconfined"}}, "", false, 0},
      {"SeccompAlone",
       {{"container.seccomp.security.beta.varmor.org/web", "localhost/varmor-a"}},
       "varmor-a",
       false,
       0},
      {"OfKubernetes",
       {{"container.apparmor.security.beta.kubernetes.io/web", "localhost/varmor-a"}},
       "varmor-a",
       false,
       0},
      {"RuntimeDefault",
       {{"container.apparmor.security.beta.kubernetes.io/web", "runtime/default"}},
       "",
       false,
       0},
      {"BpfUnconfinedOthersNot",
       {{"container.bpf.security.beta.varmor.org/web", "unconfined"},
        {"container.apparmor.security.beta.varmor.org/web", "localhost/varmor-a"}},
       "varmor-a",
       false,
       0},
      // These ended vArmor's agent.
      {"Short", {{"container.bpf.security.beta.varmor.org/web", "x"}}, "", false, 1},
      {"Empty", {{"container.bpf.security.beta.varmor.org/web", ""}}, "", false, 1},
      {"NoName", {{"container.bpf.security.beta.varmor.org/web", "localhost/"}}, "", false, 1},
      {"Path",
       {{"container.bpf.security.beta.varmor.org/web", "localhost/../../etc"}},
       "",
       false,
       1},
      {"Long",
       {{"container.bpf.security.beta.varmor.org/web", "localhost/" + std::string(64, 'a')}},
       "",
       false,
       1},
  };
  for (const AnnotationCase& one : cases) {
    SCOPED_TRACE(one.name);
    Container container = InPod();
    container.pod.annotations = one.annotations;
    const AnnotatedProfile read = ReadAnnotations(container);
    EXPECT_EQ(read.profile, one.profile);
    EXPECT_EQ(read.bpf, one.bpf);
    EXPECT_EQ(read.problems.size(), one.problems);
  }
}

}  // namespace
}  // namespace varmor
