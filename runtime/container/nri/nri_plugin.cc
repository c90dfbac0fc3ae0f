#include "runtime/container/nri/nri_plugin.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"
#include "lib/enforcers/unique_fd.h"

namespace varmor {
namespace {

// How soon an end of this plugin is noticed.
constexpr absl::Duration kLook = absl::Milliseconds(500);
constexpr absl::Duration kSendLimit = absl::Seconds(2);
constexpr size_t kReadBytes = 64 << 10;
constexpr char kFix[] =
    "NRI is part of containerd 1.7 and later; before 2.0 it is off until its configuration has "
    "disable = false in [plugins.\"io.containerd.nri.v1.nri\"]";

absl::Status Lost(const std::string& socket, const std::string& why) {
  return absl::UnavailableError(
      absl::StrCat("the connection to ", QuotedPath(socket), " is lost: ", why));
}

// OK when there is something to read or to write; DEADLINE_EXCEEDED when there is not.
absl::Status WaitFor(int fd, short events, absl::Duration limit) {
  pollfd wait = {fd, events, 0};
  const int ready = poll(&wait, 1, static_cast<int>(absl::ToInt64Milliseconds(limit)));
  if (ready > 0) return absl::OkStatus();
  if (ready == 0 || errno == EINTR) return absl::DeadlineExceededError("nothing happens");
  return absl::UnavailableError(SystemReason(errno));
}

}  // namespace

NriPlugin::NriPlugin(NriPluginOptions options, OnStart on_start, OnChange on_change)
    : options_(std::move(options)),
      on_start_(std::move(on_start)),
      on_change_(std::move(on_change)),
      thread_([this] { Run(); }) {}

NriPlugin::~NriPlugin() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

void NriPlugin::Become(NriState state) {
  if (state == state_) return;
  state_ = std::move(state);
  on_change_(state_);
}

void NriPlugin::Run() {
  std::minstd_rand random(std::random_device{}());
  absl::Duration pause = options_.first_pause;
  while (!stopping_) {
    const absl::Status ended = Serve();
    if (stopping_) return;
    if (state_.registered) pause = options_.first_pause;
    NriState state;
    state.problem = std::string(ended.message());
    if (absl::IsNotFound(ended)) state.fix = kFix;
    Become(std::move(state));
    std::unique_lock<std::mutex> lock(mutex_);
    const double part = std::uniform_real_distribution<double>(0.5, 1.0)(random);
    stopped_.wait_for(lock, absl::ToChronoMilliseconds(pause * part),
                      [this] { return stopping_.load(); });
    pause = std::min(pause * 2, options_.longest_pause);
  }
}

absl::Status NriPlugin::Serve() {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (options_.socket.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat(QuotedPath(options_.socket), " is too long for the path of a socket"));
  }
  std::memcpy(address.sun_path, options_.socket.data(), options_.socket.size());
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0 ||
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return absl::NotFoundError(
        absl::StrCat("cannot reach ", QuotedPath(options_.socket), ": ", SystemReason(errno)));
  }
  NriHandlers handlers;
  handlers.send = [&](absl::string_view bytes) { return Send(fd.get(), bytes); };
  handlers.on_registered = [&](const std::string& runtime) {
    NriState state;
    state.registered = true;
    state.runtime = runtime;
    Become(std::move(state));
  };
  handlers.on_start = on_start_;
  NriSession session(std::move(handlers));
  VARMOR_RETURN_IF_ERROR(session.Register(options_.name, options_.index));
  return ReadUntilEnd(fd.get(), session);
}

absl::Status NriPlugin::ReadUntilEnd(int fd, NriSession& session) {
  const absl::Time register_end = absl::Now() + options_.register_limit;
  std::string buffer(kReadBytes, '\0');
  while (!stopping_) {
    if (!state_.registered && absl::Now() > register_end) {
      return absl::DeadlineExceededError(absl::StrCat(
          "the runtime at ", QuotedPath(options_.socket), " did not take the plugin within ",
          absl::FormatDuration(options_.register_limit)));
    }
    const absl::Status ready = WaitFor(fd, POLLIN, kLook);
    if (absl::IsDeadlineExceeded(ready)) continue;
    VARMOR_RETURN_IF_ERROR(ready);
    const ssize_t length = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (length <= 0) {
      return Lost(options_.socket, length == 0 ? "the runtime closed it" : SystemReason(errno));
    }
    absl::Status taken =
        session.Receive(absl::string_view(buffer.data(), static_cast<size_t>(length)));
    if (absl::IsUnavailable(taken)) return taken;
    if (!taken.ok()) {
      return absl::Status(taken.code(),
                          absl::StrCat(QuotedPath(options_.socket), ": ", taken.message()));
    }
  }
  return absl::CancelledError("the plugin ends");
}

absl::Status NriPlugin::Send(int fd, absl::string_view bytes) {
  const absl::Time end = absl::Now() + kSendLimit;
  while (!bytes.empty()) {
    const ssize_t length = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (length > 0) {
      bytes.remove_prefix(static_cast<size_t>(length));
      continue;
    }
    if (length < 0 && errno != EINTR && errno != EAGAIN) {
      return Lost(options_.socket, SystemReason(errno));
    }
    if (absl::Now() > end) return Lost(options_.socket, "the runtime reads nothing");
    absl::Status ready = WaitFor(fd, POLLOUT, kLook);
    if (!ready.ok() && !absl::IsDeadlineExceeded(ready)) return ready;
  }
  return absl::OkStatus();
}

}  // namespace varmor
