#include "runtime/agent/manager_reporter.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "runtime/protocol/armor_profile.h"
#include "runtime/protocol/names.h"

namespace varmor {

bool ReportOf(const PolicyStatus& policy, const std::string& node, ProfileStatus& report) {
  if (policy.state == "pending" || policy.state == "retiring") return false;
  report.name_space = policy.profile_namespace;
  report.armor_profile = policy.profile;
  report.node_name = node;
  report.state = policy.state == "enforced"  ? ProfileState::kSucceeded
                 : policy.state == "retired" ? ProfileState::kRetired
                                             : ProfileState::kFailed;
  report.message = policy.message;
  report.revision = policy.revision;
  report.enforcers = policy.enforcers;
  report.unenforced = AllTexts(policy.unenforced);
  return true;
}

NodeReport NodeReportOf(const AgentStatus& status, const std::string& boot_id) {
  NodeReport report;
  report.node_name = status.node;
  report.boot_id = boot_id;
  report.agent_version = status.version;
  report.capabilities.kernel = status.kernel;
  const auto available = [&](EnforcerKind kind) {
    const auto found = status.enforcers.find(kind);
    const bool there = found != status.enforcers.end() && found->second.available;
    if (!there && found != status.enforcers.end()) {
      report.capabilities.reasons[std::string(EnforcerName(kind))] = found->second.problem;
    }
    return there;
  };
  report.capabilities.app_armor = available(EnforcerKind::kAppArmor);
  report.capabilities.bpf = available(EnforcerKind::kBpf);
  report.capabilities.seccomp = available(EnforcerKind::kSeccomp);
  if (!status.audit_problem.empty()) report.capabilities.reasons["audit"] = status.audit_problem;
  for (const PolicyStatus& policy : status.policies) {
    const std::string key = ArmorProfileKey(policy.profile_namespace, policy.profile);
    ProfileStatus one;
    if (ReportOf(policy, status.node, one)) {
      report.profiles[key] = {one.revision, one.state, one.message, one.unenforced};
    }
    const auto counts = status.violations.profiles.find(policy.profile);
    if (counts == status.violations.profiles.end()) continue;
    NodeViolations& violations = report.violations[key];
    violations.denied = static_cast<int64_t>(counts->second.denied);
    violations.allowed = static_cast<int64_t>(counts->second.allowed);
    violations.last =
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", counts->second.last, absl::UTCTimeZone());
  }
  return report;
}

ManagerReporter::ManagerReporter(ManagerReporterOptions options, ManagerPost post,
                                 std::function<absl::optional<NodeReport>()> node_report,
                                 std::function<void(const std::vector<std::string>& keys)> resync,
                                 Logger& log)
    : options_(std::move(options)),
      post_(std::move(post)),
      node_report_(std::move(node_report)),
      resync_(std::move(resync)),
      log_(log) {}

ManagerReporter::~ManagerReporter() { Stop(); }

void ManagerReporter::Start() {
  thread_ = std::thread([this] { Run(); });
}

void ManagerReporter::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ManagerReporter::SetPolicies(const std::vector<PolicyStatus>& policies) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::map<std::string, Report> reports;
  bool news = false;
  for (const PolicyStatus& policy : policies) {
    const std::string key = ArmorProfileKey(policy.profile_namespace, policy.profile);
    const auto before = reports_.find(key);
    Report report;
    if (!ReportOf(policy, options_.node, report.status)) {
      // What was said before is no longer so; it is not sent while it waits.
      continue;
    }
    report.text = JsonText(ProfileStatusJson(report.status));
    if (before != reports_.end() && before->second.text == report.text) {
      report.delivered = before->second.delivered;
    }
    news |= !report.delivered;
    reports.emplace(key, std::move(report));
  }
  reports_ = std::move(reports);
  if (news) changed_.notify_all();
}

void ManagerReporter::Again(const std::string& key) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = reports_.find(key);
  if (found == reports_.end()) return;
  found->second.delivered = false;
  changed_.notify_all();
}

size_t ManagerReporter::pending() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<size_t>(std::count_if(reports_.begin(), reports_.end(),
                                           [](const auto& one) { return !one.second.delivered; }));
}

void ManagerReporter::NoteFailure(const absl::Status& status) {
  if (last_failure_ == status.message()) return;
  last_failure_ = std::string(status.message());
  log_.Warning(absl::StrCat("the manager was not told: ", last_failure_));
}

bool ManagerReporter::SendProfiles(absl::Duration& retry_after, bool& refused) {
  std::map<std::string, std::string> to_send;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [key, report] : reports_) {
      if (!report.delivered) to_send[key] = report.text;
    }
  }
  for (const auto& [key, text] : to_send) {
    const absl::StatusOr<std::string> answer = post_(kStatusPath, text, retry_after);
    if (!answer.ok()) {
      NoteFailure(answer.status());
      // What is wrong with one report says nothing about the next; a manager that is away does.
      if (!absl::IsInvalidArgument(answer.status())) return false;
      refused = true;
      continue;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = reports_.find(key);
    // Another one may have taken its place meanwhile.
    if (found != reports_.end() && found->second.text == text) found->second.delivered = true;
  }
  return true;
}

bool ManagerReporter::SendNode(const NodeReport& report, absl::Duration& retry_after) {
  const absl::StatusOr<std::string> answer =
      post_(kNodePath, JsonText(NodeReportJson(report)), retry_after);
  if (!answer.ok()) {
    NoteFailure(answer.status());
    return false;
  }
  const absl::StatusOr<std::vector<std::string>> keys = ParseNodeReportAnswer(*answer);
  if (!keys.ok()) {
    NoteFailure(keys.status());
    return false;
  }
  last_failure_.clear();
  if (keys->empty()) return true;
  for (const std::string& key : *keys) Again(key);
  resync_(*keys);
  return true;
}

void ManagerReporter::Run() {
  absl::Duration wait = options_.first_wait;
  absl::Time next_node = absl::Now();
  absl::Time not_before = absl::InfinitePast();
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      const auto has_news = [this] {
        return std::any_of(reports_.begin(), reports_.end(),
                           [](const auto& one) { return !one.second.delivered; });
      };
      while (!stopping_) {
        const absl::Time now = absl::Now();
        const absl::Time due = has_news() ? not_before : std::max(next_node, not_before);
        if (due <= now) break;
        changed_.wait_for(lock, absl::ToChronoMilliseconds(std::min(due - now, absl::Seconds(60)) +
                                                           absl::Milliseconds(1)));
      }
      if (stopping_) return;
    }
    absl::Duration retry_after;
    bool refused = false;
    bool good = SendProfiles(retry_after, refused);
    if (good && absl::Now() >= next_node) {
      const absl::optional<NodeReport> report = node_report_();
      if (!report.has_value()) {
        next_node = absl::Now() + options_.first_wait;
      } else if (SendNode(*report, retry_after)) {
        next_node = absl::Now() + options_.node_every * absl::Uniform(random_, 0.9, 1.1);
      } else {
        good = false;
      }
    }
    if (good && !refused) {
      wait = options_.first_wait;
      not_before = absl::InfinitePast();
      continue;
    }
    not_before = absl::Now() + std::max(retry_after, wait * absl::Uniform(random_, 0.5, 1.0));
    wait = std::min(wait * 2, options_.longest_wait);
  }
}

}  // namespace varmor
