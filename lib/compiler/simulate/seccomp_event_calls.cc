#include "lib/compiler/simulate/seccomp_event_calls.h"

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/normalise/bpf_words.h"

namespace varmor {
namespace {

// An argument that is known under a mask; mask 0: nothing is known.
struct Known {
  uint32_t index = 0;
  uint64_t mask = 0;
  uint64_t value = 0;
};

struct WayRow {
  const char* event;
  // Names of calls that are all needed, separated by blanks. What is known is about each of them.
  const char* calls;
  Known first = {};
  Known second = {};
};

constexpr uint64_t kInt = 0xffffffff;

// O_CREAT of asm-generic, O_CREAT of MIPS and PA-RISC (O_NOCTTY elsewhere, which makes no
// difference to files), __O_TMPFILE.
constexpr uint64_t kCreating = 0x40 | 0x100 | 0x400000;

// CLONE_NEWUSER: include/uapi/linux/sched.h. BPF_PROG_LOAD: bpf.h. SOL_SOCKET and SO_ATTACH_*:
// asm-generic/socket.h. AT_REMOVEDIR, F_*LK*, O_TRUNC: fcntl.h. PROT_EXEC:
// asm-generic/mman-common.h. Reading, writing and truncating are about files that exist: nothing is
// created, and the mode that creat is given does not matter.
constexpr WayRow kWays[] = {
    {"exec", "execve"},
    {"exec", "execveat"},

    {"read", "open", {1, kCreating, 0}},
    {"read", "openat", {2, kCreating, 0}},
    {"read", "openat2"},
    {"read", "open_by_handle_at"},
    {"read", "io_uring_setup io_uring_enter"},

    {"write", "open", {1, kCreating, 0}},
    {"write", "openat", {2, kCreating, 0}},
    {"write", "openat2"},
    {"write", "open_by_handle_at"},
    {"write", "creat", {1, kInt, 0}},
    {"write", "io_uring_setup io_uring_enter"},

    {"create", "open"},
    {"create", "openat"},
    {"create", "openat2"},
    {"create", "creat"},
    {"create", "mknod"},
    {"create", "mknodat"},
    {"create", "io_uring_setup io_uring_enter"},

    {"unlink", "unlink"},
    {"unlink", "unlinkat"},
    {"unlink", "io_uring_setup io_uring_enter"},
    {"link", "link"},
    {"link", "linkat"},
    {"link", "io_uring_setup io_uring_enter"},
    {"rename", "rename"},
    {"rename", "renameat"},
    {"rename", "renameat2"},
    {"rename", "io_uring_setup io_uring_enter"},
    {"symlink", "symlink"},
    {"symlink", "symlinkat"},
    {"symlink", "io_uring_setup io_uring_enter"},
    {"mkdir", "mkdir"},
    {"mkdir", "mkdirat"},
    {"mkdir", "io_uring_setup io_uring_enter"},
    {"rmdir", "rmdir"},
    {"rmdir", "unlinkat", {2, 0x200, 0x200}},
    {"rmdir", "io_uring_setup io_uring_enter"},
    {"mknod", "mknod"},
    {"mknod", "mknodat"},
    {"chmod", "chmod"},
    {"chmod", "fchmod"},
    {"chmod", "fchmodat"},
    {"chmod", "fchmodat2"},
    {"chown", "chown"},
    {"chown", "fchown"},
    {"chown", "lchown"},
    {"chown", "fchownat"},
    {"chown", "chown32"},
    {"chown", "fchown32"},
    {"chown", "lchown32"},
    {"truncate", "truncate"},
    {"truncate", "truncate64"},
    {"truncate", "ftruncate"},
    {"truncate", "ftruncate64"},
    {"truncate", "creat", {1, kInt, 0}},
    {"truncate", "open", {1, kCreating | 0x200, 0x200}},
    {"truncate", "openat", {2, kCreating | 0x200, 0x200}},
    {"truncate", "openat2"},
    {"truncate", "io_uring_setup io_uring_enter"},
    {"lock", "flock"},
    {"lock", "fcntl", {1, kInt, 6}},
    {"lock", "fcntl", {1, kInt, 7}},
    {"lock", "fcntl", {1, kInt, 37}},
    {"lock", "fcntl", {1, kInt, 38}},
    {"lock", "fcntl64"},
    {"map executable", "mmap", {2, 0x4, 0x4}},
    {"map executable", "mmap2", {2, 0x4, 0x4}},
    {"map executable", "mprotect", {2, 0x4, 0x4}},
    {"map executable", "pkey_mprotect", {2, 0x4, 0x4}},

    {"connect", "connect"},
    {"connect", "sendto"},
    {"connect", "sendmsg"},
    {"connect", "sendmmsg"},
    {"connect", "io_uring_setup io_uring_enter"},

    {"trace", "ptrace"},
    {"trace", "process_vm_readv"},
    {"trace", "process_vm_writev"},
    {"trace", "pidfd_getfd"},

    {"signal", "kill"},
    {"signal", "tkill"},
    {"signal", "tgkill"},
    {"signal", "rt_sigqueueinfo"},
    {"signal", "rt_tgsigqueueinfo"},
    {"signal", "pidfd_send_signal"},

    {"mount new", "mount"},
    {"mount new", "fsopen fsconfig fsmount move_mount"},
    {"mount bind", "mount"},
    {"mount bind", "open_tree move_mount"},
    {"mount move", "mount"},
    {"mount move", "move_mount"},
    {"mount remount", "mount"},
    {"mount remount", "fspick fsconfig"},
    {"mount remount", "mount_setattr"},
    {"mount change", "mount"},
    {"mount change", "mount_setattr"},
    {"mount umount", "umount"},
    {"mount umount", "umount2"},
    {"mount pivot-root", "pivot_root"},

    {"CREATE_USER_NAMESPACE", "unshare", {0, 0x10000000, 0x10000000}},
    {"CREATE_USER_NAMESPACE", "clone", {0, 0x10000000, 0x10000000}},
    {"CREATE_USER_NAMESPACE", "clone3"},
    {"LOAD_BPF_PROGRAM", "bpf", {0, kInt, 5}},
    {"ATTACH_SOCKET_FILTER", "setsockopt", {1, kInt, 1}, {2, kInt, 26}},
    {"ATTACH_SOCKET_FILTER", "setsockopt", {1, kInt, 1}, {2, kInt, 50}},
    {"ATTACH_SOCKET_FILTER", "setsockopt", {1, kInt, 1}, {2, kInt, 51}},
    {"ATTACH_SOCKET_FILTER", "setsockopt", {1, kInt, 1}, {2, kInt, 52}},
};

void AddKnown(const Known& known, ArgConjunction& args) {
  if (known.mask != 0) {
    args.push_back({known.index, known.mask, known.value, "SCMP_CMP_MASKED_EQ"});
  }
}

// clone has its flags in the second argument there.
bool IsS390(absl::string_view architecture) {
  return absl::StartsWith(architecture, "SCMP_ARCH_S390");
}

void AddWays(absl::string_view event, absl::string_view architecture, EventCalls& out) {
  for (const WayRow& row : kWays) {
    if (event != row.event) continue;
    EventWay way;
    for (const absl::string_view name : absl::StrSplit(row.calls, ' ')) {
      EventCall call;
      call.name = std::string(name);
      AddKnown(row.first, call.args);
      AddKnown(row.second, call.args);
      if (name == "clone" && IsS390(architecture)) call.args[0].index = 1;
      way.push_back(std::move(call));
    }
    out.ways.push_back(std::move(way));
  }
}

// Null for accesses that no call of its own asks for.
const char* FileWays(FileEvent::Access access) {
  switch (access) {
    case FileEvent::READ:
      return "read";
    case FileEvent::WRITE:
    case FileEvent::APPEND:
      return "write";
    case FileEvent::CREATE:
      return "create";
    case FileEvent::UNLINK:
      return "unlink";
    case FileEvent::LINK:
      return "link";
    case FileEvent::RENAME:
      return "rename";
    case FileEvent::CHMOD:
      return "chmod";
    case FileEvent::CONNECT:
      return "connect";
    case FileEvent::LOCK:
      return "lock";
    case FileEvent::MAP_EXECUTABLE:
      return "map executable";
    case FileEvent::MKDIR:
      return "mkdir";
    case FileEvent::RMDIR:
      return "rmdir";
    case FileEvent::MKNOD:
      return "mknod";
    case FileEvent::SYMLINK:
      return "symlink";
    case FileEvent::TRUNCATE:
      return "truncate";
    case FileEvent::CHOWN:
      return "chown";
    default:
      return "";
  }
}

// What a mount event does; "new" when no flag says otherwise.
std::string MountWays(const MountEvent& event) {
  static constexpr struct {
    const char* flag;
    const char* ways;
  } kFlags[] = {
      {"umount", "umount"},
      {"pivot-root", "pivot-root"},
      {"remount", "remount"},
      {"move", "move"},
      {"m", "move"},
      {"bind", "bind"},
      {"b", "bind"},
      {"rbind", "bind"},
      {"unbindable", "change"},
      {"private", "change"},
      {"slave", "change"},
      {"shared", "change"},
      {"rprivate", "change"},
      {"rslave", "change"},
      {"rshared", "change"},
      {"new", "new"},
      {"runbindable", "change"},
  };
  for (const auto& row : kFlags) {
    for (const std::string& flag : event.flags()) {
      // One-letter words are case-sensitive: "r" is read-only, "R" a recursive bind.
      std::string word = flag == "R" ? "rbind" : absl::AsciiStrToLower(flag);
      if (absl::StartsWith(word, "make-")) word = word.substr(5);
      if (word == row.flag) return absl::StrCat("mount ", row.ways);
    }
  }
  return "mount new";
}

// The number of a word, or a number as it stands.
std::optional<uint64_t> NumberOf(absl::Span<const BpfWord> words, absl::string_view word) {
  uint64_t number = 0;
  if (absl::SimpleAtoi(word, &number)) return number;
  const BpfWord* known = FindBpfWord(words, word);
  if (known == nullptr || known->bits == 0) return std::nullopt;
  for (number = 0; (known->bits >> number & 1) == 0; ++number) {
  }
  // A word that stands for one number; ICMP's second one is version 6.
  if (known->bits == ~uint64_t{0}) return std::nullopt;
  return number;
}

EventCalls SocketCalls(const SocketEvent& event) {
  EventCalls out;
  EventCall call;
  call.name = "socket";
  const struct {
    const char* what;
    absl::Span<const BpfWord> words;
    const std::string& word;
    // Of a missing word: any number, or none.
    bool any;
  } parts[] = {{"domain", kSocketDomainWords, event.domain(), true},
               {"type", kSocketTypeWords, event.type(), true},
               {"protocol", kSocketProtocolWords, event.protocol(), false}};
  for (uint32_t index = 0; index < 3; ++index) {
    if (parts[index].word.empty()) {
      if (!parts[index].any) call.args.push_back({index, 0, 0, "SCMP_CMP_EQ"});
      continue;
    }
    std::optional<uint64_t> number = NumberOf(parts[index].words, parts[index].word);
    if (!number.has_value()) {
      out.unknown = absl::StrCat("no number is known for ", parts[index].what, " ",
                                 Quoted(parts[index].word));
      return out;
    }
    // IPPROTO_ICMPV6.
    if (index == 2 && *number == 1 && absl::EqualsIgnoreCase(event.domain(), "inet6")) number = 58;
    call.args.push_back({index, *number, 0, "SCMP_CMP_EQ"});
  }
  out.ways.push_back({std::move(call)});
  return out;
}

// What other processes do to this one is no call of this one.
std::string WaysName(const Event& event) {
  switch (event.kind_case()) {
    case Event::kFile:
      return FileWays(event.file().access());
    case Event::kExec:
      return "exec";
    case Event::kConnect:
      return "connect";
    case Event::kPtrace:
      return event.ptrace().permission() == "trace" ? "trace" : "";
    case Event::kMount:
      return MountWays(event.mount());
    case Event::kSignal:
      return event.signal().access() == "receive" ? "" : "signal";
    case Event::kOperation:
      return event.operation().name();
    default:
      return "";
  }
}

}  // namespace

EventCalls CallsOfEvent(const Event& event, absl::string_view architecture) {
  if (event.has_socket()) return SocketCalls(event.socket());
  EventCalls out;
  AddWays(WaysName(event), architecture, out);
  return out;
}

}  // namespace varmor
