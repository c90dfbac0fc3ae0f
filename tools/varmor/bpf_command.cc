// varmor bpf: what the BPF enforcer has in this kernel.
#include <linux/capability.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/emit/bpf_json.h"
#include "lib/enforcers/bpf/bpf_dump.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "lib/enforcers/capabilities.h"
#include "rapidjson/document.h"
#include "tools/varmor/command.h"
#include "tools/varmor/compile_policies.h"
#include "tools/varmor/exit_code.h"
#include "tools/varmor/json_document.h"
#include "tools/varmor/run/leftovers.h"

namespace varmor {
namespace {

using rapidjson::kArrayType;
using rapidjson::kObjectType;
using rapidjson::Value;

std::string Kilobytes(uint64_t bytes) { return absl::StrCat((bytes + 1023) / 1024, " KiB"); }

void AddNumber(JsonBuilder& json, Value& object, const char* key, uint64_t number) {
  object.AddMember(rapidjson::StringRef(key), Value(number), json.allocator());
}

// ---- what is there ---------------------------------------------------------------------------

struct BpfStatus {
  BpfStartReport start;
  std::vector<BpfProgramFacts> programs;
  std::vector<BpfProfileState> profiles;
  std::vector<BpfSubject> subjects;
  // Parallel to the subjects; NOT_FOUND when the cgroup is gone.
  std::vector<absl::StatusOr<std::string>> cgroups;
  // By cgroup, the processes inside, where that can be told.
  absl::StatusOr<std::map<uint64_t, size_t>> inside = absl::UnknownError("");
  std::vector<Leftover> leftovers;
};

template <typename T>
absl::Status Take(absl::StatusOr<T> from, T& to) {
  if (!from.ok()) return from.status();
  to = *std::move(from);
  return absl::OkStatus();
}

absl::Status ReadStatus(BpfEnforcer& enforcer, BpfStatus& status) {
  absl::Status read = Take(enforcer.ProgramFacts(), status.programs);
  for (const std::string& missing : status.start.missing_programs) {
    BpfProgramFacts facts;
    facts.name = missing;
    status.programs.push_back(std::move(facts));
  }
  read.Update(Take(enforcer.Profiles(), status.profiles));
  read.Update(Take(enforcer.Subjects(), status.subjects));
  std::string mount;
  read.Update(Take(FindCgroupMount(), mount));
  for (const BpfSubject& subject : status.subjects) {
    status.cgroups.push_back(CgroupPathOfId(subject.cgroup, mount));
  }
  status.inside = enforcer.Inside();
  if (!status.inside.ok()) {
    status.start.warnings.push_back(absl::StrCat("how many processes are confined cannot be told: ",
                                                 status.inside.status().message()));
  }
  status.leftovers = FindLeftovers();
  return read;
}

// Takes over what is loaded, to ask it. Returns kExitClean, or tells the console and says how to
// end: kExitFindings when nothing is loaded.
int Adopt(BpfEnforcer& enforcer, Console& console, BpfStartReport& report) {
  if (!HasCapability(CAP_SYS_ADMIN)) {
    console.Error("asking the kernel about BPF needs CAP_SYS_ADMIN\n  fix: run this as root");
    return kExitFault;
  }
  absl::StatusOr<BpfStartReport> adopted = enforcer.Adopt();
  if (adopted.ok()) {
    report = *std::move(adopted);
    return kExitClean;
  }
  if (absl::IsNotFound(adopted.status())) {
    const EnforcerSupport support = enforcer.Probe();
    console.Error(absl::StrCat(
        "the BPF enforcer is not loaded",
        support.available ? "" : ", and cannot be: ", support.problem,
        "\n  fix: ", support.available ? "`varmor run` and the agent load it" : support.fix));
    return kExitFindings;
  }
  console.Error(adopted.status().message());
  return kExitFault;
}

int Fault(const absl::Status& status, Console& console) {
  console.Error(status.message());
  return kExitFault;
}

// 0 also when that cannot be told.
size_t InsideOf(const BpfStatus& status, uint64_t cgroup) {
  if (!status.inside.ok()) return 0;
  const auto found = status.inside->find(cgroup);
  return found == status.inside->end() ? 0 : found->second;
}

std::string CgroupText(const absl::StatusOr<std::string>& path, size_t inside) {
  if (path.ok()) return *path;
  if (!absl::IsNotFound(path.status())) return absl::StrCat("(", path.status().message(), ")");
  return inside > 0 ? "(its cgroup is gone, processes that left it still run)"
                    : "(its cgroup is gone; `varmor bpf prune` removes it)";
}

std::string RunText(const Leftover& leftover) {
  const auto command = leftover.run.values.find("command");
  return absl::StrCat("run ", leftover.run.id, " (",
                      command == leftover.run.values.end() ? "" : command->second,
                      "): ", LeftoverText(leftover));
}

std::string StatusAsText(const BpfStatus& status) {
  uint64_t instructions = 0;
  size_t attached = 0;
  for (const BpfProgramFacts& program : status.programs) {
    instructions += program.verified_instructions;
    attached += program.attached ? 1 : 0;
  }
  std::string out = absl::StrCat(
      "version ", status.start.version,
      status.start.variant.empty() ? "" : absl::StrCat(" (", status.start.variant, ")"), "\n",
      Count(attached, "program", "programs"), " attached, ", instructions,
      " instructions verified\n");
  for (const BpfProgramFacts& program : status.programs) {
    absl::StrAppendFormat(&out, "  %-24s id %-6d %7d verified %7d bytes%s\n", program.name,
                          program.id, program.verified_instructions, program.machine_bytes,
                          program.attached ? "" : "  NOT ATTACHED");
  }
  absl::StrAppend(&out, Count(status.profiles.size(), "profile", "profiles"), "\n");
  for (const BpfProfileState& profile : status.profiles) {
    absl::StrAppend(&out, "  ", profile.name, ": ", profile.complain ? "observes, " : "",
                    Count(profile.rules.size(), "rule", "rules"), ", ",
                    Kilobytes(profile.memory_bytes), ", ",
                    Count(profile.subjects, "subject", "subjects"), ", digest ",
                    profile.digest.substr(0, 12), "\n");
  }
  absl::StrAppend(&out, Count(status.subjects.size(), "subject", "subjects"), "\n");
  for (size_t i = 0; i < status.subjects.size(); ++i) {
    const BpfSubject& subject = status.subjects[i];
    const size_t inside = InsideOf(status, subject.cgroup);
    absl::StrAppend(&out, "  ", subject.cgroup, " ", CgroupText(status.cgroups[i], inside), ": ",
                    subject.profile,
                    inside > 0 ? absl::StrCat(", ", Count(inside, "process", "processes")) : "",
                    subject.any_namespace ? ", any mount namespace" : "", "\n");
  }
  for (const Leftover& leftover : status.leftovers) {
    absl::StrAppend(&out, "left behind: ", RunText(leftover), "\n");
  }
  for (const std::string& other : status.start.others) {
    absl::StrAppend(&out, "another version in force: ", other, "\n");
  }
  for (const std::string& warning : status.start.warnings) {
    absl::StrAppend(&out, "warning: ", warning, "\n");
  }
  return out;
}

Value ProgramsAsJson(JsonBuilder& json, const BpfStatus& status) {
  Value programs(kArrayType);
  for (const BpfProgramFacts& program : status.programs) {
    Value one(kObjectType);
    json.Add(one, "name", program.name);
    json.Add(one, "attached", program.attached);
    AddNumber(json, one, "id", program.id);
    AddNumber(json, one, "verifiedInstructions", program.verified_instructions);
    AddNumber(json, one, "translatedBytes", program.translated_bytes);
    AddNumber(json, one, "machineBytes", program.machine_bytes);
    AddNumber(json, one, "runs", program.runs);
    AddNumber(json, one, "runNs", program.run_ns);
    json.Append(programs, std::move(one));
  }
  return programs;
}

Value ProfilesAsJson(JsonBuilder& json, const BpfStatus& status) {
  Value profiles(kArrayType);
  for (const BpfProfileState& profile : status.profiles) {
    Value one(kObjectType);
    json.Add(one, "name", profile.name);
    json.Add(one, "digest", profile.digest);
    json.Add(one, "mode", profile.complain ? "complain" : "enforce");
    AddNumber(json, one, "rules", profile.rules.size());
    AddNumber(json, one, "memoryBytes", profile.memory_bytes);
    AddNumber(json, one, "subjects", profile.subjects);
    json.Append(profiles, std::move(one));
  }
  return profiles;
}

Value SubjectsAsJson(JsonBuilder& json, const BpfStatus& status) {
  Value subjects(kArrayType);
  for (size_t i = 0; i < status.subjects.size(); ++i) {
    const BpfSubject& subject = status.subjects[i];
    Value one(kObjectType);
    AddNumber(json, one, "cgroup", subject.cgroup);
    json.Add(one, "path", status.cgroups[i].ok() ? *status.cgroups[i] : "");
    json.Add(one, "profile", subject.profile);
    if (status.inside.ok()) AddNumber(json, one, "processes", InsideOf(status, subject.cgroup));
    json.Add(one, "anyNamespace", subject.any_namespace);
    Value addresses(kArrayType);
    for (const std::string& address : subject.addresses) json.Append(addresses, address);
    json.Add(one, "addresses", std::move(addresses));
    json.Append(subjects, std::move(one));
  }
  return subjects;
}

std::string StatusAsJson(const BpfStatus& status) {
  rapidjson::Document document(kObjectType);
  JsonBuilder json(document);
  json.Add(document, "version", status.start.version);
  json.Add(document, "variant", status.start.variant);
  json.Add(document, "programs", ProgramsAsJson(json, status));
  json.Add(document, "profiles", ProfilesAsJson(json, status));
  json.Add(document, "subjects", SubjectsAsJson(json, status));
  Value left(kArrayType);
  for (const Leftover& leftover : status.leftovers) {
    Value one(kObjectType);
    json.Add(one, "run", leftover.run.id);
    for (const auto& [key, value] : leftover.run.values) json.Add(one, key, value);
    if (leftover.processes.ok()) AddNumber(json, one, "processes", *leftover.processes);
    json.Append(left, std::move(one));
  }
  json.Add(document, "leftBehind", std::move(left));
  Value others(kArrayType);
  for (const std::string& other : status.start.others) json.Append(others, other);
  json.Add(document, "otherVersions", std::move(others));
  Value warnings(kArrayType);
  for (const std::string& warning : status.start.warnings) json.Append(warnings, warning);
  json.Add(document, "warnings", std::move(warnings));
  return PrintJson(document);
}

int ShowStatus(bool as_json, Console& console) {
  BpfEnforcer enforcer({});
  BpfStatus status;
  if (const int code = Adopt(enforcer, console, status.start); code != kExitClean) return code;
  if (const absl::Status read = ReadStatus(enforcer, status); !read.ok()) {
    return Fault(read, console);
  }
  console.Out(as_json ? StatusAsJson(status) : StatusAsText(status));
  return kExitClean;
}

// ---- one profile -----------------------------------------------------------------------------

int Dump(const std::string& profile, Console& console) {
  BpfEnforcer enforcer({});
  BpfStartReport report;
  if (const int code = Adopt(enforcer, console, report); code != kExitClean) return code;
  const absl::StatusOr<BpfArtifact> artifact = DumpBpfProfile(enforcer, profile);
  if (absl::IsNotFound(artifact.status())) {
    console.Error(absl::StrCat(artifact.status().message(),
                               "\n  fix: `varmor bpf status` lists "
                               "the profiles"));
    return kExitInvalid;
  }
  if (!artifact.ok()) return Fault(artifact.status(), console);
  console.Out(BpfArtifactToJson(*artifact));
  return kExitClean;
}

struct Counters {
  std::vector<BpfRuleHits> rules;
  std::vector<BpfDrops> drops;
};

std::string CountersAsText(const Counters& counters) {
  std::string out;
  for (const BpfRuleHits& one : counters.rules) {
    const RuleOrigin& rule = one.rule;
    absl::StrAppendFormat(&out, "%10d  %s: %s %s%s\n", one.hits, rule.rule(), rule.action(),
                          rule.text(),
                          rule.field().empty() ? "" : absl::StrCat(" [", rule.field(), "]"));
  }
  absl::StrAppend(&out, "events of all profiles that found no room:\n");
  for (const BpfDrops& drops : counters.drops) {
    absl::StrAppendFormat(&out, "%10d  %s\n", drops.events, drops.event_class);
  }
  return out;
}

std::string CountersAsJson(const std::string& profile, const Counters& counters) {
  rapidjson::Document document(kObjectType);
  JsonBuilder json(document);
  json.Add(document, "profile", profile);
  Value rules(kArrayType);
  for (size_t i = 0; i < counters.rules.size(); ++i) {
    const RuleOrigin& rule = counters.rules[i].rule;
    Value one(kObjectType);
    AddNumber(json, one, "number", i);
    AddNumber(json, one, "hits", counters.rules[i].hits);
    json.Add(one, "rule", rule.rule());
    json.Add(one, "action", rule.action());
    json.Add(one, "text", rule.text());
    json.Add(one, "field", rule.field());
    json.Append(rules, std::move(one));
  }
  json.Add(document, "rules", std::move(rules));
  Value drops(kObjectType);
  for (const BpfDrops& one : counters.drops) {
    drops.AddMember(json.Text(one.event_class), Value(one.events), json.allocator());
  }
  json.Add(document, "drops", std::move(drops));
  return PrintJson(document);
}

int ShowCounters(const std::string& profile, bool as_json, Console& console) {
  BpfEnforcer enforcer({});
  BpfStartReport report;
  if (const int code = Adopt(enforcer, console, report); code != kExitClean) return code;
  Counters counters;
  const absl::Status hits = Take(enforcer.Hits(profile), counters.rules);
  if (absl::IsNotFound(hits)) {
    console.Error(absl::StrCat(hits.message(), "\n  fix: `varmor bpf status` lists the profiles"));
    return kExitInvalid;
  }
  absl::Status read = hits;
  read.Update(Take(enforcer.Drops(), counters.drops));
  if (!read.ok()) return Fault(read, console);
  console.Out(as_json ? CountersAsJson(profile, counters) : CountersAsText(counters));
  return kExitClean;
}

// ---- prune -----------------------------------------------------------------------------------

int ShowPrune(Console& console) {
  if (!HasCapability(CAP_SYS_ADMIN)) {
    console.Error("taking back what runs left needs CAP_SYS_ADMIN\n  fix: run this as root");
    return kExitFault;
  }
  BpfEnforcer enforcer({});
  const absl::StatusOr<BpfStartReport> adopted = enforcer.Adopt();
  if (!adopted.ok() && !absl::IsNotFound(adopted.status())) {
    return Fault(adopted.status(), console);
  }
  const PruneReport report = Prune(adopted.ok() ? &enforcer : nullptr);
  for (const std::string& line : report.removed) console.Out(absl::StrCat("removed ", line, "\n"));
  for (const std::string& line : report.kept) console.Note(line);
  for (const std::string& line : report.problems) console.Error(line);
  if (report.still_running > 0) {
    console.Note(absl::StrCat(Count(report.still_running, "killed run has", "killed runs have"),
                              " processes that still run, confined"));
  }
  return report.problems.empty() ? kExitClean : kExitFault;
}

int Run(const Arguments& arguments, Console& console) {
  const std::vector<std::string>& operands = arguments.operands();
  const std::string what = operands.empty() ? "status" : operands[0];
  const bool as_json = arguments.Get("format", "text") == "json";
  const bool names_profile = what == "dump" || what == "counters";
  if (!names_profile && what != "status" && what != "prune") {
    const std::string near = NearestWord(what, {"status", "prune", "dump", "counters"});
    console.Error(absl::StrCat("unexpected argument ", Quoted(what), "\n  fix: ",
                               near.empty() ? "varmor bpf status|prune|dump|counters"
                                            : absl::StrCat("did you mean \"", near, "\"?")));
    return kExitInvalid;
  }
  const size_t wanted = names_profile ? 2 : 1;
  if (names_profile && operands.size() < 2) {
    console.Error(absl::StrCat("`bpf ", what,
                               "` takes the name of a profile\n  fix: `varmor bpf "
                               "status` lists them"));
    return kExitInvalid;
  }
  if (operands.size() > wanted) {
    console.Error(absl::StrCat("unexpected argument ", Quoted(operands[wanted]),
                               "\n  fix: see `varmor bpf --help`"));
    return kExitInvalid;
  }
  if (what == "dump") return Dump(operands[1], console);
  if (what == "counters") return ShowCounters(operands[1], as_json, console);
  return what == "prune" ? ShowPrune(console) : ShowStatus(as_json, console);
}

}  // namespace

Command BpfCommand() {
  Command command;
  CommandSpec& spec = command.spec;
  spec.name = "bpf";
  spec.summary = "show what the BPF enforcer has in this kernel";
  spec.operands = "[status|prune|dump PROFILE|counters PROFILE]";
  spec.description =
      "status    version, programs, profiles and whom they confine\n"
      "dump      a profile's maps as the kernel has them, in the form of NAME.bpf.json\n"
      "counters  how often each rule of a profile was responsible, and events that were dropped\n"
      "prune     take back what killed runs left, and subjects whose cgroup is gone\n\n"
      "Needs root. Exits with 1 when the enforcer is not loaded.";
  FlagSpec format;
  format.name = "format";
  format.value = "FORMAT";
  format.help = "how to print (default text); `dump` prints JSON";
  format.choices = {"text", "json"};
  spec.flags = {format};
  spec.examples = {{"varmor bpf", "what is loaded, and for whom"},
                   {"varmor bpf counters varmor-shop-web", "which rules are responsible for what"},
                   {"varmor bpf dump varmor-shop-web | jq .rules", "the kernel's own view"}};
  spec.operand_words = {"status", "prune", "dump", "counters"};
  command.run = Run;
  return command;
}

}  // namespace varmor
