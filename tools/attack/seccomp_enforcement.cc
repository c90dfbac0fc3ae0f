// Seccomp: the container's configuration carries the filter.
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "lib/enforcers/audit/audit_log.h"
#include "tools/attack/enforcement.h"

namespace varmor {
namespace {

class Seccomp : public Enforcement {
 public:
  EnforcerSupport Probe() override {
    EnforcerSupport support;
    support.available = true;
    return support;
  }

  absl::Status Load(const ArtifactSet& artifacts, ContainerOptions& options) override {
    if (artifacts.seccomp == nullptr) return absl::InternalError("there is no seccomp profile");
    profile_ = artifacts.seccomp->name();
    options.seccomp_json = artifacts.seccomp->json();
    log_ = absl::make_unique<AuditLog>();
    reports_ = log_->Open().ok();
    return absl::OkStatus();
  }

  // A filter cannot refuse and report.
  bool Reports(const Event&, const std::string&, bool observe) const override {
    return observe && reports_;
  }

  // The records tell the program, not the profile: only one container runs at a time.
  absl::StatusOr<std::vector<Violation>> Violations() override {
    std::vector<Violation> violations;
    for (std::string& record : log_->Read()) {
      if (!absl::StartsWith(record, "type=1326 ")) continue;
      if (!absl::StrContains(record, "comm=\"attacker\"")) continue;
      violations.push_back({profile_, "", std::move(record), false});
    }
    return violations;
  }

  absl::Status Unload() override { return absl::OkStatus(); }

 private:
  std::string profile_;
  std::unique_ptr<AuditLog> log_;
  bool reports_ = false;
};

}  // namespace

std::unique_ptr<Enforcement> SeccompEnforcement() { return absl::make_unique<Seccomp>(); }

}  // namespace varmor
