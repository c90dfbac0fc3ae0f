// The kernel's capabilities by name.
#ifndef LIB_COMPILER_POLICY_CAPABILITY_H_
#define LIB_COMPILER_POLICY_CAPABILITY_H_

#include <array>

#include "absl/strings/string_view.h"

namespace varmor {

// Index = the capability's number, include/uapi/linux/capability.h.
inline constexpr std::array<absl::string_view, 41> kCapabilityNames = {"chown",
                                                                       "dac_override",
                                                                       "dac_read_search",
                                                                       "fowner",
                                                                       "fsetid",
                                                                       "kill",
                                                                       "setgid",
                                                                       "setuid",
                                                                       "setpcap",
                                                                       "linux_immutable",
                                                                       "net_bind_service",
                                                                       "net_broadcast",
                                                                       "net_admin",
                                                                       "net_raw",
                                                                       "ipc_lock",
                                                                       "ipc_owner",
                                                                       "sys_module",
                                                                       "sys_rawio",
                                                                       "sys_chroot",
                                                                       "sys_ptrace",
                                                                       "sys_pacct",
                                                                       "sys_admin",
                                                                       "sys_boot",
                                                                       "sys_nice",
                                                                       "sys_resource",
                                                                       "sys_time",
                                                                       "sys_tty_config",
                                                                       "mknod",
                                                                       "lease",
                                                                       "audit_write",
                                                                       "audit_control",
                                                                       "setfcap",
                                                                       "mac_override",
                                                                       "mac_admin",
                                                                       "syslog",
                                                                       "wake_alarm",
                                                                       "block_suspend",
                                                                       "audit_read",
                                                                       "perfmon",
                                                                       "bpf",
                                                                       "checkpoint_restore"};

// Number of a capability given in lower case without "cap_"; -1 when there is none of this name.
inline int CapabilityNumber(absl::string_view name) {
  for (size_t i = 0; i < kCapabilityNames.size(); ++i) {
    if (kCapabilityNames[i] == name) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace varmor

#endif  // LIB_COMPILER_POLICY_CAPABILITY_H_
