#include "lib/compiler/simulate/classic_bpf.h"

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

// BPF_MAXINSNS, BPF_MEMWORDS: include/uapi/linux/bpf_common.h, filter.h.
constexpr size_t kMaxInstructions = 4096;
constexpr uint32_t kMemoryWords = 16;
// sizeof(struct seccomp_data)
constexpr uint32_t kDataBytes = 64;

// Fields of an instruction code, include/uapi/linux/bpf_common.h.
enum Class : uint16_t {
  kLd = 0,
  kLdx = 1,
  kSt = 2,
  kStx = 3,
  kAlu = 4,
  kJmp = 5,
  kRet = 6,
  kMisc = 7
};
enum Mode : uint16_t { kImm = 0x00, kAbs = 0x20, kMem = 0x60, kLen = 0x80 };
enum AluOp : uint16_t {
  kAdd = 0x00,
  kSub = 0x10,
  kMul = 0x20,
  kDiv = 0x30,
  kOr = 0x40,
  kAnd = 0x50,
  kLsh = 0x60,
  kRsh = 0x70,
  kNeg = 0x80,
  kXor = 0xa0,
};
enum JumpOp : uint16_t { kJa = 0x00, kJeq = 0x10, kJgt = 0x20, kJge = 0x30, kJset = 0x40 };
constexpr uint16_t kSourceX = 0x08;
constexpr uint16_t kReturnA = 0x10;
constexpr uint16_t kTxa = 0x80;

uint16_t ClassOf(uint16_t code) { return code & 0x07; }
uint16_t OpOf(uint16_t code) { return code & 0xf0; }

bool IsAlu(uint16_t code) {
  switch (OpOf(code)) {
    case kAdd:
    case kSub:
    case kMul:
    case kDiv:
    case kOr:
    case kAnd:
    case kLsh:
    case kRsh:
    case kXor:
      return (code & ~(0xf8 | 0x07)) == 0;
    case kNeg:
      return code == (kAlu | kNeg);
    default:
      return false;
  }
}

bool IsJump(uint16_t code) {
  switch (OpOf(code)) {
    case kJa:
      return code == (kJmp | kJa);
    case kJeq:
    case kJgt:
    case kJge:
    case kJset:
      return (code & ~(0xf8 | 0x07)) == 0;
    default:
      return false;
  }
}

// The codes that seccomp_check_filter of kernel/seccomp.c lets through.
bool IsKnown(uint16_t code) {
  switch (ClassOf(code)) {
    case kLd:
      return code == (kLd | kAbs) || code == (kLd | kImm) || code == (kLd | kMem) ||
             code == (kLd | kLen);
    case kLdx:
      return code == (kLdx | kImm) || code == (kLdx | kMem) || code == (kLdx | kLen);
    case kSt:
      return code == kSt;
    case kStx:
      return code == kStx;
    case kAlu:
      return IsAlu(code);
    case kJmp:
      return IsJump(code);
    case kRet:
      return code == kRet || code == (kRet | kReturnA);
    default:
      return code == kMisc || code == (kMisc | kTxa);
  }
}

absl::Status CheckInstruction(const std::vector<ClassicBpfInstruction>& program, size_t at) {
  const ClassicBpfInstruction& in = program[at];
  const size_t left = program.size() - at - 1;
  const auto bad = [at](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("instruction ", at, ": ", what));
  };
  if (!IsKnown(in.code)) return bad(absl::StrCat("code 0x", absl::Hex(in.code), " is unknown"));
  const uint16_t kind = ClassOf(in.code);
  if (in.code == (kLd | kAbs) && (in.k % 4 != 0 || in.k >= kDataBytes)) {
    return bad(absl::StrCat("loads from offset ", in.k));
  }
  const bool uses_memory =
      kind == kSt || kind == kStx || in.code == (kLd | kMem) || in.code == (kLdx | kMem);
  if (uses_memory && in.k >= kMemoryWords) return bad(absl::StrCat("uses memory word ", in.k));
  if (kind == kAlu && (in.code & kSourceX) == 0) {
    if (OpOf(in.code) == kDiv && in.k == 0) return bad("divides by 0");
    if ((OpOf(in.code) == kLsh || OpOf(in.code) == kRsh) && in.k >= 32) {
      return bad(absl::StrCat("shifts by ", in.k));
    }
  }
  if (kind == kJmp) {
    const size_t farthest =
        OpOf(in.code) == kJa ? in.k : (in.jump_true > in.jump_false ? in.jump_true : in.jump_false);
    if (farthest >= left) return bad("jumps out of the program");
  }
  return absl::OkStatus();
}

uint32_t LoadWord(const SeccompData& data, uint32_t offset) {
  if (offset == 0) return static_cast<uint32_t>(data.number);
  if (offset == 4) return data.arch;
  const uint64_t word =
      offset < 16 ? data.instruction_pointer : data.args[(offset - 16) / sizeof(uint64_t)];
  return static_cast<uint32_t>(offset % 8 == 0 ? word : word >> 32);
}

uint32_t Compute(uint16_t op, uint32_t a, uint32_t b) {
  switch (op) {
    case kAdd:
      return a + b;
    case kSub:
      return a - b;
    case kMul:
      return a * b;
    case kDiv:
      return b == 0 ? 0 : a / b;
    case kOr:
      return a | b;
    case kAnd:
      return a & b;
    // A shift by a register takes its low bits, as the kernel's eBPF translation does.
    case kLsh:
      return a << (b & 31);
    case kRsh:
      return a >> (b & 31);
    case kXor:
      return a ^ b;
    default:
      return ~a + 1;
  }
}

bool Holds(uint16_t op, uint32_t a, uint32_t b) {
  switch (op) {
    case kJeq:
      return a == b;
    case kJgt:
      return a > b;
    case kJge:
      return a >= b;
    default:
      return (a & b) != 0;
  }
}

}  // namespace

absl::StatusOr<ClassicBpf> ClassicBpf::FromProgram(std::vector<ClassicBpfInstruction> program) {
  if (program.empty() || program.size() > kMaxInstructions) {
    return absl::InvalidArgumentError(absl::StrCat("the program has ", program.size(),
                                                   " instructions; 1 to ", kMaxInstructions,
                                                   " are possible"));
  }
  for (size_t i = 0; i < program.size(); ++i) {
    if (absl::Status status = CheckInstruction(program, i); !status.ok()) return status;
  }
  if (ClassOf(program.back().code) != kRet) {
    return absl::InvalidArgumentError("the last instruction is no return");
  }
  return ClassicBpf(std::move(program));
}

uint32_t ClassicBpf::Run(const SeccompData& data) const {
  uint32_t a = 0;
  uint32_t x = 0;
  uint32_t memory[kMemoryWords] = {};
  for (size_t at = 0; at < program_.size(); ++at) {
    const ClassicBpfInstruction& in = program_[at];
    const uint32_t operand = (in.code & kSourceX) != 0 ? x : in.k;
    switch (ClassOf(in.code)) {
      case kLd:
      case kLdx: {
        uint32_t& to = ClassOf(in.code) == kLd ? a : x;
        switch (in.code & 0xe0) {
          case kAbs:
            to = LoadWord(data, in.k);
            break;
          case kMem:
            to = memory[in.k];
            break;
          case kLen:
            to = kDataBytes;
            break;
          default:
            to = in.k;
        }
        break;
      }
      case kSt:
        memory[in.k] = a;
        break;
      case kStx:
        memory[in.k] = x;
        break;
      case kAlu:
        a = Compute(OpOf(in.code), a, operand);
        break;
      case kJmp:
        if (OpOf(in.code) == kJa) {
          at += in.k;
        } else {
          at += Holds(OpOf(in.code), a, operand) ? in.jump_true : in.jump_false;
        }
        break;
      case kRet:
        return in.code == kRet ? in.k : a;
      default:
        (in.code & kTxa) != 0 ? a = x : x = a;
    }
  }
  // Not reached: FromProgram refuses programs that end otherwise. SECCOMP_RET_KILL_PROCESS.
  return 0x80000000;
}

}  // namespace varmor
