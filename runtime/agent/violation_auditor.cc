#include "runtime/agent/violation_auditor.h"

#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "runtime/protocol/armor_profile.h"

namespace varmor {
namespace {

// Bounds on what is kept.
constexpr size_t kMaxProcesses = 4096;
constexpr size_t kMaxSeries = 4096;
constexpr absl::Duration kKeepProcesses = absl::Seconds(30);
constexpr absl::Duration kKeepLoaded = absl::Seconds(30);
constexpr size_t kMaxLoaded = 4;
// Records that are read before something else is looked at.
constexpr size_t kRecordsAtOnce = 512;
constexpr int kPollMs = 500;

// "varmor-shop-web" of "varmor-shop-web//child_0".
std::string ParentProfile(const std::string& profile) {
  return profile.substr(0, profile.find("//"));
}

// "varmor-shop-web" of "... subj==varmor-shop-web//child_0 (enforce) ...", or without the second =.
std::string AppArmorProfileOf(const std::string& record) {
  const std::string label = AuditField(record, "subj");
  return ParentProfile(std::string(absl::StripPrefix(label, "=")));
}

bool HasEnded(int64_t process) {
  struct stat facts = {};
  return stat(absl::StrCat("/proc/", process).c_str(), &facts) != 0;
}

std::string RateKey(const std::string& enforcer, const ViolationSubject& subject) {
  return absl::StrCat(enforcer, " ", subject.container.name_space, " ", subject.container.id, " ",
                      subject.container.id.empty() ? subject.profile : "");
}

}  // namespace

ViolationAuditor::ViolationAuditor(ViolationAuditorOptions options, ViolationLog& log)
    : options_(std::move(options)),
      log_(log),
      rate_(options_.lines_per_second, options_.lines_at_once) {}

ViolationAuditor::~ViolationAuditor() { Stop(); }

void ViolationAuditor::PutContainer(AuditedContainer container) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const ContainerId id = container.subject.container;
  containers_[id] = {std::move(container), {}};
}

void ViolationAuditor::DropContainer(const ContainerId& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = containers_.find(id);
  if (found != containers_.end() && !found->second.ended.has_value()) {
    found->second.ended = absl::Now();
  }
}

void ViolationAuditor::PutProfile(const std::string& profile, const PolicyIdentity& policy,
                                  const PackedArtifacts& artifacts) {
  const std::lock_guard<std::mutex> lock(mutex_);
  profiles_[profile] = {policy, artifacts};
}

void ViolationAuditor::DropProfile(const std::string& profile) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = profiles_.find(profile);
  if (found == profiles_.end()) return;
  const PolicyIdentity policy = found->second.policy;
  for (auto at = counts_.violations.begin(); at != counts_.violations.end();) {
    const PolicyIdentity& of = at->first.policy;
    const bool same =
        of.kind == policy.kind && of.name == policy.name && of.name_space == policy.name_space;
    at = same ? counts_.violations.erase(at) : std::next(at);
  }
  counts_.profiles.erase(profile);
  profiles_.erase(found);
}

void ViolationAuditor::SetBpf(std::unique_ptr<BpfEventReader> reader) {
  const std::lock_guard<std::mutex> lock(sources_mutex_);
  next_.bpf = std::move(reader);
}

void ViolationAuditor::SetAudit(std::unique_ptr<AuditLog> log) {
  const std::lock_guard<std::mutex> lock(sources_mutex_);
  next_.audit = std::move(log);
}

void ViolationAuditor::SetAuditFile(std::unique_ptr<AuditFile> file) {
  const std::lock_guard<std::mutex> lock(sources_mutex_);
  next_.audit_file = std::move(file);
}

ViolationCounts ViolationAuditor::Counts() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ViolationCounts counts = counts_;
  counts.unwritten += log_.lost();
  return counts;
}

size_t ViolationAuditor::containers() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return containers_.size();
}

void ViolationAuditor::ProfilesAreKnown() {
  const std::lock_guard<std::mutex> lock(mutex_);
  profiles_known_ = true;
}

bool ViolationAuditor::IsOurs(const std::string& profile) {
  if (profiles_.count(profile) > 0) return true;
  if (!profiles_known_ && absl::StartsWith(profile, "varmor-") && !IsProfileOfRun(profile)) {
    ++counts_.early;
  }
  return false;
}

const AuditedContainer* ViolationAuditor::ByCgroup(uint64_t cgroup) const {
  if (cgroup == 0) return nullptr;
  for (const auto& [id, known] : containers_) {
    // The numbers of cgroups are used again: a running container has it, not one that ended.
    if (known.container.cgroup == cgroup && !known.ended.has_value()) return &known.container;
  }
  for (const auto& [id, known] : containers_) {
    if (known.container.cgroup == cgroup) return &known.container;
  }
  return nullptr;
}

const AuditedContainer* ViolationAuditor::ByProcess(pid_t pid, absl::Time now) {
  if (pid <= 0) return nullptr;
  const auto remember = [&](const AuditedContainer& container) {
    if (processes_.size() < kMaxProcesses) processes_[pid] = {container.subject.container, now};
    return &container;
  };
  const absl::StatusOr<std::string> path = CgroupOfProcess(pid);
  struct stat mount_namespace = {};
  const bool alive = stat(absl::StrCat("/proc/", pid, "/ns/mnt").c_str(), &mount_namespace) == 0;
  for (const auto& [id, known] : containers_) {
    const AuditedContainer& one = known.container;
    if (known.ended.has_value()) continue;
    if (one.pid == pid) return remember(one);
    if (path.ok() && !one.cgroup_path.empty() &&
        (*path == one.cgroup_path || absl::StartsWith(*path, one.cgroup_path + "/"))) {
      return remember(one);
    }
    if (alive && one.cgroup_path.empty() && one.subject.mount_namespace == mount_namespace.st_ino) {
      return remember(one);
    }
  }
  if (alive) return nullptr;
  const auto seen = processes_.find(pid);
  if (seen == processes_.end()) return nullptr;
  const auto found = containers_.find(seen->second.first);
  return found == containers_.end() ? nullptr : &found->second.container;
}

// A process that ended before its record was read: if one container runs under the AppArmor
// profile, it was there.
const AuditedContainer* ViolationAuditor::OnlyOneWith(const std::string& profile) const {
  const AuditedContainer* only = nullptr;
  for (const auto& [id, known] : containers_) {
    if (known.container.subject.profile != profile || !known.container.app_armor) continue;
    if (only != nullptr) return nullptr;
    only = &known.container;
  }
  return only;
}

void ViolationAuditor::NameRulesOf(const PackedArtifacts& artifacts, AuditViolation& violation,
                                   absl::Time now) {
  const std::string profile = ParentProfile(violation.profile);
  if (loaded_.count(profile) == 0 && loaded_.size() >= kMaxLoaded) {
    loaded_.erase(std::min_element(
        loaded_.begin(), loaded_.end(),
        [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
  }
  Loaded& loaded = loaded_[profile];
  loaded.used = now;
  if (loaded.digests != artifacts.digests()) {
    loaded.artifacts = artifacts.Unpack();
    loaded.artifacts.clear_bpf();  // its violations name their rule
    loaded.digests = artifacts.digests();
    loaded.simulator.reset();
    absl::StatusOr<Simulator> simulator = Simulator::Load(ArtifactsOf(loaded.artifacts), {});
    if (simulator.ok()) loaded.simulator.emplace(*std::move(simulator));
  }
  if (!loaded.simulator.has_value()) return;
  NameRules(ArtifactsOf(loaded.artifacts), *loaded.simulator, violation);
}

bool ViolationAuditor::TakeRate(const std::string& enforcer, const ViolationSubject& subject,
                                absl::Time now) {
  const std::string rate_key = RateKey(enforcer, subject);
  if (rate_.Take(rate_key, now)) return true;
  ++counts_.suppressed;
  suppressed_.emplace(rate_key, std::make_pair(enforcer, subject));
  return false;
}

void ViolationAuditor::Count(const std::string& enforcer, const std::string& action,
                             const std::string& rule, const ViolationSubject& subject,
                             absl::Time now) {
  ViolationCounts::Key key{enforcer, action, subject.policy, rule};
  if (counts_.violations.size() >= kMaxSeries && counts_.violations.count(key) == 0) {
    key.rule = "(others)";
  }
  ++counts_.violations[key];
  ViolationCounts::OfProfile& of = counts_.profiles[subject.profile];
  ++(action == "DENIED" ? of.denied : of.allowed);
  of.last = now;
}

void ViolationAuditor::Write(const std::string& line) {
  const absl::Status written = log_.Write(line);
  std::string news;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!written.ok()) ++counts_.unwritten;
    const std::string problem(written.message());
    if (problem != counts_.log_problem) {
      news = written.ok() ? "violations are written again"
                          : absl::StrCat("violations are not written: ", problem);
    }
    counts_.log_problem = problem;
  }
  if (!news.empty() && options_.warn) options_.warn(news);
}

void ViolationAuditor::Handle(BpfViolation violation, absl::Time now) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!IsOurs(violation.profile)) return;
  ViolationSubject subject;
  if (const AuditedContainer* container = ByCgroup(violation.subject); container != nullptr) {
    subject = container->subject;
  }
  subject.policy = profiles_[violation.profile].policy;
  subject.profile = violation.profile;
  if (violation.wall_ns == 0) {
    violation.wall_ns = static_cast<uint64_t>(absl::ToUnixNanos(now));
  }
  const std::string rule = violation.origin.has_value() ? violation.origin->rule() : "";
  Count("BPF", std::string(BpfActionName(violation.action)), rule, subject, now);
  if (!TakeRate("BPF", subject, now)) return;
  lock.unlock();
  Write(ViolationLine(violation, subject, options_.settings, now));
}

void ViolationAuditor::HandleRecord(const std::string& record, absl::Time now) {
  std::optional<AuditViolation> violation = ReadAuditRecord(record);
  if (!violation.has_value()) return;
  std::unique_lock<std::mutex> lock(mutex_);
  const bool seccomp = violation->enforcer == "Seccomp";
  if (!seccomp && !IsOurs(ParentProfile(violation->profile))) return;
  const AuditedContainer* container = ByProcess(static_cast<pid_t>(violation->process), now);
  if (seccomp) {
    // Of a process that has ended, the AppArmor profile tells, if it was under one.
    violation->profile =
        container != nullptr ? container->subject.profile : AppArmorProfileOf(record);
    const auto profile = profiles_.find(violation->profile);
    if (profile == profiles_.end() ||
        profile->second.artifacts.digests().count(EnforcerKind::kSeccomp) == 0) {
      // Else of anybody on the machine.
      if (container == nullptr && HasEnded(violation->process)) ++counts_.unattributed;
      return;
    }
  }
  if (container == nullptr) container = OnlyOneWith(ParentProfile(violation->profile));
  ViolationSubject subject;
  if (container != nullptr) subject = container->subject;
  subject.profile = ParentProfile(violation->profile);
  const Profile profile = profiles_[subject.profile];
  subject.policy = profile.policy;
  // The search for the rule takes time, which a container that is refused all day shall not have;
  // nor shall the agent's thread wait for it.
  const bool wanted = TakeRate(violation->enforcer, subject, now);
  if (wanted) {
    lock.unlock();
    NameRulesOf(profile.artifacts, *violation, now);
    lock.lock();
    if (profiles_.count(subject.profile) == 0) return;  // gone meanwhile, with its series
  }
  const std::string rule = violation->rules.empty() ? "" : violation->rules.front().rule();
  Count(violation->enforcer, violation->action, rule, subject, now);
  if (!wanted) return;
  lock.unlock();
  Write(ViolationLine(*violation, subject, options_.settings, now));
}

void ViolationAuditor::HandleBadRecord() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++counts_.bad_records;
}

void ViolationAuditor::HandleLoss(uint64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  counts_.bpf_lost_bytes += bytes;
}

void ViolationAuditor::Summarise(absl::Time now) {
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t lost =
      counts_.bpf_lost_bytes - std::exchange(lost_bytes_told_, counts_.bpf_lost_bytes);
  if (lost > 0 && options_.warn) {
    options_.warn(
        absl::StrCat("violations are lost: ", lost,
                     " bytes of BPF events were overwritten before they were read; the agent "
                     "needs more processor time (its CPU limit)"));
  }
  const uint64_t lines = log_.lost();
  const uint64_t lost_lines = lines - std::exchange(lost_lines_told_, lines);
  if (lost_lines > 0 && options_.warn) {
    options_.warn(absl::StrCat(lost_lines,
                               " violations were not written: nobody read standard output; "
                               "--violationLog names a file"));
  }
  std::vector<std::string> summaries;
  for (const auto& [key, count] : rate_.TakeSuppressed(now)) {
    const auto found = suppressed_.find(key);
    if (found == suppressed_.end()) continue;
    summaries.push_back(
        SuppressedLine(found->second.first, count, found->second.second, options_.settings, now));
  }
  suppressed_.clear();
  for (auto at = containers_.begin(); at != containers_.end();) {
    const bool old = at->second.ended.has_value() && now - *at->second.ended > options_.remember;
    at = old ? containers_.erase(at) : std::next(at);
  }
  for (auto at = processes_.begin(); at != processes_.end();) {
    at = now - at->second.second > kKeepProcesses ? processes_.erase(at) : std::next(at);
  }
  for (auto at = loaded_.begin(); at != loaded_.end();) {
    at = now - at->second.used > kKeepLoaded ? loaded_.erase(at) : std::next(at);
  }
  lock.unlock();
  for (const std::string& line : summaries) Write(line);
}

void ViolationAuditor::Start() {
  stopping_ = false;
  thread_ = std::thread([this] { Run(); });
}

void ViolationAuditor::Stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void ViolationAuditor::TakeSources() {
  Sources next;
  {
    const std::lock_guard<std::mutex> lock(sources_mutex_);
    next = std::exchange(next_, Sources());
  }
  if (next.bpf.has_value()) {
    bpf_ = *std::move(next.bpf);
    bpf_lost_seen_ = 0;
  }
  if (next.audit.has_value()) audit_ = *std::move(next.audit);
  if (next.audit_file.has_value()) {
    audit_file_ = *std::move(next.audit_file);
    too_long_seen_ = 0;
  }
}

void ViolationAuditor::ReadSources() {
  if (bpf_ != nullptr) {
    const absl::Status read = bpf_->Poll(0).status();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      const std::string problem(read.message());
      if (!read.ok() && problem != counts_.bpf_problem && options_.warn) {
        options_.warn(absl::StrCat("violations of BPF profiles are not seen: ", problem));
      }
      counts_.bpf_problem = problem;
    }
    const uint64_t lost = bpf_->lost_bytes();
    HandleLoss(lost - std::exchange(bpf_lost_seen_, lost));
  }
  if (audit_ != nullptr) {
    for (const std::string& record : audit_->Read(0, kRecordsAtOnce)) {
      HandleRecord(record, absl::Now());
    }
    const std::lock_guard<std::mutex> counts_lock(mutex_);
    counts_.audit_overruns = audit_->overruns();
  }
  if (audit_file_ != nullptr) {
    for (const std::string& record : audit_file_->Read()) HandleRecord(record, absl::Now());
    const uint64_t too_long = audit_file_->too_long();
    const std::lock_guard<std::mutex> counts_lock(mutex_);
    counts_.bad_records += too_long - std::exchange(too_long_seen_, too_long);
  }
}

void ViolationAuditor::Run() {
  absl::Time next_summary = absl::Now() + options_.summary_every;
  while (!stopping_) {
    TakeSources();
    pollfd files[2] = {{-1, POLLIN, 0}, {-1, POLLIN, 0}};
    if (bpf_ != nullptr) files[0].fd = bpf_->fd();
    if (audit_ != nullptr) files[1].fd = audit_->fd();
    poll(files, 2, kPollMs);
    ReadSources();
    if (absl::Now() < next_summary) continue;
    next_summary = absl::Now() + options_.summary_every;
    Summarise(absl::Now());
  }
  Summarise(absl::Now());
}

}  // namespace varmor
