/* Names each structure that the loader shares with the programs, so that the object's BTF describes
 * it and the loader can compare sizes and offsets with its own. A compiler leaves out what is only
 * reached through pointers. Costs a pointer in .rodata each, which nobody reads. */
#ifndef LIB_ENFORCERS_BPF_PROGRAMS_ABI_TYPES_H_
#define LIB_ENFORCERS_BPF_PROGRAMS_ABI_TYPES_H_

#include "lib/enforcers/bpf/programs/programs_abi.h"

#define VARMOR_ABI_TYPE(name) struct varmor_##name *const volatile abi_##name = 0

VARMOR_ABI_TYPE(control);
VARMOR_ABI_TYPE(subject);
VARMOR_ABI_TYPE(task);
VARMOR_ABI_TYPE(pod_address);
VARMOR_ABI_TYPE(event);
VARMOR_ABI_TYPE(profile);
VARMOR_ABI_TYPE(decision);
VARMOR_ABI_TYPE(verdict);
VARMOR_ABI_TYPE(path_table);
VARMOR_ABI_TYPE(path_page);
VARMOR_ABI_TYPE(mount_accept);
VARMOR_ABI_TYPE(mount_rule);
VARMOR_ABI_TYPE(socket_domain);
VARMOR_ABI_TYPE(address_key);
VARMOR_ABI_TYPE(port_key);
VARMOR_ABI_TYPE(device_key);

#endif /* LIB_ENFORCERS_BPF_PROGRAMS_ABI_TYPES_H_ */
