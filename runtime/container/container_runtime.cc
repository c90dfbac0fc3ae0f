#include "runtime/container/container_runtime.h"

namespace varmor {

absl::string_view ContainerEventName(ContainerEvent::Kind kind) {
  switch (kind) {
    case ContainerEvent::Kind::kDefined:
      return "defined";
    case ContainerEvent::Kind::kCreated:
      return "created";
    case ContainerEvent::Kind::kStarted:
      return "started";
    case ContainerEvent::Kind::kExited:
      return "exited";
    case ContainerEvent::Kind::kDeleted:
      return "deleted";
  }
  return "unknown";
}

}  // namespace varmor
