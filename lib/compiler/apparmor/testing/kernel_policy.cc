#include "lib/compiler/apparmor/testing/kernel_policy.h"

#include <sys/mount.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace varmor {
namespace {

// Classes of rules, the first byte in the automaton for all but files
// (security/apparmor/include/apparmor.h).
constexpr uint8_t kClassMount = 7;
constexpr uint8_t kClassPtrace = 9;
constexpr uint8_t kClassSignal = 10;
constexpr uint8_t kClassNetwork = 14;

// Bits of mount rules (security/apparmor/include/perms.h, policy of the parser's mount.h).
constexpr uint32_t kPivotRoot = 0x01;
constexpr uint32_t kMount = 0x02;
constexpr uint32_t kUmount = 0x04;

// AA_MAY_CREATE: what socket(2) asks for.
constexpr uint32_t kCreate = 0x10;

// Half a word for the owner, half for others.
constexpr int kOtherShift = 14;
constexpr uint32_t kPermissionMask = 0x7f;
constexpr int kQuietShift = 7;

// How exec goes on, within half a word (dfa_map_xindex of file.c).
constexpr uint32_t kExecElseUnconfined = 0x80;
constexpr uint32_t kExecUnsafe = 0x100;
constexpr uint32_t kExecInherit = 0x200;
constexpr uint32_t kExecMask = 0x3f80;
constexpr int kExecIndexShift = 10;
constexpr uint32_t kExecFirstTransition = 4;

BinaryDfa::State Null(const BinaryDfa& dfa, BinaryDfa::State state) {
  return state == BinaryDfa::kDead ? state : dfa.Next(state, 0);
}

}  // namespace

BinaryDfa::State KernelPolicy::Class(uint8_t number) const {
  if (profile_.policy.empty()) return BinaryDfa::kDead;
  return profile_.policy[0].Next(profile_.policy_start, number);
}

KernelPermissions KernelPolicy::Policy(BinaryDfa::State state) const {
  KernelPermissions permissions;
  if (state == BinaryDfa::kDead) return permissions;
  const BinaryDfa& dfa = profile_.policy[0];
  permissions.allow = dfa.accept(state) & kPermissionMask;
  permissions.audit = dfa.accept2(state) & kPermissionMask;
  permissions.quiet = dfa.accept2(state) >> kQuietShift & kPermissionMask;
  return permissions;
}

KernelAnswer KernelPolicy::Judge(const KernelPermissions& permissions, uint32_t request) const {
  const uint32_t denied = request & ~permissions.allow;
  if (denied != 0) return {false, (denied & ~permissions.quiet) != 0};
  return {true, (request & permissions.audit) != 0};
}

namespace {

KernelPermissions FileAt(const BinaryDfa& dfa, BinaryDfa::State state, bool owner) {
  KernelPermissions permissions;
  if (state == BinaryDfa::kDead) return permissions;
  const int shift = owner ? 0 : kOtherShift;
  const uint32_t accept = dfa.accept(state) >> shift;
  const uint32_t accept2 = dfa.accept2(state) >> shift;
  permissions.allow = accept & kPermissionMask;
  permissions.audit = accept2 & kPermissionMask;
  permissions.quiet = accept2 >> kQuietShift & kPermissionMask;
  permissions.exec = accept & kExecMask;
  return permissions;
}

}  // namespace

KernelPermissions KernelPolicy::File(absl::string_view path, bool owner) const {
  if (profile_.file.empty()) return {};
  const BinaryDfa& dfa = profile_.file[0];
  return FileAt(dfa, dfa.Walk(profile_.file_start, path), owner);
}

KernelAnswer KernelPolicy::CheckFile(absl::string_view path, bool owner, uint32_t request) const {
  return Judge(File(path, owner), request);
}

KernelExec KernelPolicy::CheckExec(absl::string_view path, bool owner) const {
  const KernelPermissions permissions = File(path, owner);
  KernelExec result;
  result.answer = Judge(permissions, kFileExec);
  if (!result.answer.allowed) return result;
  const uint32_t index = permissions.exec >> kExecIndexShift & 0xf;
  const bool unsafe = (permissions.exec & kExecUnsafe) != 0;
  if (index == 0) {
    result.mode = (permissions.exec & kExecInherit) != 0 ? "ix" : "x";
    return result;
  }
  if (index == 1) {
    result.mode = unsafe ? "ux" : "Ux";
    return result;
  }
  const bool child = index == 3;
  std::string mode = child ? (unsafe ? "c" : "C") : (unsafe ? "p" : "P");
  if ((permissions.exec & kExecInherit) != 0) mode += "i";
  if ((permissions.exec & kExecElseUnconfined) != 0) mode += unsafe ? "u" : "U";
  result.mode = mode + "x";
  if (index < kExecFirstTransition) return result;
  const size_t row = index - kExecFirstTransition;
  absl::StrAppend(&result.mode, " -> ",
                  row < profile_.transitions.size() ? profile_.transitions[row] : "?");
  return result;
}

KernelAnswer KernelPolicy::CheckLink(absl::string_view new_name, absl::string_view old_name,
                                     bool owner) const {
  if (profile_.file.empty()) return {false, true};
  const BinaryDfa& dfa = profile_.file[0];
  const BinaryDfa::State at_link = dfa.Walk(profile_.file_start, new_name);
  KernelPermissions link = FileAt(dfa, at_link, owner);
  if ((link.allow & kFileLink) == 0) return Judge(link, kFileLink);

  const KernelPermissions pair = FileAt(dfa, dfa.Walk(Null(dfa, at_link), old_name), owner);
  link.audit = pair.audit;
  link.quiet = pair.quiet;
  if ((pair.allow & kFileLink) == 0) return Judge(pair, kFileLink);
  // The bit of locking has another meaning in a pair.
  if ((pair.allow & kFileLock) == 0) return Judge(link, kFileLink);

  // The link must not give more than the file's own name does.
  const KernelPermissions target = File(old_name, owner);
  uint32_t request = link.allow & ~uint32_t{kFileLink};
  link.allow &= target.allow | kFileLink;
  if ((request & ~link.allow) != 0) return Judge(link, request | kFileLink);
  const bool other_exec = (link.allow & kFileExec) != 0 && link.exec != target.exec;
  if (other_exec) {
    link.allow &= ~uint32_t{kFileExec};
    return Judge(link, request | kFileLink | kFileExec);
  }
  return Judge(link, kFileLink);
}

KernelAnswer KernelPolicy::CheckCapability(int capability) const {
  const uint64_t bit = uint64_t{1} << capability;
  if ((profile_.caps_allow & bit) == 0) return {false, (profile_.caps_quiet & bit) == 0};
  return {true, (profile_.caps_audit & bit) != 0};
}

KernelAnswer KernelPolicy::CheckSocket(uint16_t family, uint16_t type) const {
  const BinaryDfa::State state = Class(kClassNetwork);
  if (state == BinaryDfa::kDead) return {true, false};
  const char bytes[] = {static_cast<char>(family >> 8), static_cast<char>(family),
                        static_cast<char>(type >> 8), static_cast<char>(type)};
  return Judge(Policy(profile_.policy[0].Walk(state, absl::string_view(bytes, 4))), kCreate);
}

KernelAnswer KernelPolicy::CheckMountStrings(std::optional<absl::string_view> source,
                                             absl::string_view target,
                                             std::optional<absl::string_view> fstype,
                                             uint32_t flags) const {
  BinaryDfa::State state = Class(kClassMount);
  if (state == BinaryDfa::kDead) return {true, false};
  const BinaryDfa& dfa = profile_.policy[0];
  state = Null(dfa, dfa.Walk(state, target));
  state = Null(dfa, dfa.Walk(state, source.value_or("")));
  state = Null(dfa, dfa.Walk(state, fstype.value_or("")));
  // One byte per flag that is set, its position counted from 1.
  for (int bit = 0; bit < 32 && state != BinaryDfa::kDead; ++bit) {
    if ((flags >> bit & 1) != 0) state = dfa.Next(state, static_cast<uint8_t>(bit + 1));
  }
  return Judge(Policy(state), kMount);
}

KernelAnswer KernelPolicy::CheckMount(absl::string_view source, absl::string_view target,
                                      absl::string_view fstype, uint32_t flags) const {
  constexpr uint32_t kPropagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
  if ((flags & MS_REMOUNT) != 0) return CheckMountStrings({}, target, {}, flags);
  if ((flags & MS_BIND) != 0) {
    return CheckMountStrings(source, target, {}, flags & (MS_REC | MS_BIND));
  }
  if ((flags & kPropagation) != 0) {
    return CheckMountStrings({}, target, {}, flags & (MS_REC | MS_SILENT | kPropagation));
  }
  if ((flags & MS_MOVE) != 0) return CheckMountStrings(source, target, {}, MS_MOVE);
  return CheckMountStrings(source, target, fstype, flags);
}

KernelAnswer KernelPolicy::CheckUmount(absl::string_view target) const {
  const BinaryDfa::State state = Class(kClassMount);
  if (state == BinaryDfa::kDead) return {true, false};
  return Judge(Policy(profile_.policy[0].Walk(state, target)), kUmount);
}

KernelAnswer KernelPolicy::CheckPivotRoot(absl::string_view new_root,
                                          absl::string_view old_root) const {
  const BinaryDfa::State state = Class(kClassMount);
  if (state == BinaryDfa::kDead) return {true, false};
  const BinaryDfa& dfa = profile_.policy[0];
  return Judge(Policy(dfa.Walk(Null(dfa, dfa.Walk(state, new_root)), old_root)), kPivotRoot);
}

KernelAnswer KernelPolicy::CheckPtrace(Ptrace access, absl::string_view peer) const {
  const BinaryDfa::State state = Class(kClassPtrace);
  if (state == BinaryDfa::kDead) return {true, false};
  return Judge(Policy(profile_.policy[0].Walk(state, peer)), access);
}

KernelAnswer KernelPolicy::CheckSignal(Signal access, uint8_t signal,
                                       absl::string_view peer) const {
  BinaryDfa::State state = Class(kClassSignal);
  if (state == BinaryDfa::kDead) return {true, false};
  const BinaryDfa& dfa = profile_.policy[0];
  return Judge(Policy(dfa.Walk(dfa.Next(state, signal), peer)), access);
}

std::optional<uint8_t> KernelPolicy::SignalNumber(absl::string_view word) {
  // security/apparmor/include/sig_names.h, from 1.
  static constexpr const char* kNames[] = {
      "hup",   "int",  "quit", "ill",  "trap", "abrt", "bus",    "fpe",    "kill",
      "usr1",  "segv", "usr2", "pipe", "alrm", "term", "stkflt", "chld",   "cont",
      "stop",  "stp",  "ttin", "ttou", "urg",  "xcpu", "xfsz",   "vtalrm", "prof",
      "winch", "io",   "pwr",  "sys",  "emt",  "lost", "unused", "exists"};
  uint8_t number = 0;
  for (const char* name : kNames) {
    ++number;
    if (word == name) return number;
  }
  constexpr int kFirstRealTime = 128;
  int offset = 0;
  if (!absl::ConsumePrefix(&word, "rtmin+") || !absl::SimpleAtoi(word, &offset)) return {};
  if (offset < 0 || offset > 32) return {};
  return static_cast<uint8_t>(kFirstRealTime + offset);
}

}  // namespace varmor
