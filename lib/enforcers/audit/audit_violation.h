// What the kernel's audit records say about AppArmor and seccomp, for people and for vArmor's
// violation log.
#ifndef LIB_ENFORCERS_AUDIT_AUDIT_VIOLATION_H_
#define LIB_ENFORCERS_AUDIT_AUDIT_VIOLATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/simulate/decide.h"
#include "proto/artifact.pb.h"
#include "proto/event.pb.h"

namespace varmor {

struct AuditViolation {
  // "AppArmor", "Seccomp".
  std::string enforcer;
  // "DENIED"; "AUDIT": went through, and a rule wants to know; "ALLOWED": went through because the
  // profile only observes.
  std::string action;
  // Seccomp records name none: the reader fills it in.
  std::string profile;
  // -1 when the record does not say.
  int64_t process = -1;
  int64_t user = -1;
  // As the kernel has it, not always UTF-8.
  std::string command;
  // Since 1970, in milliseconds; 0 when the record does not say.
  uint64_t wall_ms = 0;
  // Nothing when the compiler's events have no word for it.
  std::optional<Event> event;
  // The record as it came.
  std::string record;

  // Of `rules`, the ones that are responsible; see NameRules.
  std::vector<RuleOrigin> rules;
};

// Nothing for other records. `record` is one of AuditLog: its type is the kernel's word. Records of
// user programs may hold any text, and are none.
std::optional<AuditViolation> ReadAuditRecord(absl::string_view record);

// The value of `key` in a record, decoded; "" when it is not there.
std::string AuditField(absl::string_view record, absl::string_view key);

// Asks what makes the artifacts that are in force refuse or report this. Seccomp records do not say
// with which arguments a system call was made: every rule about the call is named then.
void NameRules(const ArtifactSet& artifacts, const Simulator& simulator, AuditViolation& violation);

// One line without its end, to be read from the left:
//   DENIED read /etc/shadow: cat (process 71, user 0); varmor-demo-p: disallow-read-shadow (deny
//   file /etc/shadow read)
std::string AuditViolationText(const AuditViolation& violation);

// One line of vArmor's violation log without its end: a JSON object that ParseViolationLine reads.
// Bytes that are no UTF-8 become U+FFFD.
std::string AuditViolationJson(const AuditViolation& violation);

}  // namespace varmor

#endif  // LIB_ENFORCERS_AUDIT_AUDIT_VIOLATION_H_
