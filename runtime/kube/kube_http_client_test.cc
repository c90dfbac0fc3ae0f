// The client with answers that a real API server gives rarely. What it gives always is in
// testing/conformance.cc.
#include "runtime/kube/kube_http_client.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/kube/testing/scripted_server.h"

namespace varmor {
namespace {

using Answer = ScriptedServer::Answer;
using Request = ScriptedServer::Request;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class KubeHttpClientTest : public ::testing::Test {
 protected:
  KubeHttpClientTest() {
    options_.user_agent = "varmor-test/1";
    options_.qps = 0;
  }

  // A client of a server that answers as `handler` says.
  KubeClient& With(std::function<Answer(const Request&)> handler) {
    client_.reset();
    server_ = std::make_unique<ScriptedServer>(std::move(handler));
    options_.config.server = server_->url();
    auto client = KubeHttpClient::Create(options_);
    EXPECT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
    return *client_;
  }

  KubeClient& With(Answer answer) {
    return With([answer = std::move(answer)](const Request&) { return answer; });
  }

  // The status of a watch, and the names of its events' types and objects in events_.
  absl::Status Watch(Answer answer) {
    events_.clear();
    return With(std::move(answer))
        .Watch(
            kPods, {},
            [this](KubeWatchEvent event) {
              static const char* const kWords[] = {"added", "modified", "deleted", "bookmark"};
              events_.push_back(
                  absl::StrCat(kWords[static_cast<int>(event.type)], " ", event.object.dump()));
              return true;
            },
            [] { return false; });
  }

  KubeHttpClientOptions options_;
  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<KubeHttpClient> client_;
  std::vector<std::string> events_;
};

TEST_F(KubeHttpClientTest, SaysWhoItIsAndWhatItWants) {
  options_.config.token.text = "secret";
  KubeClient& client = With(Answer{200, "", {"{}"}});
  ASSERT_TRUE(client.Create(kLeases, "shop", {{"metadata", {{"name", "l"}}}}).ok());
  const Request request = server_->requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target,
            "/apis/coordination.k8s.io/v1/namespaces/shop/leases?fieldManager=varmor-test");
  EXPECT_THAT(request.headers, HasSubstr("User-Agent: varmor-test/1\r\n"));
  EXPECT_THAT(request.headers, HasSubstr("Authorization: Bearer secret\r\n"));
  EXPECT_THAT(request.headers, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(request.headers, HasSubstr("Accept-Encoding: gzip\r\n"));
  EXPECT_THAT(request.headers, ::testing::Not(HasSubstr("Expect:")));
  EXPECT_EQ(Json::parse(request.body), Json({{"apiVersion", "coordination.k8s.io/v1"},
                                             {"kind", "Lease"},
                                             {"metadata", {{"name", "l"}}}}));
}

TEST_F(KubeHttpClientTest, EscapesSelectors) {
  KubeClient& client = With(Answer{200, "", {R"({"metadata": {"resourceVersion": "1"}})"}});
  ASSERT_TRUE(client.List(kPods, {"", "a in (b, c)", "x=y&z", ""}).ok());
  EXPECT_EQ(server_->requests().at(0).target,
            "/api/v1/pods?labelSelector=a%20in%20%28b%2C%20c%29&fieldSelector=x%3Dy%26z&limit=500");
}

TEST_F(KubeHttpClientTest, PatchesSayTheirType) {
  KubeClient& client = With(Answer{200, "", {"{}"}});
  ASSERT_TRUE(client.Patch(kPods, "n", "p", KubePatch::kApply, Json::object(), "status").ok());
  const Request request = server_->requests().at(0);
  EXPECT_EQ(request.target,
            "/api/v1/namespaces/n/pods/p/status?force=true&fieldManager=varmor-test");
  EXPECT_THAT(request.headers, HasSubstr("Content-Type: application/apply-patch+yaml\r\n"));
}

TEST_F(KubeHttpClientTest, TellsHowLongTheServerAsksToWait) {
  const std::string status = R"({"kind": "Status", "code": 429, "message": "slow down")";
  absl::Status busy =
      With(Answer{429, "Retry-After: 7\r\n", {status + "}"}}).Get(kPods, "n", "p").status();
  EXPECT_TRUE(absl::IsUnavailable(busy)) << busy;
  EXPECT_EQ(KubeRetryAfter(busy), absl::Seconds(7));
  busy = With(Answer{429, "", {status + R"(, "details": {"retryAfterSeconds": 3}})"}})
             .Get(kPods, "n", "p")
             .status();
  EXPECT_EQ(KubeRetryAfter(busy), absl::Seconds(3));
}

TEST_F(KubeHttpClientTest, AnErrorThatIsNoStatusObjectIsQuoted) {
  const absl::Status status =
      With(Answer{503, "", {"upstream connect error\n"}}).Get(kPods, "n", "p").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("GET http://127.0.0.1"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("HTTP 503 upstream connect error"));
  EXPECT_EQ(KubeReasonOf(status), "");
}

TEST_F(KubeHttpClientTest, AnAnswerThatIsNoObjectIsAFault) {
  for (const char* body : {"", "hello", "[1]", "{\"a\": "}) {
    const absl::Status status = With(Answer{200, "", {body}}).Get(kPods, "n", "p").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << body << ": " << status;
  }
}

TEST_F(KubeHttpClientTest, AnAnswerThatBreaksOffIsNone) {
  const absl::Status status =
      With(Answer{200, "", {"{}"}, Answer::End::kBreaksOff}).Get(kPods, "n", "p").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST_F(KubeHttpClientTest, ACallHasATimeLimitAndTheNextGetsAConnectionOfItsOwn) {
  options_.call_limit = absl::Milliseconds(200);
  KubeClient& client = With([](const Request& request) {
    const bool hangs = absl::EndsWith(request.target, "/slow");
    return Answer{200, "", {"{}"}, hangs ? Answer::End::kHangs : Answer::End::kComplete};
  });
  const absl::Status status = client.Get(kPods, "n", "slow").status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_TRUE(client.Get(kPods, "n", "quick").ok());
}

TEST_F(KubeHttpClientTest, NoServerIsUnavailable) {
  {
    With(Answer{});
    server_.reset();
  }
  const absl::Status status = client_->Get(kPods, "n", "p").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST_F(KubeHttpClientTest, ReadsAllPages) {
  KubeClient& client = With([](const Request& request) {
    const bool second = absl::StrContains(request.target, "continue=next%2B1");
    return second ? Answer{200, "", {R"({"metadata": {"resourceVersion": "6"}, "items": [{}]})"}}
                  : Answer{200,
                           "",
                           {R"({"metadata": {"resourceVersion": "5", "continue": "next+1"},)",
                            R"("items": [{}, {"kind": "Own"}]})"}};
  });
  const auto list = client.List(kPods, {"", "", "", "0"});
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->resource_version, "5");
  ASSERT_EQ(list->items.size(), 3u);
  EXPECT_EQ(list->items[0], Json({{"apiVersion", "v1"}, {"kind", "Pod"}}));
  EXPECT_EQ(list->items[1]["kind"], "Own");
  // The version is part of the token.
  EXPECT_THAT(server_->requests().at(0).target, HasSubstr("resourceVersion=0"));
  EXPECT_THAT(server_->requests().at(1).target, ::testing::Not(HasSubstr("resourceVersion")));
}

TEST_F(KubeHttpClientTest, AListWithoutItemsIsEmpty) {
  const auto list =
      With(Answer{200, "", {R"({"metadata": {"resourceVersion": "5"}, "items": null})"}})
          .List(kPods, {});
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_TRUE(list->items.empty());
}

TEST_F(KubeHttpClientTest, AListOfAnExpiredVersionIsTheCallers) {
  const Answer expired = {410, "", {R"({"kind": "Status", "code": 410, "reason": "Expired"})"}};
  const absl::Status status = With(expired).List(kPods, {"", "", "", "7"}).status();
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  EXPECT_EQ(KubeReasonOf(status), "Expired");
  EXPECT_EQ(server_->requests().size(), 1u);
}

TEST_F(KubeHttpClientTest, EventsAreLinesWhereverTheyAreCut) {
  EXPECT_TRUE(Watch(Answer{200,
                           "",
                           {R"({"type": "ADDED", "obj)", R"(ect": {"a": 1}})", "\n",
                            "{\"type\": \"MODIFIED\", \"object\": {\"a\": 2}}\n"
                            "{\"type\": \"BOOKMARK\", \"object\": {\"a\": 3}}\n{\"ty",
                            "pe\": \"DELETED\", \"object\": {\"a\": 4}}\r\n\n"}})
                  .ok());
  EXPECT_THAT(events_, ElementsAre("added {\"a\":1}", "modified {\"a\":2}", "bookmark {\"a\":3}",
                                   "deleted {\"a\":4}"));
  EXPECT_THAT(server_->requests().at(0).target,
              ::testing::MatchesRegex("/api/v1/pods\\?watch=true&allowWatchBookmarks=true&"
                                      "timeoutSeconds=[3-6][0-9][0-9]"));
}

TEST_F(KubeHttpClientTest, WhatIsLeftWithoutEndOfLineIsThrownAway) {
  EXPECT_TRUE(Watch(Answer{200, "", {R"({"type": "ADDED", "object": {"a": 1}})"}}).ok());
  EXPECT_THAT(events_, ElementsAre());
}

TEST_F(KubeHttpClientTest, AnErrorInTheStreamIsTheStatusOfTheWatch) {
  const absl::Status status = Watch(Answer{
      200,
      "",
      {R"({"type": "ADDED", "object": {}})", "\n",
       R"({"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "old"}})",
       "\n"}});
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  EXPECT_EQ(status.message(), "old");
  EXPECT_EQ(events_.size(), 1u);
}

TEST_F(KubeHttpClientTest, AnErrorInsteadOfTheStreamIsToo) {
  const absl::Status status = Watch(Answer{
      410, "", {R"({"kind": "Status", "code": 410, )", R"("reason": "Gone", "message": "m"})"}});
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  EXPECT_EQ(status.message(), "m");
}

TEST_F(KubeHttpClientTest, AWatchOfNonsenseIsAFault) {
  for (const char* line : {"hello\n", "{\"type\": \"ADDED\"}\n", "[1]\n", "\"a\"\n",
                           "{\"type\": \"RENAMED\", \"object\": {}}\n"}) {
    const absl::Status status = Watch(Answer{200, "", {line}});
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << line << status;
    EXPECT_THAT(events_, ElementsAre());
  }
}

TEST_F(KubeHttpClientTest, AWatchThatBreaksOffIsUnavailableAfterItsEvents) {
  const absl::Status status =
      Watch(Answer{200, "", {"{\"type\": \"ADDED\", \"object\": {}}\n"}, Answer::End::kBreaksOff});
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(events_.size(), 1u);
}

TEST_F(KubeHttpClientTest, ASilentWatchIsUnavailable) {
  options_.watch_silence = absl::Seconds(1);
  const absl::Time began = absl::Now();
  const absl::Status status =
      Watch(Answer{200, "", {"{\"type\": \"ADDED\", \"object\": {}}\n"}, Answer::End::kHangs});
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_GE(absl::Now() - began, absl::Seconds(1));
  EXPECT_LT(absl::Now() - began, absl::Seconds(10));
  EXPECT_EQ(events_.size(), 1u);
}

TEST_F(KubeHttpClientTest, OptionsThatMakeNoSenseAreRefusedAllAtOnce) {
  options_.config.client_key.text = "key";
  options_.qps = -1;
  options_.page_size = 0;
  const absl::Status status = KubeHttpClient::Create(options_).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  for (const char* word : {"server", "certificate", "qps", "page_size"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(word));
  }
}

TEST_F(KubeHttpClientTest, ATextThatIsNoUtf8IsRefusedBeforeItIsSent) {
  const absl::Status status =
      With(Answer{}).Create(kPods, "n", {{"metadata", {{"name", "\xff"}}}}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_TRUE(server_->requests().empty());
}

}  // namespace
}  // namespace varmor
