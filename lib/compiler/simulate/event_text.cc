#include "lib/compiler/simulate/event_text.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "lib/compiler/network/parse_address.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/policy/capability.h"
#include "lib/compiler/simulate/event_reader.h"
#include "proto/builtin_rule.pb.h"

namespace varmor {
namespace {

constexpr std::pair<absl::string_view, FileEvent::Access> kFileVerbs[] = {
    {"read", FileEvent::READ},          {"write", FileEvent::WRITE},
    {"append", FileEvent::APPEND},      {"create", FileEvent::CREATE},
    {"unlink", FileEvent::UNLINK},      {"remove", FileEvent::UNLINK},
    {"mkdir", FileEvent::MKDIR},        {"rmdir", FileEvent::RMDIR},
    {"mknod", FileEvent::MKNOD},        {"symlink", FileEvent::SYMLINK},
    {"chmod", FileEvent::CHMOD},        {"truncate", FileEvent::TRUNCATE},
    {"chown", FileEvent::CHOWN},        {"lock", FileEvent::LOCK},
    {"map", FileEvent::MAP_EXECUTABLE}, {"connect-unix", FileEvent::CONNECT},
    {"rename", FileEvent::RENAME},      {"link", FileEvent::LINK},
};

bool TwoNames(FileEvent::Access access) {
  return access == FileEvent::RENAME || access == FileEvent::LINK;
}

bool ExpectKeyword(EventReader& reader, absl::string_view keyword, absl::string_view form) {
  if (reader.Accept(keyword)) return true;
  return reader.Fail(reader.Offset(), "event-syntax",
                     absl::StrCat("\"", keyword, "\" is expected here"),
                     absl::StrCat("write it as \"", form, "\""));
}

bool ParseFile(EventReader& reader, FileEvent::Access access, Event& event) {
  FileEvent& file = *event.mutable_file();
  file.set_access(access);
  if (!TwoNames(access)) return ReadEventPath(reader, "a path", file.mutable_path());
  const absl::string_view form =
      access == FileEvent::LINK ? "link OLD to NEW" : "rename OLD to NEW";
  // "rename to NEW": the old name is not known.
  if (!reader.Accept("to")) {
    if (!ReadEventPath(reader, "the old name", file.mutable_old_path()) ||
        !ExpectKeyword(reader, "to", form)) {
      return false;
    }
  }
  return ReadEventPath(reader, "the new name", file.mutable_path());
}

bool ParseExec(EventReader& reader, Event& event) {
  return ReadEventPath(reader, "a path", event.mutable_exec()->mutable_path());
}

// Packet sockets have numbers of 16 bits (include/uapi/linux/if_ether.h), others have smaller ones.
constexpr uint32_t kMaxSocketProtocol = 65535;

bool Contains(const std::vector<std::string>& words, absl::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::vector<std::string> OneWordOnly(absl::Span<const BpfWord> words) {
  std::vector<std::string> names = BpfWordNames(words);
  names.erase(std::remove_if(names.begin(), names.end(),
                             [](const std::string& name) { return name == "all" || name == "*"; }),
              names.end());
  return names;
}

bool ParseCapability(EventReader& reader, Event& event) {
  return ReadKnownWord(reader, "capability", "cap_",
                       std::vector<std::string>(kCapabilityNames.begin(), kCapabilityNames.end()),
                       event.mutable_capability());
}

// A word, or a number: most protocols have no word here.
bool ParseSocketProtocol(EventReader& reader, SocketEvent& socket) {
  const size_t start = reader.Offset();
  if (start >= reader.text().size() || !absl::ascii_isdigit(reader.text()[start])) {
    std::vector<std::string> protocols = OneWordOnly(kSocketProtocolWords);
    protocols.push_back("icmpv6");
    return ReadKnownWord(reader, "socket protocol", "ipproto_", protocols,
                         socket.mutable_protocol());
  }
  EventWord word;
  if (!reader.Next("a socket protocol", word)) return false;
  uint32_t number = 0;
  if (word.text.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(word.text, &number) || number > kMaxSocketProtocol) {
    return reader.Fail(
        word.offset, "unknown-socket-protocol",
        absl::StrCat(Quoted(word.text), " is no number of a protocol"),
        absl::StrCat("use a word such as tcp, or a number from 0 to ", kMaxSocketProtocol));
  }
  socket.set_protocol(absl::StrCat(number));
  return true;
}

bool ParseSocket(EventReader& reader, Event& event) {
  SocketEvent& socket = *event.mutable_socket();
  if (!ReadKnownWord(reader, "socket domain", "af_", OneWordOnly(kSocketDomainWords),
                     socket.mutable_domain())) {
    return false;
  }
  const bool raw = socket.domain() == "netlink" || socket.domain() == "packet";
  socket.set_type(raw ? "raw" : "stream");
  if (reader.AtContext()) return true;
  if (!ReadKnownWord(reader, "socket type", "sock_", OneWordOnly(kSocketTypeWords),
                     socket.mutable_type())) {
    return false;
  }
  if (reader.AtContext()) return true;
  return ParseSocketProtocol(reader, socket);
}

// ADDRESS:PORT, [ADDRESS]:PORT.
bool ParseAddressAndPort(EventReader& reader, const EventWord& word, ConnectEvent& connect) {
  constexpr absl::string_view kForm = "write it as 10.0.0.1:443 or [fd00::1]:443";
  const std::string& text = word.text;
  const size_t colon = text.rfind(':');
  const bool brackets = absl::StartsWith(text, "[");
  const size_t end = brackets ? text.find(']') : colon;
  if (colon == std::string::npos || end == std::string::npos || (brackets && end + 1 != colon)) {
    return reader.Fail(word.offset, "event-address",
                       absl::StrCat(Quoted(text), " is no address with a port"), kForm);
  }
  connect.set_ip(brackets ? text.substr(1, end - 1) : text.substr(0, end));
  if (!brackets && absl::StrContains(connect.ip(), ":")) {
    return reader.Fail(word.offset, "event-address",
                       absl::StrCat("where the port begins in ", Quoted(text), " is not clear"),
                       "put an IPv6 address in brackets: [fd00::1]:443");
  }
  if (const absl::StatusOr<BpfPrefix> address = ParseAddress(connect.ip()); !address.ok()) {
    const std::pair<absl::string_view, absl::string_view> said =
        absl::StrSplit(address.status().message(), absl::MaxSplits("; ", 1));
    const bool name = !brackets && absl::ascii_isalpha(connect.ip()[0]);
    return reader.Fail(word.offset, "event-address",
                       absl::StrCat(Quoted(connect.ip()), " is ", said.first),
                       name ? "a policy sees addresses; look the name up and write its address"
                       : absl::StrContains(connect.ip(), "/") ? "write one address of the network"
                                                              : said.second);
  }
  uint32_t port = 0;
  const std::string digits = text.substr(colon + 1);
  if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(digits, &port) || port > 65535) {
    return reader.Fail(word.offset + colon + 1, "event-address",
                       absl::StrCat("port ", Quoted(digits), " is not a number up to 65535"),
                       kForm);
  }
  connect.set_port(port);
  return true;
}

bool ParseConnect(EventReader& reader, Event& event) {
  EventWord word;
  const size_t start = reader.Offset();
  if (!reader.Next("an address or a path", word)) return false;
  if (absl::StartsWith(word.text, "/")) {
    event.mutable_file()->set_access(FileEvent::CONNECT);
    return CheckEventPath(reader, word, event.mutable_file()->mutable_path());
  }
  if (word.text.empty()) {
    return reader.Fail(start, "event-address", "the address is empty",
                       "write it as 10.0.0.1:443 or [fd00::1]:443");
  }
  ConnectEvent& connect = *event.mutable_connect();
  if (!ParseAddressAndPort(reader, word, connect)) return false;
  for (const char* protocol : {"tcp", "udp"}) {
    if (connect.protocol().empty() && reader.Accept(protocol)) connect.set_protocol(protocol);
  }
  connect.set_own_address(reader.Accept("own", "address"));
  return true;
}

bool ReadPeer(EventReader& reader, std::string* peer) {
  EventWord word;
  if (!reader.Next("a profile", word)) return false;
  *peer = word.text;
  return true;
}

bool ParsePtrace(EventReader& reader, Event& event) {
  PtraceEvent& ptrace = *event.mutable_ptrace();
  const std::vector<std::string> words = {"trace", "read", "traceby", "readby", "tracedby"};
  if (!ReadKnownWord(reader, "ptrace permission", "", words, ptrace.mutable_permission())) {
    return false;
  }
  // AppArmor's spelling.
  if (ptrace.permission() == "tracedby") ptrace.set_permission("traceby");
  if ((reader.Accept("of") || reader.Accept("by")) && !ReadPeer(reader, ptrace.mutable_peer())) {
    return false;
  }
  ptrace.set_same_container(reader.Accept("same", "container"));
  return true;
}

// Index = number, include/uapi/asm-generic/signal.h, in AppArmor's words.
constexpr absl::string_view kSignals[] = {
    "exists", "hup",  "int",  "quit", "ill",    "trap",   "abrt",  "bus",  "fpe",  "kill", "usr1",
    "segv",   "usr2", "pipe", "alrm", "term",   "stkflt", "chld",  "cont", "stop", "stp",  "ttin",
    "ttou",   "urg",  "xcpu", "xfsz", "vtalrm", "prof",   "winch", "io",   "pwr",  "sys"};

constexpr uint32_t kFirstRealTimeSignal = 32;  // SIGRTMIN of the kernel
constexpr uint32_t kLastSignal = 64;

std::string SignalOfNumber(uint32_t number) {
  if (number < std::size(kSignals)) return std::string(kSignals[number]);
  if (number <= kLastSignal) return absl::StrCat("rtmin+", number - kFirstRealTimeSignal);
  return "";
}

bool ParseSignalName(EventReader& reader, std::string* name) {
  constexpr std::pair<absl::string_view, absl::string_view> kOtherNames[] = {
      {"tstp", "stp"}, {"poll", "io"}, {"iot", "abrt"}, {"cld", "chld"}};
  EventWord word;
  if (!reader.Next("a signal", word)) return false;
  const std::string lower = absl::AsciiStrToLower(word.text);
  *name = std::string(absl::StripPrefix(lower, "sig"));
  for (const auto& [other, usual] : kOtherNames) {
    if (*name == other) *name = std::string(usual);
  }
  uint32_t number = 0;
  if (absl::SimpleAtoi(*name, &number)) *name = SignalOfNumber(number);
  absl::string_view offset = *name;
  if (absl::ConsumePrefix(&offset, "rtmin+") && absl::SimpleAtoi(offset, &number) && number <= 32 &&
      offset == absl::StrCat(number)) {
    return true;
  }
  const std::vector<std::string> known(std::begin(kSignals), std::end(kSignals));
  if (Contains(known, *name)) return true;
  return reader.Fail(word.offset, "unknown-signal",
                     absl::StrCat("unknown signal ", Quoted(word.text)),
                     NearestFix(*name, known, "write it as kill, rtmin+3 or 9"));
}

bool ParseSignal(EventReader& reader, Event& event) {
  SignalEvent& signal = *event.mutable_signal();
  signal.set_access("send");
  if (reader.Accept("receive")) {
    signal.set_access("receive");
  } else {
    reader.Accept("send");
  }
  if (!ParseSignalName(reader, signal.mutable_signal())) return false;
  const bool receive = signal.access() == "receive";
  if (reader.Accept("from")) {
    signal.set_access("receive");
  } else if (receive || !reader.Accept("to")) {
    return true;
  }
  return ReadPeer(reader, signal.mutable_peer());
}

std::vector<std::string> OperationNames() {
  std::vector<std::string> names;
  const auto* type = BpfEffects::Operation_descriptor();
  for (int i = 0; i < type->value_count(); ++i) {
    if (type->value(i)->number() != 0) names.push_back(type->value(i)->name());
  }
  return names;
}

bool ParseOperation(EventReader& reader, Event& event) {
  EventWord word;
  if (!reader.Next("an operation", word)) return false;
  const std::string name = absl::StrReplaceAll(absl::AsciiStrToUpper(word.text), {{"-", "_"}});
  event.mutable_operation()->set_name(name);
  if (Contains(OperationNames(), name)) return true;
  return reader.Fail(
      word.offset, "unknown-operation", absl::StrCat("unknown operation ", Quoted(word.text)),
      NearestFix(name, OperationNames(),
                 absl::StrCat("use one of ", absl::StrJoin(OperationNames(), ", "))));
}

// ---- the whole event -------------------------------------------------------------------------

std::vector<std::string> Verbs() {
  std::vector<std::string> verbs;
  for (const auto& [verb, access] : kFileVerbs) verbs.emplace_back(verb);
  for (const char* verb :
       {"exec", "capability", "socket", "connect", "ptrace", "signal", "syscall", "operation"}) {
    verbs.emplace_back(verb);
  }
  for (const std::string& verb : MountVerbs()) verbs.push_back(verb);
  return verbs;
}

bool ParseKind(EventReader& reader, Event& event) {
  EventWord word;
  if (!reader.Next("a verb", word)) return false;
  const std::string verb = absl::AsciiStrToLower(word.text);
  for (const auto& [name, access] : kFileVerbs) {
    if (verb == name) return ParseFile(reader, access, event);
  }
  if (verb == "exec") return ParseExec(reader, event);
  if (verb == "capability") return ParseCapability(reader, event);
  if (verb == "socket") return ParseSocket(reader, event);
  if (verb == "connect") return ParseConnect(reader, event);
  if (verb == "ptrace") return ParsePtrace(reader, event);
  if (verb == "signal") return ParseSignal(reader, event);
  if (verb == "operation") return ParseOperation(reader, event);
  if (verb == "syscall") return ParseSyscallEvent(reader, *event.mutable_syscall());
  if (IsMountVerb(verb)) return ParseMountEvent(reader, verb, *event.mutable_mount());
  return reader.Fail(word.offset, "unknown-event", absl::StrCat("unknown verb ", Quoted(word.text)),
                     NearestFix(verb, Verbs(),
                                "begin with read, write, exec, capability, connect, mount, "
                                "ptrace, signal, syscall, ..."));
}

bool ParseEnforcers(EventReader& reader, Event& event) {
  EventWord word;
  if (!reader.Next("an enforcer", word)) return false;
  const std::vector<std::string> known = {"apparmor", "bpf", "seccomp"};
  size_t offset = word.offset;
  for (const absl::string_view one : absl::StrSplit(word.text, ',')) {
    const std::string name = absl::AsciiStrToLower(one);
    if (!Contains(known, name)) {
      return reader.Fail(offset, "unknown-enforcer", absl::StrCat("unknown enforcer ", Quoted(one)),
                         NearestFix(name, known, "use apparmor, bpf or seccomp"));
    }
    event.add_enforcers(name);
    offset += one.size() + 1;
  }
  return true;
}

// One of the additions behind every kind of event; false without an error when there is none.
bool ParseContext(EventReader& reader, Event& event) {
  EventWord word;
  const bool file = event.has_file() || event.has_exec();
  for (const auto& [first, ownership] :
       {std::make_pair("own", FileEvent::OWN), std::make_pair("foreign", FileEvent::FOREIGN)}) {
    if (!file || !reader.Accept(first, "file")) continue;
    if (event.has_file()) event.mutable_file()->set_ownership(ownership);
    if (event.has_exec()) event.mutable_exec()->set_ownership(ownership);
    return true;
  }
  if ((event.has_file() || event.has_mount()) && reader.Accept("disk", "device")) {
    if (event.has_file()) event.mutable_file()->set_disk_device(true);
    if (event.has_mount()) event.mutable_mount()->set_disk_device(true);
    return true;
  }
  if (event.profile().empty() && reader.Accept("as")) {
    if (!reader.Next("a child profile", word)) return false;
    event.set_profile(word.text);
    return true;
  }
  if (event.enforcers().empty() && reader.Accept("only")) return ParseEnforcers(reader, event);
  return false;
}

}  // namespace

bool ParseEventText(absl::string_view text, absl::string_view field, Event& event,
                    Diagnostics& diagnostics) {
  event.Clear();
  EventReader reader(text, field, diagnostics);
  if (!ParseKind(reader, event)) return false;
  while (ParseContext(reader, event)) {
  }
  if (reader.failed()) return false;
  if (reader.AtEnd()) return true;
  EventWord word;
  if (!reader.Next("nothing", word)) return false;
  return reader.Fail(
      word.offset, "event-syntax",
      absl::StrCat("unexpected ", Quoted(word.text), " behind the event"),
      absl::StrContains(text, "/") ? "leave it out; quote a name that has blanks" : "leave it out");
}

}  // namespace varmor
