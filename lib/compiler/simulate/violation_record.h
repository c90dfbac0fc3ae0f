// Records of violations as fields, whatever form the line had. Private to violation_line.
#ifndef LIB_COMPILER_SIMULATE_VIOLATION_RECORD_H_
#define LIB_COMPILER_SIMULATE_VIOLATION_RECORD_H_

#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "proto/event.pb.h"

namespace varmor {

// Keys of the kernel's audit records ("operation", "denied_mask", "name", ...) to values without
// quotes, hexadecimal ones decoded.
using ViolationFields = std::map<std::string, std::string>;

// Reports what is wrong with the line as a whole.
class ViolationErrors {
 public:
  ViolationErrors(absl::string_view field, Diagnostics& diagnostics)
      : field_(field), diagnostics_(diagnostics) {}

  // Both return false, so that a caller can return it. Foreign: the line is no violation at all.
  bool Fail(absl::string_view problem, absl::string_view fix);
  bool Foreign(absl::string_view problem, absl::string_view fix);
  void Warn(absl::string_view problem, absl::string_view fix);

 private:
  absl::string_view field_;
  Diagnostics& diagnostics_;
};

// Value of `key`, or "".
const std::string& FieldOf(const ViolationFields& fields, const std::string& key);

// Reads `key=value` and `key="value"` words; words of other forms are passed over.
ViolationFields ReadAuditFields(absl::string_view line);

// AppArmor and seccomp records of the kernel; violation_audit.cc.
bool EventOfAppArmorRecord(const ViolationFields& fields, ViolationErrors& errors, Event& event);
bool EventOfSeccompRecord(const ViolationFields& fields, ViolationErrors& errors, Event& event);

// A line of vArmor's violation log; violation_json.cc.
bool EventOfViolationJson(absl::string_view line, ViolationErrors& errors, Event& event);

// Adds the words of "rw, nosuid, bind" or "MS_BIND" as flags; false and an error for others.
bool AddMountFlag(absl::string_view word, ViolationErrors& errors, MountEvent& mount);

// Fills in what a record of mounting leaves out: the operation, the file system "none".
void CompleteMount(MountEvent& mount);

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_VIOLATION_RECORD_H_
