#include "runtime/container/nri/testing/fake_nri_runtime.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

namespace api = nri::pkg::api::v1alpha1;

constexpr int kLimitMs = 10000;

}  // namespace

std::string NriRequest(uint32_t stream, const std::string& method, const std::string& payload,
                       absl::Duration patience) {
  ttrpc::Request request;
  request.set_service("nri.pkg.api.v1alpha1.Plugin");
  request.set_method(method);
  request.set_payload(payload);
  request.set_timeout_nano(absl::ToInt64Nanoseconds(patience));
  TtrpcMessage message;
  message.stream = stream;
  message.data = request.SerializeAsString();
  return EncodeTtrpc(message);
}

std::string NriStartEvent(const std::string& id, uint32_t pid) {
  api::StateChangeEvent event;
  event.set_event(api::START_CONTAINER);
  event.mutable_pod()->set_name("web");
  event.mutable_pod()->set_namespace_("shop");
  event.mutable_container()->set_id(id);
  event.mutable_container()->set_name("c");
  event.mutable_container()->set_pid(pid);
  return event.SerializeAsString();
}

std::string NriRegistered(const std::string& problem) {
  ttrpc::Response response;
  if (!problem.empty()) {
    response.mutable_status()->set_code(2);
    response.mutable_status()->set_message(problem);
  }
  TtrpcMessage message;
  message.connection = kNriRuntimeConnection;
  message.type = TtrpcMessage::Type::kResponse;
  message.data = response.SerializeAsString();
  return EncodeTtrpc(message);
}

FakeNriRuntime::FakeNriRuntime(const std::string& socket_path) : path_(socket_path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  unlink(path_.c_str());
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener_, 8) != 0) {
    close(std::exchange(listener_, -1));
  }
}

FakeNriRuntime::~FakeNriRuntime() {
  Close();
  if (listener_ >= 0) close(listener_);
  unlink(path_.c_str());
}

void FakeNriRuntime::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  decoder_ = NriDecoder();
  received_.clear();
  next_stream_ = 1;
}

absl::Status FakeNriRuntime::Accept() {
  Close();
  pollfd wait = {listener_, POLLIN, 0};
  if (poll(&wait, 1, kLimitMs) <= 0) return absl::DeadlineExceededError("nobody connects");
  fd_ = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  return fd_ >= 0 ? absl::OkStatus() : absl::UnavailableError("accept");
}

absl::Status FakeNriRuntime::Send(const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t length = send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (length <= 0) return absl::UnavailableError("send");
    at += static_cast<size_t>(length);
  }
  return absl::OkStatus();
}

absl::StatusOr<TtrpcMessage> FakeNriRuntime::Receive() {
  while (received_.empty()) {
    pollfd wait = {fd_, POLLIN, 0};
    if (poll(&wait, 1, kLimitMs) <= 0) return absl::DeadlineExceededError("nothing is said");
    char buffer[4096];
    const ssize_t length = recv(fd_, buffer, sizeof buffer, 0);
    if (length <= 0) return absl::UnavailableError("the plugin closed the connection");
    std::vector<TtrpcMessage> messages;
    VARMOR_RETURN_IF_ERROR(
        decoder_.Feed(absl::string_view(buffer, static_cast<size_t>(length)), messages));
    for (TtrpcMessage& message : messages) received_.push_back(std::move(message));
  }
  TtrpcMessage first = std::move(received_.front());
  received_.pop_front();
  return first;
}

absl::StatusOr<api::RegisterPluginRequest> FakeNriRuntime::TakePlugin() {
  VARMOR_RETURN_IF_ERROR(Accept());
  VARMOR_ASSIGN_OR_RETURN(const TtrpcMessage message, Receive());
  ttrpc::Request request;
  api::RegisterPluginRequest registration;
  if (message.connection != kNriRuntimeConnection || !request.ParseFromString(message.data) ||
      request.service() != "nri.pkg.api.v1alpha1.Runtime" || request.method() != "RegisterPlugin" ||
      !registration.ParseFromString(request.payload())) {
    return absl::InvalidArgumentError("the first message is no registration");
  }
  VARMOR_RETURN_IF_ERROR(Send(NriRegistered()));
  api::ConfigureRequest configuration;
  configuration.set_runtime_name("fake");
  configuration.set_runtime_version("1.7");
  VARMOR_ASSIGN_OR_RETURN(const ttrpc::Response configured,
                          Ask("Configure", configuration.SerializeAsString()));
  VARMOR_ASSIGN_OR_RETURN(const ttrpc::Response synchronized, Ask("Synchronize", ""));
  if (configured.has_status() || synchronized.has_status()) {
    return absl::InternalError("the plugin refuses its configuration or the list");
  }
  return registration;
}

absl::StatusOr<ttrpc::Response> FakeNriRuntime::Ask(const std::string& method,
                                                    const std::string& payload) {
  const uint32_t stream = next_stream_;
  next_stream_ += 2;
  VARMOR_RETURN_IF_ERROR(Send(NriRequest(stream, method, payload)));
  VARMOR_ASSIGN_OR_RETURN(const TtrpcMessage message, Receive());
  ttrpc::Response response;
  if (message.connection != kNriPluginConnection || message.stream != stream ||
      message.type != TtrpcMessage::Type::kResponse || !response.ParseFromString(message.data)) {
    return absl::InvalidArgumentError("what comes is no answer to the question");
  }
  return response;
}

bool FakeNriRuntime::IsClosed() { return absl::IsUnavailable(Receive().status()); }

}  // namespace varmor
