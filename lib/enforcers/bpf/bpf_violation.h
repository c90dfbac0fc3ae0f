// What the BPF programs report: one decoded record, and how it is written for people and for
// vArmor's violation log.
#ifndef LIB_ENFORCERS_BPF_BPF_VIOLATION_H_
#define LIB_ENFORCERS_BPF_BPF_VIOLATION_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/enforcers/bpf/programs/programs_abi.h"
#include "proto/artifact.pb.h"
#include "proto/event.pb.h"

namespace varmor {

// Numbers are those of varmor_event (programs/programs_abi.h), where they are explained.
struct BpfViolation {
  varmor_event_class event_class{};
  // VARMOR_EVENT_DENIED, VARMOR_EVENT_AUDIT, VARMOR_EVENT_ALLOWED.
  int action = 0;
  varmor_event_reason reason{};
  varmor_event_operation operation{};
  uint64_t subject = 0;
  uint32_t profile_number = 0;
  uint32_t slot = 0;
  // -1 for none.
  int rule = -1;
  uint32_t process = 0;
  uint32_t thread = 0;
  uint32_t user = 0;
  std::string command;
  uint32_t wanted = 0;
  uint64_t detail = 0;
  uint64_t boot_ns = 0;
  uint32_t drops = 0;
  std::array<uint8_t, 16> extra{};
  // A path, or the source of a mount; as the kernel has it, not always UTF-8.
  std::string object;

  // What the reader knows about it: "" and nothing when the profile is gone.
  std::string profile;
  std::optional<RuleOrigin> origin;
  // Since 1970; 0 when the reader did not say.
  uint64_t wall_ns = 0;
};

// INVALID_ARGUMENT for a record of another version or one that is cut.
absl::StatusOr<BpfViolation> DecodeBpfEvent(absl::string_view record);

// "capability", "file", "exec", ...; "class 17" for an unknown one.
std::string BpfEventClassName(int event_class);
// "DENIED", "AUDIT", "ALLOWED".
absl::string_view BpfActionName(int action);
// "open", "unlink", ...: what was tried; "operation 99" for an unknown one.
std::string BpfOperationName(int operation);

// What was tried, as a question to the simulator; nothing for VARMOR_EVENT_PROTECTION and what is
// not known here. A mount point is not reported: "/" stands for it.
std::optional<Event> EventOfViolation(const BpfViolation& violation);

// One line without its end, to be read from the left:
//   DENIED read /etc/shadow: cat (process 71, user 0); varmor-demo-p: disallow-read-shadow (deny
//   file /etc/shadow read)
std::string BpfViolationText(const BpfViolation& violation);

// One line of vArmor's violation log without its end: a JSON object that ParseViolationLine reads.
// Bytes that are no UTF-8 become U+FFFD.
std::string BpfViolationJson(const BpfViolation& violation);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_BPF_VIOLATION_H_
