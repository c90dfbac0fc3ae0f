// A violation as a line of vArmor's violation log.
#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/enforcers/audit/audit_violation.h"
#include "rapidjson/stringbuffer.h"
#include "rapidjson/writer.h"

namespace varmor {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

// The length of the UTF-8 sequence at the beginning of `text`; 0 when there is none.
size_t SequenceLength(absl::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (length == 0 || lead > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return length;
}

void Text(Writer& json, const char* key, absl::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    absl::StrAppend(&valid, length == 0 ? "\xef\xbf\xbd" : text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
  json.Key(key);
  json.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
}

void Number(Writer& json, const char* key, int64_t number) {
  if (number < 0) return;
  json.Key(key);
  json.Int64(number);
}

// The words of vArmor's log for those of the record.
void WriteAppArmor(const std::string& record, Writer& json) {
  constexpr std::array<std::pair<const char*, const char*>, 15> kKeys = {{
      {"operation", "operation"},
      {"profile", "profile"},
      {"name", "name"},
      {"name2", "target"},
      {"requestedMask", "requested_mask"},
      {"deniedMask", "denied_mask"},
      {"fsuid", "fsuid"},
      {"ouid", "ouid"},
      {"peer", "peer"},
      {"netFamily", "family"},
      {"netSockType", "sock_type"},
      {"netProtocol", "protocol"},
      {"signal", "signal"},
      {"fsType", "fstype"},
      {"srcName", "srcname"},
  }};
  for (const auto& [ours, kernels] : kKeys) {
    const std::string value = AuditField(record, kernels);
    if (!value.empty()) Text(json, ours, value);
  }
  if (const std::string capability = AuditField(record, "capname"); !capability.empty()) {
    Text(json, "name", capability);
  }
  if (const std::string flags = AuditField(record, "flags"); !flags.empty()) {
    Text(json, "flags", flags);
  }
}

void WriteTime(uint64_t wall_ms, Writer& json) {
  if (wall_ms == 0) return;
  Number(json, "eventTimestamp", static_cast<int64_t>(wall_ms / 1000));
  const absl::Time time = absl::FromUnixMillis(static_cast<int64_t>(wall_ms));
  Text(json, "time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()));
}

void WriteRules(const AuditViolation& violation, Writer& json) {
  if (violation.rules.empty()) return;
  json.Key(violation.rules.size() == 1 ? "rule" : "rules");
  if (violation.rules.size() > 1) json.StartArray();
  for (const RuleOrigin& origin : violation.rules) {
    json.StartObject();
    Text(json, "name", origin.rule());
    Text(json, "field", origin.field());
    Text(json, "text", origin.text());
    json.EndObject();
  }
  if (violation.rules.size() > 1) json.EndArray();
}

}  // namespace

std::string AuditViolationJson(const AuditViolation& violation) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  Text(json, "level", "warn");
  Text(json, "enforcer", violation.enforcer);
  Text(json, "action", violation.action);
  Text(json, "profileName", violation.profile);
  Number(json, "pid", violation.process);
  Number(json, "uid", violation.user);
  Text(json, "comm", violation.command);
  WriteTime(violation.wall_ms, json);
  json.Key("event");
  json.StartObject();
  if (violation.enforcer == "AppArmor") {
    WriteAppArmor(violation.record, json);
  } else {
    Text(json, "syscall",
         violation.event.has_value() ? violation.event->syscall().name()
                                     : AuditField(violation.record, "syscall"));
  }
  json.EndObject();
  WriteRules(violation, json);
  Text(json, "message", "violation event");
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace varmor
