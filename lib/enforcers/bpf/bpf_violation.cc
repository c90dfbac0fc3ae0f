#include "lib/enforcers/bpf/bpf_violation.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/event_text.h"
#include "lib/enforcers/bpf/bpf_violation_words.h"

namespace varmor {
namespace {

// Index: varmor_event_class.
constexpr const char* kClasses[] = {"",       "capability", "file",  "exec",      "socket",
                                    "egress", "ptrace",     "mount", "operation", "protection"};
static_assert(std::size(kClasses) == VARMOR_EVENT_CLASSES, "every class has a name");

// Index: varmor_event_operation.
constexpr const char* kOperations[] = {
    "none",          "open",  "truncate",   "unlink",  "rmdir",      "mkdir",      "mknod",
    "symlink",       "link",  "rename",     "chmod",   "chown",      "connect",    "exec",
    "exec",          "mmap",  "capable",    "socket",  "connect",    "sendmsg",    "ptrace",
    "traceme",       "mount", "umount",     "remount", "move_mount", "pivot_root", "mount",
    "userns_create", "bpf",   "setsockopt", "kill",    "prlimit"};
static_assert(std::size(kOperations) == VARMOR_OPS, "every operation has a name");

constexpr uint32_t kOldName = VARMOR_ACCESS_READ | VARMOR_ACCESS_WRITE;

FileEvent::Access AccessOf(const BpfViolation& violation) {
  switch (violation.operation) {
    case VARMOR_OP_TRUNCATE:
      return FileEvent::TRUNCATE;
    case VARMOR_OP_UNLINK:
      return FileEvent::UNLINK;
    case VARMOR_OP_RMDIR:
      return FileEvent::RMDIR;
    case VARMOR_OP_MKDIR:
      return FileEvent::MKDIR;
    case VARMOR_OP_MKNOD:
      return FileEvent::MKNOD;
    case VARMOR_OP_SYMLINK:
      return FileEvent::SYMLINK;
    case VARMOR_OP_LINK:
      return FileEvent::LINK;
    case VARMOR_OP_RENAME:
      return FileEvent::RENAME;
    case VARMOR_OP_CHMOD:
      return FileEvent::CHMOD;
    case VARMOR_OP_CHOWN:
      return FileEvent::CHOWN;
    case VARMOR_OP_UNIX_CONNECT:
      return FileEvent::CONNECT;
    default:
      break;
  }
  if ((violation.wanted & VARMOR_ACCESS_WRITE) != 0) return FileEvent::WRITE;
  return (violation.wanted & VARMOR_ACCESS_APPEND) != 0 ? FileEvent::APPEND : FileEvent::READ;
}

void SetFile(const BpfViolation& violation, FileEvent& file) {
  file.set_access(AccessOf(violation));
  file.set_path(violation.object);
  const bool two_names = file.access() == FileEvent::LINK || file.access() == FileEvent::RENAME;
  const bool old_name =
      (violation.wanted & kOldName) == kOldName || (violation.wanted & VARMOR_ACCESS_ANCESTOR) != 0;
  // Each name has its own record. As both, the old name is asked for all that it needs.
  if (two_names && old_name) file.set_old_path(violation.object);
}

void SetMount(const BpfViolation& violation, MountEvent& mount) {
  for (std::string& word : MountWords(violation.detail)) mount.add_flags(std::move(word));
  const std::string& first = mount.flags(0);
  mount.set_source(violation.object);
  mount.set_fstype(first == "new" ? FileSystemText(violation) : "none");
  const bool own_path = first != "new" && first != "bind" && first != "rbind" && first != "move" &&
                        absl::StartsWith(violation.object, "/");
  mount.set_target(own_path ? violation.object : "/");
}

void SetSocket(const BpfViolation& violation, SocketEvent& socket) {
  socket.set_domain(SocketDomainWord(violation.wanted));
  socket.set_type(SocketTypeWord(static_cast<uint32_t>(violation.detail)));
  const auto protocol = static_cast<uint32_t>(violation.detail >> 32);
  if (protocol != 0) socket.set_protocol(SocketProtocolWord(protocol));
}

std::string Reason(const BpfViolation& violation) {
  switch (violation.reason) {
    case VARMOR_REASON_DEFAULT:
      return "no rule allows it";
    case VARMOR_REASON_UNRESOLVED:
      return "its path cannot be told";
    case VARMOR_REASON_DETACHED:
      return "it is reached through a mount that is in no namespace";
    case VARMOR_REASON_LINK:
      return "its source leads through a symbolic link";
    case VARMOR_REASON_BUSY:
      return "too many interrupted programs on this CPU";
    default:
      break;
  }
  if (violation.event_class == VARMOR_EVENT_PROTECTION) return "it is aimed at the enforcer";
  if (violation.rule < 0) return "";
  if (!violation.origin.has_value()) return absl::StrCat("rule ", violation.rule);
  const RuleOrigin& origin = *violation.origin;
  return absl::StrCat(origin.rule(), " (", origin.action(), origin.action().empty() ? "" : " ",
                      origin.text(), ")");
}

std::string What(const BpfViolation& violation) {
  const std::optional<Event> event = EventOfViolation(violation);
  if (event.has_value()) return EventText(*event);
  std::string text = absl::StrCat(BpfEventClassName(violation.event_class), " ",
                                  BpfOperationName(violation.operation));
  if (!violation.object.empty()) absl::StrAppend(&text, " ", Quoted(violation.object));
  return text;
}

}  // namespace

absl::StatusOr<BpfViolation> DecodeBpfEvent(absl::string_view record) {
  varmor_event event;
  if (record.size() < sizeof(event)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a BPF event of ", record.size(), " bytes is cut"));
  }
  std::memcpy(&event, record.data(), sizeof(event));
  if (event.version != VARMOR_PROGRAMS_ABI) {
    return absl::InvalidArgumentError(absl::StrCat("a BPF event of ABI ", event.version));
  }
  const absl::string_view object = record.substr(sizeof(event));
  if (object.size() < event.length) {
    return absl::InvalidArgumentError(absl::StrCat("a BPF event with ", object.size(),
                                                   " bytes of text instead of ", event.length));
  }
  BpfViolation out;
  out.event_class = static_cast<varmor_event_class>(event.event_class);
  out.action = event.action;
  out.reason = static_cast<varmor_event_reason>(event.reason);
  out.operation = static_cast<varmor_event_operation>(event.operation);
  out.subject = event.subject;
  out.profile_number = event.profile;
  out.slot = event.slot;
  out.rule = event.rule == VARMOR_NO_RULE ? -1 : event.rule;
  out.process = event.tgid;
  out.thread = event.pid;
  out.user = event.uid;
  out.command.assign(event.comm, strnlen(event.comm, sizeof(event.comm)));
  out.wanted = event.wanted;
  out.detail = event.detail;
  out.boot_ns = event.boot_ns;
  out.drops = event.drops;
  std::copy(std::begin(event.extra), std::end(event.extra), out.extra.begin());
  out.object = std::string(object.substr(0, event.length));
  return out;
}

std::string BpfEventClassName(int event_class) {
  if (event_class > 0 && event_class < VARMOR_EVENT_CLASSES) return kClasses[event_class];
  return absl::StrCat("class ", event_class);
}

absl::string_view BpfActionName(int action) {
  if (action == VARMOR_EVENT_DENIED) return "DENIED";
  return action == VARMOR_EVENT_AUDIT ? "AUDIT" : "ALLOWED";
}

std::string BpfOperationName(int operation) {
  if (operation >= 0 && operation < VARMOR_OPS) return kOperations[operation];
  return absl::StrCat("operation ", operation);
}

std::optional<Event> EventOfViolation(const BpfViolation& violation) {
  Event event;
  switch (violation.event_class) {
    case VARMOR_EVENT_CAPABILITY:
      event.set_capability(CapabilityWord(violation.wanted));
      return event;
    case VARMOR_EVENT_FILE:
      if (violation.object.empty()) return std::nullopt;
      SetFile(violation, *event.mutable_file());
      return event;
    case VARMOR_EVENT_EXEC:
      if (violation.object.empty()) return std::nullopt;
      event.mutable_exec()->set_path(violation.object);
      return event;
    case VARMOR_EVENT_SOCKET:
      SetSocket(violation, *event.mutable_socket());
      return event;
    case VARMOR_EVENT_EGRESS:
      event.mutable_connect()->set_ip(AddressText(violation));
      event.mutable_connect()->set_port(violation.wanted);
      return event;
    case VARMOR_EVENT_PTRACE:
      event.mutable_ptrace()->set_permission(PtraceWord(violation.wanted));
      event.mutable_ptrace()->set_same_container(violation.extra[0] != 0);
      return event;
    case VARMOR_EVENT_MOUNT:
      SetMount(violation, *event.mutable_mount());
      return event;
    case VARMOR_EVENT_OPERATION:
      event.mutable_operation()->set_name(OperationWord(violation.wanted));
      if (event.operation().name().empty()) return std::nullopt;
      return event;
    default:
      return std::nullopt;
  }
}

std::string BpfViolationText(const BpfViolation& violation) {
  const std::string reason = Reason(violation);
  return absl::StrCat(
      BpfActionName(violation.action), " ", What(violation), ": ", ValidUtf8(violation.command),
      " (process ", violation.process, ", user ", violation.user, "); ",
      violation.profile.empty() ? absl::StrCat("profile number ", violation.profile_number)
                                : violation.profile,
      reason.empty() ? "" : ": ", reason);
}

}  // namespace varmor
