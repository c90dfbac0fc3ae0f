// Two programs on one hook: one that returns at once, and one that runs a loop of known length.
// Their run_time_ns, under an instruction-counting emulator, tells what an instruction costs.
/* The second needs the types of the first. */
/* clang-format off */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
/* clang-format on */

char LICENSE[] SEC("license") = "GPL";

SEC("lsm/file_open")
int BPF_PROG(nothing, void* file) { return 0; }

SEC("lsm/file_open")
int BPF_PROG(looping, void* file) {
  // A turn is three instructions of x86: add, test, jump.
  asm volatile(
      "r1 = 1000\n"
      "turn_%=:\n"
      "r1 += -1\n"
      "if r1 != 0 goto turn_%=\n" ::
          : "r1");
  return 0;
}
