#include "runtime/manager/admission/admission_review.h"

#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

TEST(AdmissionReviewTest, ReadsWhatAServerSends) {
  const auto request = ParseAdmissionReview(R"({"kind": "AdmissionReview",
      "apiVersion": "admission.k8s.io/v1", "request": {"uid": "u-1",
      "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
      "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
      "requestKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
      "name": "web", "namespace": "shop", "operation": "UPDATE",
      "userInfo": {"username": "admin", "groups": ["system:masters"]},
      "object": {"a": 1}, "oldObject": {"a": 2}, "dryRun": true,
      "options": {"kind": "UpdateOptions"}}})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->uid, "u-1");
  EXPECT_EQ(request->group, "apps");
  EXPECT_EQ(request->kind, "Deployment");
  EXPECT_EQ(request->name, "web");
  EXPECT_EQ(request->name_space, "shop");
  EXPECT_EQ(request->operation, "UPDATE");
  EXPECT_EQ(request->subresource, "");
  EXPECT_TRUE(request->dry_run);
  EXPECT_EQ(request->object, Json::parse(R"({"a": 1})"));
  EXPECT_EQ(request->old_object, Json::parse(R"({"a": 2})"));
}

TEST(AdmissionReviewTest, TakesTheNameOfTheObjectWhenTheRequestHasNone) {
  const auto request = ParseAdmissionReview(R"({"kind": "AdmissionReview",
      "apiVersion": "admission.k8s.io/v1", "request": {"uid": "u-1", "operation": "CREATE",
      "kind": {"group": "", "version": "v1", "kind": "Pod"}, "oldObject": null,
      "object": {"metadata": {"name": "p"}}}})");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->name, "p");
  EXPECT_EQ(request->group, "");
  EXPECT_FALSE(request->dry_run);
}

TEST(AdmissionReviewTest, RefusesOthers) {
  EXPECT_EQ(ParseAdmissionReview("").status().message(), "the review is not JSON");
  EXPECT_EQ(ParseAdmissionReview("{\"a\": 1,}").status().message(), "the review is not JSON");
  const absl::Status status =
      ParseAdmissionReview(R"({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1beta1",
                               "request": {"operation": "CREATE", "dryRun": "yes"}})")
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const char* part : {"apiVersion, kind: not admission.k8s.io/v1 AdmissionReview",
                           "request.uid", "request.kind.kind", "request.dryRun"}) {
    EXPECT_NE(status.message().find(part), absl::string_view::npos) << part << status;
  }
  for (const char* text : {"3", "[]", "null", "{}", R"({"request": []})"}) {
    EXPECT_EQ(ParseAdmissionReview(text).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(AdmissionReviewTest, RefusesDeepNesting) {
  const auto review = [](int depth) {
    return R"({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
        "uid": "[[\"[", "operation": "CREATE", "kind": {"kind": "Pod"}, "object": )" +
           std::string(depth, '[') + std::string(depth, ']') + "}}";
  };
  EXPECT_TRUE(ParseAdmissionReview(review(498)).ok());
  EXPECT_EQ(ParseAdmissionReview(review(499)).status().message(),
            "the review nests deeper than 500 levels");
  EXPECT_EQ(ParseAdmissionReview(review(3000000)).status().message(),
            "the review nests deeper than 500 levels");
}

TEST(AdmissionReviewTest, RefusesWhatWouldTakeTooMuchMemory) {
  std::string review = R"({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
      "request": {"uid": "u", "operation": "CREATE", "kind": {"kind": "Pod"}, "object": [)";
  for (int i = 0; i < kJsonValueLimit / 2; ++i) review += "{},";
  EXPECT_EQ(ParseAdmissionReview(review + "{}]}}").status().message(),
            "the review has more than 200000 values");
}

TEST(AdmissionReviewTest, PrintsAnswers) {
  EXPECT_EQ(AdmissionReviewText("u", {}),
            R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview",)"
            R"("response":{"allowed":true,"uid":"u"}})");
  AdmissionAnswer refused;
  refused.allowed = false;
  refused.message = "C1: no\nC2: no";
  refused.warnings = {"w1", "w2"};
  EXPECT_EQ(Json::parse(AdmissionReviewText("u", refused))["response"],
            Json::parse(R"({"uid": "u", "allowed": false, "warnings": ["w1", "w2"],
              "status": {"status": "Failure", "message": "C1: no\nC2: no", "reason": "Forbidden",
                         "code": 403}})"));
  AdmissionAnswer patched;
  patched.patch = Json::parse(R"([{"op": "add", "path": "/a", "value": 1}])");
  const Json response = Json::parse(AdmissionReviewText("u", patched))["response"];
  EXPECT_EQ(response["patchType"], "JSONPatch");
  std::string patch;
  ASSERT_TRUE(absl::Base64Unescape(response["patch"].get<std::string>(), &patch));
  EXPECT_EQ(Json::parse(patch), patched.patch);
}

TEST(AdmissionReviewTest, SaysHowManyWarningsDoNotFit) {
  AdmissionAnswer answer;
  answer.warnings.assign(10, std::string(1000, 'w'));
  const Json warnings = Json::parse(AdmissionReviewText("u", answer))["response"]["warnings"];
  ASSERT_EQ(warnings.size(), 5);
  EXPECT_EQ(warnings[4], "and 6 more warnings; `varmor check` prints all");
}

}  // namespace
}  // namespace varmor
