#include "runtime/agent/agent.h"

#include <sys/utsname.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/compiler/version.h"
#include "lib/enforcers/files.h"
#include "runtime/agent/match_container.h"

namespace varmor {
namespace {

using Kind = AgentAction::Kind;

constexpr absl::Duration kFirstRetry = absl::Seconds(1);
constexpr absl::Duration kLongestRetry = absl::Minutes(2);
// Bounds the memory that their artifacts take, unpacked.
constexpr size_t kProfilesAtOnce = 16;

// Of an action that failed, whatever its reason was.
std::string FailureKey(const AgentAction& action) {
  return absl::StrCat(static_cast<int>(action.kind), " ", static_cast<int>(action.enforcer), " ",
                      action.profile, " ", action.cgroup);
}

std::string ContainerText(const Container& container) {
  return absl::StrCat(
      "container ", container.id.name_space, "/", container.id.id,
      container.name == container.id.id ? "" : absl::StrCat(" (", container.name, ")"));
}

// "varmor-shop-web" of "varmor-shop-web (enforce)" or "varmor-shop-web//child_0 (enforce)".
std::string ProfileOfLabel(const std::string& label) {
  const std::string name = label.substr(0, label.find(" ("));
  return name.substr(0, name.find("//"));
}

std::string ProfileKey(const AgentPolicy& policy) {
  return absl::StrCat(policy.profile_namespace, "/", policy.profile);
}

bool GivesProfile(const AgentAction& action) {
  return action.kind == Kind::kApply || action.kind == Kind::kRetire;
}

// Of what is due from `begin` on: how far it is for one enforcer, to be given in one call.
size_t EndOfBatch(const std::vector<const AgentAction*>& due, size_t begin) {
  size_t end = begin + 1;
  if (!GivesProfile(*due[begin])) return end;
  const size_t limit = std::min(due.size(), begin + kProfilesAtOnce);
  while (end < limit && GivesProfile(*due[end]) && due[end]->enforcer == due[begin]->enforcer)
    ++end;
  return end;
}

}  // namespace

Agent::Agent(AgentOptions options, ContainerRuntime& runtime, NodeKernel& kernel,
             ViolationAuditor& auditor, Logger& log)
    : options_(std::move(options)),
      runtime_(runtime),
      kernel_(kernel),
      auditor_(auditor),
      log_(log),
      seen_(options_.seen_profiles) {
  totals_.node = options_.node;
  totals_.version = kVersion;
  totals_.started = absl::Now();
  totals_.runtime = runtime.name();
  utsname system = {};
  if (uname(&system) == 0) totals_.kernel = system.release;
}

// ---- the kernel ------------------------------------------------------------------------------

absl::Status Agent::Start() {
  std::vector<std::string> reasons;
  for (const EnforcerKind kind : kEnforcerKinds) {
    StartEnforcer(kind);
    const EnforcerSupport& support = support_[kind];
    if (support.available) continue;
    reasons.push_back(
        absl::StrCat(EnforcerName(kind), ": ", support.problem,
                     support.fix.empty() ? "" : absl::StrCat(" (", support.fix, ")")));
  }
  if (actual_.available.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("no enforcer can be used on this node:\n", absl::StrJoin(reasons, "\n")));
  }
  for (const std::string& reason : reasons) log_.Warning(absl::StrCat("not available: ", reason));
  const absl::Status seen = seen_.Load();
  if (!seen.ok()) {
    log_.Warning(
        absl::StrCat("which profiles this node has known before is lost: ", seen.message()));
  }
  ReadKernel();
  return absl::OkStatus();
}

void Agent::StartEnforcer(EnforcerKind kind) {
  EnforcerSupport& support = support_[kind];
  support = kernel_.Probe(kind);
  actual_.available.erase(kind);
  if (!support.available) return;
  std::vector<std::string> warnings;
  const absl::Status started = kernel_.Start(kind, warnings);
  for (const std::string& warning : warnings) log_.Warning(warning);
  if (!started.ok()) {
    support.available = false;
    support.problem = std::string(started.message());
    log_.Error(absl::StrCat(EnforcerName(kind), ": ", started.message()));
    return;
  }
  if (kind == EnforcerKind::kBpf) ++bpf_starts_;
  actual_.available.insert(kind);
  log_.Info(absl::StrCat(
      EnforcerName(kind), " is ready",
      support.limits.empty()
          ? ""
          : absl::StrCat("; this kernel does without: ", absl::StrJoin(support.limits, "; "))));
}

void Agent::Alarm(EnforcerKind kind, const std::string& what) {
  ++totals_.tampered[kind];
  log_.Error(absl::StrCat("TAMPERING: ", EnforcerName(kind), ": ", what));
}

LoadedProfile* Agent::FindLoaded(EnforcerKind kind, const std::string& profile) {
  for (LoadedProfile& one : actual_.profiles) {
    if (one.enforcer == kind && one.name == profile) return &one;
  }
  return nullptr;
}

// What somebody took away is an alarm here; what somebody changed is one when it is repaired.
void Agent::ReadProfiles(EnforcerKind kind, bool alarm) {
  absl::StatusOr<std::vector<LoadedProfile>> loaded = kernel_.Loaded(kind);
  if (!loaded.ok()) {
    if (kind == EnforcerKind::kBpf && alarm) {
      Alarm(kind, std::string(loaded.status().message()));
      StartEnforcer(kind);
      if (actual_.available.count(kind) > 0) loaded = kernel_.Loaded(kind);
    }
    if (!loaded.ok()) {
      log_.Error(absl::StrCat("cannot read the ", EnforcerName(kind),
                              " profiles: ", loaded.status().message()));
      return;
    }
  }
  std::vector<LoadedProfile>& profiles = actual_.profiles;
  profiles.erase(std::remove_if(profiles.begin(), profiles.end(),
                                [&](const LoadedProfile& one) { return one.enforcer == kind; }),
                 profiles.end());
  profiles.insert(profiles.end(), loaded->begin(), loaded->end());
  for (auto at = applied_.begin(); at != applied_.end();) {
    if (at->first != kind || FindLoaded(kind, at->second) != nullptr) {
      ++at;
      continue;
    }
    if (alarm) Alarm(kind, absl::StrCat("profile ", at->second, " was removed"));
    at = applied_.erase(at);
  }
}

void Agent::ReadKernel() {
  for (const EnforcerKind kind : kEnforcerKinds) {
    if (actual_.available.count(kind) > 0) ReadProfiles(kind, true);
  }
  if (actual_.available.count(EnforcerKind::kBpf) == 0) return;
  absl::StatusOr<std::vector<LoadedSubject>> subjects = kernel_.Subjects();
  if (subjects.ok()) {
    actual_.subjects = *std::move(subjects);
  } else {
    log_.Error(absl::StrCat("cannot read the BPF subjects: ", subjects.status().message()));
  }
}

void Agent::Check() {
  ++changes_;
  for (const EnforcerKind kind : kEnforcerKinds) {
    if (actual_.available.count(kind) == 0) StartEnforcer(kind);
  }
  ReadKernel();
  for (auto& [id, known] : containers_) {
    wants_resync_ |= !known.container.problem.empty();
    if (known.container.pid == 0) continue;
    LookAtProcess(known);
    wants_resync_ |= known.ended;
    TellAuditor(known);
  }
  Reconcile();
}

// ---- policies --------------------------------------------------------------------------------

const AgentPolicy* Agent::PolicyOf(const std::string& profile) const {
  for (const AgentPolicy& policy : policies_) {
    if (policy.profile == profile && policy.usable()) return &policy;
  }
  return nullptr;
}

void Agent::SetPolicies(std::vector<AgentPolicy> policies,
                        std::map<std::string, std::string> problems, bool complete) {
  ++changes_;
  for (const auto& [source, problem] : problems) {
    const auto before = problems_.find(source);
    if (before == problems_.end() || before->second != problem) log_.Error(problem);
  }
  std::set<std::string> names;
  for (AgentPolicy& policy : policies) {
    names.insert(policy.profile);
    if (IsProfileOfRun(policy.profile)) {
      policy.artifacts = PackedArtifacts();
      policy.problem = absl::StrCat(
          "profile name ", policy.profile,
          " is kept for `varmor run` (-run- and 8 hexadecimal digits at its end); give the policy "
          "another name");
    }
    // Another one may have the name.
    if (!policy.problem.empty() && !policy.usable()) continue;
    auditor_.PutProfile(policy.profile, policy.identity, policy.artifacts);
  }
  auditor_.ProfilesAreKnown();
  for (const AgentPolicy& policy : policies_) {
    if (names.count(policy.profile) == 0) auditor_.DropProfile(policy.profile);
  }
  for (const AgentPolicy& policy : policies_) {
    if (names.count(policy.profile) == 0) gone_profiles_.insert(policy.profile);
  }
  policies_ = std::move(policies);
  problems_ = std::move(problems);
  policies_complete_ = complete;
  policies_known_ = true;
  for (const AgentPolicy& policy : policies_) {
    if (policy.retiring) {
      gone_profiles_.insert(policy.profile);
    } else {
      gone_profiles_.erase(policy.profile);
    }
  }
  failures_.clear();
  ChooseAll();
  NoteGoneProfiles();
  Reconcile();
}

void Agent::SetSourceProblem(const std::string& source, const std::string& problem) {
  const auto known = source_problems_.find(source);
  if (problem == (known == source_problems_.end() ? "" : known->second)) return;
  if (problem.empty()) {
    log_.Info(absl::StrCat("policies: ", QuotedPath(source), " can be read again"));
    source_problems_.erase(known);
    return;
  }
  log_.Error(problem);
  source_problems_[source] = problem;
}

void Agent::Reapply(const std::string& profile_key) {
  ++changes_;
  for (const AgentPolicy& policy : policies_) {
    // What a policy that goes has in the kernel is as it should be.
    if (policy.retiring || ProfileKey(policy) != profile_key) continue;
    for (LoadedProfile& one : actual_.profiles) {
      if (one.name == policy.profile) one.digest.clear();
    }
  }
  failures_.clear();
  Reconcile();
}

// ---- containers ------------------------------------------------------------------------------

// What was learned before stays when it cannot be learned again: only the runtime's word ends the
// confinement of a container.
void Agent::LookAtProcess(Known& known) {
  absl::StatusOr<ProcessFacts> facts =
      kernel_.Process(known.container.pid, known.container.cgroup_name);
  known.process_problem.clear();
  const bool another = facts.ok() && known.facts.has_value() && facts->start != known.facts->start;
  if (absl::IsNotFound(facts.status()) || another) {
    known.ended = true;
    known.process_problem = "its process has ended";
    return;
  }
  if (!facts.ok()) {
    known.process_problem = std::string(facts.status().message());
    return;
  }
  if (known.facts.has_value() && known.facts->cgroup != 0 &&
      (known.facts->cgroup_named || !facts->cgroup_named)) {
    facts->cgroup = known.facts->cgroup;
    facts->cgroup_path = known.facts->cgroup_path;
    facts->cgroup_named = known.facts->cgroup_named;
  }
  if (known.started) facts->waits = false;
  known.facts = *std::move(facts);
}

bool Agent::Lives(const Known& known) {
  if (known.container.pid == 0) return false;
  const absl::StatusOr<ProcessFacts> facts =
      kernel_.Process(known.container.pid, known.container.cgroup_name);
  if (!facts.ok()) return !absl::IsNotFound(facts.status());
  return !known.facts.has_value() || facts->start == known.facts->start;
}

// A profile that this node has known, that pods from before this agent name and that nobody has:
// its policy went while no agent was there. One that was never here may still be on its way.
void Agent::NoteGoneProfiles() {
  if (gone_noted_ || !options_.in_cluster || !policies_known_ || !listed_) return;
  gone_noted_ = true;
  const auto is_there = [&](const std::string& profile) {
    return std::any_of(policies_.begin(), policies_.end(),
                       [&](const AgentPolicy& policy) { return policy.profile == profile; });
  };
  for (const auto& [id, known] : containers_) {
    if (known.profile.empty() || is_there(known.profile)) continue;
    const bool in_kernel =
        std::any_of(actual_.profiles.begin(), actual_.profiles.end(),
                    [&](const LoadedProfile& one) { return one.name == known.profile; });
    if (in_kernel || seen_.Has(known.profile)) gone_profiles_.insert(known.profile);
  }
  ChooseAll();
}

// The profiles of all policies, and those from before that a container may still name.
void Agent::NoteSeenProfiles(const AgentWanted& wanted) {
  if (!options_.in_cluster || !policies_known_) return;
  std::set<std::string> names;
  for (const AgentPolicy& policy : policies_) names.insert(policy.profile);
  for (const std::string& name : seen_.names()) {
    if (!wanted.complete || wanted.referenced.count(name) > 0) names.insert(name);
  }
  const absl::Status written = seen_.Set(std::move(names));
  const std::string problem(written.message());
  if (problem != seen_problem_ && !written.ok()) {
    log_.Error(
        absl::StrCat("which profiles this node has known will be lost at a restart: ", problem));
  }
  seen_problem_ = problem;
}

void Agent::Choose(Known& known) {
  known.problems.clear();
  if (!known.container.problem.empty()) known.problems.push_back(known.container.problem);
  std::string profile;
  bool bpf = true;
  if (options_.in_cluster) {
    const AnnotatedProfile annotated = ReadAnnotations(known.container);
    known.problems.insert(known.problems.end(), annotated.problems.begin(),
                          annotated.problems.end());
    profile = annotated.profile;
    bpf = annotated.bpf;
    if (!profile.empty() && PolicyOf(profile) == nullptr && policies_known_) {
      known.problems.push_back(
          IsGone(profile) ? absl::StrCat("profile ", profile, " is gone: no policy has it any more")
                          : absl::StrCat("profile ", profile, " is not on this node"));
    }
  } else {
    std::vector<const AgentPolicy*> candidates;
    for (const AgentPolicy& policy : policies_) {
      if (policy.usable()) candidates.push_back(&policy);
    }
    std::vector<std::string> shadowed;
    const AgentPolicy* policy = ChoosePolicy(candidates, known.container, shadowed);
    if (policy != nullptr) profile = policy->profile;
    for (const std::string& other : shadowed) {
      known.problems.push_back(
          absl::StrCat("a policy in ", other, " matches too and is passed over"));
    }
  }
  const AgentPolicy* policy = PolicyOf(profile);
  known.bpf_missing =
      options_.in_cluster && bpf && !profile.empty() && policy == nullptr && !IsGone(profile);
  known.bpf = bpf && policy != nullptr && policy->artifacts.digests().count(EnforcerKind::kBpf) > 0;
  if (profile != known.profile) {
    known.enrolled.clear();
    known.enroll_problem.clear();
  }
  known.profile = profile;
  if (!profile.empty()) known.used.insert(profile);
  TellAuditor(known);
}

void Agent::ChooseAll() {
  for (auto& [id, known] : containers_) Choose(known);
}

void Agent::TellAuditor(const Known& known) {
  if (known.profile.empty() || known.container.pid == 0) return;
  AuditedContainer audited;
  ViolationSubject& subject = audited.subject;
  subject.container = known.container.id;
  subject.container_name = known.container.name;
  subject.image = known.container.image;
  subject.pod_name = known.container.pod.name;
  subject.pod_namespace = known.container.pod.name_space;
  subject.pod_uid = known.container.pod.uid;
  subject.profile = known.profile;
  audited.pid = known.container.pid;
  if (known.facts.has_value()) {
    subject.mount_namespace = known.facts->mount_namespace;
    audited.app_armor = ProfileOfLabel(known.facts->app_armor_label) == known.profile;
    audited.cgroup = known.facts->cgroup;
    audited.cgroup_path = known.facts->cgroup_path;
  }
  auditor_.PutContainer(std::move(audited));
}

Agent::Known& Agent::Track(Container container, std::optional<absl::Time> created, bool is_new) {
  const ContainerId id = container.id;
  const auto [at, unknown] = containers_.emplace(id, Known());
  Known& known = at->second;
  // What says that there is no process may be older than what told of it.
  if (container.pid == 0 && Lives(known)) container.pid = known.container.pid;
  const bool restarted = known.container.pid != container.pid;
  if (restarted) {
    known.facts.reset();
    known.ended = false;
    known.started = false;
    known.exited = false;
    known.process_problem.clear();
  }
  known.started |= container.started;
  if (unknown || (restarted && container.pid != 0)) {
    ++totals_.containers_seen;
    known.created = created;
    known.judged = !is_new;
    known.enrolled.clear();
    known.enroll_problem.clear();
  }
  if (!container.problem.empty() && container.problem != known.container.problem) {
    log_.Warning(container.problem);
  }
  if (!container.problem.empty() && !unknown) {
    // The description from before is better than none.
    known.container.pid = container.pid;
    known.container.started = container.started;
    known.container.problem = std::move(container.problem);
  } else {
    known.container = std::move(container);
  }
  if (known.container.pid != 0) {
    LookAtProcess(known);
  } else {
    auditor_.DropContainer(id);
  }
  Choose(known);
  return known;
}

void Agent::Forget(const ContainerId& id) {
  auditor_.DropContainer(id);
  containers_.erase(id);
}

absl::Status Agent::Resync() {
  ++changes_;
  std::set<ContainerId> seen;
  const absl::Status listed = runtime_.List([&](Container container) {
    seen.insert(container.id);
    Track(std::move(container), {}, listed_);
  });
  if (!listed.ok()) return listed;
  ++totals_.resyncs;
  std::vector<ContainerId> gone;
  for (const auto& [id, known] : containers_) {
    if (seen.count(id) == 0) gone.push_back(id);
  }
  for (const ContainerId& id : gone) Forget(id);
  containers_known_ = true;
  listed_ = true;
  NoteGoneProfiles();
  Reconcile();
  return absl::OkStatus();
}

bool Agent::OnEvent(const ContainerEvent& event) {
  ++changes_;
  bool answered = true;
  log_.Debug(
      absl::StrCat(ContainerEventName(event.kind), " ", event.id.name_space, "/", event.id.id));
  const auto found = containers_.find(event.id);
  switch (event.kind) {
    case ContainerEvent::Kind::kDeleted:
      // With a process that runs, it may be about an earlier container of that id.
      if (found != containers_.end() && Lives(found->second)) {
        const absl::Status status = runtime_.Get(event.id).status();
        wants_resync_ |= !status.ok() && !absl::IsNotFound(status);
        if (!absl::IsNotFound(status)) return !absl::IsUnavailable(status);
      }
      Forget(event.id);
      break;
    case ContainerEvent::Kind::kExited:
      if (found == containers_.end()) return true;
      // Of an earlier task of that id.
      if (event.pid != 0 && event.pid != found->second.container.pid) return true;
      found->second.container.pid = 0;
      found->second.exited = true;
      found->second.facts.reset();
      auditor_.DropContainer(event.id);
      break;
    case ContainerEvent::Kind::kStarted:
    case ContainerEvent::Kind::kCreated:
    case ContainerEvent::Kind::kDefined:
      answered = TakeProcessEvent(event);
      break;
  }
  Reconcile();
  return answered;
}

// Of the beginning of a container or task. As OnEvent.
bool Agent::TakeProcessEvent(const ContainerEvent& event) {
  const auto found = containers_.find(event.id);
  const bool is_known = found != containers_.end();
  const bool started = event.kind == ContainerEvent::Kind::kStarted;
  if (is_known && event.pid != 0 && found->second.container.pid != event.pid &&
      Lives(found->second)) {
    return true;  // of an earlier task of that id
  }
  if (is_known && started && found->second.container.pid == event.pid) {
    found->second.started = true;
    LookAtProcess(found->second);
    TellAuditor(found->second);
    return true;
  }
  // What was learned when the container was defined saves the time to ask when it counts.
  absl::StatusOr<Container> container =
      is_known && found->second.container.pid == 0 && event.pid != 0 ? found->second.container
                                                                     : runtime_.Get(event.id);
  if (absl::IsNotFound(container.status())) return true;  // gone already
  if (absl::IsUnavailable(container.status())) {
    containers_known_ = false;
    wants_resync_ = true;
    return false;
  }
  if (!container.ok()) {
    const std::string problem(container.status().message());
    container = Container();
    container->id = event.id;
    container->name = event.id.id;
    container->problem = problem;
  }
  if (event.pid != 0) container->pid = event.pid;
  Known& known = Track(*std::move(container), event.time, true);
  if (!started) return true;
  known.started = true;
  if (known.facts.has_value()) known.facts->waits = false;
  return true;
}

absl::Status Agent::EnrollNow(const ContainerId& id, pid_t pid) {
  const absl::Status unknown = absl::UnavailableError("policies are not known yet");
  // In the cluster, a container says itself whether there is a policy about it: what is needed to
  // reach the API server can start.
  if (!policies_known_ && !options_.in_cluster) return unknown;
  ++changes_;
  auto found = containers_.find(id);
  const bool is_known = found != containers_.end();
  if (pid == 0 && is_known) pid = found->second.container.pid;
  if (pid == 0) return absl::UnavailableError("its process is not known yet");
  // One that could not be described would count as one without a policy.
  absl::StatusOr<Container> container = is_known && found->second.container.problem.empty()
                                            ? found->second.container
                                            : runtime_.Get(id);
  if (!container.ok()) return container.status();
  container->pid = pid;
  Track(*std::move(container), absl::Now(), true);
  Reconcile();
  found = containers_.find(id);
  if (found == containers_.end()) return absl::NotFoundError("the container is gone");
  const Known& known = found->second;
  if (!policies_known_) return known.profile.empty() ? absl::OkStatus() : unknown;
  if (options_.in_cluster && !known.profile.empty() && PolicyOf(known.profile) == nullptr &&
      !IsGone(known.profile)) {
    return absl::UnavailableError(absl::StrCat("profile ", known.profile, " is not on this node"));
  }
  if (!known.bpf) return absl::OkStatus();
  const std::string state = EnforcerStateOf(known, EnforcerKind::kBpf);
  if (state == "ok") return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("BPF: ", state));
}

// ---- what to do, and doing it ------------------------------------------------------------------

AgentWanted Agent::Wanted() const {
  AgentWanted wanted;
  wanted.complete = policies_known_ && policies_complete_ && containers_known_;
  for (const AgentPolicy& policy : policies_) {
    if (policy.damaged && !policy.retiring) wanted.undecided.insert(policy.profile);
    if (!policy.usable()) continue;
    wanted.profiles.push_back({policy.profile, policy.artifacts.digests()});
  }
  std::set<uint64_t> cgroups;
  for (const auto& [id, known] : containers_) {
    // The kubelet starts a container once, and may keep what is left of it for minutes.
    if (known.exited && known.container.in_pod) continue;
    wanted.referenced.insert(known.used.begin(), known.used.end());
    const std::string& named = known.container.app_armor_profile;
    if (!named.empty()) wanted.referenced.insert(named);
    if (!known.bpf || !known.facts.has_value() || known.facts->cgroup == 0) continue;
    if (!cgroups.insert(known.facts->cgroup).second) continue;
    WantedSubject subject;
    subject.cgroup = known.facts->cgroup;
    subject.profile = known.profile;
    subject.addresses = known.container.pod.addresses;
    std::sort(subject.addresses.begin(), subject.addresses.end());
    wanted.subjects.push_back(std::move(subject));
  }
  return wanted;
}

void Agent::Reconcile() {
  const absl::Time now = absl::Now();
  const AgentWanted wanted = Wanted();
  NoteSeenProfiles(wanted);
  const std::vector<AgentAction> plan = PlanAgent(wanted, actual_);
  std::set<std::string> keys;
  for (const AgentAction& action : plan) keys.insert(FailureKey(action));
  for (auto at = failures_.begin(); at != failures_.end();) {
    at = keys.count(at->first) > 0 ? std::next(at) : failures_.erase(at);
  }
  std::vector<const AgentAction*> due;
  for (const AgentAction& action : plan) {
    const auto failed = failures_.find(FailureKey(action));
    if (failed == failures_.end() || failed->second.next <= now) due.push_back(&action);
  }
  for (size_t at = 0; at < due.size();) {
    const size_t end = EndOfBatch(due, at);
    for (size_t i = at; i < end; ++i) {
      if (!due[i]->tampered) continue;
      Alarm(due[i]->enforcer, absl::StrCat("profile ", due[i]->profile, ": ", due[i]->reason));
    }
    const std::vector<absl::Status> results =
        GivesProfile(*due[at]) ? Give(absl::MakeConstSpan(due).subspan(at, end - at))
                               : std::vector<absl::Status>{Do(*due[at])};
    for (size_t i = at; i < end; ++i) {
      if (results[i - at].ok()) {
        Succeeded(*due[i]);
      } else {
        Failed(*due[i], results[i - at]);
      }
    }
    at = end;
  }
  for (auto& [id, known] : containers_) NoteEnrolled(known);
  JudgeNew();
  NoteUnenforced();
  FinishTakeover(wanted);
}

absl::Status Agent::Do(const AgentAction& action) {
  switch (action.kind) {
    case Kind::kEnroll:
      return EnrollAction(action);
    case Kind::kWithdraw: {
      const absl::Status status = kernel_.Withdraw(action.cgroup);
      return absl::IsNotFound(status) ? absl::OkStatus() : status;
    }
    case Kind::kRemove: {
      const absl::Status status = kernel_.Remove(action.enforcer, action.profile);
      return absl::IsNotFound(status) ? absl::OkStatus() : status;
    }
    case Kind::kApply:
    case Kind::kRetire:
      break;
  }
  return absl::InternalError("an action that Give is for");
}

std::vector<absl::Status> Agent::Give(absl::Span<const AgentAction* const> actions) {
  const EnforcerKind kind = actions.front()->enforcer;
  std::vector<absl::Status> results(actions.size());
  std::vector<ProfileToApply> profiles;
  std::vector<size_t> places;
  for (size_t i = 0; i < actions.size(); ++i) {
    absl::StatusOr<ProfileToApply> profile = ToApply(*actions[i]);
    results[i] = profile.status();
    if (!profile.ok()) continue;
    profiles.push_back(*std::move(profile));
    places.push_back(i);
  }
  if (profiles.empty()) return results;
  const absl::Time begin = absl::Now();
  const std::vector<absl::Status> given = kernel_.ApplyAll(kind, profiles);
  totals_.apply_seconds[kind].Observe(absl::ToDoubleSeconds(absl::Now() - begin));
  for (size_t i = 0; i < given.size(); ++i) results[places[i]] = given[i];
  return results;
}

absl::StatusOr<ProfileToApply> Agent::ToApply(const AgentAction& action) const {
  ProfileToApply out;
  if (action.kind == Kind::kRetire) {
    VARMOR_ASSIGN_OR_RETURN(out.artifacts, AllowAllArtifacts(action.enforcer, action.profile));
    out.digest = kAllowAllDigest;
    return out;
  }
  const AgentPolicy* policy = PolicyOf(action.profile);
  if (policy == nullptr) return absl::InternalError("a profile without a policy");
  out.artifacts = policy->artifacts.Unpack();
  // The others would only take memory.
  if (action.enforcer != EnforcerKind::kAppArmor) out.artifacts.clear_app_armor();
  if (action.enforcer != EnforcerKind::kBpf) out.artifacts.clear_bpf();
  if (action.enforcer != EnforcerKind::kSeccomp) out.artifacts.clear_seccomp();
  out.digest = policy->artifacts.digests().at(action.enforcer);
  return out;
}

absl::Status Agent::EnrollAction(const AgentAction& action) {
  BpfSubject subject;
  subject.cgroup = action.cgroup;
  subject.profile = action.profile;
  for (auto& [id, known] : containers_) {
    if (!known.facts.has_value() || known.facts->cgroup != action.cgroup || !known.bpf) continue;
    subject.addresses = known.container.pod.addresses;
    const absl::Status status = kernel_.Enroll(subject);
    known.enroll_problem = status.ok() ? "" : std::string(status.message());
    return status;
  }
  return absl::InternalError("a cgroup without a container");
}

// When and how a container got its profile; once.
void Agent::NoteEnrolled(Known& known) {
  if (!known.enrolled.empty() || !known.bpf || !known.facts.has_value()) return;
  if (EnforcerStateOf(known, EnforcerKind::kBpf) != "ok") return;
  if (!known.created.has_value()) {
    known.enrolled = "found running";
    return;
  }
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(absl::Now() - *known.created));
  totals_.enrol_seconds.Observe(seconds);
  // Asked after the enrolment: if it still waits, nothing of the container's was executed before.
  const absl::StatusOr<ProcessFacts> now =
      kernel_.Process(known.container.pid, known.container.cgroup_name);
  if (now.ok() && now->waits && !known.started) {
    ++totals_.enrolled_in_time;
    known.enrolled = "before its program";
    return;
  }
  ++totals_.enrolled_late;
  known.enrolled = absl::StrCat(
      "at most ",
      absl::FormatDuration(absl::Milliseconds(static_cast<int64_t>(seconds * 1000) + 1)),
      " after its creation, perhaps after its program started");
  log_.Warning(absl::StrCat(ContainerText(known.container), " was confined ", known.enrolled));
}

void Agent::Succeeded(const AgentAction& action) {
  failures_.erase(FailureKey(action));
  log_.Info(absl::StrCat("done: ", action.Text()));
  std::vector<LoadedProfile>& profiles = actual_.profiles;
  std::vector<LoadedSubject>& subjects = actual_.subjects;
  const auto of_cgroup = [&](const LoadedSubject& one) { return one.cgroup == action.cgroup; };
  switch (action.kind) {
    case Kind::kApply:
    case Kind::kRetire: {
      LoadedProfile* loaded = FindLoaded(action.enforcer, action.profile);
      if (loaded == nullptr) {
        profiles.push_back({action.enforcer, action.profile, "", true, ""});
        loaded = &profiles.back();
      }
      const AgentPolicy* policy = PolicyOf(action.profile);
      loaded->digest = action.kind == Kind::kRetire || policy == nullptr
                           ? kAllowAllDigest
                           : policy->artifacts.digests().at(action.enforcer);
      loaded->intact = true;
      loaded->problem.clear();
      applied_.insert({action.enforcer, action.profile});
      break;
    }
    case Kind::kRemove:
      profiles.erase(std::remove_if(profiles.begin(), profiles.end(),
                                    [&](const LoadedProfile& one) {
                                      return one.enforcer == action.enforcer &&
                                             one.name == action.profile;
                                    }),
                     profiles.end());
      applied_.erase({action.enforcer, action.profile});
      break;
    case Kind::kEnroll: {
      subjects.erase(std::remove_if(subjects.begin(), subjects.end(), of_cgroup), subjects.end());
      LoadedSubject subject;
      subject.cgroup = action.cgroup;
      subject.profile = action.profile;
      for (const auto& [id, known] : containers_) {
        if (known.bpf && known.facts.has_value() && known.facts->cgroup == action.cgroup) {
          subject.addresses = known.container.pod.addresses;
          break;
        }
      }
      std::sort(subject.addresses.begin(), subject.addresses.end());
      subjects.push_back(std::move(subject));
      break;
    }
    case Kind::kWithdraw:
      subjects.erase(std::remove_if(subjects.begin(), subjects.end(), of_cgroup), subjects.end());
      break;
  }
}

void Agent::PutOff(Failure& failure) {
  const int doublings = std::min(failure.times++, 10);
  failure.next = absl::Now() + std::min(kFirstRetry * (1 << doublings), kLongestRetry);
}

void Agent::Failed(const AgentAction& action, const absl::Status& status) {
  Failure& failure = failures_[FailureKey(action)];
  const std::string message(status.message());
  if (failure.message != message) {
    const std::string text = absl::StrCat("cannot ", action.Text(), ": ", message);
    // A profile that somebody still runs under stays until nobody does.
    const bool waits = action.kind == Kind::kRemove && absl::IsFailedPrecondition(status);
    if (waits) {
      log_.Info(text);
    } else {
      log_.Error(text);
    }
  }
  failure.message = message;
  PutOff(failure);
  ++totals_.failures[action.enforcer];
}

absl::Time Agent::next_retry() const {
  absl::Time next = takeover_.times > 0 ? takeover_.next : absl::InfiniteFuture();
  for (const auto& [key, failure] : failures_) next = std::min(next, failure.next);
  return next;
}

// fail_closed: new containers that should be confined by BPF and are not.
void Agent::JudgeNew() {
  if (!policies_known_) return;
  for (auto& [id, known] : containers_) {
    if (known.judged || known.container.pid == 0 || !known.container.problem.empty()) continue;
    const bool waits = known.facts.has_value() && known.facts->waits && !known.started;
    if (starts_held_ && waits && known.container.in_pod) continue;
    known.judged = true;
    if (!options_.fail_closed || (!known.bpf && !known.bpf_missing) || known.ended) continue;
    const std::string state = EnforcerStateOf(known, EnforcerKind::kBpf);
    if (state == "ok") continue;
    const absl::Status killed =
        kernel_.Kill(known.container.pid, known.facts.has_value() ? known.facts->start : 0);
    if (!killed.ok()) {
      if (absl::IsNotFound(killed)) continue;
      known.problems.push_back(absl::StrCat("could not be killed: ", killed.message()));
      log_.Error(
          absl::StrCat(ContainerText(known.container), " could not be killed: ", killed.message()));
      continue;
    }
    ++totals_.killed;
    known.problems.push_back(absl::StrCat("killed, because it could not be confined: ", state));
    log_.Error(absl::StrCat(ContainerText(known.container),
                            " was killed, because BPF could not "
                            "confine it: ",
                            state));
  }
}

// The artifacts are looked at once, or when there is another enforcer.
void Agent::NoteUnenforced() {
  std::map<std::string, Unenforced> before = std::exchange(unenforced_, {});
  const bool any_limits = std::any_of(support_.begin(), support_.end(), [](const auto& one) {
    return one.second.available && !one.second.limits.empty();
  });
  if (!any_limits) return;
  for (const AgentPolicy& policy : policies_) {
    if (!policy.usable()) continue;
    Unenforced& noted = unenforced_[policy.profile];
    noted = std::move(before[policy.profile]);
    if (noted.digests == policy.artifacts.digests() && noted.available == actual_.available) {
      continue;
    }
    const ArmorProfileArtifacts artifacts = policy.artifacts.Unpack();
    std::map<EnforcerKind, std::vector<UnenforcedRule>> unenforced;
    for (const EnforcerKind kind : actual_.available) {
      unenforced[kind] = kernel_.Unenforced(kind, artifacts);
    }
    UnenforcedTexts texts = TextsOfUnenforced(artifacts, unenforced);
    const std::vector<std::string> all = AllTexts(texts);
    if (!all.empty() && all != AllTexts(noted.texts)) {
      log_.Warning(absl::StrCat(policy.profile, ": this kernel does NOT ENFORCE ",
                                absl::StrJoin(all, "; ")));
    }
    noted = {policy.artifacts.digests(), actual_.available, std::move(texts)};
  }
}

// ---- another build of the BPF programs ---------------------------------------------------------

std::string Agent::TakeoverProblem(const AgentWanted& wanted) const {
  if (!ready()) return "policies and containers are not known yet";
  if (!wanted.complete) return "a source of policies cannot be read";
  if (!wanted.undecided.empty()) {
    return absl::StrCat("what profile ", *wanted.undecided.begin(), " should be cannot be read");
  }
  for (const AgentAction& action : PlanAgent(wanted, actual_)) {
    if (action.enforcer != EnforcerKind::kBpf) continue;
    if (action.kind != Kind::kApply && action.kind != Kind::kEnroll) continue;
    const auto failed = failures_.find(FailureKey(action));
    return absl::StrCat("cannot ", action.Text(), ": ",
                        failed == failures_.end() ? "not tried yet" : failed->second.message);
  }
  for (const auto& [id, known] : containers_) {
    if (known.container.pid == 0 || known.ended) continue;
    std::string problem = known.container.problem;
    if (known.bpf_missing) problem = absl::StrCat("profile ", known.profile, " is not here");
    if (known.bpf && (!known.facts.has_value() || known.facts->cgroup == 0)) {
      problem = absl::StrCat("its cgroup is not known: ", known.process_problem);
    }
    if (!problem.empty()) return absl::StrCat(ContainerText(known.container), ": ", problem);
  }
  return "";
}

void Agent::FinishTakeover(const AgentWanted& wanted) {
  const std::vector<std::string> builds = kernel_.OtherBuilds();
  if (actual_.available.count(EnforcerKind::kBpf) == 0 || builds.empty()) {
    takeover_ = {};
    return;
  }
  if (takeover_.next > absl::Now()) return;
  std::string problem = TakeoverProblem(wanted);
  if (problem.empty()) {
    const absl::Status dropped = kernel_.DropOtherBuilds();
    if (dropped.ok()) {
      log_.Info(absl::StrCat("done: take out BPF build ", absl::StrJoin(builds, ", "),
                             ", since this one does what it did"));
      takeover_ = {};
      return;
    }
    problem = std::string(dropped.message());
    PutOff(takeover_);
  }
  // What is not known yet is nobody's fault.
  if (ready() && problem != takeover_.message) {
    log_.Warning(absl::StrCat("BPF build ", absl::StrJoin(builds, ", "),
                              " stays in force beside this one: ", problem));
  }
  takeover_.message = std::move(problem);
}

void Agent::UnloadAll(EnforcerKind kind) {
  std::vector<std::string> names;
  for (const LoadedProfile& one : actual_.profiles) {
    if (one.enforcer == kind && !IsProfileOfRun(one.name)) names.push_back(one.name);
  }
  for (const std::string& name : names) {
    const absl::Status removed = kernel_.Remove(kind, name);
    if (!removed.ok() && !absl::IsNotFound(removed)) {
      log_.Warning(absl::StrCat("stays: ", EnforcerName(kind), " ", name, ": ", removed.message()));
    }
  }
}

// ---- what is known -----------------------------------------------------------------------------

void Agent::SetWatching(bool watching, const std::string& problem) {
  totals_.watching = watching;
  totals_.runtime_problem = problem;
}

std::string Agent::NotReady() const {
  if (!policies_known_) {
    std::string why = "policies are not known yet";
    for (const auto& [source, problem] : source_problems_) absl::StrAppend(&why, ": ", problem);
    return why;
  }
  if (!containers_known_) return "containers are not known yet";
  if (totals_.watching) return "";
  return absl::StrCat("the container runtime is not watched",
                      totals_.runtime_problem.empty() ? "" : ": ", totals_.runtime_problem);
}

std::string Agent::StateOf(const AgentPolicy& policy, EnforcerKind kind) const {
  const auto support = support_.find(kind);
  if (support == support_.end() || !support->second.available) {
    return absl::StrCat("unsupported: ", support == support_.end() ? "" : support->second.problem);
  }
  for (const Kind action : {Kind::kApply, Kind::kRetire, Kind::kRemove}) {
    AgentAction key;
    key.kind = action;
    key.enforcer = kind;
    key.profile = policy.profile;
    const auto failed = failures_.find(FailureKey(key));
    if (failed != failures_.end()) return failed->second.message;
  }
  const std::string& digest = policy.artifacts.digests().at(kind);
  for (const LoadedProfile& one : actual_.profiles) {
    if (one.enforcer == kind && one.name == policy.profile && one.intact && one.digest == digest) {
      return "ok";
    }
  }
  return "pending";
}

// Of a running container, for an enforcer of its policy.
std::string Agent::EnforcerStateOf(const Known& known, EnforcerKind kind) const {
  const AgentPolicy* policy = PolicyOf(known.profile);
  if (policy == nullptr) return "the policy is not known";
  const std::string state = StateOf(*policy, kind);
  if (!known.process_problem.empty()) return known.process_problem;
  if (!known.facts.has_value()) return "its process has ended";
  const ProcessFacts& facts = *known.facts;
  if (kind == EnforcerKind::kBpf) {
    if (!known.enroll_problem.empty()) return known.enroll_problem;
    for (const LoadedSubject& one : actual_.subjects) {
      if (one.cgroup == facts.cgroup && one.profile == known.profile) return state;
    }
    return state == "ok" ? "not confined yet" : state;
  }
  if (state != "ok") return state;
  if (kind == EnforcerKind::kSeccomp) {
    // Which filter it is, nobody can tell.
    return facts.seccomp_filter || facts.waits ? "ok" : "it was started without a seccomp profile";
  }
  if (facts.waits || ProfileOfLabel(facts.app_armor_label) == known.profile) return "ok";
  return absl::StrCat("it was started under ", facts.app_armor_label.empty()
                                                   ? "no AppArmor profile"
                                                   : facts.app_armor_label);
}

std::vector<PolicyStatus> Agent::Policies() const {
  std::vector<PolicyStatus> out;
  for (const AgentPolicy& policy : policies_) {
    PolicyStatus status;
    status.source = policy.source;
    status.identity = policy.identity;
    status.profile_namespace = policy.profile_namespace;
    status.profile = policy.profile;
    status.revision = policy.revision;
    status.warnings = policy.warnings;
    for (const auto& [id, known] : containers_) {
      status.containers += known.profile == policy.profile && known.container.pid != 0 ? 1 : 0;
    }
    const auto unenforced = unenforced_.find(policy.profile);
    if (policy.usable() && unenforced != unenforced_.end()) {
      status.unenforced = unenforced->second.texts;
    }
    std::vector<std::string> messages;
    bool pending = false;
    if (policy.retiring) {
      const bool left =
          std::any_of(actual_.profiles.begin(), actual_.profiles.end(),
                      [&](const LoadedProfile& one) { return one.name == policy.profile; });
      status.state = left || !containers_known_ ? "retiring" : "retired";
      status.message = left ? "containers still refer to it" : "Ready";
    } else if (!policy.problem.empty()) {
      status.state = "failed";
      status.message = absl::StrCat(policy.problem,
                                    policy.usable() ? "; what it said before stays in force" : "");
    } else {
      for (const auto& [kind, digest] : policy.artifacts.digests()) {
        const std::string name(EnforcerName(kind));
        const std::string state = StateOf(policy, kind);
        status.enforcers[name] = state;
        pending |= state == "pending";
        if (state == "ok" || state == "pending") continue;
        messages.push_back(absl::StartsWith(state, "unsupported: ")
                               ? absl::StrCat("unsupported: ", name, ": ", state.substr(13))
                               : absl::StrCat(name, ": ", state));
      }
      status.state = !messages.empty() ? "failed" : pending ? "pending" : "enforced";
      status.message = messages.empty() ? "Ready" : absl::StrJoin(messages, "; ");
    }
    out.push_back(std::move(status));
  }
  return out;
}

AgentStatus Agent::Status() const {
  AgentStatus status = totals_;
  status.not_ready = NotReady();
  status.ready = status.not_ready.empty();
  status.complete = ready();
  status.enforcers = support_;
  status.other_builds = kernel_.OtherBuilds();
  status.takeover_problem = takeover_.message;
  status.policies = Policies();
  status.problems = problems_;
  status.problems.insert(source_problems_.begin(), source_problems_.end());
  status.subjects = actual_.subjects.size();
  for (const LoadedProfile& one : actual_.profiles) ++status.profiles[one.enforcer];
  for (const auto& [id, known] : containers_) {
    ContainerStatus container;
    container.id = id;
    container.name = known.container.name;
    container.image = known.container.image;
    if (known.container.in_pod) {
      container.pod = absl::StrCat(known.container.pod.name_space, "/", known.container.pod.name);
    }
    container.running = known.container.pid != 0;
    container.profile = known.profile;
    container.problems = known.problems;
    container.enrolled = known.enrolled;
    const AgentPolicy* policy = PolicyOf(known.profile);
    if (policy != nullptr && container.running) {
      for (const auto& [kind, digest] : policy->artifacts.digests()) {
        if (kind == EnforcerKind::kBpf && !known.bpf) continue;
        container.enforcers[std::string(EnforcerName(kind))] = EnforcerStateOf(known, kind);
      }
    }
    status.containers.push_back(std::move(container));
  }
  return status;
}

}  // namespace varmor
