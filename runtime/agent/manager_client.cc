#include "runtime/agent/manager_client.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/compiler/version.h"
#include "lib/enforcers/files.h"
#include "runtime/kube/http_transport.h"

namespace varmor {
namespace {

constexpr size_t kFileLimit = 1 << 20;

// The beginning of a page of text, on one line.
std::string Excerpt(absl::string_view body) {
  std::string out(absl::StripAsciiWhitespace(body.substr(0, 200)));
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

absl::Status FromReply(const HttpReply& reply, absl::Duration& retry_after) {
  if (reply.code == 200) return absl::OkStatus();
  int seconds = 0;
  if (absl::SimpleAtoi(reply.retry_after, &seconds) && seconds > 0) {
    retry_after = std::min(absl::Seconds(seconds), absl::Minutes(10));
  }
  const std::string message =
      absl::StrCat("the manager answers ", reply.code, ": ", Excerpt(reply.body));
  switch (reply.code) {
    case 400:
      return absl::InvalidArgumentError(message);
    case 401:
      return absl::UnauthenticatedError(message);
    case 403:
      return absl::PermissionDeniedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

}  // namespace

ManagerClient::ManagerClient(ManagerClientOptions options)
    : options_(std::move(options)), transport_(absl::make_unique<HttpTransport>()) {}

ManagerClient::~ManagerClient() = default;

void ManagerClient::Cancel() { transport_->Cancel(); }

absl::StatusOr<std::string> ManagerClient::Post(const std::string& path, const std::string& body,
                                                absl::Duration& retry_after) {
  HttpCall call;
  call.method = "POST";
  call.url = options_.url + path;
  call.headers = {"Content-Type: application/json"};
  call.body = body;
  call.limit = options_.limit;
  call.user_agent = absl::StrCat("varmor-agent/", kVersion);
  VARMOR_ASSIGN_OR_RETURN(call.ca, ReadFileWhole(options_.ca_file, kFileLimit));
  if (!options_.token_file.empty()) {
    VARMOR_ASSIGN_OR_RETURN(const std::string token,
                            ReadFileWhole(options_.token_file, kFileLimit));
    call.headers.push_back(absl::StrCat("Token: ", absl::StripAsciiWhitespace(token)));
  }
  HttpReply reply;
  VARMOR_RETURN_IF_ERROR(transport_->Perform(call, &reply));
  VARMOR_RETURN_IF_ERROR(FromReply(reply, retry_after));
  return std::move(reply.body);
}

}  // namespace varmor
