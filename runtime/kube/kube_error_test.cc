#include "runtime/kube/kube_error.h"

#include "gtest/gtest.h"
#include "runtime/kube/kube_client.h"

namespace varmor {
namespace {

struct ErrorCase {
  int code;
  const char* reason;
  const char* message;
  absl::StatusCode wanted;
};

constexpr ErrorCase kErrorCases[] = {
    {400, "BadRequest", "m", absl::StatusCode::kInvalidArgument},
    {401, "Unauthorized", "m", absl::StatusCode::kUnauthenticated},
    {403, "Forbidden", "m", absl::StatusCode::kPermissionDenied},
    {404, "NotFound", "m", absl::StatusCode::kNotFound},
    {405, "MethodNotAllowed", "m", absl::StatusCode::kInvalidArgument},
    {409, "AlreadyExists", "m", absl::StatusCode::kAlreadyExists},
    {409, "Conflict", "m", absl::StatusCode::kAborted},
    {409, "", "m", absl::StatusCode::kAborted},
    {410, "Expired", "m", absl::StatusCode::kOutOfRange},
    {410, "Gone", "m", absl::StatusCode::kOutOfRange},
    {413, "RequestEntityTooLarge", "m", absl::StatusCode::kResourceExhausted},
    {415, "UnsupportedMediaType", "m", absl::StatusCode::kInvalidArgument},
    {422, "Invalid", "m", absl::StatusCode::kInvalidArgument},
    {429, "TooManyRequests", "m", absl::StatusCode::kUnavailable},
    {500, "InternalError", "m", absl::StatusCode::kUnavailable},
    {500, "", "etcdserver: request is too large", absl::StatusCode::kResourceExhausted},
    {500, "", "etcdserver: mvcc: required revision is a future revision",
     absl::StatusCode::kOutOfRange},
    {503, "ServiceUnavailable", "m", absl::StatusCode::kUnavailable},
    {504, "Timeout", "Too large resource version: 9, current: 5", absl::StatusCode::kOutOfRange},
    {504, "Timeout", "request timed out", absl::StatusCode::kUnavailable},
    {302, "", "m", absl::StatusCode::kInternal},
};

TEST(KubeErrorTest, MapsWhatServersSay) {
  for (const ErrorCase& one : kErrorCases) {
    KubeFailure failure;
    failure.code = one.code;
    failure.reason = one.reason;
    failure.message = one.message;
    const absl::Status status = KubeErrorStatus(failure);
    EXPECT_EQ(status.code(), one.wanted) << one.code << " " << one.reason << " " << one.message;
    EXPECT_EQ(status.message(), one.message);
    EXPECT_EQ(KubeReasonOf(status), one.reason);
    EXPECT_EQ(KubeRetryAfter(status), absl::ZeroDuration());
  }
}

TEST(KubeErrorTest, ReadsAStatusObject) {
  const nlohmann::json object = {{"kind", "Status"},
                                 {"code", 429},
                                 {"reason", "TooManyRequests"},
                                 {"message", "slow down"},
                                 {"details", {{"retryAfterSeconds", 3}}}};
  const absl::Status status = KubeErrorStatus(KubeFailureOf(object, 500));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(KubeRetryAfter(status), absl::Seconds(3));
  EXPECT_EQ(KubeFailureOf({{"kind", "Status"}}, 503).code, 503);
  EXPECT_EQ(KubeFailureOf(nullptr, 503).code, 503);
}

TEST(KubeErrorTest, OtherStatusesHaveNeitherReasonNorWait) {
  EXPECT_EQ(KubeReasonOf(absl::OkStatus()), "");
  EXPECT_EQ(KubeReasonOf(absl::NotFoundError("x")), "");
  EXPECT_EQ(KubeRetryAfter(absl::NotFoundError("x")), absl::ZeroDuration());
}

}  // namespace
}  // namespace varmor
