#include "lib/enforcers/node_facts.h"

#include <string>

#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"

namespace varmor {
namespace {

constexpr char kPartitions[] =
    "major minor  #blocks  name\n\n   8        0   52428800 sda\n 259  1048575   1 nvme0n1p1\n"
    " 104        0   1 cciss/c0d0\n";

TEST(NodeFactsTest, EveryDeviceOfTheMachineIsThere) {
  const TemporaryDirectory directory;
  PutFile(directory / "partitions", kPartitions);
  const absl::StatusOr<NodeFacts> facts = ReadNodeFacts(directory / "partitions");
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->ShortDebugString(),
            "disk_devices { name: \"sda\" major: 8 } "
            "disk_devices { name: \"nvme0n1p1\" major: 259 minor: 1048575 } "
            "disk_devices { name: \"cciss/c0d0\" major: 104 }");
}

TEST(NodeFactsTest, AMachineWithoutDisksHasAnEmptyFile) {
  EXPECT_EQ(ParsePartitions("")->disk_devices_size(), 0);
  EXPECT_EQ(ParsePartitions("major minor  #blocks  name\n\n")->disk_devices_size(), 0);
}

TEST(NodeFactsTest, AnythingElseIsAnError) {
  for (const char* line :
       {"8 0 1", "4096 0 1 sda", "8 1048576 1 sda", "a 0 1 sda", "8 0 1 sda x"}) {
    EXPECT_EQ(ParsePartitions(std::string("heading\n") + line).status(),
              absl::InvalidArgumentError(std::string("not a line of /proc/partitions: \"") + line +
                                         "\""));
  }
}

TEST(NodeFactsTest, ThisMachineCanBeRead) { EXPECT_TRUE(ReadNodeFacts().ok()); }

}  // namespace
}  // namespace varmor
