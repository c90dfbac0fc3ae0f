#include "tools/attack/attack_way.h"

#include <seccomp.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "lib/compiler/ir/bpf_rules.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/simulate/decide_bpf.h"

namespace varmor {
namespace {

using Ways = std::vector<AttackWay>;

Ways WithWays(const std::string& verb, const std::vector<std::string>& words,
              const std::vector<std::string>& names) {
  Ways ways = {{"", absl::StrCat(verb, "\t", absl::StrJoin(words, "\t"))}};
  for (const std::string& name : names) ways.push_back(OtherWay(ways[0], name));
  return ways;
}

// The bit's number is the kernel's number of the thing.
absl::StatusOr<int> NumberOfWord(absl::Span<const BpfWord> words, const std::string& word) {
  int number = 0;
  if (absl::SimpleAtoi(word, &number)) return number;
  const BpfWord* known = FindBpfWord(words, word);
  if (known == nullptr || (known->bits & (known->bits - 1)) != 0) {
    return absl::UnimplementedError(absl::StrCat("no number is known for \"", word, "\""));
  }
  return __builtin_ctzll(known->bits);
}

Ways FileWays(const FileEvent& file) {
  const std::string access = absl::AsciiStrToLower(FileEvent::Access_Name(file.access()));
  std::vector<std::string> names;
  const bool opens = file.access() == FileEvent::READ || file.access() == FileEvent::WRITE ||
                     file.access() == FileEvent::APPEND;
  const bool in_proc = absl::StartsWith(file.path(), "/proc/");
  if (opens && in_proc) names = {"procfs"};
  if (opens && !in_proc)
    names = {"proc_root", "proc_cwd", "relative", "dotted", "symlink", "chroot"};
  if (file.access() == FileEvent::READ || file.access() == FileEvent::WRITE) {
    names.insert(names.end(), {"io_uring", "unshare", "daemon"});
  }
  if (file.access() == FileEvent::READ && !in_proc) names.push_back("open_tree");
  if (file.access() == FileEvent::CREATE) names = {"reading", "tmpfile"};
  if (file.access() == FileEvent::RENAME) names = {"exchange", "exchange_back"};
  return WithWays("file", {access, file.path(), file.old_path()}, names);
}

bool IsIpv4(const std::string& ip) { return !absl::StrContains(ip, ':'); }

Ways ConnectWays(const ConnectEvent& connect) {
  const std::string port = absl::StrCat(connect.port());
  if (connect.protocol() == "udp") {
    return {{"", absl::StrCat("connect/udp\t", connect.ip(), "\t", port)},
            {"sendto", absl::StrCat("connect/sendto\t", connect.ip(), "\t", port)}};
  }
  std::vector<std::string> names = {"udp", "sendto", "fastopen", "io_uring"};
  if (IsIpv4(connect.ip())) names.push_back("unspecified");
  Ways ways = WithWays("connect", {connect.ip(), port}, names);
  if (IsIpv4(connect.ip())) {
    ways.push_back({"mapped", absl::StrCat("connect\t::ffff:", connect.ip(), "\t", port)});
  }
  return ways;
}

// include/uapi/linux/in.h and in6.h.
absl::StatusOr<int> NumberOfProtocol(const std::string& word) {
  constexpr std::pair<const char*, int> kWords[] = {
      {"", 0}, {"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"icmpv6", 58}};
  for (const auto& [known, number] : kWords) {
    if (word == known) return number;
  }
  int number = 0;
  if (absl::SimpleAtoi(word, &number)) return number;
  return absl::UnimplementedError(absl::StrCat("no number is known for \"", word, "\""));
}

// As socket(2) is used when nothing is said.
std::string TypeOf(const SocketEvent& socket) {
  if (!socket.type().empty()) return socket.type();
  return socket.domain() == "netlink" || socket.domain() == "packet" ? "raw" : "stream";
}

absl::StatusOr<Ways> SocketWays(const SocketEvent& socket) {
  const auto domain = NumberOfWord(kSocketDomainWords, socket.domain());
  if (!domain.ok()) return domain.status();
  const auto type = NumberOfWord(kSocketTypeWords, TypeOf(socket));
  if (!type.ok()) return type.status();
  const auto protocol = NumberOfProtocol(socket.protocol());
  if (!protocol.ok()) return protocol.status();
  return WithWays("socket", {absl::StrCat(*domain), absl::StrCat(*type), absl::StrCat(*protocol)},
                  {});
}

absl::StatusOr<Ways> PtraceWays(const PtraceEvent& ptrace, pid_t stranger) {
  if (!ptrace.same_container() && stranger == 0) {
    return absl::UnimplementedError("no process outside the container is in sight");
  }
  const std::string pid = absl::StrCat(ptrace.same_container() ? 0 : stranger);
  if (ptrace.permission() == "trace") {
    std::vector<std::string> names = {"seize", "process_vm_writev"};
    // By the parent, which is in the same container.
    if (ptrace.same_container()) names.push_back("traceme");
    return WithWays("ptrace", {"trace", pid}, names);
  }
  if (ptrace.permission() == "read") {
    return WithWays("ptrace", {"read", pid}, {"root", "maps", "no_perfmon"});
  }
  return absl::UnimplementedError("the other process would have to act");
}

const char* MountVerb(uint64_t ops) {
  constexpr uint64_t kPropagation = kMountUnbindable | kMountPrivate | kMountSlave | kMountShared;
  if ((ops & kMountUmount) != 0) return "umount";
  if ((ops & kMountPivotRoot) != 0) return "pivot_root";
  if ((ops & kMountRemount) != 0) return "remount";
  if ((ops & kMountBind) != 0) return "bind";
  if ((ops & kMountMove) != 0) return "move";
  return (ops & kPropagation) != 0 ? "propagation" : "new";
}

std::vector<std::string> MountWayNames(absl::string_view verb, const MountEvent& mount) {
  if (verb == "umount") return {"new_api"};
  if (verb == "move") return {"new_api", "symlink"};
  if (verb == "remount") return {"new_api", "mount_setattr"};
  if (verb == "bind") return {"new_api", "relative", "dotted", "symlink"};
  if (verb != "new") return {};
  // A disk has to be named.
  if (mount.disk_device()) return {"new_api", "detached", "flag_512"};
  return {"new_api", "detached", "flag_512", "no_source"};
}

absl::StatusOr<Ways> MountWays(const MountEvent& mount) {
  const absl::StatusOr<uint64_t> ops = BpfMountOps(mount);
  if (!ops.ok()) return ops.status();
  constexpr uint64_t kRecursive =
      kMountRecBind | kMountRecUnbindable | kMountRecPrivate | kMountRecSlave | kMountRecShared;
  const std::string verb = MountVerb(*ops);
  const uint64_t flags = (*ops & 0xffffffff) | ((*ops & kRecursive) != 0 ? MS_REC : 0);
  return WithWays("mount",
                  {verb, mount.source(), mount.target(), mount.fstype(), absl::StrCat(flags)},
                  MountWayNames(verb, mount));
}

absl::StatusOr<Ways> SyscallWays(const SyscallEvent& call) {
  const bool wants_i386 = call.architecture() == "SCMP_ARCH_X86";
  if (!wants_i386 && !call.architecture().empty() && call.architecture() != "SCMP_ARCH_X86_64") {
    return absl::UnimplementedError("programs of this architecture do not run here");
  }
  const std::string args = absl::StrJoin(call.args(), "\t");
  Ways ways;
  const int native = seccomp_syscall_resolve_name_arch(SCMP_ARCH_NATIVE, call.name().c_str());
  if (native >= 0 && !wants_i386) {
    ways.push_back({"", absl::StrCat("syscall\t", native, "\t", args)});
  }
#if defined(__x86_64__)
  const int i386 = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86, call.name().c_str());
  if (i386 >= 0) {
    ways.push_back({wants_i386 ? "" : "i386", absl::StrCat("syscall/i386\t", i386, "\t", args)});
  }
#endif
  if (ways.empty()) return absl::UnimplementedError("this architecture has no such call");
  return ways;
}

Ways OperationWays(const std::string& name) {
  if (name == "CREATE_USER_NAMESPACE") return WithWays("operation", {name}, {"clone", "clone3"});
  if (name == "ATTACH_SOCKET_FILTER") return WithWays("operation", {name}, {"50", "51", "52"});
  return WithWays("operation", {name}, {});
}

absl::StatusOr<Ways> SignalWays(const SignalEvent& signal, pid_t stranger) {
  struct Word {
    const char* word;
    int number;
  };
  constexpr Word kWords[] = {{"exists", 0},     {"hup", SIGHUP},   {"int", SIGINT},
                             {"kill", SIGKILL}, {"term", SIGTERM}, {"usr1", SIGUSR1},
                             {"stop", SIGSTOP}, {"cont", SIGCONT}};
  if (signal.access() == "receive") {
    return absl::UnimplementedError("the other process would have to act");
  }
  for (const Word& word : kWords) {
    if (signal.signal() != word.word) continue;
    const bool own = signal.peer().empty();
    if (!own && stranger == 0) {
      return absl::UnimplementedError("no process outside the container is in sight");
    }
    return WithWays("signal", {absl::StrCat(word.number), absl::StrCat(own ? 0 : stranger)}, {});
  }
  return absl::UnimplementedError(absl::StrCat("no number is known for ", signal.signal()));
}

bool IsOneOf(int error, std::initializer_list<int> errors) {
  return std::find(errors.begin(), errors.end(), error) != errors.end();
}

}  // namespace

AttackWay OtherWay(const AttackWay& plain, const std::string& name) {
  const size_t end = plain.line.find('\t');
  return {name, absl::StrCat(plain.line.substr(0, end), "/", name, plain.line.substr(end))};
}

bool RefusedOnPrinciple(const std::string& enforcer, const Event& event, const std::string& way) {
  if (enforcer == "BPF" && event.has_mount() && way == "symlink") return true;
  return way == "open_tree" || way == "memfd";
}

absl::StatusOr<std::vector<AttackWay>> AttackWays(const Event& event, pid_t stranger) {
  switch (event.kind_case()) {
    case Event::kFile:
      return FileWays(event.file());
    case Event::kExec:
      return WithWays("exec", {event.exec().path()},
                      {"proc_root", "relative", "dotted", "symlink", "chroot", "fexecve", "dirfd",
                       "deleted", "script", "loader", "applet"});
    case Event::kCapability: {
      std::vector<std::string> names;
      if (event.capability() == "sys_admin") {
        names = {"userns", "userns_at_once", "all", "all_but_sys_resource"};
      }
      return WithWays("capability", {event.capability()}, names);
    }
    case Event::kSocket:
      return SocketWays(event.socket());
    case Event::kConnect:
      return ConnectWays(event.connect());
    case Event::kPtrace:
      return PtraceWays(event.ptrace(), stranger);
    case Event::kMount:
      return MountWays(event.mount());
    case Event::kSyscall:
      return SyscallWays(event.syscall());
    case Event::kSignal:
      return SignalWays(event.signal(), stranger);
    case Event::kOperation:
      return OperationWays(event.operation().name());
    case Event::KIND_NOT_SET:
      break;
  }
  return absl::UnimplementedError("the event says nothing");
}

bool NeedsStranger(const Event& event) {
  if (event.has_ptrace()) return !event.ptrace().same_container();
  return event.has_signal() && !event.signal().peer().empty();
}

bool Reached(const Event& event, const std::string& outcome) {
  if (outcome == "ok") return true;
  absl::string_view digits = outcome;
  int error = 0;
  if (!absl::ConsumePrefix(&digits, "errno ") || !absl::SimpleAtoi(digits, &error)) return false;
  switch (event.kind_case()) {
    case Event::kConnect:
      return IsOneOf(error, {ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT, EINPROGRESS,
                             EADDRNOTAVAIL, EOPNOTSUPP, EAGAIN});
    case Event::kMount:
      // The kernel looks at the file system last.
      return IsOneOf(error, {EBUSY, EINVAL, ENODEV, ENOTBLK, ENXIO, EIO});
    case Event::kSyscall:
      return !IsOneOf(error, {EPERM, EACCES, ENOSYS});
    case Event::kSocket:
      return IsOneOf(error, {EPROTONOSUPPORT, ESOCKTNOSUPPORT});
    default:
      return false;
  }
}

}  // namespace varmor
