/* The programs of the BPF enforcer. The same for every policy; what they decide by is in maps.
 * Compiled twice: with VARMOR_USE_BPF_LOOP for Linux 5.17 and later, without for 5.10 and later. */
#include "lib/enforcers/bpf/programs/kernel_types.h"
#include "lib/enforcers/bpf/programs/programs_abi.h"

static __always_inline const struct varmor_path_page *find_page(void *map, __u32 number) {
  return bpf_map_lookup_elem(map, &number);
}

#define VARMOR_PATH_PAGES void *
#define VARMOR_PATH_FIND_PAGE(map, number) find_page(map, number)
#ifdef VARMOR_USE_BPF_LOOP
#define VARMOR_PATH_LOOP(rounds, body, context) bpf_loop(rounds, body, context, 0)
#endif
#include "lib/compiler/artifact/path_match.h"
#include "lib/enforcers/bpf/programs/abi_types.h"
#include "lib/enforcers/bpf/programs/hooks_exec.h"
#include "lib/enforcers/bpf/programs/hooks_file.h"
#include "lib/enforcers/bpf/programs/hooks_mount.h"
#include "lib/enforcers/bpf/programs/hooks_net.h"
#include "lib/enforcers/bpf/programs/hooks_task.h"

char program_license[] SEC("license") = "Dual BSD/GPL";
