#include "runtime/kube/kube_error.h"

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "runtime/kube/kube_object.h"

namespace varmor {
namespace {

// How etcd, gRPC between server and etcd, and the server itself say that an object is too large.
bool SaysTooLarge(absl::string_view message) {
  return absl::StrContains(message, "etcdserver: request is too large") ||
         absl::StrContains(message, "trying to send message larger than max") ||
         absl::StrContains(message, "Request entity too large");
}

// Of a version that the server does not have yet: how its cache says it, and how etcd does. Such
// versions are from before a cluster was restored from a backup.
bool IsFromTheFuture(absl::string_view message) {
  return absl::StrContains(message, "Too large resource version") ||
         absl::StrContains(message, "required revision is a future revision");
}

absl::StatusCode CodeOf(const KubeFailure& failure) {
  if (SaysTooLarge(failure.message)) return absl::StatusCode::kResourceExhausted;
  if (IsFromTheFuture(failure.message)) {
    return absl::StatusCode::kOutOfRange;
  }
  switch (failure.code) {
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    case 409:
      return failure.reason == "AlreadyExists" ? absl::StatusCode::kAlreadyExists
                                               : absl::StatusCode::kAborted;
    case 410:
      return absl::StatusCode::kOutOfRange;
    case 413:
      return absl::StatusCode::kResourceExhausted;
    case 408:
    case 429:
      return absl::StatusCode::kUnavailable;
    default:
      break;
  }
  if (failure.code >= 500) return absl::StatusCode::kUnavailable;
  if (failure.code >= 400) return absl::StatusCode::kInvalidArgument;
  return absl::StatusCode::kInternal;
}

}  // namespace

const absl::string_view kKubeReasonPayload = "varmor.org/kube-reason";
const absl::string_view kKubeRetryAfterPayload = "varmor.org/kube-retry-after";

KubeFailure KubeFailureOf(const nlohmann::json& status_object, int code) {
  KubeFailure failure;
  failure.code = static_cast<int>(NumberAt(status_object, {"code"}).value_or(code));
  failure.reason = TextAt(status_object, {"reason"});
  failure.message = TextAt(status_object, {"message"});
  failure.retry_after =
      absl::Seconds(NumberAt(status_object, {"details", "retryAfterSeconds"}).value_or(0));
  return failure;
}

absl::Status KubeErrorStatus(const KubeFailure& failure) {
  absl::Status status(CodeOf(failure), failure.message);
  if (!failure.reason.empty()) status.SetPayload(kKubeReasonPayload, absl::Cord(failure.reason));
  if (failure.retry_after > absl::ZeroDuration()) {
    status.SetPayload(kKubeRetryAfterPayload,
                      absl::Cord(absl::FormatDuration(failure.retry_after)));
  }
  return status;
}

}  // namespace varmor
