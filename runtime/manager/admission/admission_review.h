// The envelope of admission webhooks, admission.k8s.io/v1 AdmissionReview: request in, response
// out.
#ifndef RUNTIME_MANAGER_ADMISSION_ADMISSION_REVIEW_H_
#define RUNTIME_MANAGER_ADMISSION_ADMISSION_REVIEW_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

struct AdmissionRequest {
  std::string uid;
  // Of the object, in the version that the webhook asked for.
  std::string group;
  std::string kind;
  std::string name_space;
  // From the object when the request has none; "" with generateName.
  std::string name;
  // "CREATE", "UPDATE", "DELETE", "CONNECT".
  std::string operation;
  // "status", "scale", "".
  std::string subresource;
  bool dry_run = false;
  // Null when the operation has none.
  Json object;
  Json old_object;
};

// INVALID_ARGUMENT: not JSON, too much of it (CheckJsonLimits), not a review of v1, or no uid to
// answer to; with all problems.
absl::StatusOr<AdmissionRequest> ParseAdmissionReview(absl::string_view body);

struct AdmissionAnswer {
  bool allowed = true;
  // Why not, for the user.
  std::string message;
  // RFC 6902; null: no patch.
  Json patch;
  // Each is shown by kubectl in a line of its own.
  std::vector<std::string> warnings;
};

// The review to send back.
std::string AdmissionReviewText(const std::string& uid, const AdmissionAnswer& answer);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_ADMISSION_ADMISSION_REVIEW_H_
