// What the kernel would answer for one profile of a binary policy: the same strings, walked through
// the same automata, with the same bits looked at (security/apparmor: file.c, lsm.c, mount.c,
// ipc.c, net.c, of Linux 6.1). For tests.
#ifndef LIB_COMPILER_APPARMOR_TESTING_KERNEL_POLICY_H_
#define LIB_COMPILER_APPARMOR_TESTING_KERNEL_POLICY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "lib/compiler/apparmor/testing/policy_binary.h"

namespace varmor {

// Bits of a file's permissions, as the parser writes them.
enum KernelFileBits : uint32_t {
  kFileExec = 0x01,
  kFileWrite = 0x02,
  kFileRead = 0x04,
  kFileAppend = 0x08,
  kFileLink = 0x10,
  kFileLock = 0x20,  // in the second half of a link pair: only with a subset of permissions
  kFileMap = 0x40,
};

// What a state of an automaton says: denials are already taken off `allow`.
struct KernelPermissions {
  uint32_t allow = 0;
  // Reported when allowed; not reported when denied.
  uint32_t audit = 0;
  uint32_t quiet = 0;
  // Of the exec transition, where kFileExec is allowed.
  uint32_t exec = 0;

  bool operator==(const KernelPermissions& other) const {
    return allow == other.allow && audit == other.audit && quiet == other.quiet &&
           exec == other.exec;
  }
};

// What happens, and whether it is written to the log.
struct KernelAnswer {
  bool allowed = false;
  bool reported = false;

  bool operator==(const KernelAnswer& other) const {
    return allowed == other.allowed && reported == other.reported;
  }
};

// How an executable runs.
struct KernelExec {
  KernelAnswer answer;
  // "ix", "px", "Px", "cx -> NAME", "Pix", ...: the mode in the words of rules, with the name the
  // transition is to when the rule has one. "" when denied. Children are told by their full name.
  std::string mode;
};

class KernelPolicy {
 public:
  // `profile` must outlive this.
  explicit KernelPolicy(const BinaryProfile& profile) : profile_(profile) {}

  // Permissions on a path for the file's owner (user id of the process) or anybody else.
  KernelPermissions File(absl::string_view path, bool owner) const;
  // For all bits of `request` together.
  KernelAnswer CheckFile(absl::string_view path, bool owner, uint32_t request) const;
  KernelExec CheckExec(absl::string_view path, bool owner) const;
  // A new name for a file that has a name.
  KernelAnswer CheckLink(absl::string_view new_name, absl::string_view old_name, bool owner) const;

  // By its number.
  KernelAnswer CheckCapability(int capability) const;
  // socket(2), with the numbers of address family and type.
  KernelAnswer CheckSocket(uint16_t family, uint16_t type) const;

  // As mount(2) has them: what the kernel makes of `flags` (a bind, a move, ...) is decided here.
  KernelAnswer CheckMount(absl::string_view source, absl::string_view target,
                          absl::string_view fstype, uint32_t flags) const;
  KernelAnswer CheckUmount(absl::string_view target) const;
  KernelAnswer CheckPivotRoot(absl::string_view new_root, absl::string_view old_root) const;

  enum Ptrace : uint32_t { kTrace = 0x02, kRead = 0x04, kTracedBy = 0x08, kReadBy = 0x10 };
  // `peer`: the full name of the other process's profile.
  KernelAnswer CheckPtrace(Ptrace access, absl::string_view peer) const;
  enum Signal : uint32_t { kSend = 0x02, kReceive = 0x04 };
  // `signal`: as the kernel numbers signals for rules, the same on every architecture.
  KernelAnswer CheckSignal(Signal access, uint8_t signal, absl::string_view peer) const;
  // The number for "kill", "rtmin+3", "exists"; nothing for other words.
  static std::optional<uint8_t> SignalNumber(absl::string_view word);

 private:
  BinaryDfa::State Class(uint8_t number) const;
  KernelPermissions Policy(BinaryDfa::State state) const;
  KernelAnswer Judge(const KernelPermissions& permissions, uint32_t request) const;
  KernelAnswer CheckMountStrings(std::optional<absl::string_view> source, absl::string_view target,
                                 std::optional<absl::string_view> fstype, uint32_t flags) const;

  const BinaryProfile& profile_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_TESTING_KERNEL_POLICY_H_
