#include "runtime/container/nri/nri_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/container/nri/nri.pb.h"
#include "runtime/container/nri/ttrpc.pb.h"

namespace varmor {
namespace {

namespace api = nri::pkg::api::v1alpha1;

constexpr char kPluginService[] = "nri.pkg.api.v1alpha1.Plugin";
constexpr char kRuntimeService[] = "nri.pkg.api.v1alpha1.Runtime";
// The namespace of containerd that its CRI plugin has, which alone asks NRI.
constexpr char kKubernetesNamespace[] = "k8s.io";
// What a runtime waits when it does not say: NRI's default.
constexpr absl::Duration kUsualLimit = absl::Seconds(2);
constexpr absl::Duration kLongestHold = absl::Seconds(2);
constexpr int64_t kLargestPid = 1 << 22;  // PID_MAX_LIMIT, include/linux/threads.h

absl::Status NoMessage(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("no message of NRI: ", what));
}

// A quarter of the runtime's patience is for the way and for a busy machine.
absl::Duration HoldLimit(int64_t timeout_nano) {
  const absl::Duration patience = timeout_nano > 0 ? absl::Nanoseconds(timeout_nano) : kUsualLimit;
  return std::min(patience * 3 / 4, kLongestHold);
}

}  // namespace

absl::Status NriSession::Register(const std::string& name, const std::string& index) {
  api::RegisterPluginRequest registration;
  registration.set_plugin_name(name);
  registration.set_plugin_idx(index);
  ttrpc::Request request;
  request.set_service(kRuntimeService);
  request.set_method("RegisterPlugin");
  request.set_payload(registration.SerializeAsString());
  TtrpcMessage message;
  message.connection = kNriRuntimeConnection;
  message.data = request.SerializeAsString();
  return handlers_.send(EncodeTtrpc(message));
}

absl::Status NriSession::Receive(absl::string_view bytes) {
  std::vector<TtrpcMessage> messages;
  const absl::Status read = decoder_.Feed(bytes, messages);
  for (const TtrpcMessage& message : messages) VARMOR_RETURN_IF_ERROR(TakeMessage(message));
  return read;
}

absl::Status NriSession::TakeMessage(const TtrpcMessage& message) {
  const bool asks = message.type == TtrpcMessage::Type::kRequest;
  if (asks && message.connection == kNriPluginConnection) return TakeRequest(message);
  if (!asks && message.connection == kNriRuntimeConnection) return TakeResponse(message);
  return absl::InvalidArgumentError(
      absl::StrCat(asks ? "a request" : "a response", " on connection ", message.connection));
}

// Of the one question that a plugin asks.
absl::Status NriSession::TakeResponse(const TtrpcMessage& message) {
  ttrpc::Response response;
  if (!response.ParseFromString(message.data)) return NoMessage("a response");
  if (response.status().code() != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the runtime refuses the plugin: ", response.status().message()));
  }
  return absl::OkStatus();
}

absl::Status NriSession::TakeRequest(const TtrpcMessage& message) {
  ttrpc::Request request;
  if (!request.ParseFromString(message.data)) return NoMessage("a request");
  absl::Status result = absl::UnimplementedError(absl::StrCat("no service ", request.service()));
  absl::Status malformed;
  ttrpc::Response response;
  if (request.service() == kPluginService) {
    result = Call(request.method(), request.payload(), HoldLimit(request.timeout_nano()),
                  *response.mutable_payload(), malformed);
  }
  VARMOR_RETURN_IF_ERROR(malformed);
  if (!result.ok()) {
    response.mutable_status()->set_code(static_cast<int>(result.code()));
    response.mutable_status()->set_message(std::string(result.message()));
  }
  TtrpcMessage answer;
  answer.stream = message.stream;
  answer.type = TtrpcMessage::Type::kResponse;
  answer.data = response.SerializeAsString();
  VARMOR_RETURN_IF_ERROR(handlers_.send(EncodeTtrpc(answer)));
  if (synchronized_ && !std::exchange(registered_, true)) handlers_.on_registered(runtime_);
  return absl::OkStatus();
}

absl::Status NriSession::Call(const std::string& method, const std::string& payload,
                              absl::Duration limit, std::string& result, absl::Status& malformed) {
  if (method == "Configure") {
    api::ConfigureRequest request;
    if (!request.ParseFromString(payload)) malformed = NoMessage(method);
    runtime_ = absl::StrCat(request.runtime_name(), " ", request.runtime_version());
    api::ConfigureResponse response;
    response.set_events(1 << (api::START_CONTAINER - 1));
    result = response.SerializeAsString();
    return absl::OkStatus();
  }
  if (method == "Synchronize") {
    api::SynchronizeRequest request;
    if (!request.ParseFromString(payload)) malformed = NoMessage(method);
    synchronized_ = !request.more();
    api::SynchronizeResponse response;
    response.set_more(request.more());
    result = response.SerializeAsString();
    return absl::OkStatus();
  }
  if (method == "StateChange") return Start(payload, limit, malformed);
  // Not wanted, and nothing to be said against.
  for (const char* known : {"CreateContainer", "UpdateContainer", "StopContainer", "Shutdown"}) {
    if (method == known) return absl::OkStatus();
  }
  // Runtimes with an NRI that has more methods use those above then.
  return absl::UnimplementedError(absl::StrCat("no method ", method));
}

absl::Status NriSession::Start(const std::string& payload, absl::Duration limit,
                               absl::Status& malformed) {
  api::StateChangeEvent event;
  if (!event.ParseFromString(payload)) malformed = NoMessage("StateChange");
  if (!malformed.ok() || event.event() != api::START_CONTAINER) return absl::OkStatus();
  const api::Container& container = event.container();
  if (container.id().empty() || container.pid() > kLargestPid) {
    malformed = NoMessage(absl::StrCat("a start of container \"", container.id(),
                                       "\" with process ", container.pid()));
    return absl::OkStatus();
  }
  NriStart start;
  start.id = {kKubernetesNamespace, container.id()};
  start.name =
      absl::StrCat(event.pod().namespace_(), "/", event.pod().name(), "/", container.name());
  start.pid = static_cast<pid_t>(container.pid());
  start.limit = limit;
  return handlers_.on_start(start);
}

}  // namespace varmor
