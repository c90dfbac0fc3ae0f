// Keeps a plugin registered with NRI: connects to the runtime's socket, and again whenever the
// connection ends, for ever.
#ifndef RUNTIME_CONTAINER_NRI_NRI_PLUGIN_H_
#define RUNTIME_CONTAINER_NRI_NRI_PLUGIN_H_

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/container/nri/nri_session.h"

namespace varmor {

inline constexpr char kNriSocket[] = "/var/run/nri/nri.sock";

struct NriPluginOptions {
  std::string socket = kNriSocket;
  std::string name = "varmor";
  std::string index = "90";
  // Between two attempts to connect: doubled up to the second, less up to a half by chance, so that
  // not all plugins come at once.
  absl::Duration first_pause = absl::Milliseconds(200);
  absl::Duration longest_pause = absl::Seconds(10);
  // From the connection until the runtime has taken the plugin.
  absl::Duration register_limit = absl::Seconds(20);
};

struct NriState {
  bool registered = false;
  // When registered: "containerd 1.7.24".
  std::string runtime;
  // When not: why, and what would help; "" while that is not known yet.
  std::string problem;
  std::string fix;

  bool operator==(const NriState& other) const {
    return registered == other.registered && runtime == other.runtime && problem == other.problem &&
           fix == other.fix;
  }
};

class NriPlugin {
 public:
  // Both are called in the plugin's thread: the first for each container that is about to start,
  // the second when the state has become another one.
  using OnStart = std::function<absl::Status(const NriStart& start)>;
  using OnChange = std::function<void(const NriState& state)>;

  NriPlugin(NriPluginOptions options, OnStart on_start, OnChange on_change);
  // Ends the connection, after the answer to a start that waits.
  ~NriPlugin();
  NriPlugin(const NriPlugin&) = delete;
  NriPlugin& operator=(const NriPlugin&) = delete;

 private:
  void Run();
  // Until the connection ends; why it did. NOT_FOUND when nobody is at the socket.
  absl::Status Serve();
  absl::Status ReadUntilEnd(int fd, NriSession& session);
  absl::Status Send(int fd, absl::string_view bytes);
  void Become(NriState state);

  const NriPluginOptions options_;
  const OnStart on_start_;
  const OnChange on_change_;
  // Of the thread.
  NriState state_;

  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::thread thread_;
};

}  // namespace varmor

#endif  // RUNTIME_CONTAINER_NRI_NRI_PLUGIN_H_
