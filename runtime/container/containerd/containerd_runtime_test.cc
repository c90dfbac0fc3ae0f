// What can be told without containerd; the rest is in runtime/container/testing.
#include "runtime/container/containerd/containerd_runtime.h"

#include "gtest/gtest.h"

namespace varmor {
namespace {

Container Read(const std::string& name_space, const std::map<std::string, std::string>& labels,
               const std::string& spec) {
  Container container;
  container.id = {name_space, "c1"};
  container.labels = labels;
  std::string sandbox;
  EXPECT_EQ(ReadOciSpec(spec, container, sandbox), absl::OkStatus());
  return container;
}

const std::map<std::string, std::string> kPodLabels = {{"io.cri-containerd.kind", "sandbox"},
                                                       {"io.kubernetes.pod.name", "p"},
                                                       {"io.kubernetes.pod.namespace", "shop"},
                                                       {"io.kubernetes.container.name", "web"}};

// They come from the image there: whoever makes it would choose its policy.
TEST(ReadOciSpecTest, LabelsMakeNoPodOutsideOfKubernetes) {
  const Container container = Read("default", kPodLabels, "{}");
  EXPECT_FALSE(container.sandbox);
  EXPECT_FALSE(container.in_pod);
  EXPECT_EQ(container.name, "");
  EXPECT_EQ(container.pod.name_space, "");
}

TEST(ReadOciSpecTest, LabelsTellOfThePodInKubernetes) {
  const std::string annotated =
      R"({"annotations": {"io.kubernetes.cri.container-type": "container"}})";
  for (const Container& container :
       {Read("k8s.io", kPodLabels, "{}"), Read("other", kPodLabels, annotated)}) {
    EXPECT_TRUE(container.sandbox);
    EXPECT_TRUE(container.in_pod);
    EXPECT_EQ(container.name, "web");
    EXPECT_EQ(container.pod.name, "p");
    EXPECT_EQ(container.pod.name_space, "shop");
  }
}

TEST(ReadOciSpecTest, NamesTheCgroup) {
  const auto name = [](const std::string& path) {
    return Read("default", {}, R"({"linux": {"cgroupsPath": ")" + path + R"("}})").cgroup_name;
  };
  EXPECT_EQ(name("/default/c1"), "c1");
  EXPECT_EQ(name("c1"), "c1");
  EXPECT_EQ(name("kubepods-pod7.slice:cri-containerd:c1"), "cri-containerd-c1.scope");
  EXPECT_EQ(name("user.slice:docker:c1.slice"), "c1.slice");
  EXPECT_EQ(Read("default", {}, "{}").cgroup_name, "");
}

TEST(ReadOciSpecTest, WhatIsNoJsonIsAnError) {
  Container container;
  std::string sandbox;
  EXPECT_EQ(ReadOciSpec("[]", container, sandbox).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace varmor
