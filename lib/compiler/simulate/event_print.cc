// Events to text: the inverse of event_text.cc.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/simulate/event_reader.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

absl::string_view FileVerb(FileEvent::Access access) {
  switch (access) {
    case FileEvent::READ:
      return "read";
    case FileEvent::WRITE:
      return "write";
    case FileEvent::APPEND:
      return "append";
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
      return "connect-unix";
    case FileEvent::LOCK:
      return "lock";
    case FileEvent::MAP_EXECUTABLE:
      return "map";
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
      return "access";  // no event has it
  }
}

std::string FileText(const FileEvent& file) {
  std::string out(FileVerb(file.access()));
  if (file.access() == FileEvent::RENAME || file.access() == FileEvent::LINK) {
    if (!file.old_path().empty()) absl::StrAppend(&out, " ", EventWordText(file.old_path()));
    absl::StrAppend(&out, " to");
  }
  return absl::StrCat(out, " ", EventWordText(file.path()));
}

std::string ConnectText(const ConnectEvent& connect) {
  const bool brackets = absl::StrContains(connect.ip(), ":");
  return absl::StrCat("connect ", brackets ? "[" : "", connect.ip(), brackets ? "]" : "", ":",
                      connect.port(), connect.protocol().empty() ? "" : " ", connect.protocol(),
                      connect.own_address() ? " own address" : "");
}

std::string PtraceText(const PtraceEvent& ptrace) {
  return absl::StrCat("ptrace ", ptrace.permission(), ptrace.peer().empty() ? "" : " of ",
                      ptrace.peer().empty() ? "" : EventWordText(ptrace.peer()),
                      ptrace.same_container() ? " same container" : "");
}

std::string SignalText(const SignalEvent& signal) {
  const bool receive = signal.access() == "receive";
  if (signal.peer().empty()) {
    return absl::StrCat("signal ", receive ? "receive " : "", signal.signal());
  }
  return absl::StrCat("signal ", signal.signal(), receive ? " from " : " to ",
                      EventWordText(signal.peer()));
}

std::string KindText(const Event& event) {
  switch (event.kind_case()) {
    case Event::kFile:
      return FileText(event.file());
    case Event::kExec:
      return absl::StrCat("exec ", EventWordText(event.exec().path()));
    case Event::kCapability:
      return absl::StrCat("capability ", event.capability());
    case Event::kSocket:
      return absl::StrCat("socket ", event.socket().domain(),
                          event.socket().type().empty() ? "" : " ", event.socket().type(),
                          event.socket().protocol().empty() ? "" : " ", event.socket().protocol());
    case Event::kConnect:
      return ConnectText(event.connect());
    case Event::kPtrace:
      return PtraceText(event.ptrace());
    case Event::kMount:
      return MountEventText(event.mount());
    case Event::kSyscall:
      return SyscallEventText(event.syscall());
    case Event::kSignal:
      return SignalText(event.signal());
    case Event::kOperation:
      return absl::StrCat("operation ", event.operation().name());
    case Event::KIND_NOT_SET:
      break;
  }
  return "nothing";
}

absl::string_view OwnershipText(FileEvent::Ownership ownership) {
  if (ownership == FileEvent::OWN) return " own file";
  if (ownership == FileEvent::FOREIGN) return " foreign file";
  return "";
}

}  // namespace

std::string EventText(const Event& event) {
  std::string out = KindText(event);
  absl::StrAppend(&out, OwnershipText(event.file().ownership()),
                  OwnershipText(event.exec().ownership()));
  if (event.file().disk_device() || event.mount().disk_device()) {
    absl::StrAppend(&out, " disk device");
  }
  if (!event.profile().empty()) absl::StrAppend(&out, " as ", EventWordText(event.profile()));
  if (!event.enforcers().empty()) {
    absl::StrAppend(&out, " only ", absl::StrJoin(event.enforcers(), ","));
  }
  return out;
}

}  // namespace varmor
