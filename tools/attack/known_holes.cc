#include "tools/attack/known_holes.h"

namespace varmor {
namespace {

struct Hole {
  const char* enforcer;
  Event::KindCase kind;
  // Of files: the kind of access, in every way.
  const char* way;
  const char* reason;
};

constexpr Hole kHoles[] = {
    {"AppArmor", Event::kMount, "new_api",
     "AppArmor has no hooks for the newer mount calls on most kernels; add Seccomp"},
    {"AppArmor", Event::kExec, "script",
     "AppArmor judges the script; the interpreter that its first line names is not asked about"},
    {"AppArmor", Event::kFile, "connect",
     "AppArmor asks about connecting to a socket's file only where it mediates UNIX sockets (Linux "
     "6.17, or a distribution's patches)"},
    {"BPF", Event::kMount, "new_api",
     "no hook sees copies of mounts that open_tree makes, nor what fspick was given: remounts that "
     "way are judged by the usual place of the file system, if it has one; add Seccomp"},
};

bool IsBindOrRemount(const MountEvent& mount) {
  for (const std::string& flag : mount.flags()) {
    if (flag == "bind" || flag == "rbind" || flag == "remount") return true;
  }
  return false;
}

}  // namespace

std::string KnownHole(const std::string& enforcer, const Event& event, const std::string& way) {
  // Linux 6.1: policy_ns_capable() in security/apparmor/policy.c.
  if (enforcer == "BPF" && event.capability() == "mac_admin") {
    return "AppArmor's interface for loading profiles asks the capability module and AppArmor "
           "itself, "
           "and no other security module";
  }
  const bool connects = event.has_file() && event.file().access() == FileEvent::CONNECT;
  const std::string what = connects ? "connect" : way;
  for (const Hole& hole : kHoles) {
    if (enforcer != hole.enforcer || event.kind_case() != hole.kind || what != hole.way) continue;
    // Of the newer calls, BPF misses these only.
    if (enforcer == "BPF" && event.has_mount() && !IsBindOrRemount(event.mount())) continue;
    return hole.reason;
  }
  return "";
}

}  // namespace varmor
