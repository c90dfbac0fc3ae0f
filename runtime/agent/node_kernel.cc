#include "runtime/agent/node_kernel.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_dump.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "lib/enforcers/files.h"
#include "runtime/protocol/armor_profile.h"

namespace varmor {
namespace {

// Names of `varmor run`'s cgroups begin so.
constexpr char kRunCgroupPrefix[] = "varmor-run-";

std::string FirstLine(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFileWhole(path, 1 << 16);
  if (!text.ok()) return "";
  return text->substr(0, text->find('\n'));
}

// "Seccomp:\t2" of /proc/PID/status: a filter.
bool HasFilter(const std::string& proc) {
  const absl::StatusOr<std::string> text = ReadFileWhole(proc + "/status", 1 << 16);
  return text.ok() && absl::StrContains(*text, "\nSeccomp:\t2\n");
}

// Field 22 of /proc/PID/stat, proc(5); 0 when it has ended.
uint64_t StartOf(const std::string& proc) {
  const std::string line = FirstLine(proc + "/stat");
  // The name before it may hold anything.
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(line).substr(name_end + 1), ' ', absl::SkipEmpty());
  uint64_t start = 0;
  return fields.size() > 19 && absl::SimpleAtoi(fields[19], &start) ? start : 0;
}

// runc's and crun's processes before they become the container's program.
bool IsRuntimeProcess(const std::string& proc) {
  const std::string command = FirstLine(proc + "/comm");
  return absl::StartsWith(command, "runc:[") || command == "runc" || command == "crun";
}

// The cgroups of `varmor run` with processes, below the mount. UNAVAILABLE when one went while it
// was looked at: there may be more.
absl::StatusOr<std::vector<std::string>> CgroupsOfRuns(const std::string& mount) {
  namespace fs = std::filesystem;
  std::vector<std::string> out;
  std::error_code error;
  const auto end = fs::recursive_directory_iterator();
  for (auto at = fs::recursive_directory_iterator(
           mount, fs::directory_options::skip_permission_denied, error);
       !error && at != end; at.increment(error)) {
    if (!absl::StartsWith(at->path().filename().string(), kRunCgroupPrefix)) continue;
    const absl::StatusOr<std::string> events =
        ReadFileWhole(at->path().string() + "/cgroup.events");
    if (events.ok() && absl::StrContains(*events, "populated 1")) out.push_back(at->path());
  }
  if (error)
    return absl::UnavailableError(absl::StrCat("cgroups below ", mount, ": ", error.message()));
  return out;
}

}  // namespace

std::string CutCgroupPath(const std::string& path, const std::string& name) {
  if (name.empty()) return path;
  size_t at = 0;
  while (at < path.size()) {
    const size_t end = std::min(path.find('/', at + 1), path.size());
    if (absl::string_view(path).substr(at + 1, end - at - 1) == name) return path.substr(0, end);
    at = end;
  }
  return path;
}

EnforcersKernel::EnforcersKernel(NodeKernelOptions options)
    : options_(std::move(options)),
      app_armor_(options_.app_armor_options),
      seccomp_(options_.seccomp_options),
      bpf_(absl::make_unique<BpfEnforcer>(options_.bpf_options)) {}

EnforcersKernel::~EnforcersKernel() = default;

Enforcer& EnforcersKernel::Get(EnforcerKind kind) {
  switch (kind) {
    case EnforcerKind::kAppArmor:
      return app_armor_;
    case EnforcerKind::kSeccomp:
      return seccomp_;
    case EnforcerKind::kBpf:
      break;
  }
  return *bpf_;
}

EnforcerSupport EnforcersKernel::Probe(EnforcerKind kind) {
  const bool wanted = kind == EnforcerKind::kAppArmor ? options_.app_armor
                      : kind == EnforcerKind::kBpf    ? options_.bpf
                                                      : options_.seccomp;
  if (!wanted) {
    EnforcerSupport off;
    off.problem = absl::StrCat(EnforcerName(kind), " is switched off for this agent");
    off.fix = "start the agent with it";
    return off;
  }
  return Get(kind).Probe();
}

absl::Status EnforcersKernel::Start(EnforcerKind kind, std::vector<std::string>& warnings) {
  if (kind != EnforcerKind::kBpf) return absl::OkStatus();
  VARMOR_RETURN_IF_ERROR(StartBpf(warnings));
  VARMOR_ASSIGN_OR_RETURN(const std::string detached, DetachedProgram());
  if (detached.empty()) return absl::OkStatus();
  // What is pinned lacks a program, which taking over does not bring back.
  warnings.push_back(absl::StrCat("BPF program ", detached,
                                  " is gone from what is pinned; everything is loaded anew"));
  VARMOR_RETURN_IF_ERROR(bpf_->Uninstall());
  return StartBpf(warnings);
}

absl::Status EnforcersKernel::StartBpf(std::vector<std::string>& warnings) {
  bpf_ = absl::make_unique<BpfEnforcer>(options_.bpf_options);
  bpf_started_ = false;
  VARMOR_ASSIGN_OR_RETURN(const BpfStartReport report, bpf_->StartTested());
  warnings.insert(warnings.end(), report.warnings.begin(), report.warnings.end());
  other_builds_ = report.others;
  VARMOR_ASSIGN_OR_RETURN(cgroup_mount_, options_.bpf_options.cgroup_mount.empty()
                                             ? FindCgroupMount()
                                             : options_.bpf_options.cgroup_mount);
  bpf_started_ = true;
  VARMOR_ASSIGN_OR_RETURN(const std::vector<BpfProgramFacts> programs, bpf_->ProgramFacts());
  for (const BpfProgramFacts& program : programs) {
    if (program.attached) bpf_programs_.insert(program.name);
  }
  return absl::OkStatus();
}

std::vector<UnenforcedRule> EnforcersKernel::Unenforced(EnforcerKind kind,
                                                        const ArmorProfileArtifacts& artifacts) {
  return Get(kind).Unenforced(ArtifactsOf(artifacts));
}

absl::Status EnforcersKernel::DropOtherBuilds() {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<BpfSubject> subjects, bpf_->Subjects());
  std::set<uint64_t> ours;
  for (const BpfSubject& subject : subjects) ours.insert(subject.cgroup);
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> runs, CgroupsOfRuns(cgroup_mount_));
  for (const std::string& path : runs) {
    const absl::StatusOr<uint64_t> id = CgroupIdOfPath(path);
    if (absl::IsNotFound(id.status()) || (id.ok() && ours.count(*id) > 0)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("a `varmor run` may be confined by it: cgroup ", path));
  }
  VARMOR_RETURN_IF_ERROR(bpf_->DropOthers());
  other_builds_.clear();
  return absl::OkStatus();
}

absl::StatusOr<std::string> EnforcersKernel::DetachedProgram() {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<BpfProgramFacts> programs, bpf_->ProgramFacts());
  std::set<std::string> missing = bpf_programs_;
  for (const BpfProgramFacts& program : programs) {
    if (program.attached) missing.erase(program.name);
  }
  return missing.empty() ? "" : *missing.begin();
}

std::vector<absl::Status> EnforcersKernel::ApplyAll(EnforcerKind kind,
                                                    const std::vector<ProfileToApply>& profiles) {
  std::vector<ArtifactSet> sets;
  for (const ProfileToApply& one : profiles) sets.push_back(ArtifactsOf(one.artifacts));
  std::vector<absl::Status> results = Give(kind, sets);
  std::map<std::string, std::string> in_kernel;
  if (kind == EnforcerKind::kBpf) {
    const absl::StatusOr<std::vector<BpfProfileState>> states = bpf_->Profiles();
    for (absl::Status& result : results) result.Update(states.status());
    if (states.ok()) {
      for (const BpfProfileState& state : *states) in_kernel[state.name] = state.digest;
    }
  }
  for (size_t i = 0; i < profiles.size(); ++i) {
    if (!results[i].ok()) continue;
    const std::string name = kind == EnforcerKind::kAppArmor ? sets[i].app_armor->name()
                             : kind == EnforcerKind::kBpf    ? sets[i].bpf->name()
                                                             : sets[i].seccomp->name();
    given_[{kind, name}] = {profiles[i].digest, in_kernel[name]};
  }
  return results;
}

std::vector<absl::Status> EnforcersKernel::Give(EnforcerKind kind,
                                                const std::vector<ArtifactSet>& sets) {
  if (kind == EnforcerKind::kAppArmor) return app_armor_.ApplyAll(sets);
  std::vector<absl::Status> results;
  if (kind == EnforcerKind::kSeccomp) {
    for (const ArtifactSet& set : sets) results.push_back(seccomp_.Apply(set));
    return results;
  }
  std::vector<const BpfArtifact*> artifacts;
  for (const ArtifactSet& set : sets) {
    // Which is refused, with its reason.
    artifacts.push_back(set.bpf != nullptr ? set.bpf : &BpfArtifact::default_instance());
  }
  return bpf_->ApplyAll(artifacts);
}

absl::Status EnforcersKernel::Remove(EnforcerKind kind, const std::string& profile) {
  const absl::Status removed = Get(kind).Remove(profile);
  if (removed.ok() || absl::IsNotFound(removed)) given_.erase({kind, profile});
  return removed;
}

absl::StatusOr<std::vector<LoadedProfile>> EnforcersKernel::Loaded(EnforcerKind kind) {
  switch (kind) {
    case EnforcerKind::kAppArmor:
      return LoadedAppArmor();
    case EnforcerKind::kBpf:
      return LoadedBpf();
    case EnforcerKind::kSeccomp:
      break;
  }
  return LoadedSeccomp();
}

absl::StatusOr<std::vector<LoadedProfile>> EnforcersKernel::LoadedAppArmor() {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> names, app_armor_.Profiles());
  std::vector<LoadedProfile> out;
  for (const std::string& name : names) {
    VARMOR_ASSIGN_OR_RETURN(const AppArmorState state, app_armor_.Inspect(name));
    LoadedProfile one{EnforcerKind::kAppArmor, name, "", true, ""};
    const auto given = given_.find({EnforcerKind::kAppArmor, name});
    if (given != given_.end()) one.digest = given->second.digest;
    if (!state.loaded || state.origin == AppArmorState::Origin::kTampered) {
      one.intact = false;
      one.problem = state.problem.empty() ? "it is not loaded any more" : state.problem;
    }
    out.push_back(std::move(one));
  }
  return out;
}

// What the maps hold is read back and compared.
absl::StatusOr<std::vector<LoadedProfile>> EnforcersKernel::LoadedBpf() {
  if (!bpf_started_) return absl::FailedPreconditionError("the BPF enforcer was not started");
  VARMOR_ASSIGN_OR_RETURN(const std::string detached, DetachedProgram());
  if (!detached.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("BPF program ", detached, " is not attached any more"));
  }
  VARMOR_ASSIGN_OR_RETURN(const std::vector<BpfProfileState> states, bpf_->Profiles());
  std::vector<LoadedProfile> out;
  for (const BpfProfileState& state : states) {
    if (IsProfileOfRun(state.name)) continue;
    LoadedProfile one{EnforcerKind::kBpf, state.name, "", true, ""};
    const auto given = given_.find({EnforcerKind::kBpf, state.name});
    if (given != given_.end()) {
      one.digest = given->second.digest;
      if (given->second.in_kernel != state.digest) {
        one.intact = false;
        one.problem =
            absl::StrCat("its digest is ", state.digest, ", not ", given->second.in_kernel);
      }
    }
    if (one.intact) {
      VARMOR_ASSIGN_OR_RETURN(const BpfArtifact dump, DumpBpfProfile(*bpf_, state.name));
      if (BpfDigest(dump) != state.digest) {
        one.intact = false;
        one.problem = "its maps do not hold what was loaded";
      }
    }
    out.push_back(std::move(one));
  }
  return out;
}

absl::StatusOr<std::vector<LoadedProfile>> EnforcersKernel::LoadedSeccomp() {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> names, seccomp_.Profiles());
  std::vector<LoadedProfile> out;
  for (const std::string& name : names) {
    VARMOR_ASSIGN_OR_RETURN(const SeccompFileState state, seccomp_.Inspect(name));
    LoadedProfile one{EnforcerKind::kSeccomp, name, "", true, ""};
    const auto given = given_.find({EnforcerKind::kSeccomp, name});
    if (given != given_.end()) one.digest = given->second.digest;
    if (state.origin != SeccompFileState::Origin::kAsWritten) {
      one.intact = false;
      one.problem = state.present ? "the file was changed" : "the file was removed";
    }
    out.push_back(std::move(one));
  }
  return out;
}

absl::Status EnforcersKernel::Enroll(const BpfSubject& subject) { return bpf_->Enroll(subject); }

absl::Status EnforcersKernel::Withdraw(uint64_t cgroup) { return bpf_->Withdraw(cgroup); }

absl::StatusOr<std::vector<LoadedSubject>> EnforcersKernel::Subjects() {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<BpfSubject> subjects, bpf_->Subjects());
  std::vector<LoadedSubject> out;
  bool any_gone = false;
  for (const BpfSubject& subject : subjects) {
    LoadedSubject one;
    one.cgroup = subject.cgroup;
    one.profile = subject.profile;
    one.addresses = subject.addresses;
    std::sort(one.addresses.begin(), one.addresses.end());
    const absl::StatusOr<std::string> path = CgroupPathOfId(subject.cgroup, cgroup_mount_);
    if (!path.ok() && !absl::IsNotFound(path.status())) return path.status();
    one.cgroup_exists = path.ok();
    any_gone |= !path.ok();
    one.of_a_run = path.ok() ? absl::StrContains(*path, absl::StrCat("/", kRunCgroupPrefix))
                             : IsProfileOfRun(subject.profile);
    out.push_back(std::move(one));
  }
  if (!any_gone) return out;
  VARMOR_ASSIGN_OR_RETURN(const auto inside, bpf_->Inside());
  for (LoadedSubject& one : out) {
    one.processes_left = !one.cgroup_exists && inside.count(one.cgroup) > 0;
  }
  return out;
}

absl::StatusOr<ProcessFacts> EnforcersKernel::Process(pid_t pid, const std::string& cgroup_name) {
  const std::string proc = absl::StrCat("/proc/", pid);
  struct stat facts = {};
  if (stat((proc + "/ns/mnt").c_str(), &facts) != 0) {
    return absl::NotFoundError(absl::StrCat("process ", pid, " has ended"));
  }
  ProcessFacts out;
  out.mount_namespace = facts.st_ino;
  out.start = StartOf(proc);
  out.waits = IsRuntimeProcess(proc);
  out.app_armor_label = FirstLine(proc + "/attr/apparmor/current");
  if (out.app_armor_label.empty()) out.app_armor_label = FirstLine(proc + "/attr/current");
  out.seccomp_filter = HasFilter(proc);
  if (!bpf_started_) return out;
  VARMOR_ASSIGN_OR_RETURN(const std::string path, CgroupOfProcess(pid));
  out.cgroup_path = CutCgroupPath(path, cgroup_name);
  out.cgroup_named = !cgroup_name.empty() && absl::EndsWith(out.cgroup_path, "/" + cgroup_name);
  VARMOR_ASSIGN_OR_RETURN(out.cgroup, CgroupIdOfPath(cgroup_mount_ + out.cgroup_path));
  return out;
}

absl::Status EnforcersKernel::Kill(pid_t pid, uint64_t start) {
  // What the descriptor stands for cannot become another process between the question and the
  // signal. glibc 2.31 has no functions for these calls.
  const int process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (process < 0) return absl::ErrnoToStatus(errno, absl::StrCat("pidfd_open of process ", pid));
  absl::Status status;
  if (start != 0 && StartOf(absl::StrCat("/proc/", pid)) != start) {
    status = absl::NotFoundError(absl::StrCat("process ", pid, " has ended"));
  } else if (syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0) != 0) {
    status = absl::ErrnoToStatus(errno, absl::StrCat("SIGKILL to process ", pid));
  }
  close(process);
  return status;
}

}  // namespace varmor
