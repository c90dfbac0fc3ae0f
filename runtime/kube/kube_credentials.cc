#include "runtime/kube/kube_credentials.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"
#include "runtime/kube/mutex.h"

namespace varmor {
namespace {

absl::StatusOr<std::string> Read(const KubeText& text) {
  if (text.file.empty()) return text.text;
  constexpr size_t kLimit = 4 << 20;
  VARMOR_ASSIGN_OR_RETURN(std::string content, ReadFileWhole(text.file, kLimit));
  if (absl::StripAsciiWhitespace(content).empty()) {
    return absl::FailedPreconditionError(absl::StrCat(QuotedPath(text.file), " is empty"));
  }
  return content;
}

}  // namespace

KubeCredentials::KubeCredentials(KubeConfig config, absl::Duration period,
                                 std::function<absl::Time()> now)
    : config_(std::move(config)), period_(period), now_(std::move(now)) {}

KubeSecrets KubeCredentials::Current() {
  MutexLock lock(&mutex_);
  if (now_() >= due_) problem_ = ReloadLocked();
  return secrets_;
}

absl::Status KubeCredentials::Reload() {
  MutexLock lock(&mutex_);
  return problem_ = ReloadLocked();
}

void KubeCredentials::Expire() {
  MutexLock lock(&mutex_);
  due_ = absl::InfinitePast();
}

absl::Status KubeCredentials::problem() {
  MutexLock lock(&mutex_);
  return problem_;
}

absl::Status KubeCredentials::ReloadLocked() {
  due_ = now_() + period_;
  KubeSecrets read;
  VARMOR_ASSIGN_OR_RETURN(read.ca, Read(config_.ca));
  VARMOR_ASSIGN_OR_RETURN(read.client_certificate, Read(config_.client_certificate));
  VARMOR_ASSIGN_OR_RETURN(read.client_key, Read(config_.client_key));
  VARMOR_ASSIGN_OR_RETURN(read.token, Read(config_.token));
  absl::StripAsciiWhitespace(&read.token);
  if (read.token.find_first_of("\r\n") != std::string::npos) {
    return absl::FailedPreconditionError(
        absl::StrCat(QuotedPath(config_.token.file), " holds more than one line; a token is one"));
  }
  secrets_ = std::move(read);
  return absl::OkStatus();
}

}  // namespace varmor
