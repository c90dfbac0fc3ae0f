// The kernel's audit records: AppArmor's (security/apparmor/audit.c, lib.c, file.c, ...) and those
// of seccomp (kernel/auditsc.c, audit_seccomp).
#include <seccomp.h>

#include <cstdlib>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/seccomp/syscall_tables.h"
#include "lib/compiler/simulate/violation_record.h"

namespace varmor {
namespace {

constexpr absl::string_view kInWords = "say the event in words with --event";

// What was refused, or else what was asked for.
std::string Mask(const ViolationFields& fields) {
  const std::string& denied = FieldOf(fields, "denied_mask");
  return absl::AsciiStrToLower(denied.empty() ? FieldOf(fields, "requested_mask") : denied);
}

bool ReadPath(const ViolationFields& fields, const std::string& key, ViolationErrors& errors,
              std::string* path) {
  const std::string& value = FieldOf(fields, key);
  if (value.empty()) {
    return errors.Fail(absl::StrCat("the record has no ", key, "="), kInWords);
  }
  if (!absl::StartsWith(value, "/")) {
    return errors.Fail(
        absl::StrCat("the record's ", key, " ", Quoted(value), " is no path of the file system"),
        kInWords);
  }
  *path = value;
  return true;
}

FileEvent::Ownership OwnershipOf(const ViolationFields& fields) {
  const std::string& user = FieldOf(fields, "fsuid");
  const std::string& owner = FieldOf(fields, "ouid");
  if (user.empty() || owner.empty()) return FileEvent::OWNERSHIP_UNKNOWN;
  return user == owner ? FileEvent::OWN : FileEvent::FOREIGN;
}

// Operations that say themselves what happens.
struct FileOperation {
  absl::string_view name;
  FileEvent::Access access;
};
constexpr FileOperation kFileOperations[] = {
    {"mknod", FileEvent::MKNOD},
    {"mkdir", FileEvent::MKDIR},
    {"rmdir", FileEvent::RMDIR},
    {"unlink", FileEvent::UNLINK},
    {"symlink", FileEvent::SYMLINK},
    {"truncate", FileEvent::TRUNCATE},
    {"chmod", FileEvent::CHMOD},
    {"chown", FileEvent::CHOWN},
    {"file_lock", FileEvent::LOCK},
    {"connect", FileEvent::CONNECT},
    {"link", FileEvent::LINK},
    {"setattr", FileEvent::CHMOD},
    // One record is about one of the two names.
    {"rename_dest", FileEvent::CREATE},
};

// Operations that happen for several reasons; the mask tells which.
constexpr absl::string_view kMaskOperations[] = {
    "open",    "file_perm",  "file_receive", "file_inherit", "file_mmap", "file_mprotect",
    "getattr", "rename_src", "exec",         "setprocattr",  "mmap",      "sendmsg"};

// The strongest of the letters.
FileEvent::Access AccessOfMask(const std::string& mask) {
  constexpr std::pair<char, FileEvent::Access> kLetters[] = {
      {'m', FileEvent::MAP_EXECUTABLE}, {'c', FileEvent::CREATE}, {'d', FileEvent::UNLINK},
      {'w', FileEvent::WRITE},          {'a', FileEvent::APPEND}, {'l', FileEvent::LINK},
      {'k', FileEvent::LOCK},           {'r', FileEvent::READ}};
  for (const auto& [letter, access] : kLetters) {
    if (absl::StrContains(mask, letter)) return access;
  }
  return FileEvent::ACCESS_UNSPECIFIED;
}

bool FileRecord(const ViolationFields& fields, FileEvent::Access access, ViolationErrors& errors,
                Event& event) {
  FileEvent& file = *event.mutable_file();
  file.set_access(access);
  file.set_ownership(OwnershipOf(fields));
  if (access == FileEvent::LINK && !FieldOf(fields, "target").empty() &&
      !ReadPath(fields, "target", errors, file.mutable_old_path())) {
    return false;
  }
  return ReadPath(fields, "name", errors, file.mutable_path());
}

bool MaskRecord(const ViolationFields& fields, ViolationErrors& errors, Event& event) {
  const std::string mask = Mask(fields);
  if (absl::StrContains(mask, 'x')) {
    event.mutable_exec()->set_ownership(OwnershipOf(fields));
    return ReadPath(fields, "name", errors, event.mutable_exec()->mutable_path());
  }
  const FileEvent::Access access = AccessOfMask(mask);
  if (access == FileEvent::ACCESS_UNSPECIFIED) {
    return errors.Fail(absl::StrCat("the record's mask ", Quoted(mask), " names no access"),
                       kInWords);
  }
  return FileRecord(fields, access, errors, event);
}

bool SocketRecord(const ViolationFields& fields, ViolationErrors& errors, Event& event) {
  SocketEvent& socket = *event.mutable_socket();
  socket.set_domain(FieldOf(fields, "family"));
  socket.set_type(FieldOf(fields, "sock_type"));
  if (socket.type().empty()) return errors.Fail("the record has no sock_type=", kInWords);
  const std::string& protocol = FieldOf(fields, "protocol");
  // include/uapi/linux/in.h, in6.h. Rules cannot ask for others.
  constexpr std::pair<absl::string_view, absl::string_view> kProtocols[] = {
      {"1", "icmp"}, {"6", "tcp"}, {"17", "udp"}, {"58", "icmpv6"}};
  for (const auto& [number, name] : kProtocols) {
    if (protocol == number || protocol == name) socket.set_protocol(std::string(name));
  }
  return true;
}

bool MountRecord(const ViolationFields& fields, ViolationErrors& errors, Event& event) {
  MountEvent& mount = *event.mutable_mount();
  mount.set_fstype(FieldOf(fields, "fstype"));
  if (!ReadPath(fields, "name", errors, mount.mutable_target())) return false;
  const std::string& source = FieldOf(fields, "srcname");
  mount.set_source(source.empty() ? mount.target() : source);
  for (const absl::string_view word : absl::StrSplit(FieldOf(fields, "flags"), ',')) {
    if (!AddMountFlag(word, errors, mount)) return false;
  }
  CompleteMount(mount);
  if (!mount.fstype().empty()) return true;
  return errors.Fail("the record has neither fstype= nor flags that tell what was mounted",
                     kInWords);
}

bool MountPointRecord(const ViolationFields& fields, const std::string& flag,
                      ViolationErrors& errors, Event& event) {
  MountEvent& mount = *event.mutable_mount();
  mount.set_fstype("none");
  mount.add_flags(flag);
  if (!ReadPath(fields, "name", errors, mount.mutable_target())) return false;
  if (flag == "umount") {
    mount.set_source(mount.target());
  } else if (!FieldOf(fields, "srcname").empty()) {
    return ReadPath(fields, "srcname", errors, mount.mutable_source());
  }
  return true;
}

bool SignalRecord(const ViolationFields& fields, Event& event) {
  SignalEvent& signal = *event.mutable_signal();
  signal.set_signal(FieldOf(fields, "signal"));
  signal.set_peer(FieldOf(fields, "peer"));
  signal.set_access(absl::StrContains(Mask(fields), "receive") ? "receive" : "send");
  return true;
}

bool PtraceRecord(const ViolationFields& fields, Event& event) {
  const std::string mask = Mask(fields);
  event.mutable_ptrace()->set_permission(mask == "tracedby" ? "traceby" : mask);
  event.mutable_ptrace()->set_peer(FieldOf(fields, "peer"));
  return true;
}

// "varmor-a-b//child_0" is child_0.
void SetChildProfile(const std::string& profile, Event& event) {
  const size_t separator = profile.find("//");
  if (separator == std::string::npos || absl::StrContains(profile, "//&")) return;
  event.set_profile(profile.substr(separator + 2));
}

bool ReadOperation(const ViolationFields& fields, ViolationErrors& errors, Event& event) {
  const std::string& operation = FieldOf(fields, "operation");
  if (operation == "capable") {
    const std::string& name = FieldOf(fields, "capname");
    if (name.empty()) return errors.Fail("the record has no capname=", kInWords);
    event.set_capability(name);
    return true;
  }
  if (operation == "ptrace") return PtraceRecord(fields, event);
  if (operation == "signal") return SignalRecord(fields, event);
  if (operation == "mount") return MountRecord(fields, errors, event);
  if (operation == "umount") return MountPointRecord(fields, "umount", errors, event);
  if (operation == "pivotroot") return MountPointRecord(fields, "pivot-root", errors, event);
  if (operation == "userns_create") {
    event.mutable_operation()->set_name("CREATE_USER_NAMESPACE");
    return true;
  }
  if (!FieldOf(fields, "family").empty()) {
    const bool named = absl::StartsWith(FieldOf(fields, "name"), "/");
    if (!named) return SocketRecord(fields, errors, event);
    return FileRecord(fields, FileEvent::CONNECT, errors, event);
  }
  for (const FileOperation& known : kFileOperations) {
    if (operation == known.name) return FileRecord(fields, known.access, errors, event);
  }
  for (const absl::string_view known : kMaskOperations) {
    if (operation == known) return MaskRecord(fields, errors, event);
  }
  return errors.Fail(absl::StrCat("records of operation ", Quoted(operation), " are not known"),
                     "say the event in words with --event, if it has any");
}

// ---- seccomp ---------------------------------------------------------------------------------

// AUDIT_ARCH_X86_64 is also that of x32, whose numbers have this bit.
constexpr int kX32Bit = 0x40000000;

// The architecture with this AUDIT_ARCH_* number in hexadecimal, or of this name; null if there is
// none.
const SeccompArchitecture* ArchitectureOf(const std::string& text, int number) {
  const bool x86_64 = text == "c000003e" || text == "x86_64";
  if (x86_64 && number >= 0 && (number & kX32Bit) != 0) {
    return FindSeccompArchitecture("SCMP_ARCH_X32");
  }
  uint32_t token = 0;
  const bool hex = absl::SimpleHexAtoi(text, &token);
  for (const std::string& word : SeccompArchitectureWords()) {
    const SeccompArchitecture* one = FindSeccompArchitecture(word);
    if (hex ? one->token == token && token != 0
            : absl::EqualsIgnoreCase(word, absl::StrCat("SCMP_ARCH_", text))) {
      return one;
    }
  }
  return text == "i386" ? FindSeccompArchitecture("SCMP_ARCH_X86") : nullptr;
}

std::string SyscallName(const SeccompArchitecture& architecture, int number) {
  char* name = seccomp_syscall_resolve_num_arch(architecture.token, number);
  std::string out = name == nullptr ? "" : name;
  std::free(name);
  return out;
}

}  // namespace

bool EventOfAppArmorRecord(const ViolationFields& fields, ViolationErrors& errors, Event& event) {
  const std::string& kind = FieldOf(fields, "apparmor");
  if (kind == "STATUS") {
    return errors.Foreign("the record is about loading a profile, not about a violation",
                          "paste one with apparmor=\"DENIED\", \"ALLOWED\" or \"AUDIT\"");
  }
  if (!ReadOperation(fields, errors, event)) return false;
  SetChildProfile(FieldOf(fields, "profile"), event);
  return true;
}

bool EventOfSeccompRecord(const ViolationFields& fields, ViolationErrors& errors, Event& event) {
  SyscallEvent& syscall = *event.mutable_syscall();
  const std::string& text = FieldOf(fields, "syscall");
  int number = -1;
  const bool numeric = absl::SimpleAtoi(text, &number);
  const SeccompArchitecture* architecture = ArchitectureOf(FieldOf(fields, "arch"), number);
  if (architecture == nullptr) {
    return errors.Fail(
        absl::StrCat("the record's arch ", Quoted(FieldOf(fields, "arch")), " is not known"),
        kInWords);
  }
  syscall.set_architecture(architecture->word);
  syscall.set_name(numeric ? SyscallName(*architecture, number) : text);
  if (syscall.name().empty()) {
    return errors.Fail(
        absl::StrCat("system call ", Quoted(text), " is not known on ", architecture->word),
        kInWords);
  }
  bool known = false;
  for (int i = 0; i < 4; ++i) {
    uint64_t value = 0;
    const std::string& digits = FieldOf(fields, absl::StrCat("a", i));
    if (digits.empty() || !absl::SimpleHexAtoi(digits, &value)) break;
    syscall.add_args(value);
    known = true;
  }
  if (!known) {
    errors.Warn("the record has no arguments; each is taken to be 0",
                "say the event in words with --event if they matter");
  }
  return true;
}

}  // namespace varmor
