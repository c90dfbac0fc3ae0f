#include "lib/compiler/lower/lower_app_armor_base.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;

struct PlainRule {
  Kind kind;
  absl::string_view body;
};

struct FileRule {
  absl::string_view path;
  absl::string_view permissions;
  absl::string_view exec;
};

// Every class of rules that an ABI of 3.0 mediates.
constexpr PlainRule kEverything[] = {
    {Kind::kFile, "file"},
    {Kind::kCapability, "capability"},
    {Kind::kNetwork, "network"},
    {Kind::kMount, "mount"},
    {Kind::kRemount, "remount"},
    {Kind::kUmount, "umount"},
    {Kind::kPivotRoot, "pivot_root"},
    {Kind::kPtrace, "ptrace"},
    {Kind::kSignal, "signal"},
    {Kind::kDbus, "dbus"},
    {Kind::kUnix, "unix"},
};

constexpr PlainRule kRuntimeAllowed[] = {
    {Kind::kNetwork, "network"},
    {Kind::kCapability, "capability"},
    {Kind::kFile, "file"},
    {Kind::kUmount, "umount"},
};

// Who may stop a container: the node's own processes and the runtime's.
constexpr absl::string_view kSignalSenders[] = {"unconfined", "runc", "crun"};

// containerd's default profile. The patterns with classes stand for "everything but ...", which the
// language cannot say: no directory of a process; nothing but /proc/sys/k*; nothing but
// /proc/sys/kernel/shm*; no /sys/fs/cgroup.
constexpr FileRule kRuntimeRestricted[] = {
    {"@{PROC}/*", "w", ""},
    {"@{PROC}/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9]*}/**", "w", ""},
    {"@{PROC}/sys/[^k]**", "w", ""},
    {"@{PROC}/sys/kernel/{?,??,[^s][^h][^m]**}", "w", ""},
    {"@{PROC}/sysrq-trigger", "rwlk", "x"},
    {"@{PROC}/mem", "rwlk", "x"},
    {"@{PROC}/kmem", "rwlk", "x"},
    {"@{PROC}/kcore", "rwlk", "x"},
    {"/sys/[^f]*/**", "wlk", "x"},
    {"/sys/f[^s]*/**", "wlk", "x"},
    {"/sys/fs/[^c]*/**", "wlk", "x"},
    {"/sys/fs/c[^g]*/**", "wlk", "x"},
    {"/sys/fs/cg[^r]*/**", "wlk", "x"},
    {"/sys/firmware/**", "rwlk", "x"},
    {"/sys/devices/virtual/powercap/**", "rwlk", "x"},
    {"/sys/kernel/security/**", "rwlk", "x"},
};

AppArmorLine Signal(absl::string_view access, absl::string_view peer) {
  return FrameLine(
      AppArmorPlainStatement(Kind::kSignal, absl::StrCat("signal (", access, ") peer=", peer)));
}

AppArmorLine Ptrace(absl::string_view access, absl::string_view peer) {
  return FrameLine(
      AppArmorPlainStatement(Kind::kPtrace, absl::StrCat("ptrace (", access, ") peer=", peer)));
}

void AppendPeers(const std::string& profile, const std::string& parent,
                 std::vector<AppArmorLine>& lines) {
  if (!parent.empty()) lines.push_back(Signal("receive", parent));
  lines.push_back(Signal("send, receive", profile));
  if (!parent.empty()) lines.push_back(Ptrace("tracedby, readby", parent));
  lines.push_back(Ptrace("trace, read, tracedby, readby", profile));
}

AppArmorLine RestrictedLine(AppArmorStatement statement, const Action& action) {
  AppArmorLine line;
  line.statement = QualifiedStatement(std::move(statement), action);
  line.action = action;
  line.origins = {{"runtime-default", ""}};
  return line;
}

}  // namespace

AppArmorStatement QualifiedStatement(AppArmorStatement statement, const Action& action) {
  if (statement.exec == "x" && !action.deny) {
    statement.exec = "ix";
    statement.body =
        AppArmorFileStatement(statement.path, statement.permissions, statement.exec).body;
  }
  statement.deny = action.deny;
  statement.audit = action.audit;
  return statement;
}

AppArmorLine FrameLine(AppArmorStatement statement, absl::string_view origin_rule) {
  AppArmorLine line;
  line.statement = std::move(statement);
  line.action.allow = true;
  if (!origin_rule.empty()) line.origins = {{std::string(origin_rule), ""}};
  return line;
}

AppArmorSection AllowAllBase() {
  AppArmorSection section;
  section.heading = "Everything is allowed that no rule below denies.";
  for (const PlainRule& rule : kEverything) {
    section.lines.push_back(FrameLine(AppArmorPlainStatement(rule.kind, rule.body)));
  }
  return section;
}

AppArmorSection RuntimeDefaultBase(const std::string& profile, const std::string& parent,
                                   const Action& action) {
  AppArmorSection section;
  section.heading = "The container runtime's defaults.";
  for (const PlainRule& rule : kRuntimeAllowed) {
    section.lines.push_back(FrameLine(AppArmorPlainStatement(rule.kind, rule.body)));
  }
  for (const absl::string_view sender : kSignalSenders) {
    section.lines.push_back(Signal("receive", sender));
  }
  AppendPeers(profile, parent, section.lines);
  for (const FileRule& rule : kRuntimeRestricted) {
    section.lines.push_back(
        RestrictedLine(AppArmorFileStatement(rule.path, rule.permissions, rule.exec), action));
  }
  section.lines.push_back(RestrictedLine(AppArmorPlainStatement(Kind::kMount, "mount"), action));
  return section;
}

AppArmorSection DenyAllChildBase(const std::string& profile, const std::string& parent) {
  AppArmorSection section;
  section.heading = "Among the processes of this profile and its parent.";
  AppendPeers(profile, parent, section.lines);
  return section;
}

std::vector<AppArmorLine> LinesAboutChild(const std::string& child) {
  return {Signal("send", child), Ptrace("trace, read", child)};
}

}  // namespace varmor
