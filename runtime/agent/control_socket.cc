#include "runtime/agent/control_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

constexpr size_t kRequestLimit = 64 << 10;
constexpr size_t kAnswerLimit = 64 << 20;
constexpr absl::Duration kClientLimit = absl::Seconds(2);

absl::Status Failed(const std::string& path, absl::string_view what) {
  return absl::UnavailableError(
      absl::StrCat("cannot ", what, " ", QuotedPath(path), ": ", SystemReason(errno)));
}

absl::StatusOr<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat(QuotedPath(path), " is too long for the path of a socket"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

bool WaitFor(int fd, short events, absl::Time end) {
  pollfd wait = {fd, events, 0};
  const int64_t left = absl::ToInt64Milliseconds(end - absl::Now());
  return left > 0 && poll(&wait, 1, static_cast<int>(left)) > 0;
}

bool SendLine(int fd, const std::string& text, absl::Time end) {
  const std::string line = text + "\n";
  size_t sent = 0;
  while (sent < line.size()) {
    if (!WaitFor(fd, POLLOUT, end)) return false;
    const ssize_t now =
        send(fd, line.data() + sent, line.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (now < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (now <= 0) return false;
    sent += static_cast<size_t>(now);
  }
  return true;
}

bool ReadLine(int fd, std::string& line, size_t limit, absl::Time end) {
  line.clear();
  char buffer[16384];
  while (line.size() <= limit && WaitFor(fd, POLLIN, end)) {
    const ssize_t now = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (now < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (now <= 0) return false;
    line.append(buffer, static_cast<size_t>(now));
    if (line.back() != '\n') continue;
    line.pop_back();
    return true;
  }
  return false;
}

// Of a server that is gone; whatever else has the name is somebody else's.
absl::Status RemoveOldSocket(const std::string& path) {
  struct stat facts = {};
  if (lstat(path.c_str(), &facts) != 0) {
    return errno == ENOENT ? absl::OkStatus() : Failed(path, "make");
  }
  if (!S_ISSOCK(facts.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot make ", QuotedPath(path),
                     ": there is a file of that name, and it is "
                     "no socket; remove it, or give --socket another path"));
  }
  return unlink(path.c_str()) == 0 ? absl::OkStatus() : Failed(path, "replace");
}

std::string TextOf(const ControlJson& json) {
  return json.dump(-1, ' ', false, ControlJson::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Start(const std::string& path,
                                                                    Handler handler) {
  VARMOR_ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    VARMOR_RETURN_IF_ERROR(EnsureDirectory(path.substr(0, slash)));
  }
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return Failed(path, "make");
  const UniqueFd other(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (connect(other.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return absl::UnavailableError(absl::StrCat("another agent serves ", QuotedPath(path)));
  }
  VARMOR_RETURN_IF_ERROR(RemoveOldSocket(path));
  const mode_t mask = umask(0177);
  const int bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  umask(mask);
  if (bound != 0 || listen(fd.get(), 64) != 0) return Failed(path, "make");
  return absl::WrapUnique(new ControlServer(path, std::move(fd), std::move(handler)));
}

ControlServer::ControlServer(std::string path, UniqueFd fd, Handler handler)
    : path_(std::move(path)),
      fd_(std::move(fd)),
      handler_(std::move(handler)),
      thread_([this] { Serve(); }) {}

ControlServer::~ControlServer() {
  stopping_ = true;
  shutdown(fd_.get(), SHUT_RDWR);
  thread_.join();
  unlink(path_.c_str());
}

void ControlServer::Serve() {
  while (!stopping_) {
    if (!WaitFor(fd_.get(), POLLIN, absl::Now() + absl::Seconds(1))) continue;
    const UniqueFd client(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    std::string line;
    if (client.get() < 0 ||
        !ReadLine(client.get(), line, kRequestLimit, absl::Now() + kClientLimit)) {
      continue;
    }
    const ControlJson request = ControlJson::parse(line, nullptr, false);
    const ControlJson answer = request.is_object()
                                   ? handler_(request)
                                   : ControlJson{{"error", "the request is no JSON object"}};
    SendLine(client.get(), TextOf(answer), absl::Now() + kClientLimit);
  }
}

absl::StatusOr<ControlJson> AskAgent(const std::string& path, const ControlJson& request,
                                     absl::Duration limit) {
  VARMOR_ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  const absl::Time end = absl::Now() + limit;
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0 ||
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Failed(path, "reach the agent at");
  }
  std::string line;
  if (!SendLine(fd.get(), TextOf(request), end) || !ReadLine(fd.get(), line, kAnswerLimit, end)) {
    return absl::UnavailableError(
        absl::StrCat("the agent at ", QuotedPath(path), " does not answer"));
  }
  ControlJson answer = ControlJson::parse(line, nullptr, false);
  if (!answer.is_object()) {
    return absl::UnavailableError(
        absl::StrCat("the agent at ", QuotedPath(path), " answers with what is no JSON object"));
  }
  return answer;
}

}  // namespace varmor
