// A violation as a line of vArmor's violation log.
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/enforcers/bpf/bpf_violation.h"
#include "lib/enforcers/bpf/bpf_violation_words.h"
#include "rapidjson/stringbuffer.h"
#include "rapidjson/writer.h"

namespace varmor {
namespace {

class Json {
 public:
  Json() : writer_(buffer_) { writer_.StartObject(); }

  void Text(const char* key, absl::string_view text) {
    writer_.Key(key);
    Value(text);
  }
  void Number(const char* key, uint64_t number) {
    writer_.Key(key);
    writer_.Uint64(number);
  }
  void Bool(const char* key, bool value) {
    writer_.Key(key);
    writer_.Bool(value);
  }
  void List(const char* key, const std::vector<std::string>& texts) {
    writer_.Key(key);
    writer_.StartArray();
    for (const std::string& text : texts) Value(text);
    writer_.EndArray();
  }
  void Open(const char* key) {
    writer_.Key(key);
    writer_.StartObject();
  }
  void Close() { writer_.EndObject(); }

  std::string Finish() {
    writer_.EndObject();
    return {buffer_.GetString(), buffer_.GetSize()};
  }

 private:
  void Value(absl::string_view text) {
    const std::string valid = ValidUtf8(text);
    writer_.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
  }

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

std::string Constant(const char* prefix, const std::string& word) {
  return absl::StrCat(prefix, absl::AsciiStrToUpper(word));
}

void WriteSocket(const BpfViolation& violation, Json& json) {
  json.Text("type", "socket");
  json.Open("socket");
  json.Text("domain", Constant("AF_", SocketDomainWord(violation.wanted)));
  json.Text("type", Constant("SOCK_", SocketTypeWord(static_cast<uint32_t>(violation.detail))));
  const auto protocol = static_cast<uint32_t>(violation.detail >> 32);
  if (protocol != 0) {
    json.Text("protocol", Constant("IPPROTO_", SocketProtocolWord(protocol)));
  }
  json.Close();
}

// The log has no word for a new mount: it is what a mount without another operation is.
std::vector<std::string> LoggedMountWords(uint64_t bits) {
  std::vector<std::string> words = MountWords(bits);
  if (!words.empty() && words.front() == "new") words.erase(words.begin());
  return words;
}

// The part that depends on the class.
void WriteEvent(const BpfViolation& violation, Json& json) {
  json.Text("operation", BpfOperationName(violation.operation));
  switch (violation.event_class) {
    case VARMOR_EVENT_CAPABILITY:
      json.Text("capability", CapabilityWord(violation.wanted));
      break;
    case VARMOR_EVENT_FILE:
    case VARMOR_EVENT_EXEC:
      json.List("permissions", AccessWords(violation.wanted));
      json.Text("path", violation.object);
      break;
    case VARMOR_EVENT_SOCKET:
      WriteSocket(violation, json);
      break;
    case VARMOR_EVENT_EGRESS:
      json.Text("type", "connect");
      json.Open("address");
      json.Text("ip", AddressText(violation));
      json.Number("port", violation.wanted);
      json.Close();
      break;
    case VARMOR_EVENT_PTRACE:
      json.Text("permission", PtraceWord(violation.wanted));
      json.Bool("external", violation.extra[0] == 0);
      break;
    case VARMOR_EVENT_MOUNT:
      json.Text("path", violation.object);
      json.Text("type", FileSystemText(violation));
      json.List("flags", LoggedMountWords(violation.detail));
      break;
    case VARMOR_EVENT_OPERATION:
      json.Text("name", OperationWord(violation.wanted));
      break;
    default:
      json.Number("wanted", violation.wanted);
      break;
  }
}

void WriteTime(const BpfViolation& violation, Json& json) {
  if (violation.wall_ns == 0) return;
  const absl::Time time = absl::FromUnixNanos(static_cast<int64_t>(violation.wall_ns));
  json.Number("eventTimestamp", violation.wall_ns / 1000000000);
  json.Text("time", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone()));
}

}  // namespace

std::string BpfViolationJson(const BpfViolation& violation) {
  Json json;
  json.Text("level", "warn");
  json.Text("enforcer", "BPF");
  json.Text("action", BpfActionName(violation.action));
  json.Text("profileName", violation.profile);
  json.Number("pid", violation.process);
  json.Number("uid", violation.user);
  json.Text("comm", violation.command);
  json.Number("cgroup", violation.subject);
  WriteTime(violation, json);
  json.Text("eventClass", BpfEventClassName(violation.event_class));
  json.Open("event");
  WriteEvent(violation, json);
  json.Close();
  if (violation.rule >= 0) {
    json.Open("rule");
    json.Number("number", static_cast<uint64_t>(violation.rule));
    if (violation.origin.has_value()) {
      json.Text("name", violation.origin->rule());
      json.Text("field", violation.origin->field());
      json.Text("text", violation.origin->text());
    }
    json.Close();
  }
  json.Text("message", "violation event");
  return json.Finish();
}

}  // namespace varmor
