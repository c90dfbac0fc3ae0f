// What an API server refuses, as a status: the table at the top of kube_client.h. Shared by the
// client and its fake.
#ifndef RUNTIME_KUBE_KUBE_ERROR_H_
#define RUNTIME_KUBE_KUBE_ERROR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace varmor {

struct KubeFailure {
  int code = 0;  // of HTTP
  std::string reason;
  std::string message;
  absl::Duration retry_after;
};

// The fields of a Status object; `code` where it has none.
KubeFailure KubeFailureOf(const nlohmann::json& status_object, int code);

// Never OK.
absl::Status KubeErrorStatus(const KubeFailure& failure);

// Where KubeReasonOf and KubeRetryAfter find their answers.
extern const absl::string_view kKubeReasonPayload;
extern const absl::string_view kKubeRetryAfterPayload;

}  // namespace varmor

#endif  // RUNTIME_KUBE_KUBE_ERROR_H_
