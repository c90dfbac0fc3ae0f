#include "lib/enforcers/audit/audit_violation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

int64_t Number(absl::string_view text) {
  int64_t number = -1;
  return absl::SimpleAtoi(text, &number) ? number : -1;
}

// "audit(1700000000.123:45)".
uint64_t TimeOf(absl::string_view record) {
  const size_t begin = record.find("audit(");
  if (begin == absl::string_view::npos) return 0;
  const absl::string_view rest = record.substr(begin + 6);
  const std::vector<absl::string_view> parts = absl::StrSplit(rest.substr(0, rest.find(':')), '.');
  uint64_t seconds = 0;
  uint64_t milliseconds = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &seconds) ||
      !absl::SimpleAtoi(parts[1], &milliseconds)) {
    return 0;
  }
  return seconds * 1000 + milliseconds;
}

// SECCOMP_RET_*, include/uapi/linux/seccomp.h.
std::string SeccompAction(absl::string_view code) {
  uint64_t number = 0;
  if (!absl::SimpleHexAtoi(code, &number)) return "DENIED";
  return (number & 0xffff0000) == 0x7ffc0000 ? "AUDIT" : "DENIED";
}

// "type=1400 ..."; -1 without one.
int64_t TypeOf(absl::string_view record) {
  if (!absl::ConsumePrefix(&record, "type=")) return -1;
  return Number(record.substr(0, record.find(' ')));
}

// AUDIT_AVC and AUDIT_APPARMOR_AUDIT to AUDIT_APPARMOR_KILL, include/uapi/linux/audit.h.
bool IsTypeOfAppArmor(int64_t type) { return type == 1400 || (type >= 1501 && type <= 1507); }
constexpr int64_t kSeccompType = 1326;  // AUDIT_SECCOMP

bool HasWord(absl::string_view text, absl::string_view word) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(text, absl::ByAnyChar(" ,()"), absl::SkipEmpty());
  return std::find(words.begin(), words.end(), word) != words.end();
}

void AddOnce(const RuleOrigin& origin, std::vector<RuleOrigin>& rules) {
  const bool there = std::any_of(rules.begin(), rules.end(), [&](const RuleOrigin& one) {
    return one.rule() == origin.rule() && one.text() == origin.text();
  });
  if (!there) rules.push_back(origin);
}

std::string RuleText(const RuleOrigin& origin) {
  if (origin.rule().empty()) return origin.text();
  if (origin.text().empty()) return origin.rule();
  return absl::StrCat(origin.rule(), " (", origin.action(), origin.action().empty() ? "" : " ",
                      origin.text(), ")");
}

}  // namespace

std::string AuditField(absl::string_view record, absl::string_view key) {
  const std::string start = absl::StrCat(" ", key, "=");
  const size_t at = record.find(start);
  if (at == absl::string_view::npos) return "";
  absl::string_view rest = record.substr(at + start.size());
  if (absl::ConsumePrefix(&rest, "\"")) return std::string(rest.substr(0, rest.find('"')));
  rest = rest.substr(0, rest.find_first_of(" \n"));
  // Texts with bytes that would need quotes come in hexadecimal.
  const bool hexadecimal = (key == "comm" || key == "name" || key == "exe" || key == "profile") &&
                           rest.size() % 2 == 0 && !rest.empty() &&
                           std::all_of(rest.begin(), rest.end(), absl::ascii_isxdigit);
  return hexadecimal ? absl::HexStringToBytes(rest) : std::string(rest);
}

std::optional<AuditViolation> ReadAuditRecord(absl::string_view record) {
  AuditViolation out;
  const int64_t type = TypeOf(record);
  if (IsTypeOfAppArmor(type)) {
    const std::string word = AuditField(record, "apparmor");
    if (word != "DENIED" && word != "AUDIT" && word != "ALLOWED" && word != "KILLED") {
      return std::nullopt;  // about loading profiles, or of another module
    }
    out.enforcer = "AppArmor";
    out.action = word == "KILLED" ? "DENIED" : word;
    out.profile = AuditField(record, "profile");
    out.user = Number(AuditField(record, "fsuid"));
  } else if (type == kSeccompType) {
    out.enforcer = "Seccomp";
    out.action = SeccompAction(AuditField(record, "code"));
    out.user = Number(AuditField(record, "uid"));
  } else {
    return std::nullopt;
  }
  out.process = Number(AuditField(record, "pid"));
  out.command = AuditField(record, "comm");
  out.wall_ms = TimeOf(record);
  out.record = std::string(record);
  Event event;
  Diagnostics mistakes;
  if (ParseViolationLine(record, "", event, mistakes)) out.event = std::move(event);
  return out;
}

void NameRules(const ArtifactSet& artifacts, const Simulator& simulator,
               AuditViolation& violation) {
  if (!violation.event.has_value()) return;
  if (violation.enforcer == "Seccomp") {
    if (artifacts.seccomp == nullptr) return;
    for (const RuleOrigin& origin : artifacts.seccomp->rules()) {
      if (origin.action() != "allow" && HasWord(origin.text(), violation.event->syscall().name())) {
        AddOnce(origin, violation.rules);
      }
    }
    return;
  }
  const absl::StatusOr<CombinedVerdict> verdict = simulator.Decide(*violation.event);
  if (!verdict.ok()) return;
  for (const EnforcerVerdict& one : verdict->enforcers) {
    if (one.enforcer != violation.enforcer) continue;
    for (const ResponsibleRule& rule : one.verdict.rules) AddOnce(rule.origin, violation.rules);
  }
}

std::string AuditViolationText(const AuditViolation& violation) {
  const std::string what = violation.event.has_value() ? EventText(*violation.event)
                                                       : AuditField(violation.record, "operation");
  const std::string rules = absl::StrJoin(
      violation.rules, " or ",
      [](std::string* out, const RuleOrigin& origin) { absl::StrAppend(out, RuleText(origin)); });
  return absl::StrCat(violation.action, " ", what, ": ", absl::CHexEscape(violation.command),
                      " (process ", violation.process, ", user ", violation.user, "); ",
                      violation.profile,
                      rules.empty() ? ": no rule allows it" : absl::StrCat(": ", rules));
}

}  // namespace varmor
