#include "runtime/container/nri/nri_session.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/container/nri/testing/fake_nri_runtime.h"

namespace varmor {
namespace {

namespace api = nri::pkg::api::v1alpha1;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class NriSessionTest : public ::testing::Test {
 protected:
  NriHandlers Handlers() {
    NriHandlers handlers;
    handlers.send = [this](absl::string_view bytes) { return decoder_.Feed(bytes, sent_); };
    handlers.on_registered = [this](const std::string& runtime) { registered_.push_back(runtime); };
    handlers.on_start = [this](const NriStart& start) {
      starts_.push_back(start);
      return answer_;
    };
    return handlers;
  }
  // What the plugin answers.
  ttrpc::Response Ask(const std::string& method, const std::string& payload,
                      absl::Duration patience = absl::Seconds(2)) {
    sent_.clear();
    EXPECT_EQ(session_.Receive(NriRequest(5, method, payload, patience)), absl::OkStatus());
    ttrpc::Response response;
    EXPECT_THAT(sent_, SizeIs(1));
    if (sent_.size() != 1) return response;
    EXPECT_EQ(sent_[0].connection, kNriPluginConnection);
    EXPECT_EQ(sent_[0].stream, 5U);
    EXPECT_EQ(sent_[0].type, TtrpcMessage::Type::kResponse);
    EXPECT_TRUE(response.ParseFromString(sent_[0].data));
    return response;
  }
  std::string Synchronize(bool more) {
    api::SynchronizeRequest request;
    request.set_more(more);
    return request.SerializeAsString();
  }

  NriDecoder decoder_;
  std::vector<TtrpcMessage> sent_;
  std::vector<std::string> registered_;
  std::vector<NriStart> starts_;
  absl::Status answer_;
  NriSession session_{Handlers()};
};

TEST_F(NriSessionTest, Registers) {
  ASSERT_EQ(session_.Register("varmor", "90"), absl::OkStatus());
  ASSERT_THAT(sent_, SizeIs(1));
  EXPECT_EQ(sent_[0].connection, kNriRuntimeConnection);
  ttrpc::Request request;
  ASSERT_TRUE(request.ParseFromString(sent_[0].data));
  EXPECT_EQ(request.service(), "nri.pkg.api.v1alpha1.Runtime");
  EXPECT_EQ(request.method(), "RegisterPlugin");
  api::RegisterPluginRequest registration;
  ASSERT_TRUE(registration.ParseFromString(request.payload()));
  EXPECT_EQ(registration.plugin_name(), "varmor");
  EXPECT_EQ(registration.plugin_idx(), "90");
}

// The runtime may configure the plugin before it answers the registration.
TEST_F(NriSessionTest, IsRegisteredWhenTheWholeListWasAnswered) {
  api::ConfigureRequest configuration;
  configuration.set_runtime_name("containerd");
  configuration.set_runtime_version("1.7.24");
  api::ConfigureResponse configured;
  ASSERT_TRUE(
      configured.ParseFromString(Ask("Configure", configuration.SerializeAsString()).payload()));
  EXPECT_EQ(configured.events(), 1 << 5) << "StartContainer alone";
  EXPECT_EQ(session_.Receive(NriRegistered()), absl::OkStatus());
  for (const bool more : {true, false}) {
    EXPECT_THAT(registered_, IsEmpty());
    api::SynchronizeResponse response;
    ASSERT_TRUE(response.ParseFromString(Ask("Synchronize", Synchronize(more)).payload()));
    EXPECT_EQ(response.more(), more);
  }
  EXPECT_THAT(registered_, ElementsAre("containerd 1.7.24"));
}

TEST_F(NriSessionTest, AStartIsHeldUntilItsAnswer) {
  EXPECT_FALSE(Ask("StateChange", NriStartEvent("c1", 4711)).has_status());
  ASSERT_THAT(starts_, SizeIs(1));
  EXPECT_EQ(starts_[0].id, (ContainerId{"k8s.io", "c1"}));
  EXPECT_EQ(starts_[0].pid, 4711);
  EXPECT_EQ(starts_[0].name, "shop/web/c");
  EXPECT_EQ(starts_[0].limit, absl::Milliseconds(1500));
}

TEST_F(NriSessionTest, ARefusalIsTheRuntimesToKnow) {
  answer_ = absl::FailedPreconditionError("BPF: not confined yet");
  const ttrpc::Response response = Ask("StateChange", NriStartEvent("c1", 4711));
  EXPECT_EQ(response.status().code(), 9);
  EXPECT_EQ(response.status().message(), "BPF: not confined yet");
}

TEST_F(NriSessionTest, TheAnswerComesBeforeTheRuntimeGivesUp) {
  struct {
    absl::Duration patience;
    absl::Duration limit;
  } cases[] = {
      {absl::Milliseconds(400), absl::Milliseconds(300)},
      {absl::Seconds(60), absl::Seconds(2)},
      {absl::ZeroDuration(), absl::Milliseconds(1500)},
      {absl::Seconds(-1), absl::Milliseconds(1500)},
  };
  for (const auto& one : cases) {
    Ask("StateChange", NriStartEvent("c1", 1), one.patience);
    EXPECT_EQ(starts_.back().limit, one.limit) << one.patience;
  }
}

TEST_F(NriSessionTest, OtherEventsAndMethods) {
  api::StateChangeEvent event;
  event.set_event(static_cast<api::Event>(7));
  EXPECT_FALSE(Ask("StateChange", event.SerializeAsString()).has_status());
  EXPECT_FALSE(Ask("CreateContainer", "").has_status());
  EXPECT_FALSE(Ask("StopContainer", "").has_status());
  EXPECT_FALSE(Ask("Shutdown", "").has_status());
  EXPECT_EQ(Ask("StartContainer", "").status().code(), 12) << "then StateChange is used";
  EXPECT_THAT(starts_, IsEmpty());
}

TEST_F(NriSessionTest, AnotherServiceIsUnimplemented) {
  ttrpc::Request request;
  request.set_service("nri.pkg.api.v1beta1.Plugin");
  request.set_method("StateChange");
  TtrpcMessage message;
  message.data = request.SerializeAsString();
  ASSERT_EQ(session_.Receive(EncodeTtrpc(message)), absl::OkStatus());
  ttrpc::Response response;
  ASSERT_TRUE(response.ParseFromString(sent_.at(0).data));
  EXPECT_EQ(response.status().code(), 12);
}

TEST_F(NriSessionTest, ARuntimeThatRefuses) {
  EXPECT_EQ(session_.Receive(NriRegistered("invalid plugin index")),
            absl::FailedPreconditionError("the runtime refuses the plugin: invalid plugin index"));
}

TEST_F(NriSessionTest, WhatIsNotUnderstoodEndsTheSession) {
  TtrpcMessage garbage;
  garbage.data = "\xff\xff";
  TtrpcMessage response = garbage;
  response.type = TtrpcMessage::Type::kResponse;
  TtrpcMessage question = garbage;
  question.connection = kNriRuntimeConnection;
  TtrpcMessage answer = question;
  answer.type = TtrpcMessage::Type::kResponse;
  const std::pair<std::string, const char*> cases[] = {
      {EncodeTtrpc(garbage), "no message of NRI: a request"},
      {EncodeTtrpc(response), "a response on connection 1"},
      {EncodeTtrpc(question), "a request on connection 2"},
      {EncodeTtrpc(answer), "no message of NRI: a response"},
      {NriRequest(1, "Configure", "\xff"), "no message of NRI: Configure"},
      {NriRequest(1, "Synchronize", "\xff"), "no message of NRI: Synchronize"},
      {NriRequest(1, "StateChange", "\xff"), "no message of NRI: StateChange"},
      {NriRequest(1, "StateChange", NriStartEvent("", 1)),
       "no message of NRI: a start of container \"\" with process 1"},
      {NriRequest(1, "StateChange", NriStartEvent("c1", 4194305)),
       "no message of NRI: a start of container \"c1\" with process 4194305"},
  };
  for (const auto& [bytes, problem] : cases) {
    NriSession session(Handlers());
    EXPECT_EQ(session.Receive(bytes), absl::InvalidArgumentError(problem));
  }
  EXPECT_THAT(starts_, IsEmpty());
  EXPECT_THAT(sent_, IsEmpty());
}

}  // namespace
}  // namespace varmor
