#include "lib/compiler/simulate/classic_bpf.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstddef>

#include "gtest/gtest.h"

namespace varmor {
namespace {

using Program = std::vector<ClassicBpfInstruction>;

ClassicBpfInstruction Stmt(unsigned code, uint32_t k) {
  return {static_cast<uint16_t>(code), 0, 0, k};
}

ClassicBpfInstruction Jump(unsigned code, uint32_t k, uint8_t yes, uint8_t no) {
  return {static_cast<uint16_t>(code), yes, no, k};
}

SeccompData Data() {
  SeccompData data;
  data.number = 7;
  data.arch = 0xc000003e;
  data.instruction_pointer = 0x1111222233334444;
  data.args = {0xaaaabbbbccccdddd, 1, 2, 3, 4, 0x5555666677778888};
  return data;
}

uint32_t RunProgram(const Program& program) {
  const absl::StatusOr<ClassicBpf> bpf = ClassicBpf::FromProgram(program);
  EXPECT_TRUE(bpf.ok()) << bpf.status();
  return bpf.ok() ? bpf->Run(Data()) : 0xdead;
}

TEST(ClassicBpfTest, LoadsEveryWordOfTheData) {
  const struct {
    size_t offset;
    uint32_t want;
  } kCases[] = {
      {offsetof(seccomp_data, nr), 7},
      {offsetof(seccomp_data, arch), 0xc000003e},
      {offsetof(seccomp_data, instruction_pointer), 0x33334444},
      {offsetof(seccomp_data, instruction_pointer) + 4, 0x11112222},
      {offsetof(seccomp_data, args), 0xccccdddd},
      {offsetof(seccomp_data, args) + 4, 0xaaaabbbb},
      {offsetof(seccomp_data, args) + 8, 1},
      {offsetof(seccomp_data, args) + 40, 0x77778888},
      {offsetof(seccomp_data, args) + 44, 0x55556666},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(RunProgram({Stmt(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(c.offset)),
                          Stmt(BPF_RET | BPF_A, 0)}),
              c.want)
        << c.offset;
  }
}

TEST(ClassicBpfTest, Computes) {
  const struct {
    unsigned op;
    uint32_t a;
    uint32_t k;
    uint32_t want;
  } kCases[] = {
      {BPF_ADD, 0xffffffff, 2, 1},  {BPF_SUB, 1, 2, 0xffffffff},  {BPF_MUL, 7, 6, 42},
      {BPF_DIV, 43, 6, 7},          {BPF_OR, 0x5, 0x2, 0x7},      {BPF_AND, 0xff, 0x0f, 0x0f},
      {BPF_LSH, 1, 31, 0x80000000}, {BPF_RSH, 0x80000000, 31, 1}, {BPF_XOR, 0xff, 0x0f, 0xf0},
      {BPF_NEG, 1, 0, 0xffffffff},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(RunProgram({Stmt(BPF_LD | BPF_IMM, c.a), Stmt(BPF_ALU | c.op | BPF_K, c.k),
                          Stmt(BPF_RET | BPF_A, 0)}),
              c.want)
        << c.op;
    if (c.op == BPF_NEG) continue;
    EXPECT_EQ(RunProgram({Stmt(BPF_LDX | BPF_IMM, c.k), Stmt(BPF_LD | BPF_IMM, c.a),
                          Stmt(BPF_ALU | c.op | BPF_X, 0), Stmt(BPF_RET | BPF_A, 0)}),
              c.want)
        << c.op;
  }
}

TEST(ClassicBpfTest, JumpsByComparison) {
  const struct {
    unsigned op;
    uint32_t a;
    uint32_t k;
    bool taken;
  } kCases[] = {
      {BPF_JEQ, 5, 5, true},  {BPF_JEQ, 5, 6, false},  {BPF_JGT, 6, 5, true},
      {BPF_JGT, 5, 5, false}, {BPF_JGE, 5, 5, true},   {BPF_JGE, 4, 5, false},
      {BPF_JSET, 6, 2, true}, {BPF_JSET, 4, 2, false}, {BPF_JGT, 0xffffffff, 1, true},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(RunProgram({Stmt(BPF_LD | BPF_IMM, c.a), Jump(BPF_JMP | c.op | BPF_K, c.k, 1, 0),
                          Stmt(BPF_RET | BPF_K, 0), Stmt(BPF_RET | BPF_K, 1)}),
              c.taken ? 1u : 0u)
        << c.op << " " << c.a << " " << c.k;
  }
  EXPECT_EQ(
      RunProgram({Stmt(BPF_JMP | BPF_JA, 1), Stmt(BPF_RET | BPF_K, 0), Stmt(BPF_RET | BPF_K, 9)}),
      9u);
}

TEST(ClassicBpfTest, MovesBetweenRegistersAndMemory) {
  EXPECT_EQ(RunProgram({Stmt(BPF_LD | BPF_IMM, 5), Stmt(BPF_ST, 15), Stmt(BPF_LD | BPF_IMM, 0),
                        Stmt(BPF_LDX | BPF_MEM, 15), Stmt(BPF_MISC | BPF_TXA, 0),
                        Stmt(BPF_RET | BPF_A, 0)}),
            5u);
  EXPECT_EQ(RunProgram({Stmt(BPF_LD | BPF_W | BPF_LEN, 0), Stmt(BPF_MISC | BPF_TAX, 0),
                        Stmt(BPF_STX, 0), Stmt(BPF_LD | BPF_MEM, 0), Stmt(BPF_RET | BPF_A, 0)}),
            sizeof(seccomp_data));
}

TEST(ClassicBpfTest, RefusesWhatTheKernelRefuses) {
  const ClassicBpfInstruction ret = Stmt(BPF_RET | BPF_K, 0);
  const struct {
    Program program;
    const char* problem;
  } kCases[] = {
      {{}, "the program has 0 instructions; 1 to 4096 are possible"},
      {Program(4097, ret), "the program has 4097 instructions; 1 to 4096 are possible"},
      {{Stmt(BPF_LD | BPF_IMM, 0)}, "the last instruction is no return"},
      {{Stmt(BPF_LD | BPF_W | BPF_ABS, 64), ret}, "instruction 0: loads from offset 64"},
      {{Stmt(BPF_LD | BPF_W | BPF_ABS, 2), ret}, "instruction 0: loads from offset 2"},
      {{Stmt(BPF_LD | BPF_B | BPF_ABS, 0), ret}, "instruction 0: code 0x30 is unknown"},
      {{Stmt(BPF_LD | BPF_W | BPF_IND, 0), ret}, "instruction 0: code 0x40 is unknown"},
      {{Stmt(BPF_ALU | BPF_MOD | BPF_K, 3), ret}, "instruction 0: code 0x94 is unknown"},
      {{Stmt(BPF_ALU | BPF_DIV | BPF_K, 0), ret}, "instruction 0: divides by 0"},
      {{Stmt(BPF_ALU | BPF_LSH | BPF_K, 32), ret}, "instruction 0: shifts by 32"},
      {{Stmt(BPF_ST, 16), ret}, "instruction 0: uses memory word 16"},
      {{Jump(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), ret}, "instruction 0: jumps out of the program"},
      {{Stmt(BPF_JMP | BPF_JA, 0xffffffff), ret}, "instruction 0: jumps out of the program"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(ClassicBpf::FromProgram(c.program).status().message(), c.problem);
  }
}

}  // namespace
}  // namespace varmor
