#include "lib/compiler/bind/bind_bpf.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/artifact/check_bpf_image.h"
#include "lib/compiler/emit/emit_bpf.h"
#include "lib/compiler/lower/lower_bpf.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

BpfArtifact Emit(const BpfRules& rules) {
  Diagnostics diagnostics;
  return EmitBpf(LowerBpf(rules, "varmor-demo-web", diagnostics).value());
}

BpfArtifact WithDisks() {
  BpfRules rules;
  rules.disk_devices = {{{true, false, false}, kAccessRead, false, {"raw", "d"}}};
  return Emit(rules);
}

NodeFacts Disks(const std::vector<std::pair<uint32_t, uint32_t>>& numbers) {
  NodeFacts facts;
  for (const auto& [major, minor] : numbers) {
    DiskDevice& device = *facts.add_disk_devices();
    device.set_name(absl::StrCat("d", major, "-", minor));
    device.set_major(major);
    device.set_minor(minor);
  }
  return facts;
}

std::vector<std::string> DiskEntries(const BpfArtifact& artifact) {
  std::vector<std::string> entries;
  for (const BpfMap& map : artifact.maps()) {
    if (map.name() != "disk_devices") continue;
    for (const BpfMapEntry& entry : map.entries()) {
      entries.push_back(absl::StrCat(absl::BytesToHexString(entry.key()), " ",
                                     absl::BytesToHexString(entry.value())));
    }
  }
  return entries;
}

TEST(BindBpfTest, EveryDiskIsOneEntrySortedAndOnce) {
  const BpfArtifact artifact = WithDisks();
  const auto bound = BindBpf(artifact, Disks({{259, 1}, {8, 16}, {8, 0}, {8, 16}}));
  ASSERT_TRUE(bound.ok()) << bound.status();
  EXPECT_THAT(DiskEntries(*bound),
              ElementsAre("0301000001000000 01000000", "0800000000000000 01000000",
                          "0800000010000000 01000000"));
  EXPECT_THAT(bound->holes(), IsEmpty());
  EXPECT_NE(bound->digest(), artifact.digest());
  EXPECT_TRUE(CheckBpfImage(*bound).ok()) << CheckBpfImage(*bound);
}

TEST(BindBpfTest, TheOrderOfDisksDoesNotMatter) {
  EXPECT_EQ(BindBpf(WithDisks(), Disks({{8, 0}, {8, 16}}))->digest(),
            BindBpf(WithDisks(), Disks({{8, 16}, {8, 0}}))->digest());
}

TEST(BindBpfTest, ANodeWithoutDisksHasAnEmptyMapAndNoHole) {
  const auto bound = BindBpf(WithDisks(), NodeFacts());
  ASSERT_TRUE(bound.ok()) << bound.status();
  EXPECT_THAT(DiskEntries(*bound), IsEmpty());
  EXPECT_THAT(bound->holes(), IsEmpty());
  EXPECT_NE(bound->digest(), WithDisks().digest()) << "bound to nothing is not unbound";
}

TEST(BindBpfTest, WithoutTheHoleNothingChanges) {
  BpfRules rules;
  rules.cluster_addresses_missing = true;
  const BpfArtifact artifact = Emit(rules);
  const auto bound = BindBpf(artifact, Disks({{8, 0}}));
  ASSERT_TRUE(bound.ok()) << bound.status();
  EXPECT_EQ(bound->SerializeAsString(), artifact.SerializeAsString());
  EXPECT_THAT(bound->holes(), ElementsAre(CLUSTER_ADDRESSES));
}

TEST(BindBpfTest, MoreDisksThanRoomAreAnError) {
  std::vector<std::pair<uint32_t, uint32_t>> numbers;
  for (uint32_t minor = 0; minor <= 1024; ++minor) numbers.emplace_back(8, minor);
  const auto bound = BindBpf(WithDisks(), Disks(numbers));
  EXPECT_EQ(bound.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(bound.status().message(), "the node has 1025 disks; a profile holds 1024");
}

TEST(BindBpfTest, AHoleWithoutItsMapIsAnError) {
  BpfArtifact artifact = WithDisks();
  artifact.mutable_maps()->RemoveLast();
  EXPECT_EQ(BindBpf(artifact, NodeFacts()).status().message(),
            "BPF artifact \"varmor-demo-web\": there is no map for the disks");
}

}  // namespace
}  // namespace varmor
