#include "runtime/manager/report_store.h"

#include <algorithm>
#include <utility>

#include "runtime/protocol/armor_profile.h"

namespace varmor {

ReportStore::ReportStore(std::function<void(const std::string& key)> changed)
    : changed_(std::move(changed)) {}

bool ReportStore::Store(Profile& profile, const std::string& node, NodeProfile report) {
  NodeProfile& stored = profile.reports[node];
  const bool same = stored.revision == report.revision && stored.state == report.state &&
                    stored.message == report.message;
  if (same) return false;
  stored = std::move(report);
  return true;
}

void ReportStore::SetProfile(const std::string& key, const std::string& revision) {
  absl::MutexLock lock(&mutex_);
  Profile& profile = profiles_[key];
  if (profile.revision == revision) return;
  profile.revision = revision;
  for (auto it = profile.reports.begin(); it != profile.reports.end();) {
    it = it->second.revision.empty() ? profile.reports.erase(it) : std::next(it);
  }
}

void ReportStore::RemoveProfile(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  profiles_.erase(key);
}

void ReportStore::RemoveNode(const std::string& node) {
  std::vector<std::string> changed;
  {
    absl::MutexLock lock(&mutex_);
    for (auto& [key, profile] : profiles_) {
      profile.violations.erase(node);
      if (profile.reports.erase(node) > 0) changed.push_back(key);
    }
  }
  for (const std::string& key : changed) changed_(key);
}

void ReportStore::Add(const ProfileStatus& status) {
  const std::string key = ArmorProfileKey(status.name_space, status.armor_profile);
  {
    absl::MutexLock lock(&mutex_);
    const auto found = profiles_.find(key);
    if (found == profiles_.end() ||
        !Store(found->second, status.node_name, {status.revision, status.state, status.message})) {
      return;
    }
  }
  changed_(key);
}

std::vector<std::string> ReportStore::Add(const NodeReport& report) {
  std::vector<std::string> changed;
  std::vector<std::string> resync;
  {
    absl::MutexLock lock(&mutex_);
    for (auto& [key, profile] : profiles_) {
      const auto listed = report.profiles.find(key);
      if (listed == report.profiles.end()) {
        if (profile.reports.erase(report.node_name) > 0) changed.push_back(key);
      } else if (Store(profile, report.node_name, listed->second)) {
        changed.push_back(key);
      }
      if (listed == report.profiles.end() || listed->second.revision != profile.revision) {
        resync.push_back(key);
      }
      const auto violations = report.violations.find(key);
      if (violations != report.violations.end()) {
        profile.violations[report.node_name] = violations->second;
      } else {
        profile.violations.erase(report.node_name);
      }
    }
  }
  for (const std::string& key : changed) changed_(key);
  return resync;
}

ProfileReports ReportStore::Get(const std::string& key) const {
  absl::MutexLock lock(&mutex_);
  const auto found = profiles_.find(key);
  return found == profiles_.end() ? ProfileReports() : found->second.reports;
}

NodeViolations ReportStore::Violations(const std::string& key) const {
  absl::MutexLock lock(&mutex_);
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
