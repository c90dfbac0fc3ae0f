// The agent's local socket: one JSON object asks, one answers, each on a line of its own.
//
//   {"command": "status"}                                       the status
//   {"command": "enroll", "namespace": N, "id": I, "pid": P}    {"ok": true}, or "error" and "wait"
//
// `varmor agent status` asks the first, the OCI hook the second.
#ifndef RUNTIME_AGENT_CONTROL_SOCKET_H_
#define RUNTIME_AGENT_CONTROL_SOCKET_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/enforcers/unique_fd.h"
#include "nlohmann/json.hpp"

namespace varmor {

inline constexpr char kAgentSocket[] = "/run/varmor/agent.sock";

using ControlJson = nlohmann::ordered_json;

class ControlServer {
 public:
  // In the server's thread, one at a time.
  using Handler = std::function<ControlJson(const ControlJson& request)>;

  // Listens when it returns; only root may connect. A socket that nobody serves any more is
  // replaced. UNAVAILABLE when another agent serves it or it cannot be made, FAILED_PRECONDITION
  // when something that is no socket has the name.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Start(const std::string& path,
                                                              Handler handler);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  ControlServer(std::string path, UniqueFd fd, Handler handler);
  void Serve();

  const std::string path_;
  const UniqueFd fd_;
  const Handler handler_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// UNAVAILABLE when nobody answers within the limit.
absl::StatusOr<ControlJson> AskAgent(const std::string& path, const ControlJson& request,
                                     absl::Duration limit);

}  // namespace varmor

#endif  // RUNTIME_AGENT_CONTROL_SOCKET_H_
