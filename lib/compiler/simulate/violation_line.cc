// Lines of logs to events: finds out what a line is. violation_audit.cc and violation_json.cc read
// it.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/simulate/event_text.h"
#include "lib/compiler/simulate/violation_record.h"

namespace varmor {
namespace {

bool ReadEvent(absl::string_view line, ViolationErrors& errors, Event& event) {
  line = absl::StripAsciiWhitespace(line);
  if (line.empty()) return errors.Fail("the line is empty", "paste a line out of a log");
  // Some collectors put a time in front.
  const size_t brace = line.find('{');
  if (brace != absl::string_view::npos && absl::EndsWith(line, "}") &&
      !absl::StrContains(line, "apparmor=") &&
      (brace == 0 || absl::StrContains(line, "\"event\""))) {
    return EventOfViolationJson(line.substr(brace), errors, event);
  }
  const ViolationFields fields = ReadAuditFields(line);
  if (fields.count("apparmor") > 0) return EventOfAppArmorRecord(fields, errors, event);
  const std::string& type = FieldOf(fields, "type");
  if (type == "1326" || type == "SECCOMP" ||
      (fields.count("syscall") > 0 && fields.count("arch") > 0)) {
    return EventOfSeccompRecord(fields, errors, event);
  }
  return errors.Foreign("the line is no violation that this tool knows",
                        "paste one with apparmor=\"DENIED\", with type=1326, or of vArmor's log");
}

}  // namespace

bool ParseViolationLine(absl::string_view line, absl::string_view field, Event& event,
                        Diagnostics& diagnostics) {
  event.Clear();
  ViolationErrors errors(field, diagnostics);
  if (!ReadEvent(line, errors, event)) return false;
  // One place knows what an event may be.
  Event again;
  Diagnostics mistakes;
  const std::string text = EventText(event);
  if (ParseEventText(text, field, again, mistakes)) return true;
  const Diagnostic& first = mistakes.list().front();
  return errors.Fail(absl::StrCat("the line says \"", text, "\": ", first.problem), first.fix);
}

}  // namespace varmor
