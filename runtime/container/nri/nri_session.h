// A plugin's side of NRI over one connection: registers with the runtime and answers what it asks.
//
// The plugin wants to be asked about one thing: a container's process exists, waits, and is about
// to execute its program. The runtime goes on when that is answered, and gives the start up when
// the answer is an error. Of the containers that are there already the runtime sends a list, which
// is passed over: the agent has its own from the runtime.
#ifndef RUNTIME_CONTAINER_NRI_NRI_SESSION_H_
#define RUNTIME_CONTAINER_NRI_NRI_SESSION_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/container/container_runtime.h"
#include "runtime/container/nri/nri_framing.h"

namespace varmor {

// A start that waits for its answer.
struct NriStart {
  // In the namespace of Kubernetes: containerd asks about no others.
  ContainerId id;
  // "NAMESPACE/POD/CONTAINER", for people.
  std::string name;
  // Its first process; 0 when the runtime does not tell.
  pid_t pid = 0;
  // Within this the answer has to be there. A runtime that waits in vain closes the connection and
  // starts the container.
  absl::Duration limit;
};

struct NriHandlers {
  // Sends bytes to the runtime. An error ends the session.
  std::function<absl::Status(absl::string_view bytes)> send;
  // The runtime, "containerd 1.7.24", asks from now on.
  std::function<void(const std::string& runtime)> on_registered;
  // Whether the container may start. Its error's message goes to the runtime.
  std::function<absl::Status(const NriStart& start)> on_start;
};

class NriSession {
 public:
  explicit NriSession(NriHandlers handlers) : handlers_(std::move(handlers)) {}

  // Once, before what the runtime says: registers the plugin NAME with INDEX, two digits that order
  // plugins.
  absl::Status Register(const std::string& name, const std::string& index);

  // Takes bytes of the runtime, as they come, and answers. After an error the connection is to be
  // closed: INVALID_ARGUMENT for what cannot be understood, FAILED_PRECONDITION when the runtime
  // refuses the plugin, and those of `send`.
  absl::Status Receive(absl::string_view bytes);

 private:
  absl::Status TakeMessage(const TtrpcMessage& message);
  absl::Status TakeResponse(const TtrpcMessage& message);
  absl::Status TakeRequest(const TtrpcMessage& message);
  // What `method` returns; an error is the runtime's to know. INVALID_ARGUMENT in `malformed` for a
  // payload that is none.
  absl::Status Call(const std::string& method, const std::string& payload, absl::Duration limit,
                    std::string& result, absl::Status& malformed);
  absl::Status Start(const std::string& payload, absl::Duration limit, absl::Status& malformed);

  const NriHandlers handlers_;
  NriDecoder decoder_;
  std::string runtime_;
  bool registered_ = false;
  // The whole list was sent and answered, which `on_registered` follows.
  bool synchronized_ = false;
};

}  // namespace varmor

#endif  // RUNTIME_CONTAINER_NRI_NRI_SESSION_H_
