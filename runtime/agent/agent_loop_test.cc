#include "runtime/agent/agent_loop.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"
#include "runtime/agent/control_socket.h"
#include "runtime/agent/testing/fake_node_kernel.h"
#include "runtime/container/testing/fake_container_runtime.h"

namespace varmor {
namespace {

using ::testing::HasSubstr;

// Each question to a runtime that hangs takes until its time limit.
class HangingRuntime : public FakeContainerRuntime {
 public:
  absl::StatusOr<Container> Get(const ContainerId& id) override {
    if (!hangs) return FakeContainerRuntime::Get(id);
    ++asked;
    absl::SleepFor(absl::Milliseconds(500));
    return absl::UnavailableError("hanging");
  }
  std::atomic<bool> hangs{false};
  std::atomic<int> asked{0};
};

class AgentLoopTest : public ::testing::Test {
 protected:
  ~AgentLoopTest() override { End(); }

  void Begin(AgentLoopOptions options = {}) {
    options.first_pause = absl::Milliseconds(20);
    options.tick_every = absl::Milliseconds(20);
    ASSERT_EQ(agent_.Start(), absl::OkStatus());
    loop_ = absl::make_unique<AgentLoop>(options, agent_, runtime_, log_);
    loop_->tick = [this] {
      if (ticks_++ == 0) agent_.SetPolicies({}, {}, true);
    };
    thread_ = std::thread([this] { loop_->Run(); });
  }
  void End() {
    if (loop_ != nullptr) loop_->Stop();
    if (thread_.joinable()) thread_.join();
    loop_.reset();
  }
  AgentStatus Status() {
    AgentStatus status;
    EXPECT_TRUE(loop_->PostAndWait([&] { status = agent_.Status(); }, absl::Seconds(20)));
    return status;
  }
  bool Eventually(const std::function<bool(const AgentStatus&)>& wanted) {
    for (int i = 0; i < 1000; ++i) {
      if (wanted(Status())) return true;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return false;
  }
  Container Make(const std::string& id) {
    Container container;
    container.id = {"default", id};
    container.name = id;
    return container;
  }

  static ViolationLogOptions NoFile() {
    ViolationLogOptions options;
    options.path.clear();
    return options;
  }
  HangingRuntime runtime_;
  FakeNodeKernel kernel_;
  ViolationLog violation_log_{NoFile()};
  ViolationAuditor auditor_{{}, violation_log_};
  Logger log_{LoggerOptions(), [](const std::string&) {}};
  Agent agent_{{}, runtime_, kernel_, auditor_, log_};
  int ticks_ = 0;
  std::unique_ptr<AgentLoop> loop_;
  std::thread thread_;
};

TEST_F(AgentLoopTest, BecomesReadyAndFollowsTheRuntime) {
  runtime_.PutSilently(Make("a"));
  Begin();
  ASSERT_TRUE(Eventually([](const AgentStatus& s) { return s.ready && s.watching; }));
  EXPECT_EQ(Status().containers.size(), 1u);
  runtime_.Create(Make("b"));
  EXPECT_TRUE(Eventually([](const AgentStatus& s) { return s.containers.size() == 2; }));
  runtime_.Delete({"default", "a"});
  EXPECT_TRUE(Eventually([](const AgentStatus& s) { return s.containers.size() == 1; }));
}

TEST_F(AgentLoopTest, WaitsForTheRuntimeForEver) {
  runtime_.Break();
  Begin();
  ASSERT_TRUE(Eventually([](const AgentStatus& s) { return !s.runtime_problem.empty(); }));
  EXPECT_FALSE(Status().ready);
  EXPECT_EQ(Status().not_ready, "containers are not known yet");
  runtime_.Recover();
  EXPECT_TRUE(Eventually([](const AgentStatus& s) { return s.ready && s.watching; }));
}

TEST_F(AgentLoopTest, WhatHappenedWhileTheRuntimeWasAwayIsFound) {
  Begin();
  ASSERT_TRUE(Eventually([](const AgentStatus& s) { return s.ready && s.watching; }));
  runtime_.Break();
  ASSERT_TRUE(Eventually([](const AgentStatus& s) { return !s.watching; }));
  runtime_.PutSilently(Make("a"));
  runtime_.Recover();
  EXPECT_TRUE(Eventually([](const AgentStatus& s) { return s.containers.size() == 1; }));
}

TEST_F(AgentLoopTest, TooManyEventsAreAListInstead) {
  AgentLoopOptions options;
  options.event_limit = 8;
  Begin(options);
  ASSERT_TRUE(Eventually([](const AgentStatus& s) { return s.ready && s.watching; }));
  // The loop is busy while more events come than it keeps.
  loop_->Post([] { absl::SleepFor(absl::Milliseconds(300)); });
  for (int i = 0; i < 100; ++i) runtime_.Create(Make(absl::StrCat("c", i)));
  EXPECT_TRUE(Eventually([](const AgentStatus& s) { return s.containers.size() == 100; }));
  EXPECT_GE(Status().queue_overflows, 1u);
}

TEST_F(AgentLoopTest, NobodyWaitsBehindARuntimeThatHangs) {
  Begin();
  ASSERT_TRUE(Eventually([](const AgentStatus& s) { return s.ready; }));
  runtime_.hangs = true;
  // They all wait when the loop comes to the first.
  loop_->Post([] { absl::SleepFor(absl::Milliseconds(300)); });
  for (int i = 0; i < 20; ++i) runtime_.Create(Make(absl::StrCat("c", i)));
  while (runtime_.asked == 0) absl::SleepFor(absl::Milliseconds(1));
  // One question or two, not twenty.
  EXPECT_TRUE(loop_->PostAndWait([] {}, absl::Seconds(4)));
  runtime_.hangs = false;
  EXPECT_TRUE(Eventually([](const AgentStatus& s) { return s.containers.size() == 20; }));
  EXPECT_LT(runtime_.asked, 5);
}

TEST_F(AgentLoopTest, WithoutTheRuntimeItIsNotReady) {
  Begin();
  ASSERT_TRUE(Eventually([](const AgentStatus& s) { return s.ready; }));
  runtime_.Break();
  ASSERT_TRUE(Eventually([](const AgentStatus& s) { return !s.ready; }));
  const AgentStatus status = Status();
  EXPECT_EQ(status.not_ready, "the container runtime is not watched: fake: broken");
  EXPECT_TRUE(status.complete);
  runtime_.Recover();
  EXPECT_TRUE(Eventually([](const AgentStatus& s) { return s.ready; }));
}

TEST_F(AgentLoopTest, StopsWhileTheRuntimeIsAway) {
  runtime_.Break();
  Begin();
  End();
}

TEST(ControlSocketTest, AsksAndAnswers) {
  const TemporaryDirectory directory;
  // The path of a socket has room for 107 bytes, which a sandbox's own may exceed.
  ASSERT_EQ(chdir(directory.path().c_str()), 0);
  const std::string path = "run/agent.sock";
  EXPECT_THAT(std::string(AskAgent(path, {}, absl::Seconds(1)).status().message()),
              HasSubstr("cannot reach the agent at"));
  absl::StatusOr<std::unique_ptr<ControlServer>> server =
      ControlServer::Start(path, [](const ControlJson& request) {
        return ControlJson{{"you said", request.value("command", "")}};
      });
  ASSERT_EQ(server.status(), absl::OkStatus());
  const absl::StatusOr<ControlJson> answer =
      AskAgent(path, {{"command", "hello"}}, absl::Seconds(5));
  ASSERT_EQ(answer.status(), absl::OkStatus());
  EXPECT_EQ(answer->dump(), R"({"you said":"hello"})");
  EXPECT_EQ(AskAgent(path, ControlJson::array(), absl::Seconds(5))->dump(),
            R"({"error":"the request is no JSON object"})");
  EXPECT_THAT(
      std::string(ControlServer::Start(path, [](const ControlJson&) { return ControlJson(); })
                      .status()
                      .message()),
      HasSubstr("another agent serves"));
  server->reset();
  EXPECT_FALSE(AskAgent(path, {}, absl::Seconds(1)).ok());
}

TEST(ControlSocketTest, ReplacesNothingButSockets) {
  const TemporaryDirectory directory;
  ASSERT_EQ(chdir(directory.path().c_str()), 0);
  const auto answer = [](const ControlJson&) { return ControlJson::object(); };
  PutFile(directory / "precious", "content");
  EXPECT_THAT(std::string(ControlServer::Start("precious", answer).status().message()),
              HasSubstr("it is no socket"));
  EXPECT_EQ(FileContent(directory / "precious"), "content");
  // Of a server that was killed.
  const int left = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "s.sock");
  ASSERT_EQ(bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  close(left);
  // Its name has no directory.
  const auto server = ControlServer::Start("s.sock", answer);
  EXPECT_EQ(server.status(), absl::OkStatus());
  EXPECT_TRUE(AskAgent("s.sock", ControlJson::object(), absl::Seconds(5)).ok());
}

TEST(ControlSocketTest, PathsThatAreTooLong) {
  EXPECT_EQ(AskAgent(std::string(200, 'a'), {}, absl::Seconds(1)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace varmor
