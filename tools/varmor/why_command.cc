// varmor why: what would happen to a process, and which rule makes it so.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/compiler/load/document.h"
#include "lib/compiler/simulate/event_text.h"
#include "rapidjson/document.h"
#include "tools/varmor/asked_policies.h"
#include "tools/varmor/command.h"
#include "tools/varmor/exit_code.h"
#include "tools/varmor/read_inputs.h"

namespace varmor {
namespace {

struct Question {
  Event event;
  std::string text;
};

// "--event: 7: path ..." and its fix.
void ReportMistakes(absl::string_view flag, const std::string& text, const Diagnostics& mistakes,
                    Console& console) {
  for (const Diagnostic& d : mistakes.list()) {
    const std::string message =
        absl::StrCat(flag, " ", Quoted(text), d.inside.column > 0 ? ", column " : "",
                     d.inside.column > 0 ? absl::StrCat(d.inside.column) : "", ": ", d.problem,
                     d.fix.empty() ? "" : "\n  fix: ", d.fix);
    if (d.severity == Diagnostic::Severity::kError) {
      console.Error(message);
    } else {
      console.Warning(message);
    }
  }
}

bool AddEvent(const std::string& text, std::vector<Question>& questions, Console& console) {
  Question question;
  Diagnostics mistakes;
  bool good = ParseEventText(text, "", question.event, mistakes);
  if (good && question.event.enforcers_size() > 0) {
    mistakes.Error("event-enforcers", "", "\"only\" is for the catalogue's examples",
                   "choose with --enforcer");
    good = false;
  }
  ReportMistakes("--event", text, mistakes, console);
  question.text = EventText(question.event);
  if (good) questions.push_back(std::move(question));
  return good;
}

// `where` stands before mistakes: "--log-line".
bool AddLogLine(absl::string_view where, absl::string_view line, std::vector<Question>& questions,
                Console& console) {
  Question question;
  Diagnostics mistakes;
  const bool good = ParseViolationLine(line, "", question.event, mistakes);
  ReportMistakes(where, std::string(line), mistakes, console);
  question.text = EventText(question.event);
  if (good) questions.push_back(std::move(question));
  return good;
}

bool IsForeign(absl::string_view line) {
  Event ignored;
  Diagnostics mistakes;
  return !ParseViolationLine(line, "", ignored, mistakes) &&
         mistakes.list().back().code == kForeignLine;
}

// A log also has lines about other things. `unreadable` counts those that are about a violation and
// cannot be read: the others have their answers all the same.
bool AddLogInput(std::vector<Question>& questions, size_t& unreadable, Console& console) {
  const absl::StatusOr<std::string> text = ReadInput("-", DocumentLimits().bytes);
  if (!text.ok()) {
    console.Error(absl::StrCat("--log-line: ", text.status().message()));
    return false;
  }
  const size_t before = questions.size();
  size_t number = 0;
  size_t foreign = 0;
  for (const absl::string_view raw : absl::StrSplit(*text, '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty()) continue;
    if (IsForeign(line)) {
      ++foreign;
    } else if (!AddLogLine(absl::StrCat("--log-line: line ", number), line, questions, console)) {
      ++unreadable;
    }
  }
  if (unreadable == 0 && questions.size() == before) {
    console.Error("--log-line: standard input has no violation");
    return false;
  }
  if (foreign > 0) {
    console.Note(absl::StrCat("skipped ", foreign, foreign == 1 ? " line" : " lines",
                              " of standard input without a violation"));
  }
  return true;
}

bool ReadQuestions(const Arguments& arguments, std::vector<Question>& questions, size_t& unreadable,
                   Console& console) {
  const std::vector<std::string> lines = arguments.All("log-line");
  if (!arguments.Has("event") && lines.empty()) {
    console.Error("no event\n  fix: say what a process does: --event 'write /etc/passwd'");
    return false;
  }
  const std::vector<std::string> paths = PolicyPaths(arguments);
  const auto inputs =
      std::count(paths.begin(), paths.end(), "-") + std::count(lines.begin(), lines.end(), "-");
  if (inputs > 1) {
    console.Error("standard input is named twice");
    return false;
  }
  bool good = true;
  for (const std::string& text : arguments.All("event")) good &= AddEvent(text, questions, console);
  for (const std::string& line : lines) {
    good &= line == "-" ? AddLogInput(questions, unreadable, console)
                        : AddLogLine("--log-line", line, questions, console);
  }
  return good;
}

// ---- text ------------------------------------------------------------------------------------

std::string Headline(absl::string_view who, const Verdict& verdict) {
  return absl::StrCat(who, ": ", VerdictWord(verdict),
                      verdict.effect.empty() ? "" : absl::StrCat(" (", verdict.effect, ")"),
                      verdict.would_deny ? "; enforcing would deny" : "", "\n");
}

std::string RuleText(const ResponsibleRule& responsible, const LoadedPolicy& policy) {
  const RuleOrigin& origin = responsible.origin;
  std::string out = "  rule: ";
  if (origin.rule().empty()) {
    absl::StrAppend(&out, "the profile's own frame");
  } else {
    absl::StrAppend(&out, origin.rule());
  }
  if (!origin.text().empty()) {
    absl::StrAppend(&out, ": ", origin.action(), origin.action().empty() ? "" : " ", origin.text());
  }
  absl::StrAppend(&out, "\n");
  if (!origin.field().empty()) {
    absl::StrAppend(&out, "    at ", PlaceText(policy, origin.field()), ": ", origin.field(), "\n");
  }
  return out;
}

std::string AsText(const Question& question, const AskedPolicy& policy,
                   const CombinedVerdict& verdict) {
  std::string out = absl::StrCat(question.text, "\n");
  for (const EnforcerVerdict& one : verdict.enforcers) {
    absl::StrAppend(&out, Headline(one.enforcer, one.verdict));
    for (const ResponsibleRule& rule : one.verdict.rules) {
      absl::StrAppend(&out, RuleText(rule, *policy.loaded));
    }
    if (!one.verdict.reason.empty()) absl::StrAppend(&out, "  why: ", one.verdict.reason, "\n");
  }
  return absl::StrCat(out, Headline("together", verdict.combined));
}

// ---- the command -----------------------------------------------------------------------------

class Answers {
 public:
  Answers(Console& console, bool as_json, bool titles)
      : console_(console),
        as_json_(as_json),
        titles_(titles),
        document_(rapidjson::kObjectType),
        json_(document_),
        results_(rapidjson::kArrayType) {}

  void Add(const Question& question, const AskedPolicy& policy, const CombinedVerdict& verdict) {
    const Verdict::Outcome outcome = verdict.combined.outcome;
    // What nobody can tell is no permission.
    found_ |= outcome == Verdict::Outcome::kDeny || outcome == Verdict::Outcome::kUnknown;
    if (as_json_) {
      AddJson(question, policy, verdict);
      return;
    }
    if (!first_) console_.Out("\n");
    if (titles_) console_.Out(absl::StrCat(policy.Title(), " (", policy.loaded->file, ")\n"));
    console_.Out(AsText(question, policy, verdict));
    first_ = false;
  }

  int Finish() {
    if (as_json_) {
      json_.Add(document_, "results", std::move(results_));
      console_.Out(PrintJson(document_));
    }
    return found_ ? kExitFindings : kExitClean;
  }

 private:
  void AddJson(const Question& question, const AskedPolicy& policy,
               const CombinedVerdict& verdict) {
    rapidjson::Value result(rapidjson::kObjectType);
    json_.Add(result, "policy", PolicyAsJson(json_, policy));
    json_.Add(result, "event", question.text);
    rapidjson::Value enforcers(rapidjson::kArrayType);
    for (const EnforcerVerdict& one : verdict.enforcers) {
      json_.Append(enforcers, VerdictAsJson(json_, one.enforcer, one.verdict, *policy.loaded));
    }
    json_.Add(result, "enforcers", std::move(enforcers));
    json_.Add(result, "together", VerdictAsJson(json_, "", verdict.combined, *policy.loaded));
    json_.Append(results_, std::move(result));
  }

  Console& console_;
  bool as_json_;
  bool titles_;
  bool first_ = true;
  bool found_ = false;
  rapidjson::Document document_;
  JsonBuilder json_;
  rapidjson::Value results_;
};

int Run(const Arguments& arguments, Console& console) {
  std::vector<Question> questions;
  size_t unreadable = 0;
  if (!ReadQuestions(arguments, questions, unreadable, console)) return kExitInvalid;
  AskedBatch asked;
  const int code = PreparePolicies(PolicyPaths(arguments), arguments, console, asked);
  if (code != kExitClean) return code;
  IncludeTexts includes;
  if (!includes.Load(asked.policies, arguments, console)) return kExitInvalid;

  Answers answers(console, arguments.Get("format", "text") == "json", asked.policies.size() > 1);
  for (const AskedPolicy& policy : asked.policies) {
    const absl::StatusOr<Simulator> simulator =
        Simulator::Load(policy.artifacts(), includes.options());
    if (!simulator.ok()) {
      console.Error(absl::StrCat("internal fault: ", policy.loaded->file, ": ",
                                 simulator.status().message()));
      return kExitFault;
    }
    for (const Question& question : questions) {
      const absl::StatusOr<CombinedVerdict> verdict = simulator->Decide(question.event);
      if (!verdict.ok()) {
        const bool fault = verdict.status().code() != absl::StatusCode::kInvalidArgument;
        console.Error(absl::StrCat(fault ? "internal fault: " : "", question.text, ": ",
                                   verdict.status().message()));
        return fault ? kExitFault : kExitInvalid;
      }
      answers.Add(question, policy, *verdict);
    }
  }
  const int found = answers.Finish();
  return unreadable > 0 ? kExitInvalid : found;
}

}  // namespace

Command WhyCommand() {
  Command command;
  CommandSpec& spec = command.spec;
  spec.name = "why";
  spec.summary = "say whether policies deny something, and which rule does";
  spec.operands = "[PATH]...";
  spec.operands_are_files = true;
  spec.description =
      "Asks the compiled policies what would happen to a process: per enforcer the verdict, the\n"
      "responsible rule and its place in the policy, then all together. Needs no kernel. Exits\n"
      "with 1 when something is denied, or cannot be told offline. docs/events.md has the grammar "
      "of\nevents.";
  FlagSpec event;
  event.name = "event";
  event.letter = 'e';
  event.value = "TEXT";
  event.help = "what a process does: 'write /etc/passwd'; may be\nrepeated";
  event.repeated = true;
  FlagSpec line;
  line.name = "log-line";
  line.value = "LINE";
  line.help =
      "a line about a violation, out of the kernel's log or\nvArmor's, or - for those on standard "
      "input; may be repeated";
  line.repeated = true;
  FlagSpec format;
  format.name = "format";
  format.value = "FORMAT";
  format.help = "how to print (default text)";
  format.choices = {"text", "json"};
  spec.flags = AskingFlags();
  spec.flags.insert(spec.flags.begin() + 1, {event, line, format});
  spec.examples = {
      {"varmor why -f web.yaml --event 'write /etc/passwd'", "a file"},
      {"varmor why -f web.yaml -e 'syscall unshare(CLONE_NEWUSER)' -e 'capability net_raw'",
       "several questions"},
      {"dmesg | grep apparmor=.DENIED | varmor why -f web.yaml --log-line -",
       "what made these lines"},
  };
  command.run = Run;
  return command;
}

}  // namespace varmor
