#include "runtime/manager/status_service.h"

#include <atomic>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/kube/testing/fake_kube_client.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

using ::testing::HasSubstr;

constexpr char kAgent[] = "system:serviceaccount:varmor:varmor-agent";

// A token that names itself, so that the reviewer knows whose it is.
std::string Token(const std::string& name, int64_t expires = 4102444800) {
  return absl::StrCat(
      absl::WebSafeBase64Escape("{}"), ".",
      absl::WebSafeBase64Escape(absl::StrCat(R"({"exp":)", expires, R"(,"n":")", name, "\"}")),
      ".c2ln");
}

class StatusServiceTest : public testing::Test {
 protected:
  StatusServiceTest() {
    kube_.SetReviewer(kTokenReviews, [this](Json review) -> absl::StatusOr<Json> {
      ++reviews_;
      if (!failure_.ok()) return failure_;
      if (wait_ != nullptr) wait_->WaitForNotification();
      EXPECT_EQ(review["spec"]["audiences"], Json({"varmor-manager"}));
      review["status"] = status_;
      return review;
    });
    status_ = Json::parse(R"({"authenticated": true, "audiences": ["varmor-manager"],
        "user": {"username": "system:serviceaccount:varmor:varmor-agent",
                 "extra": {"authentication.kubernetes.io/pod-name": ["agent-a"]}}})");
    store_.SetProfile("shop/p", "r", "u");
  }

  HttpRequest Request(const std::string& path, const std::string& body,
                      const std::string& token = Token("a")) {
    HttpRequest request;
    request.method = "POST";
    request.path = path;
    request.body = body;
    request.headers["token"] = token;
    return request;
  }
  HttpResponse PostStatus(const std::string& node, const std::string& token = Token("a")) {
    return service_.Handle(
        Request(kStatusPath,
                absl::StrCat(R"({"namespace": "shop", "armorProfile": "p", "nodeName": ")", node,
                             R"(", "status": "succeeded", "revision": "r"})"),
                token));
  }

  FakeKubeClient kube_;
  std::atomic<int> reviews_{0};
  absl::Status failure_;
  absl::Notification* wait_ = nullptr;
  Json status_;
  absl::Time now_ = absl::FromUnixSeconds(1735689600);
  TokenChecker tokens_{[this] {
                         TokenCheckerOptions options;
                         options.audience = kStatusAudience;
                         options.cache_size = 3;
                         options.in_flight = 2;
                         options.clock = [this] { return now_; };
                         return options;
                       }(),
                       kube_};
  ReportStore store_{[](const std::string&, const ReportTotals&, const ReportTotals&) {}};
  Metrics metrics_;
  StatusService service_{{},
                         tokens_,
                         store_,
                         [](const std::string& pod) { return pod == "agent-a" ? "a" : ""; },
                         metrics_};
};

TEST_F(StatusServiceTest, HealthNeedsNoToken) {
  HttpRequest request;
  request.method = "GET";
  request.path = "/healthz";
  EXPECT_EQ(service_.Handle(request).status, 200);
  EXPECT_EQ(service_.Handle(request).body, "ok");
  request.method = "POST";
  EXPECT_EQ(service_.Handle(request).status, 405);
  EXPECT_EQ(service_.Handle(Request("/other", "")).status, 404);
  request.path = kStatusPath;
  request.method = "GET";
  EXPECT_EQ(service_.Handle(request).status, 405);
}

TEST_F(StatusServiceTest, SaysWhereModelsAreInstead) {
  const HttpResponse response = service_.Handle(Request(
      "/apis/crd.varmor.org/v1beta1/namespaces/shop/armorprofilemodels/varmor-shop-web", ""));
  EXPECT_EQ(response.status, 404);
  EXPECT_NE(response.body.find("kubectl"), std::string::npos);
}

TEST_F(StatusServiceTest, TokenIsCheckedBeforeTheBodyIsRead) {
  EXPECT_FALSE(service_.HandleHeader(Request(kStatusPath, "")).has_value());
  EXPECT_FALSE(service_.HandleHeader(Request(kNodePath, "")).has_value());
  EXPECT_EQ(service_.HandleHeader(Request(kNodePath, "", "x"))->status, 401);
  EXPECT_EQ(service_.HandleHeader(Request(kBehaviorDataPath, ""))->status, 400);
  EXPECT_EQ(service_.HandleHeader(Request("/other", ""))->status, 404);
  EXPECT_EQ(service_.HandleHeader(Request("/healthz", ""))->status, 405);
  status_["user"]["username"] = "system:serviceaccount:shop:varmor-agent";
  EXPECT_EQ(service_.HandleHeader(Request(kNodePath, "", Token("b")))->status, 403);
}

TEST_F(StatusServiceTest, TakesReportsOfTheAgentOfTheNode) {
  EXPECT_EQ(PostStatus("a").status, 200);
  EXPECT_EQ(store_.Get("shop/p").at("a").revision, "r");
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("varmor_profile_processing_success_total{node_name=\"a\"} 1"));
}

// Regression: the series of deleted nodes stayed for ever.
TEST_F(StatusServiceTest, ForgetsWhatItCountedOfADeletedNode) {
  EXPECT_EQ(PostStatus("a").status, 200);
  service_.ForgetNode("b");
  EXPECT_THAT(metrics_.Text(), HasSubstr("{node_name=\"a\"}"));
  service_.ForgetNode("a");
  EXPECT_EQ(metrics_.Text().find("node_name"), std::string::npos) << metrics_.Text();
}

TEST_F(StatusServiceTest, RefusesReportsAboutOtherNodes) {
  const HttpResponse response = PostStatus("b");
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.body, "the token is that of the agent of node \"a\", not of \"b\"\n");
  EXPECT_TRUE(store_.Get("shop/p").empty());
  EXPECT_EQ(service_.Handle(Request(kNodePath, R"({"nodeName": "b"})")).status, 403);
}

TEST_F(StatusServiceTest, NodeOfTheTokenComesBeforeThatOfThePod) {
  status_["user"]["extra"]["authentication.kubernetes.io/node-name"] = {"b"};
  EXPECT_EQ(PostStatus("b").status, 200);
  EXPECT_EQ(PostStatus("a").status, 403);
}

TEST_F(StatusServiceTest, TokenWithoutAPodIsNoAgents) {
  status_["user"].erase("extra");
  EXPECT_EQ(PostStatus("a").body, "the token is bound to no pod of an agent\n");
  status_["user"]["extra"] = {{"authentication.kubernetes.io/pod-name", {"other"}}};
  EXPECT_EQ(PostStatus("a", Token("2")).status, 403);
  EXPECT_EQ(PostStatus("", Token("3")).status, 400);
}

TEST_F(StatusServiceTest, RefusesTokensOfOthers) {
  status_["user"]["username"] = "system:serviceaccount:shop:varmor-agent";
  EXPECT_EQ(PostStatus("a").status, 403);
  status_["audiences"] = {"https://kubernetes.default.svc"};
  EXPECT_EQ(PostStatus("a", Token("2")).status, 401);
  status_ = Json::parse(R"({"error": "expired"})");
  EXPECT_EQ(PostStatus("a", Token("3")).body, "the token is not good: expired\n");
}

TEST_F(StatusServiceTest, WhatIsNoTokenIsNotAskedAbout) {
  HttpRequest request = Request(kStatusPath, "{}");
  request.headers.clear();
  EXPECT_EQ(service_.Handle(request).status, 401);
  for (const char* token : {"", "x", "a.b", "a.b.c.d", "a..c", "a.b+.c", "a.b.c\n"}) {
    EXPECT_EQ(PostStatus("a", token).status, 401) << token;
  }
  EXPECT_EQ(reviews_, 0);
}

TEST_F(StatusServiceTest, BodiesThatAreNoneAreRefused) {
  EXPECT_EQ(service_.Handle(Request(kStatusPath, "{")).status, 400);
  EXPECT_THAT(service_.Handle(Request(kStatusPath, "{}")).body, HasSubstr("namespace: is missing"));
  EXPECT_EQ(service_.Handle(Request(kNodePath, "[]")).status, 400);
  EXPECT_EQ(service_.Handle(Request(kBehaviorDataPath, "{}")).status, 400);
}

TEST_F(StatusServiceTest, NodeReportIsAnsweredWithWhatIsMissing) {
  const HttpResponse response = service_.Handle(Request(kNodePath, R"({"nodeName": "a"})"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"resync":["shop/p"]})");
  EXPECT_EQ(response.content_type, "application/json");
}

TEST_F(StatusServiceTest, AsksOnceForATokenUntilItsTimeIsOver) {
  PostStatus("a");
  PostStatus("a");
  EXPECT_EQ(reviews_, 1);
  now_ += absl::Minutes(5);
  PostStatus("a");
  EXPECT_EQ(reviews_, 2);
  // Not beyond its expiry.
  const std::string brief = Token("b", absl::ToUnixSeconds(now_) + 10);
  PostStatus("a", brief);
  now_ += absl::Seconds(9);
  PostStatus("a", brief);
  EXPECT_EQ(reviews_, 3);
  now_ += absl::Seconds(1);
  PostStatus("a", brief);
  EXPECT_EQ(reviews_, 4);
}

TEST_F(StatusServiceTest, BadTokensAreRememberedForAShorterTime) {
  status_["authenticated"] = false;
  EXPECT_EQ(PostStatus("a").status, 401);
  EXPECT_EQ(PostStatus("a").status, 401);
  EXPECT_EQ(reviews_, 1);
  now_ += absl::Seconds(30);
  status_["authenticated"] = true;
  EXPECT_EQ(PostStatus("a").status, 200);
}

TEST_F(StatusServiceTest, MemoryOfTokensIsBounded) {
  for (const char* name : {"1", "2", "3", "4"}) {
    PostStatus("a", Token(name));
    now_ += absl::Seconds(1);
  }
  EXPECT_EQ(reviews_, 4);
  PostStatus("a", Token("4"));
  PostStatus("a", Token("2"));
  EXPECT_EQ(reviews_, 4);
  PostStatus("a", Token("1"));
  EXPECT_EQ(reviews_, 5);
}

TEST_F(StatusServiceTest, ServerThatDoesNotAnswerIsNoVerdict) {
  failure_ = absl::PermissionDeniedError("no");
  const HttpResponse response = PostStatus("a");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.at("Retry-After"), "1");
  failure_ = absl::OkStatus();
  EXPECT_EQ(PostStatus("a").status, 200);
}

TEST_F(StatusServiceTest, QuestionsUnderWayAreLimited) {
  absl::Notification go;
  wait_ = &go;
  std::thread one([&] { EXPECT_EQ(PostStatus("a", Token("1")).status, 200); });
  std::thread two([&] { EXPECT_EQ(PostStatus("a", Token("2")).status, 200); });
  while (reviews_ < 2) std::this_thread::yield();
  EXPECT_EQ(PostStatus("a", Token("3")).status, 503);
  go.Notify();
  one.join();
  two.join();
  EXPECT_EQ(PostStatus("a", Token("3")).status, 200);
}

}  // namespace
}  // namespace varmor
