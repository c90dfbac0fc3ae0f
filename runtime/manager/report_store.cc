#include "runtime/manager/report_store.h"

#include <algorithm>
#include <utility>

#include "runtime/protocol/armor_profile.h"

namespace varmor {

namespace {

// Adds the report to the totals, or with -1 takes it out.
void Count(const NodeProfile& report, const std::string& revision, int sign, ReportTotals& totals) {
  if (!report.revision.empty() && report.revision != revision) return;
  if (report.state == ProfileState::kSucceeded) totals.loaded += sign;
  if (report.state == ProfileState::kFailed) totals.failed += sign;
}

}  // namespace

ReportStore::ReportStore(Changed changed, std::function<absl::Time()> clock)
    : changed_(std::move(changed)), clock_(std::move(clock)) {}

void ReportStore::Replace(const std::string& key, Profile& profile, const std::string& node,
                          const NodeProfile* report, std::vector<Change>& changes) {
  const ReportTotals before = profile.totals;
  const auto stored = profile.reports.find(node);
  const bool exists = stored != profile.reports.end();
  if (report == nullptr && !exists) return;
  if (report != nullptr && exists && stored->second.revision == report->revision &&
      stored->second.state == report->state && stored->second.message == report->message &&
      stored->second.unenforced == report->unenforced) {
    return;
  }
  if (exists) {
    Count(stored->second, profile.revision, -1, profile.totals);
    profile.reports.erase(stored);
  }
  if (report != nullptr) {
    Count(*report, profile.revision, 1, profile.totals);
    profile.reports.emplace(node, *report);
  }
  changes.push_back({key, before, profile.totals});
}

bool ReportStore::StoreViolations(const NodeReport& report, const std::string& key,
                                  Profile& profile) {
  const auto violations = report.violations.find(key);
  if (violations == report.violations.end()) return profile.violations.erase(report.node_name) > 0;
  NodeViolations& stored = profile.violations[report.node_name];
  const bool same = stored.denied == violations->second.denied &&
                    stored.allowed == violations->second.allowed &&
                    stored.last == violations->second.last;
  stored = violations->second;
  return !same;
}

void ReportStore::Tell(const std::vector<Change>& changes) {
  for (const Change& change : changes) changed_(change.key, change.before, change.after);
}

void ReportStore::SetProfile(const std::string& key, const std::string& revision,
                             const std::string& uid) {
  MutexLock lock(&mutex_);
  Profile& profile = profiles_[key];
  if (!profile.uid.empty() && profile.uid != uid) profile = {};
  profile.uid = uid;
  if (profile.revision == revision) return;
  profile.revision = revision;
  profile.totals = {};
  for (auto it = profile.reports.begin(); it != profile.reports.end();) {
    if (it->second.revision.empty()) {
      it = profile.reports.erase(it);
    } else {
      Count(it->second, revision, 1, profile.totals);
      ++it;
    }
  }
}

void ReportStore::RemoveProfile(const std::string& key, const std::string& uid) {
  MutexLock lock(&mutex_);
  const auto found = profiles_.find(key);
  if (found != profiles_.end() && found->second.uid == uid) profiles_.erase(found);
}

void ReportStore::RemoveNode(const std::string& node) {
  std::vector<Change> changes;
  {
    MutexLock lock(&mutex_);
    heard_.erase(node);
    for (auto& [key, profile] : profiles_) profile.violations.erase(node);
    ForgetReports(node, changes);
  }
  Tell(changes);
}

void ReportStore::ForgetReports(const std::string& node, std::vector<Change>& changes) {
  for (auto& [key, profile] : profiles_) Replace(key, profile, node, nullptr, changes);
}

void ReportStore::Expire(absl::Time time) {
  std::vector<Change> changes;
  {
    MutexLock lock(&mutex_);
    for (auto it = heard_.begin(); it != heard_.end();) {
      if (it->second >= time) {
        ++it;
        continue;
      }
      ForgetReports(it->first, changes);
      it = heard_.erase(it);
    }
  }
  Tell(changes);
}

void ReportStore::Add(const ProfileStatus& status) {
  const std::string key = ArmorProfileKey(status.name_space, status.armor_profile);
  const NodeProfile report = {status.revision, status.state, status.message, status.unenforced};
  std::vector<Change> changes;
  {
    MutexLock lock(&mutex_);
    const auto found = profiles_.find(key);
    if (found != profiles_.end()) {
      Replace(key, found->second, status.node_name, &report, changes);
    }
  }
  Tell(changes);
}

std::vector<std::string> ReportStore::Add(const NodeReport& report) {
  std::vector<Change> changes;
  std::vector<std::string> resync;
  {
    MutexLock lock(&mutex_);
    if (report.profiles.empty()) {
      heard_.emplace(report.node_name, clock_());
      for (const auto& [key, profile] : profiles_) resync.push_back(key);
      return resync;
    }
    heard_[report.node_name] = clock_();
    for (auto& [key, profile] : profiles_) {
      const auto listed = report.profiles.find(key);
      const bool has = listed != report.profiles.end();
      const size_t before = changes.size();
      Replace(key, profile, report.node_name, has ? &listed->second : nullptr, changes);
      if (!has || listed->second.revision != profile.revision) resync.push_back(key);
      const bool news = StoreViolations(report, key, profile);
      if (news && changes.size() == before)
        changes.push_back({key, profile.totals, profile.totals});
    }
  }
  Tell(changes);
  return resync;
}

ProfileReports ReportStore::Get(const std::string& key) const {
  MutexLock lock(&mutex_);
  const auto found = profiles_.find(key);
  return found == profiles_.end() ? ProfileReports() : found->second.reports;
}

NodeViolations ReportStore::Violations(const std::string& key) const {
  MutexLock lock(&mutex_);
  NodeViolations sum;
  const auto found = profiles_.find(key);
  if (found == profiles_.end()) return sum;
  for (const auto& [node, counts] : found->second.violations) {
    sum.denied += counts.denied;
    sum.allowed += counts.allowed;
    // RFC 3339 in UTC orders like text.
    sum.last = std::max(sum.last, counts.last);
  }
  return sum;
}

}  // namespace varmor
