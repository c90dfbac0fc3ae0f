// Tells the manager how this node stands to each ArmorProfile, until it has heard it.
//
// Of each profile only the newest is kept and sent; a whole picture of the node follows once a
// minute. Nothing is given up: after an error the next try waits longer, up to two minutes, or as
// long as the manager asks.
#ifndef RUNTIME_AGENT_MANAGER_REPORTER_H_
#define RUNTIME_AGENT_MANAGER_REPORTER_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "runtime/agent/agent_status.h"
#include "runtime/log/logger.h"
#include "runtime/protocol/node_report.h"

namespace varmor {

// One POST: path and body. The answer's body; UNAUTHENTICATED for 401, PERMISSION_DENIED for 403,
// INVALID_ARGUMENT for 400; UNAVAILABLE for anything else, in `retry_after` how long the manager
// asks to wait, zero when it does not.
using ManagerPost = std::function<absl::StatusOr<std::string>(
    const std::string& path, const std::string& body, absl::Duration& retry_after)>;

struct ManagerReporterOptions {
  std::string node;
  absl::Duration first_wait = absl::Seconds(1);
  absl::Duration longest_wait = absl::Minutes(2);
  absl::Duration node_every = absl::Seconds(60);
};

class ManagerReporter {
 public:
  // `node_report` is asked in the reporter's thread, and again after `first_wait` when it has none
  // now; `resync` gets what the manager wants to be applied and reported again. `log` outlives
  // this.
  ManagerReporter(ManagerReporterOptions options, ManagerPost post,
                  std::function<absl::optional<NodeReport>()> node_report,
                  std::function<void(const std::vector<std::string>& keys)> resync, Logger& log);
  ~ManagerReporter();

  void Start();
  void Stop();

  // All policies as they are now. What is pending or retiring waits until it is neither.
  // Thread-safe.
  void SetPolicies(const std::vector<PolicyStatus>& policies);
  // Reports a profile again though nothing changed. Thread-safe.
  void Again(const std::string& key);
  // Reports that were not delivered yet.
  size_t pending();

 private:
  struct Report {
    ProfileStatus status;
    std::string text;
    bool delivered = false;
  };

  void Run();
  // False when the manager is not there. `refused`: it did not take one of them, and is there.
  bool SendProfiles(absl::Duration& retry_after, bool& refused);
  bool SendNode(const NodeReport& report, absl::Duration& retry_after);
  void NoteFailure(const absl::Status& status);

  const ManagerReporterOptions options_;
  const ManagerPost post_;
  const std::function<absl::optional<NodeReport>()> node_report_;
  const std::function<void(const std::vector<std::string>&)> resync_;
  Logger& log_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Report> reports_;
  bool stopping_ = false;
  std::thread thread_;

  // Of the thread alone.
  std::string last_failure_;
  absl::BitGen random_;
};

// The report of a policy, and whether it is time for one.
bool ReportOf(const PolicyStatus& policy, const std::string& node, ProfileStatus& report);
// The whole picture.
NodeReport NodeReportOf(const AgentStatus& status, const std::string& boot_id);

}  // namespace varmor

#endif  // RUNTIME_AGENT_MANAGER_REPORTER_H_
