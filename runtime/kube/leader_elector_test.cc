#include "runtime/kube/leader_elector.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/random/random.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/kube/kube_object.h"
#include "runtime/kube/mutex.h"
#include "runtime/kube/testing/fake_kube_client.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;

class LeaderElectorTest : public ::testing::Test {
 protected:
  LeaderElectorOptions Options(const std::string& identity) {
    LeaderElectorOptions options;
    options.name_space = "default";
    options.name = "leader";
    options.identity = identity;
    options.now = [this] { return now_; };
    options.steady_now = [this] { return now_; };
    return options;
  }

  Json Lease() { return *client_.Get(kLeases, "default", "leader"); }

  FakeKubeClient client_;
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
};

TEST_F(LeaderElectorTest, TheFirstMakesTheLease) {
  LeaderElectorOptions options = Options("a");
  options.annotations = {{"varmor.org/leader-address", "10.0.0.1"}};
  LeaderElector a(client_, options);
  EXPECT_FALSE(a.Leads());
  ASSERT_TRUE(a.Try().ok());
  EXPECT_TRUE(a.Leads());
  EXPECT_EQ(Lease()["spec"], Json({{"holderIdentity", "a"},
                                   {"leaseDurationSeconds", 15},
                                   {"leaseTransitions", 0},
                                   {"acquireTime", "2023-11-14T22:13:20.000000Z"},
                                   {"renewTime", "2023-11-14T22:13:20.000000Z"}}));
  EXPECT_EQ(Lease()["metadata"]["annotations"]["varmor.org/leader-address"], "10.0.0.1");
}

TEST_F(LeaderElectorTest, ASecondWaitsAndTakesWhatIsNotRenewed) {
  LeaderElector a(client_, Options("a")), b(client_, Options("b"));
  ASSERT_TRUE(a.Try().ok());
  ASSERT_TRUE(b.Try().ok());
  EXPECT_FALSE(b.Leads());
  EXPECT_EQ(b.Holder(), "a");
  now_ += absl::Seconds(8);
  ASSERT_TRUE(a.Try().ok());  // renews
  now_ += absl::Seconds(8);
  ASSERT_TRUE(b.Try().ok());  // sees that, and waits from now on
  EXPECT_TRUE(a.Leads());
  now_ += absl::Seconds(14);
  ASSERT_TRUE(b.Try().ok());
  EXPECT_FALSE(b.Leads());
  EXPECT_FALSE(a.Leads());  // its own deadline is earlier
  now_ += absl::Seconds(1);
  ASSERT_TRUE(b.Try().ok());
  EXPECT_TRUE(b.Leads());
  EXPECT_EQ(Lease()["spec"]["holderIdentity"], "b");
  EXPECT_EQ(Lease()["spec"]["leaseTransitions"], 1);
  ASSERT_TRUE(a.Try().ok());
  EXPECT_FALSE(a.Leads());
  EXPECT_EQ(a.Holder(), "b");
}

TEST_F(LeaderElectorTest, ALeaseThatNamesNobodyIsFree) {
  ASSERT_TRUE(client_
                  .Create(kLeases, "default",
                          {{"metadata", {{"name", "leader"}, {"labels", {{"kept", "yes"}}}}},
                           {"spec", {{"holderIdentity", ""}, {"leaseTransitions", 4}}}})
                  .ok());
  LeaderElector a(client_, Options("a"));
  ASSERT_TRUE(a.Try().ok());
  EXPECT_TRUE(a.Leads());
  EXPECT_EQ(Lease()["spec"]["leaseTransitions"], 5);
  EXPECT_EQ(Lease()["metadata"]["labels"]["kept"], "yes");
}

TEST_F(LeaderElectorTest, OneRenewalIsOneCall) {
  LeaderElector a(client_, Options("a"));
  ASSERT_TRUE(a.Try().ok());
  client_.TakeCalls();
  now_ += absl::Seconds(2);
  ASSERT_TRUE(a.Try().ok());
  const std::vector<FakeKubeClient::Call> calls = client_.TakeCalls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].Text(), "update leases default/leader");
}

TEST_F(LeaderElectorTest, AForeignWriteIsNoLoss) {
  LeaderElector a(client_, Options("a"));
  ASSERT_TRUE(a.Try().ok());
  ASSERT_TRUE(client_
                  .Patch(kLeases, "default", "leader", KubePatch::kMerge,
                         {{"metadata", {{"labels", {{"k", "v"}}}}}})
                  .ok());
  now_ += absl::Seconds(9);
  ASSERT_TRUE(a.Try().ok());
  now_ += absl::Seconds(9);
  EXPECT_TRUE(a.Leads());
  EXPECT_EQ(Lease()["metadata"]["labels"]["k"], "v");
}

TEST_F(LeaderElectorTest, ADeletedLeaseIsMadeAgain) {
  LeaderElector a(client_, Options("a"));
  ASSERT_TRUE(a.Try().ok());
  ASSERT_TRUE(client_.Delete(kLeases, "default", "leader").ok());
  ASSERT_TRUE(a.Try().ok());
  EXPECT_EQ(Lease()["spec"]["holderIdentity"], "a");
}

TEST_F(LeaderElectorTest, DurationsFollowTheSizeOfTheCluster) {
  const auto lease = [](int nodes) { return LeaseDurationsFor(nodes).lease; };
  EXPECT_EQ(lease(0), absl::Seconds(15));
  EXPECT_EQ(lease(99), absl::Seconds(15));
  EXPECT_EQ(lease(100), absl::Seconds(30));
  EXPECT_EQ(lease(999), absl::Seconds(30));
  EXPECT_EQ(lease(1000), absl::Seconds(60));
  EXPECT_EQ(lease(5000), absl::Seconds(90));
  for (const int nodes : {0, 100, 1000, 5000}) {
    const LeaseDurations durations = LeaseDurationsFor(nodes);
    EXPECT_LT(durations.retry, durations.renew_deadline);
    EXPECT_LT(durations.renew_deadline, durations.lease);
  }
  LeaderElector a(client_, Options("a"));
  a.SetDurations(LeaseDurationsFor(2000));
  ASSERT_TRUE(a.Try().ok());
  EXPECT_EQ(Lease()["spec"]["leaseDurationSeconds"], 60);
}

TEST_F(LeaderElectorTest, NonsenseIsRefusedAllAtOnce) {
  LeaderElectorOptions options = Options("");
  options.name = "";
  options.durations.renew_deadline = options.durations.lease;
  const absl::Status status = LeaderElector(client_, options).Start([](bool) {});
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  for (const char* word : {"name", "identity", "renew_deadline"}) {
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(word));
  }
}

// Loses some requests, and some answers to what it did.
class LossyClient : public FakeKubeClient {
 public:
  explicit LossyClient(absl::BitGenRef random) : random_(random) {
    SetHook([this](const Call&) { return Lost(); });
  }
  absl::StatusOr<Json> Create(const KubeResource& resource, absl::string_view name_space,
                              const Json& object) override {
    return Answered(FakeKubeClient::Create(resource, name_space, object));
  }
  absl::StatusOr<Json> Update(const KubeResource& resource, const Json& object,
                              absl::string_view subresource) override {
    return Answered(FakeKubeClient::Update(resource, object, subresource));
  }

 private:
  absl::Status Lost() {
    return absl::Bernoulli(random_, 0.2) ? absl::UnavailableError("lost") : absl::OkStatus();
  }
  absl::StatusOr<Json> Answered(absl::StatusOr<Json> answer) {
    const absl::Status lost = Lost();
    return lost.ok() ? std::move(answer) : lost;
  }

  absl::BitGenRef random_;
};

// Three candidates with clocks of their own, each a constant away from the true time.
TEST_F(LeaderElectorTest, NeverDoTwoLead) {
  std::seed_seq seed{7};
  absl::BitGen random(seed);
  int led = 0;
  for (int world = 0; world < 20; ++world) {
    LossyClient client(random);
    std::vector<std::unique_ptr<LeaderElector>> candidates;
    for (const char* identity : {"a", "b", "c"}) {
      const absl::Duration skew = absl::Seconds(absl::Uniform(random, -100000, 100000));
      LeaderElectorOptions options = Options(identity);
      options.now = options.steady_now = [this, skew] { return now_ + skew; };
      candidates.push_back(std::make_unique<LeaderElector>(client, options));
    }
    for (int step = 0; step < 500; ++step) {
      now_ += absl::Milliseconds(absl::Uniform(random, 0, 6000));
      candidates[absl::Uniform<size_t>(random, 0, 3)]->Try().IgnoreError();
      int leaders = 0;
      for (const auto& candidate : candidates) leaders += candidate->Leads();
      ASSERT_LE(leaders, 1) << "world " << world << ", step " << step;
      led += leaders;
    }
  }
  EXPECT_GT(led, 2000);  // of 10,000: it is not that nobody ever leads
}

// With threads and the real clock, in the shortest times that are allowed.
class LeaderElectorThreadsTest : public ::testing::Test {
 protected:
  LeaderElectorOptions Options(const std::string& identity) {
    LeaderElectorOptions options;
    options.name_space = "default";
    options.name = "leader";
    options.identity = identity;
    options.durations = {absl::Seconds(2), absl::Milliseconds(500), absl::Milliseconds(50)};
    return options;
  }

  std::function<void(bool)> Recorder(const std::string& who) {
    return [this, who](bool leads) {
      MutexLock lock(&mutex_);
      changes_.push_back(who + (leads ? " leads" : " ends"));
    };
  }

  std::vector<std::string> Changes(size_t count) {
    MutexLock lock(&mutex_);
    const auto enough = [this, count]()
                            ABSL_NO_THREAD_SAFETY_ANALYSIS { return changes_.size() >= count; };
    mutex_.AwaitWithTimeout(enough, absl::Seconds(20));
    return changes_;
  }

  FakeKubeClient client_;
  Mutex mutex_;
  std::vector<std::string> changes_;
};

TEST_F(LeaderElectorThreadsTest, StoppingGivesTheLeaseToTheNext) {
  LeaderElector a(client_, Options("a")), b(client_, Options("b"));
  ASSERT_TRUE(a.Start(Recorder("a")).ok());
  EXPECT_THAT(Changes(1), ElementsAre("a leads"));
  ASSERT_TRUE(b.Start(Recorder("b")).ok());
  a.Stop();
  EXPECT_FALSE(a.Leads());
  EXPECT_THAT(Changes(3), ElementsAre("a leads", "a ends", "b leads"));
  EXPECT_TRUE(b.Leads());
}

TEST_F(LeaderElectorThreadsTest, TheEndComesByTheClockWhileACallHangs) {
  Mutex mutex;
  bool hanging = false;
  client_.SetHook([&](const FakeKubeClient::Call&) {
    MutexLock lock(&mutex);
    const auto free = [&hanging] { return !hanging; };
    mutex.Await(free);
    return absl::OkStatus();
  });
  LeaderElector a(client_, Options("a"));
  ASSERT_TRUE(a.Start(Recorder("a")).ok());
  EXPECT_THAT(Changes(1), ElementsAre("a leads"));
  {
    MutexLock lock(&mutex);
    hanging = true;
  }
  EXPECT_THAT(Changes(2), ElementsAre("a leads", "a ends"));
  EXPECT_FALSE(a.Leads());
  {
    MutexLock lock(&mutex);
    hanging = false;
  }
  EXPECT_THAT(Changes(3), ElementsAre("a leads", "a ends", "a leads"));
}

}  // namespace
}  // namespace varmor
