#include "runtime/kube/work_queue.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "runtime/kube/kube_error.h"

namespace varmor {
namespace {

class WorkQueueTest : public ::testing::Test {
 protected:
  WorkQueueTest() : queue_(Options()) {}

  WorkQueueOptions Options() {
    WorkQueueOptions options;
    options.now = [this] { return now_; };
    return options;
  }

  // The keys that are due, in order; each is done with `result`.
  std::vector<std::string> WorkOff(const absl::Status& result = absl::OkStatus()) {
    std::vector<std::string> keys;
    while (const absl::optional<std::string> key = queue_.TryTake()) keys.push_back(*key);
    for (const std::string& key : keys) queue_.Done(key, result);
    return keys;
  }

  // How long the key waits after one more failure.
  absl::Duration WaitAfterFailure(const absl::Status& failure) {
    queue_.Add("a");
    EXPECT_EQ(WorkOff(failure), std::vector<std::string>{"a"});
    const absl::Time failed = now_;
    while (queue_.TryTake() == absl::nullopt) now_ += absl::Milliseconds(1);
    const absl::Duration wait = now_ - failed;
    queue_.Done("a", failure);
    return wait;
  }

  absl::Time now_ = absl::UnixEpoch();
  WorkQueue queue_;
};

using Keys = std::vector<std::string>;

TEST_F(WorkQueueTest, GivesEachKeyOnceInTheOrderOfAdding) {
  for (const char* key : {"b", "a", "b", "c", "a"}) queue_.Add(key);
  EXPECT_EQ(WorkOff(), (Keys{"b", "a", "c"}));
  EXPECT_EQ(queue_.size(), 0u);
}

TEST_F(WorkQueueTest, AKeyAddedDuringItsWorkComesAfterIt) {
  queue_.Add("a");
  ASSERT_EQ(queue_.TryTake(), "a");
  queue_.Add("a");
  EXPECT_EQ(queue_.TryTake(), absl::nullopt);
  queue_.Done("a", absl::OkStatus());
  EXPECT_EQ(WorkOff(), Keys{"a"});
  EXPECT_EQ(queue_.size(), 0u);
}

TEST_F(WorkQueueTest, AFailureComesAgainSoonAndThenFromTheSlowLane) {
  const absl::Status failure = absl::InternalError("x");
  std::vector<absl::Duration> waits;
  queue_.Add("a");
  for (int i = 0; i < 12; ++i) {
    const absl::Time before = now_;
    absl::optional<std::string> key;
    while ((key = queue_.TryTake()) == absl::nullopt) {
      now_ += absl::Milliseconds(5);
    }
    waits.push_back(now_ - before);
    queue_.Done("a", failure);
    EXPECT_EQ(queue_.Failures("a"), i + 1);
    EXPECT_EQ(queue_.InSlowLane("a"), i + 1 > 5);
  }
  std::vector<absl::Duration> expected = {absl::ZeroDuration()};
  for (const int ms : {5, 10, 20, 40, 80}) expected.push_back(absl::Milliseconds(ms));
  for (const int seconds : {30, 60, 120, 240, 480, 600}) expected.push_back(absl::Seconds(seconds));
  EXPECT_EQ(waits, expected);
}

TEST_F(WorkQueueTest, SuccessForgetsFailures) {
  queue_.Add("a");
  for (int i = 0; i < 4; ++i) {
    WorkOff(absl::InternalError("x"));
    now_ += absl::Seconds(1);
  }
  EXPECT_EQ(queue_.Failures("a"), 4);
  WorkOff();
  EXPECT_EQ(queue_.Failures("a"), 0);
  EXPECT_EQ(queue_.size(), 0u);
}

TEST_F(WorkQueueTest, AnEventDoesNotWaitForTheSlowLane) {
  queue_.Add("a");
  for (int i = 0; i < 7; ++i) {
    WorkOff(absl::InternalError("x"));
    now_ += absl::Minutes(11);
  }
  WorkOff(absl::InternalError("x"));
  EXPECT_EQ(WorkOff(), Keys{});
  queue_.Add("a");
  EXPECT_EQ(WorkOff(), Keys{"a"});
}

TEST_F(WorkQueueTest, WaitsAsLongAsTheServerAsks) {
  KubeFailure busy;
  busy.code = 429;
  busy.retry_after = absl::Seconds(7);
  EXPECT_EQ(WaitAfterFailure(KubeErrorStatus(busy)), absl::Seconds(7));
}

TEST_F(WorkQueueTest, WhatIsDueEarlierStays) {
  queue_.AddAfter("a", absl::Seconds(1));
  queue_.AddAfter("a", absl::Seconds(5));
  now_ += absl::Seconds(1);
  EXPECT_EQ(WorkOff(), Keys{"a"});
  now_ += absl::Seconds(10);
  EXPECT_EQ(WorkOff(), Keys{});
}

TEST_F(WorkQueueTest, NothingAfterClose) {
  queue_.Add("a");
  queue_.Close();
  EXPECT_EQ(queue_.Take(), absl::nullopt);
  EXPECT_EQ(queue_.TryTake(), absl::nullopt);
}

TEST(WorkQueueThreadsTest, NoKeyIsInTwoWorkersAndNoneIsLost) {
  constexpr int kKeys = 20;
  constexpr int kRounds = 200;
  WorkQueueOptions options;
  options.first_wait = absl::Microseconds(50);
  WorkQueue queue(options);
  std::vector<std::atomic<int>> working(kKeys), wanted(kKeys), seen(kKeys);
  std::atomic<int> overlaps = 0;
  std::vector<std::thread> workers;
  for (int w = 0; w < 4; ++w) {
    workers.emplace_back([&] {
      int turns = 0;
      while (const absl::optional<std::string> key = queue.Take()) {
        const int index = std::stoi(*key);
        if (working[index].fetch_add(1) != 0) ++overlaps;
        seen[index] = wanted[index].load();
        working[index].fetch_sub(1);
        queue.Done(*key, ++turns % 7 == 0 ? absl::InternalError("x") : absl::OkStatus());
      }
    });
  }
  for (int round = 1; round <= kRounds; ++round) {
    for (int index = 0; index < kKeys; ++index) {
      wanted[index] = round;
      queue.Add(absl::StrCat(index));
    }
  }
  while (queue.size() > 0) absl::SleepFor(absl::Milliseconds(1));
  queue.Close();
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(overlaps, 0);
  for (int index = 0; index < kKeys; ++index) EXPECT_EQ(seen[index], kRounds);
}

TEST(WorkQueueThreadsTest, AWaitingWorkerTakesOverTheNextKey) {
  WorkQueue queue;
  std::atomic<int> taken = 0;
  std::vector<std::thread> workers;
  for (int w = 0; w < 2; ++w) {
    workers.emplace_back([&] {
      while (const absl::optional<std::string> key = queue.Take()) {
        ++taken;
        // The first key keeps its worker.
        if (*key == "long") {
          while (taken < 2) absl::SleepFor(absl::Milliseconds(1));
        }
        queue.Done(*key, absl::OkStatus());
      }
    });
  }
  queue.AddAfter("long", absl::Milliseconds(20));
  queue.AddAfter("next", absl::Milliseconds(40));
  const absl::Time limit = absl::Now() + absl::Seconds(20);
  while (taken < 2 && absl::Now() < limit) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(taken, 2);
  taken = 2;
  queue.Close();
  for (std::thread& worker : workers) worker.join();
}

}  // namespace
}  // namespace varmor
