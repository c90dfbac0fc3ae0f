// An AppArmor profile line by line, ready to be printed. Output of lower_app_armor, input of
// emit_app_armor.
#ifndef LIB_COMPILER_IR_APP_ARMOR_PROFILE_H_
#define LIB_COMPILER_IR_APP_ARMOR_PROFILE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/apparmor/statement.h"
#include "lib/compiler/ir/origin.h"

namespace varmor {

// Something only the node knows and every one of its disks repeats: before + path + after.
struct AppArmorDiskLine {
  // "audit deny mount ".
  std::string before;
  // " rw,".
  std::string after;
};

// A statement of `kind` with this body, without qualifiers.
AppArmorStatement AppArmorPlainStatement(AppArmorStatement::Kind kind, absl::string_view body);

// A file rule without qualifiers; `path` is a pattern, not yet quoted. Sets the body too.
AppArmorStatement AppArmorFileStatement(absl::string_view path, absl::string_view permissions,
                                        absl::string_view exec, absl::string_view target = "");

// One rule of a profile. Exactly one of the two forms is set.
struct AppArmorLine {
  AppArmorStatement statement;
  std::optional<AppArmorDiskLine> disk;
  // What the line does, for reports.
  Action action;
  // Everything that asked for the line, in the policy's order. Empty: the frame's own, such as the
  // signals between a profile and its child.
  std::vector<Origin> origins;
};

// The line as it will stand in a profile, with "/dev/DISK" for a disk; equal texts are equal rules.
std::string AppArmorLineText(const AppArmorLine& line);

struct AppArmorSection {
  // Printed as a comment above the lines; one line of text.
  std::string heading;
  std::vector<AppArmorLine> lines;
};

// A profile somebody else wrote, cut where our sections and children go.
struct AppArmorSurroundings {
  std::string before;
  std::string after;
};

// Whether a profile may be called so: letters, digits, "-._", so that the name means itself in
// every place of a profile.
bool IsAppArmorProfileName(absl::string_view name);

struct AppArmorProfile {
  // Of a child: the part after "//".
  std::string name;
  std::vector<std::string> flags;
  // In every body but an empty one: "<abstractions/base>".
  std::vector<std::string> includes;
  // Sections without lines are not printed. No line occurs twice in a profile.
  std::vector<AppArmorSection> sections;
  // Have no children of their own.
  std::vector<AppArmorProfile> children;
  // The parser is told; the text does not say it.
  bool complain = false;
  // Set when the body is somebody else's text: then `flags` and `includes` are in there.
  std::optional<AppArmorSurroundings> surroundings;
};

}  // namespace varmor

#endif  // LIB_COMPILER_IR_APP_ARMOR_PROFILE_H_
