#include "runtime/manager/token_checker.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "runtime/kube/kube_object.h"

namespace varmor {
namespace {

// Of what an `extra` of a user info holds, the first.
std::string Extra(const Json& user, absl::string_view key) {
  const Json* values = FieldAt(user, {"extra", key});
  if (values == nullptr || !values->is_array() || values->empty()) return "";
  return values->front().is_string() ? values->front().get<std::string>() : "";
}

bool IsBase64Url(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_';
  });
}

}  // namespace

absl::StatusOr<absl::Time> TokenExpiry(absl::string_view token) {
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '.');
  std::string payload;
  if (parts.size() != 3 || !std::all_of(parts.begin(), parts.end(), IsBase64Url) ||
      !absl::WebSafeBase64Unescape(parts[1], &payload)) {
    return absl::InvalidArgumentError("the token is not a JSON web token");
  }
  const Json claims = Json::parse(payload, nullptr, false);
  const absl::optional<int64_t> seconds = NumberAt(claims, {"exp"});
  return seconds.has_value() ? absl::FromUnixSeconds(*seconds) : absl::InfiniteFuture();
}

TokenChecker::TokenChecker(TokenCheckerOptions options, KubeClient& client)
    : options_(std::move(options)), client_(client) {}

void TokenChecker::Remember(const std::string& hash, const Answer& answer, absl::Time until) {
  const auto old = entries_.find(hash);
  if (old != entries_.end()) by_end_.erase({old->second.until, hash});
  entries_.insert_or_assign(hash, Entry{answer, until});
  by_end_.emplace(until, hash);
  while (entries_.size() > options_.cache_size) {
    entries_.erase(by_end_.begin()->second);
    by_end_.erase(by_end_.begin());
  }
}

TokenChecker::Answer TokenChecker::Check(absl::string_view token) {
  const absl::StatusOr<absl::Time> expiry = TokenExpiry(token);
  if (!expiry.ok()) return absl::UnauthenticatedError(expiry.status().message());
  const std::string hash = Sha256Hex(token);
  const absl::Time now = options_.clock();
  {
    MutexLock lock(&mutex_);
    const auto found = entries_.find(hash);
    if (found != entries_.end() && now < found->second.until) return found->second.answer;
    if (asking_ >= options_.in_flight) {
      return absl::ResourceExhaustedError("too many tokens are being checked");
    }
    ++asking_;
  }
  const Answer answer = Ask(token);
  MutexLock lock(&mutex_);
  --asking_;
  if (answer.ok()) {
    Remember(hash, answer, std::min(now + options_.positive_time, *expiry));
  } else if (absl::IsUnauthenticated(answer.status())) {
    Remember(hash, answer, now + options_.negative_time);
  }
  return answer;
}

TokenChecker::Answer TokenChecker::Ask(absl::string_view token) {
  const absl::StatusOr<Json> review = client_.Create(
      kTokenReviews, "",
      {{"spec", {{"token", std::string(token)}, {"audiences", {options_.audience}}}}});
  if (!review.ok()) {
    // Whatever the API server says of us says nothing about the token.
    return absl::UnavailableError(
        absl::StrCat("cannot have the token checked: ", review.status().message()));
  }
  const Json* authenticated = FieldAt(*review, {"status", "authenticated"});
  const Json* audiences = FieldAt(*review, {"status", "audiences"});
  const bool audience_fits =
      audiences != nullptr && audiences->is_array() &&
      std::find(audiences->begin(), audiences->end(), options_.audience) != audiences->end();
  if (authenticated == nullptr || *authenticated != true || !audience_fits) {
    const std::string error = TextAt(*review, {"status", "error"});
    return absl::UnauthenticatedError(
        absl::StrCat("the token is not good", error.empty() ? "" : ": ", error));
  }
  const Json* user = FieldAt(*review, {"status", "user"});
  TokenIdentity identity;
  identity.user = TextAt(*review, {"status", "user", "username"});
  if (user != nullptr) {
    identity.node = Extra(*user, "authentication.kubernetes.io/node-name");
    identity.pod = Extra(*user, "authentication.kubernetes.io/pod-name");
  }
  return identity;
}

}  // namespace varmor
