// A statement taken apart: the words of its body by their role.
#ifndef LIB_COMPILER_APPARMOR_STATEMENT_PARTS_H_
#define LIB_COMPILER_APPARMOR_STATEMENT_PARTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/apparmor/statement.h"

namespace varmor {

// "options=(ro, nodev)", "fstype=ext4", "peer=foo". Values without quotes.
struct AppArmorCondition {
  std::string name;
  bool in = false;
  std::vector<std::string> values;
};

// Which parts a statement has depends on its kind; the others are empty.
struct AppArmorStatementParts {
  // Capabilities; the words of a network rule; permissions of ptrace, signal, unix, dbus.
  std::vector<std::string> words;
  std::vector<AppArmorCondition> conditions;
  // Of mount the source, of remount and umount the mount point, of pivot_root the new root, of
  // change_profile the executable.
  bool has_path = false;
  std::string path;
  // What stands behind "->".
  bool has_target = false;
  std::string target;
  // "link subset".
  bool subset = false;
  // "<abstractions/base>" without brackets, and "if exists".
  std::string include;
  bool include_if_exists = false;

  // Null when there is none.
  const AppArmorCondition* Find(absl::string_view name) const;
};

// The parts of a statement that the parser made. File rules have all but `subset` in the statement
// itself. Conditions inside peer=(...) are called "peer.label".
AppArmorStatementParts PartsOf(const AppArmorStatement& statement);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_STATEMENT_PARTS_H_
