#include "tools/varmor/run/run_record.h"

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace varmor {
namespace {

std::string Directory(const char* name) { return testing::TempDir() + "/run_record_test_" + name; }

TEST(RunRecordTest, ARunThatLivesIsNotAbandoned) {
  const std::string directory = Directory("lives");
  absl::StatusOr<RunRecord> record = RunRecord::Create("1", directory);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_TRUE(record->Add("cgroup", "/sys/fs/cgroup/x").ok());
  EXPECT_TRUE(AbandonedRuns(directory).empty());
  record->Remove();
}

// A run that is taken for abandoned at its beginning loses its record.
TEST(RunRecordTest, NobodySeesARecordBeforeItsLock) {
  const std::string directory = Directory("begins");
  std::atomic<bool> stop{false};
  std::atomic<int> abandoned{0};
  std::thread other([&] {
    while (!stop) abandoned += static_cast<int>(AbandonedRuns(directory).size());
  });
  for (int i = 0; i < 1000; ++i) {
    absl::StatusOr<RunRecord> record = RunRecord::Create(std::to_string(i), directory);
    ASSERT_TRUE(record.ok()) << record.status();
    record->Remove();
  }
  stop = true;
  other.join();
  EXPECT_EQ(abandoned, 0);
}

TEST(RunRecordTest, WhatARunNotedIsThereWhenItIsGone) {
  const std::string directory = Directory("gone");
  {
    std::optional<RunRecord> record = *RunRecord::Create("2", directory);
    EXPECT_TRUE(record->Add("command", "sh -c 'a\nb'").ok());
    EXPECT_TRUE(record->Add("BPF", "varmor-shop-web").ok());
  }
  const std::vector<AbandonedRun> runs = AbandonedRuns(directory);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].id, "2");
  const std::map<std::string, std::string> values = {{"command", "sh -c 'a b'"},
                                                     {"BPF", "varmor-shop-web"}};
  EXPECT_EQ(runs[0].values, values);
}

TEST(RunRecordTest, AnIdIsGivenOnce) {
  const std::string directory = Directory("once");
  absl::StatusOr<RunRecord> record = RunRecord::Create("3", directory);
  ASSERT_TRUE(record.ok()) << record.status();
  const absl::StatusOr<RunRecord> again = RunRecord::Create("3", directory);
  EXPECT_EQ(again.status().message(), "cannot make \"" + directory + "/3\": File exists");
  record->Remove();
  EXPECT_TRUE(RunRecord::Create("3", directory).ok());
}

TEST(RunRecordTest, NoDirectoryMeansNoRuns) {
  EXPECT_TRUE(AbandonedRuns(Directory("missing")).empty());
}

}  // namespace
}  // namespace varmor
