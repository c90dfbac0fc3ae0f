#include "runtime/kube/informer.h"

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/kube/kube_error.h"
#include "runtime/kube/kube_object.h"
#include "runtime/kube/mutex.h"
#include "runtime/kube/testing/fake_kube_client.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;

class InformerTest : public ::testing::Test {
 protected:
  InformerTest() {
    options_.first_wait = absl::Milliseconds(2);
    options_.longest_wait = absl::Milliseconds(20);
    options_.on_error = [this](const absl::Status& error, int) {
      MutexLock lock(&mutex_);
      errors_.push_back(error);
    };
  }

  std::unique_ptr<Informer> Started() {
    auto informer =
        std::make_unique<Informer>(client_, kConfigMaps, options_, [this](InformerEvent event) {
          static const char* const kWords[] = {"added", "modified", "deleted", "synced"};
          MutexLock lock(&mutex_);
          const std::string word = kWords[static_cast<int>(event.type)];
          events_.push_back(
              event.object.is_null() ? word : absl::StrCat(word, " ", KubeKeyOf(event.object)));
          objects_.push_back(std::move(event.object));
        });
    informer->Start();
    return informer;
  }

  // What was told since the last Events, once there are `count`.
  std::vector<std::string> Events(size_t count) {
    MutexLock lock(&mutex_);
    const auto enough = [this, count]()
                            ABSL_NO_THREAD_SAFETY_ANALYSIS { return events_.size() >= count; };
    mutex_.AwaitWithTimeout(enough, absl::Seconds(20));
    last_objects_ = std::exchange(objects_, {});
    return std::exchange(events_, {});
  }

  void AwaitWatch() {
    while (client_.Watches() == 0) absl::SleepFor(absl::Milliseconds(1));
  }

  Json Create(const std::string& name) {
    return *client_.Create(kConfigMaps, "default", {{"metadata", {{"name", name}}}});
  }

  void Change(const std::string& name, const std::string& value) {
    ASSERT_TRUE(
        client_.Patch(kConfigMaps, "default", name, KubePatch::kMerge, {{"data", {{"k", value}}}})
            .ok());
  }

  void Delete(const std::string& name) {
    ASSERT_TRUE(client_.Delete(kConfigMaps, "default", name).ok());
  }

  int Lists() {
    int lists = 0;
    for (const FakeKubeClient::Call& call : client_.TakeCalls()) lists += call.verb == "list";
    return lists;
  }

  // From now on, all that the informer asks fails, and what it watched has broken off.
  void Break() {
    client_.SetHook([](const FakeKubeClient::Call& call) {
      return call.verb == "watch" || call.verb == "list" ? absl::UnavailableError("down")
                                                         : absl::OkStatus();
    });
    client_.EndWatches(absl::UnavailableError("broken off"));
    while (client_.Watches() > 0) absl::SleepFor(absl::Milliseconds(1));
  }

  void Repair() { client_.SetHook(nullptr); }

  FakeKubeClient client_;
  InformerOptions options_;
  Mutex mutex_;
  std::vector<std::string> events_;
  std::vector<Json> objects_, last_objects_;
  std::vector<absl::Status> errors_;
};

TEST_F(InformerTest, TellsWhatIsThereAndThenWhatHappens) {
  Create("a");
  Create("b");
  const auto informer = Started();
  EXPECT_THAT(Events(3), ElementsAre("added default/a", "added default/b", "synced"));
  Create("c");
  Change("c", "1");
  Delete("a");
  EXPECT_THAT(Events(3), ElementsAre("added default/c", "modified default/c", "deleted default/a"));
  EXPECT_TRUE(informer->Synced());
}

TEST_F(InformerTest, GoesOnWithoutAListWhereAWatchBrokeOff) {
  Create("a");
  const auto informer = Started();
  Events(2);
  AwaitWatch();
  Break();
  Change("a", "1");
  Create("b");
  Delete("a");
  Repair();
  EXPECT_THAT(Events(3), ElementsAre("modified default/a", "added default/b", "deleted default/a"));
  EXPECT_EQ(Lists(), 1);
}

TEST_F(InformerTest, ListsAgainWhenVersionsAreGoneAndTellsTheDifference) {
  for (const char* name : {"changed", "gone", "kept", "reborn"}) Create(name);
  const auto informer = Started();
  Events(5);
  AwaitWatch();
  Break();
  Change("changed", "1");
  Delete("gone");
  Delete("reborn");
  Create("reborn");
  Create("new");
  client_.Compact();
  Repair();
  EXPECT_THAT(Events(6),
              ElementsAre("deleted default/gone", "modified default/changed", "added default/new",
                          "deleted default/reborn", "added default/reborn", "synced"));
  // Nobody saw its last state, so only who it was is told.
  EXPECT_EQ(TextAt(last_objects_[0], {"kind"}), "ConfigMap");
  EXPECT_NE(TextAt(last_objects_[0], {"metadata", "uid"}), "");
  EXPECT_NE(last_objects_[3]["metadata"]["uid"], last_objects_[4]["metadata"]["uid"]);
}

TEST_F(InformerTest, ABookmarkMovesTheVersionForward) {
  Create("a");
  const auto informer = Started();
  Events(2);
  AwaitWatch();
  // A change elsewhere, which this watch does not see, and the end of all versions before it.
  ASSERT_TRUE(client_.Create(kSecrets, "default", {{"metadata", {{"name", "s"}}}}).ok());
  client_.Compact();
  client_.SendBookmarks();
  absl::SleepFor(absl::Milliseconds(50));
  client_.EndWatches(absl::OkStatus());
  Create("b");
  EXPECT_THAT(Events(1), ElementsAre("added default/b"));
  EXPECT_EQ(Lists(), 1);
}

TEST_F(InformerTest, KeepsTryingUntilTheServerIsThere) {
  std::atomic<int> refused = 0;
  client_.SetHook([&refused](const FakeKubeClient::Call& call) {
    if (call.verb == "list" && refused < 5) {
      ++refused;
      return absl::UnavailableError("down");
    }
    return absl::OkStatus();
  });
  Create("a");
  const auto informer = Started();
  EXPECT_THAT(Events(2), ElementsAre("added default/a", "synced"));
  MutexLock lock(&mutex_);
  EXPECT_EQ(errors_.size(), 5u);
}

TEST_F(InformerTest, VersionsThatAreAlwaysGoneDoNotMakeATightLoop) {
  options_.first_wait = absl::Milliseconds(100);
  options_.longest_wait = absl::Seconds(10);
  client_.SetHook([](const FakeKubeClient::Call& call) {
    return call.verb == "watch" ? absl::OutOfRangeError("gone") : absl::OkStatus();
  });
  const auto informer = Started();
  absl::SleepFor(absl::Milliseconds(400));
  // At once, after at least 50 to 100 ms twice that, and twice that.
  EXPECT_LE(Lists(), 5);
  EXPECT_GE(events_.size(), 2u);
}

TEST_F(InformerTest, WaitsAsLongAsTheServerAsks) {
  std::atomic<int> lists = 0;
  client_.SetHook([&lists](const FakeKubeClient::Call& call) {
    if (call.verb == "list") ++lists;
    KubeFailure busy;
    busy.code = 429;
    busy.retry_after = absl::Seconds(60);
    return KubeErrorStatus(busy);
  });
  const auto informer = Started();
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_EQ(lists, 1);
  informer->Stop();  // does not wait for the minute
}

TEST_F(InformerTest, LeavesOutManagedFields) {
  ASSERT_TRUE(client_
                  .Create(kConfigMaps, "default",
                          {{"metadata", {{"name", "a"}, {"managedFields", {{{"manager", "m"}}}}}}})
                  .ok());
  const auto informer = Started();
  Events(2);
  EXPECT_EQ(FieldAt(last_objects_[0], {"metadata", "managedFields"}), nullptr);
}

TEST_F(InformerTest, NothingIsToldAfterStop) {
  const auto informer = Started();
  Events(1);
  informer->Stop();
  Create("a");
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_THAT(Events(0), ElementsAre());
}

}  // namespace
}  // namespace varmor
