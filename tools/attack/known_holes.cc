#include "tools/attack/known_holes.h"

#include "absl/status/statusor.h"
#include "lib/compiler/ir/bpf_rules.h"
#include "lib/compiler/simulate/decide_bpf.h"

namespace varmor {
namespace {

struct Hole {
  const char* enforcer;
  Event::KindCase kind;
  // A bit of kMount...; 0: all.
  uint64_t mount;
  const char* way;
  const char* reason;
};

constexpr char kNewMountCalls[] =
    "AppArmor has no hooks for the newer mount calls on most kernels; add Seccomp";

constexpr Hole kHoles[] = {
    {"AppArmor", Event::kMount, kMountNew, "new_api", kNewMountCalls},
    {"AppArmor", Event::kMount, kMountNew, "detached", kNewMountCalls},
    {"AppArmor", Event::kMount, kMountBind, "new_api", kNewMountCalls},
    {"AppArmor", Event::kMount, kMountMove, "new_api", kNewMountCalls},
    {"AppArmor", Event::kMount, kMountRemount, "new_api", kNewMountCalls},
    {"AppArmor", Event::kMount, kMountRemount, "mount_setattr", kNewMountCalls},
    {"AppArmor", Event::kExec, 0, "script",
     "AppArmor judges the script; the interpreter that its first line names is not asked about"},
    {"AppArmor", Event::kExec, 0, "applet",
     "AppArmor goes by the file that the link leads to; deny that as well, as disable-busybox "
     "does"},
    {"AppArmor", Event::kFile, 0, "open_tree",
     "in a copy of a mount that is attached nowhere AppArmor sees a path that begins there; it "
     "takes "
     "CAP_SYS_ADMIN; add Seccomp"},
    {"AppArmor", Event::kFile, 0, "procfs",
     "AppArmor goes by the path, and a further mount of procfs has another; add "
     "disallow-mount-procfs"},
    {"BPF", Event::kMount, kMountBind, "new_api",
     "no hook sees the copy of a mount that open_tree makes; add Seccomp"},
    {"BPF", Event::kMount, kMountRemount, "new_api",
     "no hook sees what fspick was given: the remount is judged by the usual place of the file "
     "system, if it has one; add Seccomp"},
    {"BPF", Event::kMount, kMountRemount, "mount_setattr",
     "no hook sees mount_setattr but that for CAP_SYS_ADMIN; add Seccomp"},
};

bool IsMount(const Event& event, uint64_t bit) {
  const absl::StatusOr<uint64_t> ops = BpfMountOps(event.mount());
  return ops.ok() && (*ops & bit) != 0;
}

}  // namespace

std::string KnownHole(const AttackCase& attack_case, const Event& event, const std::string& way,
                      int kernel) {
  const std::string& enforcer = attack_case.enforcer;
  if (attack_case.reported_as == "none" && way == "loader") {
    return "who is on a list of programs would have to name every library: what is mapped is asked "
           "about in rules that deny only";
  }
  // Linux 6.1: policy_ns_capable() in security/apparmor/policy.c.
  if (enforcer == "BPF" && event.capability() == "mac_admin") {
    return "AppArmor's interface for loading profiles asks the capability module and AppArmor "
           "itself, and no other security module";
  }
  if (enforcer == "AppArmor" && event.has_file() && event.file().access() == FileEvent::CONNECT) {
    return "AppArmor asks about connecting to a socket's file only where it mediates UNIX sockets "
           "(Linux 6.17, or a distribution's patches)";
  }
  const bool chown = event.has_file() && event.file().access() == FileEvent::CHOWN;
  if (enforcer == "BPF" && kernel < 601 &&
      (chown || event.operation().name() == "CREATE_USER_NAMESPACE")) {
    return "the hook is there since Linux 6.1; the enforcer lists it among its limits";
  }
  // may_access_mm() in kernel/fork.c, which 7.2 has and 6.12 has not.
  if (kernel > 612 && event.has_ptrace() && event.ptrace().permission() == "read" &&
      (way.empty() || way == "maps")) {
    return "this kernel lets whoever has CAP_PERFMON or CAP_SYS_ADMIN read that, whatever security "
           "modules say; see way no_perfmon";
  }
  for (const Hole& hole : kHoles) {
    if (enforcer != hole.enforcer || event.kind_case() != hole.kind || way != hole.way) continue;
    if (hole.mount == 0 || IsMount(event, hole.mount)) return hole.reason;
  }
  return "";
}

}  // namespace varmor
