#include "runtime/container/nri/nri_plugin.h"

#include <fcntl.h>
#include <unistd.h>

#include <memory>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"
#include "runtime/container/nri/testing/fake_nri_runtime.h"

namespace varmor {
namespace {

using ::testing::HasSubstr;

class NriPluginTest : public ::testing::Test {
 protected:
  ~NriPluginTest() override {
    plugin_.reset();
    close(opened_);
  }
  void StartPlugin() {
    NriPluginOptions options;
    options.socket = socket_;
    options.first_pause = absl::Milliseconds(10);
    options.longest_pause = absl::Milliseconds(20);
    options.register_limit = register_limit_;
    plugin_ = absl::make_unique<NriPlugin>(
        options,
        [this](const NriStart& start) {
          const std::lock_guard<std::mutex> lock(mutex_);
          asked_.push_back(start.id.id);
          return answer_;
        },
        [this](const NriState& state) {
          const std::lock_guard<std::mutex> lock(mutex_);
          state_ = state;
          ++changes_;
        });
  }
  NriState State() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return state_;
  }
  bool Eventually(const std::function<bool(const NriState&)>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition(State())) return true;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return false;
  }
  bool EventuallyRegistered() {
    return Eventually([](const NriState& state) { return state.registered; });
  }

  // The name of a socket is short: by the number of a descriptor of its directory.
  TemporaryDirectory directory_;
  const int opened_ = open(directory_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  const std::string socket_ = absl::StrCat("/proc/self/fd/", opened_, "/nri.sock");
  absl::Duration register_limit_ = absl::Seconds(20);
  std::mutex mutex_;
  NriState state_;
  int changes_ = 0;
  std::vector<std::string> asked_;
  absl::Status answer_;
  std::unique_ptr<NriPlugin> plugin_;
};

TEST_F(NriPluginTest, RegistersAndAnswers) {
  FakeNriRuntime runtime(socket_);
  StartPlugin();
  const auto registration = runtime.TakePlugin();
  ASSERT_TRUE(registration.ok()) << registration.status();
  EXPECT_EQ(registration->plugin_name(), "varmor");
  ASSERT_TRUE(EventuallyRegistered());
  EXPECT_EQ(State().runtime, "fake 1.7");
  const auto started = runtime.Ask("StateChange", NriStartEvent("c1", 1));
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_FALSE(started->has_status());
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    answer_ = absl::UnavailableError("not yet");
  }
  const auto refused = runtime.Ask("StateChange", NriStartEvent("c2", 2));
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_EQ(refused->status().message(), "not yet");
  EXPECT_THAT(asked_, ::testing::ElementsAre("c1", "c2"));
  plugin_.reset();
  EXPECT_TRUE(runtime.IsClosed());
}

TEST_F(NriPluginTest, WithoutASocketItSaysWhatWouldHelp) {
  StartPlugin();
  ASSERT_TRUE(Eventually([](const NriState& state) { return !state.problem.empty(); }));
  EXPECT_THAT(State().problem, HasSubstr("nri.sock\": No such file or directory"));
  EXPECT_THAT(State().fix, HasSubstr("disable = false"));
  absl::SleepFor(absl::Milliseconds(200));
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    EXPECT_EQ(changes_, 1) << "the same problem is said once";
  }
  FakeNriRuntime runtime(socket_);
  const absl::Status taken = runtime.TakePlugin().status();
  ASSERT_EQ(taken, absl::OkStatus());
  EXPECT_TRUE(EventuallyRegistered());
}

TEST_F(NriPluginTest, ARuntimeThatIsRestarted) {
  auto runtime = absl::make_unique<FakeNriRuntime>(socket_);
  StartPlugin();
  ASSERT_TRUE(runtime->TakePlugin().ok());
  ASSERT_TRUE(EventuallyRegistered());
  runtime.reset();
  ASSERT_TRUE(Eventually([](const NriState& state) { return !state.registered; }));
  runtime = absl::make_unique<FakeNriRuntime>(socket_);
  ASSERT_TRUE(runtime->TakePlugin().ok());
  EXPECT_TRUE(EventuallyRegistered());
  const auto started = runtime->Ask("StateChange", NriStartEvent("c1", 1));
  EXPECT_TRUE(started.ok()) << started.status();
}

TEST_F(NriPluginTest, WhatIsNotUnderstoodClosesTheConnection) {
  FakeNriRuntime runtime(socket_);
  StartPlugin();
  ASSERT_TRUE(runtime.TakePlugin().ok());
  ASSERT_EQ(runtime.Send("varmor\n\n"), absl::OkStatus());
  EXPECT_TRUE(runtime.IsClosed());
  ASSERT_TRUE(Eventually([](const NriState& state) { return !state.problem.empty(); }));
  EXPECT_THAT(State().problem, HasSubstr("nri.sock\": a frame for connection 1986097773"));
  ASSERT_TRUE(runtime.TakePlugin().ok()) << "it comes again";
  EXPECT_TRUE(EventuallyRegistered());
}

TEST_F(NriPluginTest, ARuntimeThatDoesNotTakeThePlugin) {
  register_limit_ = absl::Milliseconds(100);
  FakeNriRuntime runtime(socket_);
  StartPlugin();
  ASSERT_EQ(runtime.Accept(), absl::OkStatus());
  ASSERT_TRUE(runtime.Receive().ok());
  EXPECT_TRUE(runtime.IsClosed());
  ASSERT_TRUE(Eventually([](const NriState& state) { return !state.problem.empty(); }));
  EXPECT_THAT(State().problem, HasSubstr("did not take the plugin within 100ms"));
}

}  // namespace
}  // namespace varmor
