// AppArmor: the profile is loaded, and the container's configuration names it. Reports are the
// kernel's audit records; which rule is responsible is what the simulator says of each.
#include <memory>
#include <optional>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/event_text.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/apparmor/app_armor_enforcer.h"
#include "lib/enforcers/audit/audit_log.h"
#include "tools/attack/enforcement.h"

namespace varmor {
namespace {

AppArmorOptions OptionsFor(const EnforcementOptions& options) {
  AppArmorOptions out;
  out.state_directory = options.scratch + "/apparmor";
  return out;
}

// The value of `key="value"` in a record; "" when it is not there.
std::string ValueOf(absl::string_view record, absl::string_view key) {
  const std::string start = absl::StrCat(" ", key, "=\"");
  const size_t at = record.find(start);
  if (at == absl::string_view::npos) return "";
  const absl::string_view rest = record.substr(at + start.size());
  return std::string(rest.substr(0, rest.find('"')));
}

class AppArmor : public Enforcement {
 public:
  explicit AppArmor(const EnforcementOptions& options)
      : enforcer_(OptionsFor(options)), includes_(options.includes) {}

  EnforcerSupport Probe() override { return enforcer_.Probe(); }

  bool Replaces() const override { return true; }

  absl::Status Load(const ArtifactSet& artifacts, ContainerOptions& options) override {
    if (artifacts.app_armor == nullptr) return absl::InternalError("there is no AppArmor profile");
    VARMOR_RETURN_IF_ERROR(enforcer_.Apply(artifacts));
    profile_ = artifacts.app_armor->name();
    options.app_armor_profile = profile_;
    SimulateOptions simulate;
    simulate.includes = includes_;
    VARMOR_ASSIGN_OR_RETURN(Simulator simulator, Simulator::Load(artifacts, simulate));
    simulator_.emplace(std::move(simulator));
    log_ = absl::make_unique<AuditLog>();
    return log_->Open();
  }

  // Of a capability the kernel reports each profile's use once.
  bool Reports(const Event& event, const std::string& way, bool /*observe*/) const override {
    return !event.has_capability() || way.empty();
  }

  absl::StatusOr<std::vector<Violation>> Violations() override {
    std::vector<Violation> violations;
    for (std::string& record : log_->Read()) {
      if (!absl::StrContains(record, " apparmor=\"")) continue;
      violations.push_back({ValueOf(record, "profile"), RuleOf(record), record,
                            absl::StrContains(record, " operation=\"capable\"")});
    }
    return violations;
  }

  absl::Status Unload() override {
    log_.reset();
    return enforcer_.Remove(profile_);
  }

 private:
  std::string RuleOf(const std::string& record) const {
    Event event;
    Diagnostics diagnostics;
    if (!ParseViolationLine(record, "record", event, diagnostics)) {
      return absl::StrCat("none, the record cannot be read: ", record);
    }
    const absl::StatusOr<CombinedVerdict> verdict = simulator_->Decide(event);
    if (!verdict.ok() || verdict->combined.rules.empty()) {
      return absl::StrCat("none, by the record: ", record);
    }
    return verdict->combined.rules[0].origin.rule();
  }

  AppArmorEnforcer enforcer_;
  const AppArmorIncludes* includes_;
  std::string profile_;
  std::optional<Simulator> simulator_;
  std::unique_ptr<AuditLog> log_;
};

}  // namespace

std::unique_ptr<Enforcement> AppArmorEnforcement(const EnforcementOptions& options) {
  return absl::make_unique<AppArmor>(options);
}

}  // namespace varmor
