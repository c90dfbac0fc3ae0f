// vArmor's own violation events: JSON, one object per line, in the vocabularies of 0.8 to 0.10.
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/load/document.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/simulate/violation_record.h"

namespace varmor {
namespace {

constexpr absl::string_view kInWords = "say the event in words with --event";

using Kind = DocumentNode::Kind;

std::string Text(const DocumentNode* node) {
  return node != nullptr && node->kind == Kind::kScalar ? node->scalar : "";
}

std::string TextAt(const DocumentNode& object, absl::string_view key) {
  return Text(object.Find(key));
}

// The scalars of a list, or one alone.
std::vector<std::string> List(const DocumentNode* node) {
  std::vector<std::string> out;
  if (node == nullptr) return out;
  if (node->kind == Kind::kScalar) out.push_back(node->scalar);
  if (node->kind == Kind::kSequence) {
    for (const auto& item : node->items) out.push_back(Text(item.get()));
  }
  return out;
}

bool Has(const std::vector<std::string>& words, absl::string_view word) {
  for (const std::string& one : words) {
    if (absl::EqualsIgnoreCase(one, word)) return true;
  }
  return false;
}

// ---- BPF -------------------------------------------------------------------------------------

bool PathEvent(const DocumentNode& body, ViolationErrors& errors, Event& event) {
  const std::string path = TextAt(body, "path");
  const std::vector<std::string> permissions = List(body.Find("permissions"));
  if (Has(permissions, "exec")) {
    event.mutable_exec()->set_path(path);
    return true;
  }
  event.mutable_file()->set_path(path);
  for (const auto& [word, access] :
       {std::make_pair("write", FileEvent::WRITE), std::make_pair("append", FileEvent::APPEND),
        std::make_pair("read", FileEvent::READ)}) {
    if (!Has(permissions, word)) continue;
    event.mutable_file()->set_access(access);
    return true;
  }
  return errors.Fail("the event has no permission that is known", kInWords);
}

// "AF_INET", "inet" or 2, as a word.
std::string SocketWord(absl::Span<const BpfWord> words, absl::string_view prefix,
                       const std::string& text) {
  int number = 0;
  if (!absl::SimpleAtoi(text, &number)) {
    return std::string(absl::StripPrefix(absl::AsciiStrToLower(text), prefix));
  }
  for (const BpfWord& word : words) {
    if (number >= 0 && number < 64 && word.bits == uint64_t{1} << number) {
      return std::string(word.word);
    }
  }
  return text;
}

bool SocketEventOf(const DocumentNode& body, Event& event) {
  SocketEvent& socket = *event.mutable_socket();
  socket.set_domain(SocketWord(kSocketDomainWords, "af_", TextAt(body, "domain")));
  socket.set_type(SocketWord(kSocketTypeWords, "sock_", TextAt(body, "type")));
  std::string protocol = SocketWord(kSocketProtocolWords, "ipproto_", TextAt(body, "protocol"));
  if (protocol == "1") protocol = "icmp";
  if (protocol == "58") protocol = "icmpv6";
  // Rules ask for these only.
  for (const char* known : {"tcp", "udp", "icmp", "icmpv6"}) {
    if (protocol == known) socket.set_protocol(protocol);
  }
  return true;
}

bool ConnectEventOf(const DocumentNode& body, ViolationErrors& errors, Event& event) {
  uint32_t port = 0;
  if (!absl::SimpleAtoi(TextAt(body, "port"), &port)) {
    return errors.Fail("the event's port is no number", kInWords);
  }
  event.mutable_connect()->set_ip(TextAt(body, "ip"));
  event.mutable_connect()->set_port(port);
  return true;
}

bool PtraceEventOf(const DocumentNode& body, ViolationErrors& errors, Event& event) {
  std::vector<std::string> permissions = List(body.Find("permission"));
  if (permissions.empty()) permissions = List(body.Find("permissions"));
  if (permissions.empty()) return errors.Fail("the event has no ptrace permission", kInWords);
  event.mutable_ptrace()->set_permission(permissions.front());
  event.mutable_ptrace()->set_same_container(TextAt(body, "external") == "false");
  return true;
}

bool MountEventOf(const DocumentNode& body, ViolationErrors& errors, Event& event) {
  MountEvent& mount = *event.mutable_mount();
  std::string source = TextAt(body, "path");
  if (source.empty()) source = TextAt(body, "devName");
  mount.set_source(source);
  mount.set_fstype(TextAt(body, "type"));
  for (const std::string& flag : List(body.Find("flags"))) {
    if (!AddMountFlag(flag, errors, mount)) return false;
  }
  CompleteMount(mount);
  const std::string& first = mount.flags(0);
  const bool own_path = first != "new" && first != "bind" && first != "rbind" && first != "move" &&
                        absl::StartsWith(source, "/");
  mount.set_target(own_path ? source : "/");
  if (!own_path) {
    errors.Warn("the event does not name the mount point; \"/\" is taken", kInWords);
  }
  return true;
}

bool BpfEvent(const DocumentNode& body, ViolationErrors& errors, Event& event) {
  if (!TextAt(body, "capability").empty()) {
    event.set_capability(
        std::string(absl::StripPrefix(absl::AsciiStrToLower(TextAt(body, "capability")), "cap_")));
    return true;
  }
  const DocumentNode* socket = body.Find("socket");
  const DocumentNode* address = body.Find("address");
  const std::string type = TextAt(body, "type");
  if (address != nullptr && address->kind == Kind::kMapping && type != "socket") {
    return ConnectEventOf(*address, errors, event);
  }
  if (socket != nullptr && socket->kind == Kind::kMapping) return SocketEventOf(*socket, event);
  if (body.Find("ip") != nullptr) return ConnectEventOf(body, errors, event);
  if (body.Find("domain") != nullptr) return SocketEventOf(body, event);
  if (body.Find("external") != nullptr) return PtraceEventOf(body, errors, event);
  if (body.Find("flags") != nullptr) return MountEventOf(body, errors, event);
  if (body.Find("permissions") != nullptr) return PathEvent(body, errors, event);
  return errors.Fail("what the event says is not known", kInWords);
}

// ---- AppArmor --------------------------------------------------------------------------------

// The event's keys to those of the kernel's record.
ViolationFields RecordOf(const DocumentNode& body) {
  constexpr std::array<std::pair<const char*, const char*>, 16> kKeys = {{
      {"operation", "operation"},
      {"deniedMask", "denied_mask"},
      {"requestedMask", "requested_mask"},
      {"name", "name"},
      {"name2", "target"},
      {"profile", "profile"},
      {"peer", "peer"},
      {"peerProfile", "peer"},
      {"fsuid", "fsuid"},
      {"ouid", "ouid"},
      {"netFamily", "family"},
      {"netSockType", "sock_type"},
      {"netProtocol", "protocol"},
      {"signal", "signal"},
      {"fsType", "fstype"},
      {"srcName", "srcname"},
  }};
  ViolationFields fields;
  for (const auto& [ours, kernels] : kKeys) {
    const std::string text = TextAt(body, ours);
    if (!text.empty()) fields.emplace(kernels, text);
  }
  fields.emplace("flags", TextAt(body, "flags"));
  // The library behind that log keeps a capability as the name.
  if (FieldOf(fields, "operation") == "capable") fields.emplace("capname", FieldOf(fields, "name"));
  fields.emplace("apparmor", "DENIED");
  return fields;
}

}  // namespace

bool EventOfViolationJson(absl::string_view line, ViolationErrors& errors, Event& event) {
  Diagnostics syntax;
  const ParsedDocuments parsed = ParseDocuments("line.json", line, DocumentLimits(), syntax);
  if (syntax.HasErrors() || parsed.documents.size() != 1) {
    return errors.Fail(
        absl::StrCat("the line is not one JSON object", syntax.size() == 0 ? "" : ": ",
                     syntax.size() == 0 ? "" : syntax.list().front().problem),
        "paste the whole line");
  }
  const DocumentNode& root = *parsed.documents.front();
  std::string enforcer = TextAt(root, "enforcer");
  if (enforcer.empty()) enforcer = TextAt(root, "eventType");
  const DocumentNode* body = root.Find("event");
  if (body == nullptr || body->kind != Kind::kMapping) {
    return errors.Foreign("the object has no event", "paste a line of vArmor's violation log");
  }
  if (enforcer == "BPF") return BpfEvent(*body, errors, event);
  if (enforcer == "AppArmor") return EventOfAppArmorRecord(RecordOf(*body), errors, event);
  if (enforcer == "Seccomp") {
    event.mutable_syscall()->set_name(TextAt(*body, "syscall"));
    errors.Warn("the event has no arguments; each is taken to be 0", kInWords);
    return true;
  }
  return errors.Fail(absl::StrCat("violations of enforcer ", Quoted(enforcer), " are not known"),
                     kInWords);
}

}  // namespace varmor
