#include "runtime/agent/violation_line.h"

#include <array>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

using Json = nlohmann::ordered_json;

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

// What both kinds have.
struct Facts {
  std::string enforcer;
  // "DENIED", "AUDIT", "ALLOWED".
  std::string action;
  std::string profile;
  int64_t pid = 0;
  int64_t wall_seconds = 0;
};

std::string ActionWord(const Facts& facts, bool v08) {
  if (v08) return facts.action == "DENIED" ? "DENIED" : "ALLOWED";
  if (facts.enforcer == "Seccomp" && facts.action != "DENIED") return "AUDIT|ALLOWED";
  return facts.action;
}

// Up to `event`.
Json Head(const Facts& facts, const ViolationSubject& subject, const ViolationSettings& settings) {
  Json line;
  line["level"] = settings.v08 && facts.action != "DENIED" ? "debug" : "warn";
  line["metadata"] = settings.metadata;
  line["nodeName"] = settings.node_name;
  line["podUID"] = subject.pod_uid;
  line["podName"] = subject.pod_name;
  line["podNamespace"] = subject.pod_namespace;
  line["containerID"] = subject.container.id;
  line["containerName"] = subject.container_name;
  line["image"] = subject.image;
  line["pid"] = facts.pid;
  line["mntNsID"] = subject.mount_namespace;
  line["eventTimestamp"] = facts.wall_seconds;
  line["eventType"] = facts.enforcer;
  line["enforcer"] = facts.enforcer;
  line["action"] = ActionWord(facts, settings.v08);
  line["profileName"] = facts.profile.empty() ? subject.profile : facts.profile;
  line["policyKind"] = subject.policy.kind;
  line["policyName"] = subject.policy.name;
  line["policyNamespace"] = subject.policy.name_space;
  return line;
}

std::string Finish(Json line, absl::Time now) {
  line["time"] = TimeText(now);
  line["message"] = "violation event";
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The members of the library's own line that come after the event.
void AddRule(const Json& library, Json& line) {
  for (const char* key : {"rule", "rules", "uid", "comm", "eventClass", "cgroup"}) {
    if (library.contains(key)) line[key] = library[key];
  }
}

// ---- AppArmor --------------------------------------------------------------------------------

// Fields of vArmor's events that are texts, with the keys of the kernel's records; "" has none.
constexpr std::array<std::pair<const char*, const char*>, 31> kTexts = {{
    {"operation", "operation"},
    {"deniedMask", "denied_mask"},
    {"requestedMask", "requested_mask"},
    {"profile", "profile"},
    {"peerProfile", "peer_profile"},
    {"comm", "comm"},
    {"name", "name"},
    {"name2", "target"},
    {"namespace", "namespace"},
    {"attribute", "attribute"},
    {"info", "info"},
    {"peerInfo", "peer_info"},
    {"activeHat", ""},
    {"netFamily", "family"},
    {"netProtocol", "protocol"},
    {"netSockType", "sock_type"},
    {"netLocalAddr", "laddr"},
    {"netForeignAddr", "faddr"},
    {"dbusBus", "bus"},
    {"dbusPath", "path"},
    {"dbusInterface", "interface"},
    {"dbusMember", "member"},
    {"signal", "signal"},
    {"peer", "peer"},
    {"fsType", "fstype"},
    {"flags", "flags"},
    {"srcName", "srcname"},
    {"auditID", ""},
    {"parentProfile", ""},
    {"class", "class"},
    {"capability", "capname"},
}};
constexpr std::array<std::pair<const char*, const char*>, 11> kNumbers = {{
    {"pid", "pid"},
    {"peerPID", "peer_pid"},
    {"parent", "parent"},
    {"task", "task"},
    {"magicToken", "magic_token"},
    {"fsuid", "fsuid"},
    {"ouid", "ouid"},
    {"errorCode", "error"},
    {"netLocalPort", "lport"},
    {"netForeignPort", "fport"},
    {"bitMask", ""},
}};

int64_t NumberOf(const std::string& record, const char* key) {
  int64_t number = 0;
  if (*key != '\0') {
    if (!absl::SimpleAtoi(AuditField(record, key), &number)) number = 0;
  }
  return number;
}

// "1700000000.123:9" of "audit(1700000000.123:9):".
std::string AuditIdOf(const std::string& record) {
  const size_t at = record.find("audit(");
  if (at == std::string::npos) return "";
  return record.substr(at + 6, record.find(')', at) - at - 6);
}

void AddAuditId(const std::string& record, Json& event) {
  const std::string id = AuditIdOf(record);
  const size_t colon = id.find(':');
  int64_t epoch = 0;
  int64_t sub_id = 0;
  const std::string seconds = id.substr(0, id.find('.'));
  if (!absl::SimpleAtoi(seconds, &epoch)) epoch = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(id.substr(colon + 1), &sub_id)) sub_id = 0;
  event["auditID"] = id;
  event["epoch"] = epoch;
  event["auditSubID"] = sub_id;
}

Json AppArmorEvent(const std::string& record, const std::string& action) {
  Json event;
  // Record types of libapparmor, aalogparse.h: 2 audit, 3 allowed, 4 denied. Version of the syntax.
  event["version"] = 2;
  event["event"] = action == "DENIED" ? 4 : action == "ALLOWED" ? 3 : 2;
  for (const auto& [key, kernels] : kNumbers) event[key] = NumberOf(record, kernels);
  for (const auto& [key, kernels] : kTexts) {
    event[key] = *kernels == '\0' ? "" : AuditField(record, kernels);
  }
  if (event["name"] == "") event["name"] = event["capability"];
  AddAuditId(record, event);
  return event;
}

Json SeccompEvent(const AuditViolation& violation) {
  Json event;
  AddAuditId(violation.record, event);
  event.erase("auditSubID");
  event["subj"] = AuditField(violation.record, "subj");
  event["pid"] = violation.process;
  event["comm"] = violation.command;
  event["exe"] = AuditField(violation.record, "exe");
  event["syscall"] = violation.event.has_value() ? violation.event->syscall().name()
                                                 : AuditField(violation.record, "syscall");
  return event;
}

}  // namespace

std::string ViolationLine(const BpfViolation& violation, const ViolationSubject& subject,
                          const ViolationSettings& settings, absl::Time now) {
  Facts facts;
  facts.enforcer = "BPF";
  facts.action = std::string(BpfActionName(violation.action));
  facts.profile = violation.profile;
  facts.pid = violation.process;
  facts.wall_seconds = static_cast<int64_t>(violation.wall_ns / 1000000000);
  Json line = Head(facts, subject, settings);
  const Json library = Json::parse(BpfViolationJson(violation), nullptr, false);
  line["event"] = library.contains("event") ? library["event"] : Json::object();
  AddRule(library, line);
  return Finish(std::move(line), now);
}

std::string ViolationLine(const AuditViolation& violation, const ViolationSubject& subject,
                          const ViolationSettings& settings, absl::Time now) {
  Facts facts;
  facts.enforcer = violation.enforcer;
  facts.action = violation.action;
  facts.profile = violation.profile;
  facts.pid = violation.process;
  facts.wall_seconds = static_cast<int64_t>(violation.wall_ms / 1000);
  Json line = Head(facts, subject, settings);
  line["event"] = violation.enforcer == "AppArmor"
                      ? AppArmorEvent(violation.record, violation.action)
                      : SeccompEvent(violation);
  AddRule(Json::parse(AuditViolationJson(violation), nullptr, false), line);
  return Finish(std::move(line), now);
}

std::string SuppressedLine(const std::string& enforcer, uint64_t count,
                           const ViolationSubject& subject, const ViolationSettings& settings,
                           absl::Time now) {
  Facts facts;
  facts.enforcer = enforcer;
  facts.profile = subject.profile;
  facts.wall_seconds = absl::ToUnixSeconds(now);
  Json line = Head(facts, subject, settings);
  line["action"] = "SUPPRESSED";
  line["event"] = Json::object();
  line["suppressed"] = count;
  return Finish(std::move(line), now);
}

absl::StatusOr<nlohmann::ordered_json> ParseViolationMetadata(absl::string_view text) {
  if (text.empty()) return Json(Json::object());
  Json metadata = Json::parse(text.begin(), text.end(), nullptr, false);
  if (metadata.is_object()) return metadata;
  return absl::InvalidArgumentError("AUDIT_EVENT_METADATA is no JSON object");
}

}  // namespace varmor
