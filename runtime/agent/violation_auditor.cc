#include "runtime/agent/violation_auditor.h"

#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>
#include <variant>

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
  ++containers_changes_;
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

ViolationAuditor::Place ViolationAuditor::PlaceOf(pid_t pid) {
  Place place;
  place.pid = pid;
  if (pid <= 0) return place;
  struct stat mount_namespace = {};
  place.alive = stat(absl::StrCat("/proc/", pid, "/ns/mnt").c_str(), &mount_namespace) == 0;
  if (place.alive) place.mount_namespace = mount_namespace.st_ino;
  const absl::StatusOr<std::string> path = CgroupOfProcess(pid);
  if (path.ok()) place.cgroup_path = *path;
  return place;
}

const AuditedContainer* ViolationAuditor::ByPlace(const Place& place, absl::Time now) {
  if (place.pid <= 0) return nullptr;
  const auto remember = [&](const AuditedContainer& container) {
    if (processes_.size() < kMaxProcesses) {
      processes_[place.pid] = {container.subject.container, now};
    }
    return &container;
  };
  const auto in_cgroup = [&](const AuditedContainer& one) {
    return !one.cgroup_path.empty() && (place.cgroup_path == one.cgroup_path ||
                                        absl::StartsWith(place.cgroup_path, one.cgroup_path + "/"));
  };
  for (const auto& [id, known] : containers_) {
    const AuditedContainer& one = known.container;
    if (known.ended.has_value()) continue;
    if (one.pid == place.pid || in_cgroup(one)) return remember(one);
    if (place.alive && one.cgroup_path.empty() &&
        one.subject.mount_namespace == place.mount_namespace) {
      return remember(one);
    }
  }
  // It may have ended since.
  for (const auto& [id, known] : containers_) {
    if (known.ended.has_value() && in_cgroup(known.container)) return &known.container;
  }
  if (place.alive) return nullptr;
  const auto seen = processes_.find(place.pid);
  if (seen == processes_.end()) return nullptr;
  const auto found = containers_.find(seen->second.first);
  return found == containers_.end() ? nullptr : &found->second.container;
}

std::vector<const AuditedContainer*> ViolationAuditor::Under(const std::string& profile) const {
  std::vector<const AuditedContainer*> out;
  for (const auto& [id, known] : containers_) {
    const AuditedContainer& one = known.container;
    if (one.subject.profile == profile && one.app_armor) out.push_back(&one);
  }
  return out;
}

const AuditedContainer* ViolationAuditor::Find(const Record& record, bool& waits) {
  waits = true;
  if (const auto* bpf = std::get_if<BpfViolation>(&record.violation); bpf != nullptr) {
    return ByCgroup(bpf->subject);
  }
  if (const AuditedContainer* one = ByPlace(record.place, record.seen); one != nullptr) return one;
  if (record.place.alive) return nullptr;
  // A process that ended before its record was read: if one container runs under the AppArmor
  // profile, it was there.
  const std::vector<const AuditedContainer*> under = Under(record.profile);
  waits = !record.profile.empty() && under.empty();
  return under.size() == 1 ? under.front() : nullptr;
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
  Record record;
  record.seen = now;
  record.profile = violation.profile;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!IsOurs(record.profile)) return;
    record.of = profiles_[record.profile];
  }
  if (violation.wall_ns == 0) {
    violation.wall_ns = static_cast<uint64_t>(absl::ToUnixNanos(now));
  }
  record.violation = std::move(violation);
  Take("BPF", std::move(record), now);
}

void ViolationAuditor::HandleRecord(const std::string& text, absl::Time now) {
  std::optional<AuditViolation> violation = ReadAuditRecord(text);
  if (!violation.has_value()) return;
  const std::string enforcer = violation->enforcer;
  Record record;
  record.seen = now;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (enforcer == "Seccomp") {
      // If the process was under a profile of ours, that tells which it is.
      record.profile = AppArmorProfileOf(text);
      if (profiles_.count(record.profile) == 0) record.profile.clear();
    } else {
      record.profile = ParentProfile(violation->profile);
      if (!IsOurs(record.profile)) return;
      record.of = profiles_[record.profile];
    }
  }
  record.place = PlaceOf(static_cast<pid_t>(violation->process));
  record.violation = *std::move(violation);
  Take(enforcer, std::move(record), now);
}

void ViolationAuditor::Take(const std::string& enforcer, Record record, absl::Time now) {
  std::vector<Due> due;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    // What is of the same container and came before goes before.
    Release(enforcer, now, false, due);
    bool waits = false;
    const AuditedContainer* container = Find(record, waits);
    std::deque<Record>& held = held_[enforcer].records;
    if (container != nullptr) {
      due.push_back({std::move(record), container->subject});
    } else if (!waits) {
      due.push_back({std::move(record), std::nullopt});
    } else {
      if (held.size() >= options_.hold_at_most) {
        due.push_back({std::move(held.front()), std::nullopt, true});
        held.pop_front();
      }
      held.push_back(std::move(record));
    }
  }
  for (Due& one : due) Settle(enforcer, std::move(one), now);
}

void ViolationAuditor::Release(const std::string& enforcer, absl::Time now, bool all,
                               std::vector<Due>& due) {
  Held& held = held_[enforcer];
  const auto is_late = [&](const Record& record) {
    // Somebody may set the clock back.
    return all || now - record.seen >= options_.hold_for || now < record.seen;
  };
  const bool news = std::exchange(held.looked_at, containers_changes_) != containers_changes_;
  if (!news && (held.records.empty() || !is_late(held.records.front()))) return;
  std::deque<Record> rest;
  for (Record& record : held.records) {
    bool waits = false;
    const AuditedContainer* container = Find(record, waits);
    if (container != nullptr) {
      due.push_back({std::move(record), container->subject});
    } else if (!waits || is_late(record)) {
      due.push_back({std::move(record), std::nullopt});
    } else {
      rest.push_back(std::move(record));
    }
  }
  held.records = std::move(rest);
}

void ViolationAuditor::WriteHeld(absl::Time now, bool all) {
  for (const char* enforcer : {"AppArmor", "BPF", "Seccomp"}) {
    std::vector<Due> due;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      Release(enforcer, now, all, due);
    }
    for (Due& one : due) Settle(enforcer, std::move(one), now);
  }
}

void ViolationAuditor::Settle(const std::string& enforcer, Due due, absl::Time now) {
  Record& record = due.record;
  std::unique_lock<std::mutex> lock(mutex_);
  if (enforcer == "Seccomp") {
    if (due.container.has_value()) record.profile = due.container->profile;
    const auto profile = profiles_.find(record.profile);
    if (profile == profiles_.end() ||
        profile->second.artifacts.digests().count(EnforcerKind::kSeccomp) == 0) {
      // Of anybody on the machine.
      if (!due.container.has_value() && !record.place.alive) ++counts_.unattributed;
      return;
    }
    record.of = profile->second;
  }
  if (!due.container.has_value()) {
    ++(due.too_many ? counts_.too_many_waiting : counts_.container_unknown);
  }
  ViolationSubject subject = due.container.value_or(ViolationSubject());
  subject.profile = record.profile;
  subject.policy = record.of.policy;
  const bool wanted = TakeRate(enforcer, subject, now);
  std::string action;
  std::string rule;
  if (const auto* bpf = std::get_if<BpfViolation>(&record.violation); bpf != nullptr) {
    action = std::string(BpfActionName(bpf->action));
    if (bpf->origin.has_value()) rule = bpf->origin->rule();
  } else {
    auto& violation = std::get<AuditViolation>(record.violation);
    if (enforcer == "Seccomp") violation.profile = record.profile;
    // The search for the rule takes time, which a container that is refused all day shall not have;
    // nor shall the agent's thread wait for it.
    if (wanted) {
      lock.unlock();
      NameRulesOf(record.of.artifacts, violation, now);
      lock.lock();
    }
    action = violation.action;
    if (!violation.rules.empty()) rule = violation.rules.front().rule();
  }
  // Series go with their profile.
  if (profiles_.count(record.profile) > 0) Count(enforcer, action, rule, subject, record.seen);
  lock.unlock();
  if (!wanted) return;
  Write(std::visit(
      [&](const auto& violation) {
        return ViolationLine(violation, subject, options_.settings, now);
      },
      record.violation));
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
    WriteHeld(absl::Now());
    if (absl::Now() < next_summary) continue;
    next_summary = absl::Now() + options_.summary_every;
    Summarise(absl::Now());
  }
  WriteHeld(absl::Now(), true);
  Summarise(absl::Now());
}

}  // namespace varmor
