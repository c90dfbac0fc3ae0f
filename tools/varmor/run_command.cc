// varmor run: a command under a policy, without Kubernetes.
#include <sys/random.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "tools/varmor/asked_policies.h"
#include "tools/varmor/command.h"
#include "tools/varmor/compile_policies.h"
#include "tools/varmor/diagnostic_formats.h"
#include "tools/varmor/exit_code.h"
#include "tools/varmor/run/audit_reports.h"
#include "tools/varmor/run/leftovers.h"
#include "tools/varmor/run/run_cgroup.h"
#include "tools/varmor/run/run_child.h"
#include "tools/varmor/run/run_enforcer.h"
#include "tools/varmor/run/run_record.h"

namespace varmor {
namespace {

// Records of the audit system come by way of a thread of the kernel.
constexpr int kLastRecordsMs = 50;

// What is said of a command that ends before everything that it started.
constexpr char kPruneFix[] = "`varmor bpf prune` takes the rest back when they have ended";

std::string RandomId() {
  unsigned char bytes[4] = {};
  if (getrandom(bytes, sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) return "0";
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
}

class Run {
 public:
  Run(const Arguments& arguments, Console& console)
      : arguments_(arguments), console_(console), id_(RandomId()) {
    const std::string form = arguments.Get("violations", "text");
    options_.suffix = absl::StrCat("-run-", id_);
    options_.report = form != "none";
    json_ = form == "json";
    best_effort_ = arguments.Has("best-effort");
  }

  // Returns the exit status.
  int Do();

 private:
  using Enforcers = std::vector<std::unique_ptr<RunEnforcer>>;

  bool Compile();
  Enforcers WantedEnforcers();
  // Whether the run goes on without an enforcer; `problem` is "is not available: WHY" or the like.
  // Tells the console either way.
  bool GoOnWithout(absl::string_view enforcer, absl::string_view problem, absl::string_view fix);
  void TellWhatIsMissing(absl::string_view enforcer);
  // Whether an enforcer other than `enforcer`, and not missing, enforces a rule.
  bool EnforcedElsewhere(const std::string& rule, const std::string& field,
                         absl::string_view enforcer);
  // Whether an enforcer can enforce all its rules here, or the run goes on all the same. Tells the
  // console what not.
  bool CheckRules(RunEnforcer& enforcer);
  bool Probe();
  bool MakePlace();
  bool Load();
  void OpenAudit();
  int Start();
  int Execute(RunChild& child);
  // Whether the command's cgroup is gone. Tells the console if not.
  bool RemovePlace();
  void Clean();
  void TellLeftovers();

  void Line(const std::string& text) {
    console_.Err(absl::StrCat(json_ ? "" : "varmor: ", text, "\n"));
  }
  RunLine Liner() {
    return [this](const std::string& text) { Line(text); };
  }

  const Arguments& arguments_;
  Console& console_;
  const std::string id_;
  RunOptions options_;
  bool json_ = false;
  bool best_effort_ = false;

  AskedBatch asked_;
  Enforcers enforcers_;
  std::vector<std::string> missing_;
  std::optional<RunRecord> record_;
  RunPlace place_;
  std::string cgroup_problem_;
  IncludeTexts includes_;
  std::unique_ptr<AuditReports> audit_;
};

bool Run::Compile() {
  asked_.batch.for_enforcers = true;
  asked_.batch.name_suffix = options_.suffix;
  const std::vector<std::string> paths = arguments_.All("file");
  if (CompilePolicyPaths(paths, arguments_, console_, asked_.batch) != kExitClean) return false;
  const Diagnostics diagnostics = asked_.batch.AllDiagnostics();
  console_.Err(DiagnosticsAsText(diagnostics, console_.Colored(Console::Stream::kErr)));
  if (diagnostics.HasErrors()) {
    console_.Error("the command was not started: the policy has errors");
    return false;
  }
  if (asked_.batch.results.size() != 1) {
    console_.Error(absl::StrCat("the input holds ", asked_.batch.results.size(),
                                " policies\n  fix: name a file with one"));
    return false;
  }
  const CompileResult& result = asked_.batch.results[0];
  AskedPolicy policy;
  policy.loaded = &asked_.batch.loaded.policies[0];
  policy.profile_name = result.profile_name;
  policy.app_armor = result.app_armor;
  policy.bpf = result.bpf;
  policy.seccomp = result.seccomp;
  asked_.policies.push_back(std::move(policy));
  if (asked_.policies[0].app_armor || asked_.policies[0].bpf || asked_.policies[0].seccomp) {
    return true;
  }
  console_.Error("nothing of the policy is left to enforce\n  fix: see --enforcer");
  return false;
}

Run::Enforcers Run::WantedEnforcers() {
  Enforcers out;
  const AskedPolicy& policy = asked_.policies[0];
  // Seccomp last: its filter may forbid what the others do in the command's process.
  if (policy.app_armor.has_value()) out.push_back(AppArmorForRun());
  if (policy.bpf.has_value()) out.push_back(BpfForRun(options_, json_, Liner()));
  if (policy.seccomp.has_value()) out.push_back(SeccompForRun(options_));
  return out;
}

bool Run::EnforcedElsewhere(const std::string& rule, const std::string& field,
                            absl::string_view enforcer) {
  return absl::c_any_of(asked_.batch.results[0].coverage, [&](const Coverage& other) {
    return other.field == field && other.rule == rule && other.enforcer != enforcer &&
           other.state == "enforced" && !absl::c_linear_search(missing_, other.enforcer);
  });
}

// How messages call a rule.
std::string RuleName(const std::string& rule, const std::string& field) {
  if (rule.empty() && field.empty()) return "every rule";
  return rule == "raw" || rule.empty() ? absl::StrCat("the rule at ", field) : rule;
}

bool Run::CheckRules(RunEnforcer& enforcer) {
  std::vector<std::string> lost;
  for (const UnenforcedRule& one : enforcer.Unenforced(asked_.policies[0].artifacts())) {
    if (one.in_part) continue;  // told with the kernel's limits
    if (EnforcedElsewhere(one.rule.rule(), one.rule.field(), enforcer.name())) continue;
    std::string text =
        absl::StrCat(RuleName(one.rule.rule(), one.rule.field()), " (", one.reason, ")");
    if (!absl::c_linear_search(lost, text)) lost.push_back(std::move(text));
  }
  if (lost.empty()) return true;
  if (best_effort_) {
    console_.Warning(
        absl::StrCat("by ", enforcer.name(), " NOT ENFORCED: ", absl::StrJoin(lost, ", ")));
    return true;
  }
  console_.Error(absl::StrCat(enforcer.name(),
                              " cannot enforce on this kernel: ", absl::StrJoin(lost, ", "),
                              "\n  fix: run it without, with --best-effort"));
  return false;
}

void Run::TellWhatIsMissing(absl::string_view enforcer) {
  std::vector<std::string> lost;
  for (const Coverage& one : asked_.batch.results[0].coverage) {
    if (one.enforcer != enforcer || one.state != "enforced") continue;
    const std::string name = RuleName(one.rule, one.field);
    if (!EnforcedElsewhere(one.rule, one.field, enforcer) && !absl::c_linear_search(lost, name)) {
      lost.push_back(name);
    }
  }
  if (lost.empty()) {
    console_.Warning(absl::StrCat("every rule that ", enforcer,
                                  " would enforce is also enforced by another enforcer"));
  } else {
    console_.Warning(
        absl::StrCat("without ", enforcer, " NOT ENFORCED: ", absl::StrJoin(lost, ", ")));
  }
}

bool Run::GoOnWithout(absl::string_view enforcer, absl::string_view problem,
                      absl::string_view fix) {
  const std::string text = absl::StrCat("the policy wants ", enforcer, ", which ", problem,
                                        fix.empty() ? "" : "\n  fix: ", fix);
  if (!best_effort_) {
    console_.Error(absl::StrCat(text, "\n  fix: or run it without, with --best-effort"));
    return false;
  }
  console_.Warning(text);
  missing_.emplace_back(enforcer);
  AskedPolicy& policy = asked_.policies[0];
  if (enforcer == "AppArmor") policy.app_armor.reset();
  if (enforcer == "BPF") policy.bpf.reset();
  if (enforcer == "Seccomp") policy.seccomp.reset();
  return true;
}

bool Run::Probe() {
  bool good = true;
  Enforcers available;
  for (std::unique_ptr<RunEnforcer>& enforcer : enforcers_) {
    const EnforcerSupport support = enforcer->Probe();
    if (!support.available) {
      good &= GoOnWithout(enforcer->name(), absl::StrCat("is not available: ", support.problem),
                          support.fix);
      continue;
    }
    if (enforcer->name() == "BPF" && place_.cgroup.empty()) {
      good &= GoOnWithout(
          "BPF", absl::StrCat("is not available: the command needs a cgroup: ", cgroup_problem_),
          "name one with --cgroup");
      continue;
    }
    if (!support.limits.empty()) {
      console_.Note(absl::StrCat(
          enforcer->name(), " on this kernel does without: ", absl::StrJoin(support.limits, "; ")));
    }
    available.push_back(std::move(enforcer));
  }
  enforcers_ = std::move(available);
  for (const std::unique_ptr<RunEnforcer>& enforcer : enforcers_) good &= CheckRules(*enforcer);
  return good;
}

// Without privileges there is neither record nor cgroup, and nothing that would need them.
bool Run::MakePlace() {
  absl::StatusOr<RunRecord> record = RunRecord::Create(id_);
  if (record.ok()) {
    record_.emplace(*std::move(record));
    record_->Add("command", absl::StrJoin(arguments_.operands(), " ")).IgnoreError();
  }
  const std::string wanted = arguments_.Get("cgroup");
  const absl::StatusOr<std::string> cgroup =
      MakeRunCgroup(wanted, absl::StrCat("varmor-run-", id_));
  if (cgroup.ok()) {
    place_.cgroup = *cgroup;
    if (record_.has_value()) record_->Add("cgroup", *cgroup).IgnoreError();
    return true;
  }
  cgroup_problem_ = std::string(cgroup.status().message());
  if (wanted.empty()) return true;
  console_.Error(absl::StrCat("--cgroup: ", cgroup_problem_));
  return false;
}

bool Run::Load() {
  Enforcers loaded;
  bool good = true;
  for (std::unique_ptr<RunEnforcer>& enforcer : enforcers_) {
    // Whoever is killed while it loads may have loaded it.
    if (record_.has_value()) {
      record_->Add(enforcer->name(), asked_.policies[0].profile_name).IgnoreError();
    }
    const absl::Status status = enforcer->Load(asked_.policies[0].artifacts());
    for (const std::string& warning : enforcer->warnings()) console_.Warning(warning);
    if (status.ok()) {
      loaded.push_back(std::move(enforcer));
    } else if (absl::IsInvalidArgument(status) || absl::IsInternal(status)) {
      console_.Error(absl::StrCat(enforcer->name(), ": ", status.message()));
      good = false;
    } else {
      good &= GoOnWithout(enforcer->name(),
                          absl::StrCat("cannot be put in force: ", status.message()), "");
    }
  }
  enforcers_ = std::move(loaded);
  for (const std::string& name : missing_) TellWhatIsMissing(name);
  if (good && enforcers_.empty()) console_.Warning("the command runs WITHOUT ANY of the policy");
  return good;
}

void Run::OpenAudit() {
  const AskedPolicy& policy = asked_.policies[0];
  if (!options_.report || (!policy.app_armor.has_value() && !policy.seccomp.has_value())) return;
  if (!includes_.Load(asked_.policies, arguments_, console_)) return;
  auto audit =
      std::make_unique<AuditReports>(policy.artifacts(), includes_.options(), json_, Liner());
  if (const absl::Status opened = audit->Open(); !opened.ok()) {
    const bool both = policy.app_armor.has_value() && policy.seccomp.has_value();
    console_.Note(absl::StrCat("violations of ",
                               both                           ? "AppArmor and seccomp"
                               : policy.app_armor.has_value() ? "AppArmor"
                                                              : "seccomp",
                               " are not shown: ", opened.message()));
    return;
  }
  audit_ = std::move(audit);
}

int Run::Execute(RunChild& child) {
  RunFailure failure;
  if (!child.Release(failure)) {
    const std::string& word = arguments_.operands()[0];
    if (!failure.executing) {
      console_.Error(absl::StrCat(
          "the command was not started: ",
          failure.problem.empty() ? "its process ended before its time" : failure.problem));
      return kExitNotStarted;
    }
    console_.Error(absl::StrCat("cannot execute ", Quoted(word), ": ", failure.problem));
    return failure.error == ENOENT ? kExitNotFound : kExitNotExecutable;
  }
  std::vector<RunWatch> watches;
  for (const std::unique_ptr<RunEnforcer>& enforcer : enforcers_) {
    if (enforcer->reports_fd() < 0) continue;
    RunEnforcer* reporter = enforcer.get();
    watches.push_back({reporter->reports_fd(), [reporter] { reporter->Report(); }});
  }
  if (audit_ != nullptr) watches.push_back({audit_->fd(), [this] { audit_->Report(0); }});
  return ExitStatusOf(child.Wait(watches));
}

int Run::Start() {
  absl::StatusOr<RunChild> child = RunChild::Start(arguments_.operands(), [this] {
    for (const std::unique_ptr<RunEnforcer>& enforcer : enforcers_) {
      if (absl::Status status = enforcer->Confine(); !status.ok()) return status;
    }
    return absl::OkStatus();
  });
  if (!child.ok()) {
    console_.Error(child.status().message());
    return kExitNotStarted;
  }
  place_.own_mount_namespace = child->namespace_problem().empty();
  if (!place_.own_mount_namespace) {
    console_.Note(
        absl::StrCat("the command shares this mount namespace: ", child->namespace_problem()));
  }
  if (place_.cgroup.empty()) {
    console_.Note(absl::StrCat("the command shares this cgroup: ", cgroup_problem_));
  } else if (const absl::Status moved = MoveIntoCgroup(place_.cgroup, child->pid()); !moved.ok()) {
    console_.Error(absl::StrCat("the command was not started: ", moved.message()));
    return kExitNotStarted;
  }
  if (audit_ != nullptr) audit_->Follow(child->pid(), place_.cgroup);
  for (const std::unique_ptr<RunEnforcer>& enforcer : enforcers_) {
    if (const absl::Status status = enforcer->Enroll(place_); !status.ok()) {
      console_.Error(
          absl::StrCat("the command was not started: ", enforcer->name(), ": ", status.message()));
      return kExitNotStarted;
    }
  }
  return Execute(*child);
}

bool Run::RemovePlace() {
  const absl::Status removed = RemoveRunCgroup(place_.cgroup);
  if (removed.ok()) return true;
  const absl::StatusOr<std::vector<pid_t>> left = ProcessesIn(place_.cgroup);
  const std::string what = left.ok() && !left->empty()
                               ? absl::StrCat(Count(left->size(), "process", "processes"),
                                              " of the command still run, confined")
                               : std::string(removed.message());
  console_.Note(absl::StrCat(what, "; ", kPruneFix));
  return false;
}

void Run::Clean() {
  for (const std::unique_ptr<RunEnforcer>& enforcer : enforcers_) {
    if (const std::string losses = enforcer->ReportRest(); !losses.empty()) {
      console_.Warning(absl::StrCat("some violations may be missing: ", losses));
    }
  }
  if (audit_ != nullptr) {
    audit_->Report(kLastRecordsMs);
    if (audit_->overruns() > 0) console_.Warning("some violations were lost: too many at once");
  }
  // First, so that nobody enters it any more.
  if (!place_.cgroup.empty() && !RemovePlace()) return;
  bool clean = true;
  for (const std::unique_ptr<RunEnforcer>& enforcer : enforcers_) {
    const absl::Status status = enforcer->Unload();
    if (status.ok()) continue;
    clean = false;
    console_.Note(absl::StrCat(enforcer->name(), ": ", status.message(), "; ", kPruneFix));
  }
  if (clean && record_.has_value()) record_->Remove();
}

void Run::TellLeftovers() {
  for (const Leftover& leftover : FindLeftovers()) {
    const auto command = leftover.run.values.find("command");
    console_.Note(absl::StrCat("an earlier run was killed (", leftover.run.id, ", ",
                               command == leftover.run.values.end() ? "" : command->second,
                               "): ", LeftoverText(leftover)));
  }
}

int Run::Do() {
  if (arguments_.operands().empty()) {
    console_.Error("no command\n  fix: varmor run -f POLICY -- COMMAND...");
    return kExitNotStarted;
  }
  if (!Compile()) return kExitNotStarted;
  TellLeftovers();
  enforcers_ = WantedEnforcers();
  int code = kExitNotStarted;
  if (MakePlace() && Probe() && Load()) {
    OpenAudit();
    code = Start();
  }
  Clean();
  return code;
}

int RunRun(const Arguments& arguments, Console& console) { return Run(arguments, console).Do(); }

std::vector<FlagSpec> Flags() {
  std::vector<FlagSpec> flags;
  for (FlagSpec& flag : AskingFlags()) {
    // The policy is for this machine, and there is one.
    if (flag.name == "bind" || flag.name == "jobs" || flag.name == "no-parser-check") continue;
    flags.push_back(std::move(flag));
  }
  FlagSpec best_effort;
  best_effort.name = "best-effort";
  best_effort.help =
      "run the command even when an enforcer of the policy is\nnot available, and say what is not "
      "enforced";
  FlagSpec violations;
  violations.name = "violations";
  violations.value = "FORM";
  violations.help = "how violations are told on standard error (default text)";
  violations.choices = {"text", "json", "none"};
  FlagSpec cgroup;
  cgroup.name = "cgroup";
  cgroup.value = "PATH";
  cgroup.help =
      "make the command's cgroup there, below the mount of\ncgroup v2 (default: below this "
      "process's own)";
  flags.insert(flags.begin() + 1, {best_effort, violations, cgroup});
  return flags;
}

}  // namespace

Command RunCommand() {
  Command command;
  CommandSpec& spec = command.spec;
  spec.name = "run";
  spec.summary = "run a command under a policy";
  spec.operands = "[--] COMMAND [ARGUMENT]...";
  spec.flags_come_first = true;
  spec.description =
      "Compiles a policy and runs a command under it, with the enforcers that it names: seccomp "
      "on\n"
      "any Linux, AppArmor and BPF as root where the kernel has them. An enforcer that is not\n"
      "available is a refusal. The command gets a mount namespace and a cgroup of its own where\n"
      "permitted; violations are told on standard error as they happen. docs/run.md says more.";
  spec.flags = Flags();
  spec.examples = {
      {"varmor run -f web.yaml -- nginx -g 'daemon off;'", "a server under its policy"},
      {"varmor run -f web.yaml --enforcer seccomp -- sh", "only the system call filter"},
      {"varmor run -f web.yaml --best-effort --violations json -- make test 2>log",
       "where an enforcer may be missing"},
  };
  spec.exit_codes =
      "the command's own, 128 + N when signal N ended it; 125 it was not started; 126 it cannot be "
      "executed; 127 it was not found.";
  command.run = RunRun;
  command.usage_code = kExitNotStarted;
  return command;
}

}  // namespace varmor
