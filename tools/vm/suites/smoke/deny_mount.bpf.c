// While attached, nobody can mount. Shows that an LSM program's verdict reaches the kernel.
/* The second needs the types of the first. */
/* clang-format off */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
/* clang-format on */

char LICENSE[] SEC("license") = "GPL";

SEC("lsm/sb_mount")
int BPF_PROG(deny_mount, const char *device) { return -1; }
