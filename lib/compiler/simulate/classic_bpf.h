// Runs a seccomp filter: the kernel's classic BPF machine as seccomp(2) restricts it.
#ifndef LIB_COMPILER_SIMULATE_CLASSIC_BPF_H_
#define LIB_COMPILER_SIMULATE_CLASSIC_BPF_H_

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace varmor {

// struct sock_filter of include/uapi/linux/filter.h.
struct ClassicBpfInstruction {
  uint16_t code = 0;
  // Instructions to skip when a comparison holds, and when it does not.
  uint8_t jump_true = 0;
  uint8_t jump_false = 0;
  uint32_t k = 0;
};

// struct seccomp_data of include/uapi/linux/seccomp.h.
struct SeccompData {
  int32_t number = 0;
  // AUDIT_ARCH_* of include/uapi/linux/audit.h.
  uint32_t arch = 0;
  uint64_t instruction_pointer = 0;
  std::array<uint64_t, 6> args{};
};

class ClassicBpf {
 public:
  // INVALID_ARGUMENT for what the kernel would refuse to load: no instructions or more than 4096,
  // an instruction that seccomp does not know, a jump out of the program, a load outside of
  // SeccompData or not at a multiple of four, a last instruction that is no return. Jumps go
  // forward only, so every program ends.
  static absl::StatusOr<ClassicBpf> FromProgram(std::vector<ClassicBpfInstruction> program);

  // The program's return value: SECCOMP_RET_* with 16 bits of data. Words of `data` are in the
  // order of a little-endian machine.
  uint32_t Run(const SeccompData& data) const;

  const std::vector<ClassicBpfInstruction>& program() const { return program_; }

 private:
  explicit ClassicBpf(std::vector<ClassicBpfInstruction> program) : program_(std::move(program)) {}

  std::vector<ClassicBpfInstruction> program_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_CLASSIC_BPF_H_
