// A runtime's side of NRI on a socket, for one plugin at a time: what it sends is what a test says.
// How the real one behaves is told by tools/vm/run agent-nri.
#ifndef RUNTIME_CONTAINER_NRI_TESTING_FAKE_NRI_RUNTIME_H_
#define RUNTIME_CONTAINER_NRI_TESTING_FAKE_NRI_RUNTIME_H_

#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/container/nri/nri.pb.h"
#include "runtime/container/nri/nri_framing.h"
#include "runtime/container/nri/ttrpc.pb.h"

namespace varmor {

// Frames with a question of the runtime.
std::string NriRequest(uint32_t stream, const std::string& method, const std::string& payload,
                       absl::Duration patience = absl::Seconds(2));
// The payload of StateChange for a container that is about to start.
std::string NriStartEvent(const std::string& id, uint32_t pid);
// Frames with the runtime's answer to the registration; `problem`: it refuses.
std::string NriRegistered(const std::string& problem = "");

class FakeNriRuntime {
 public:
  // Listens at once.
  explicit FakeNriRuntime(const std::string& socket);
  ~FakeNriRuntime();

  // Each waits ten seconds at most: DEADLINE_EXCEEDED. UNAVAILABLE: the connection has ended.
  absl::Status Accept();
  absl::Status Send(const std::string& bytes);
  absl::StatusOr<TtrpcMessage> Receive();
  // Accepts a plugin and takes it as containerd does; what it registered as.
  absl::StatusOr<nri::pkg::api::v1alpha1::RegisterPluginRequest> TakePlugin();
  absl::StatusOr<ttrpc::Response> Ask(const std::string& method, const std::string& payload);
  // Whether the plugin has closed the connection.
  bool IsClosed();
  // The connection, not the socket.
  void Close();

 private:
  const std::string path_;
  int listener_ = -1;
  int fd_ = -1;
  uint32_t next_stream_ = 1;
  NriDecoder decoder_;
  std::deque<TtrpcMessage> received_;
};

}  // namespace varmor

#endif  // RUNTIME_CONTAINER_NRI_TESTING_FAKE_NRI_RUNTIME_H_
