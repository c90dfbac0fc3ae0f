#include "lib/compiler/simulate/decide_app_armor.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/app_armor_decide_file.h"
#include "lib/compiler/simulate/app_armor_decide_mount.h"
#include "lib/compiler/simulate/app_armor_decide_process.h"
#include "lib/compiler/simulate/app_armor_judge.h"
#include "lib/compiler/simulate/app_armor_model.h"
#include "lib/compiler/status/status_macros.h"
#include "proto/builtin_rule.pb.h"

namespace varmor {
namespace {

absl::StatusOr<Verdict> DecideOperation(const OperationEvent& event) {
  BpfEffects::Operation operation = BpfEffects::OPERATION_UNSPECIFIED;
  if (!BpfEffects::Operation_Parse(event.name(), &operation)) {
    return absl::InvalidArgumentError(absl::StrCat("unknown operation ", Quoted(event.name())));
  }
  return NotMediatedVerdict("AppArmor 3.0 has no rules about this operation");
}

absl::StatusOr<Verdict> DecideIn(const AppArmorModel& model, const AppArmorProfileModel& profile,
                                 const Event& event) {
  switch (event.kind_case()) {
    case Event::kFile:
      return DecideAppArmorFile(model, profile, event.file());
    case Event::kExec:
      return DecideAppArmorExec(model, profile, event.exec());
    case Event::kCapability:
      return DecideAppArmorCapability(model, profile, event.capability());
    case Event::kSocket:
      return DecideAppArmorSocket(model, profile, event.socket());
    case Event::kConnect:
      return DecideAppArmorConnect(model, profile, event.connect());
    case Event::kPtrace:
      return DecideAppArmorPtrace(model, profile, event.ptrace());
    case Event::kMount:
      return DecideAppArmorMount(model, profile, event.mount());
    case Event::kSignal:
      return DecideAppArmorSignal(model, profile, event.signal());
    case Event::kSyscall:
      return NotMediatedVerdict("AppArmor does not see system calls as such");
    case Event::kOperation:
      return DecideOperation(event.operation());
    case Event::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("event without a kind");
}

}  // namespace

absl::StatusOr<AppArmorSimulator> AppArmorSimulator::Load(const AppArmorArtifact& artifact,
                                                          const SimulateOptions& options) {
  VARMOR_ASSIGN_OR_RETURN(AppArmorModel model, AppArmorModel::Load(artifact, options));
  return AppArmorSimulator(std::make_shared<const AppArmorModel>(std::move(model)));
}

absl::StatusOr<Verdict> AppArmorSimulator::Decide(const Event& event) const {
  const AppArmorProfileModel* profile = model_->Find(event.profile());
  if (profile == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown child profile ", Quoted(event.profile())));
  }
  VARMOR_ASSIGN_OR_RETURN(Verdict verdict, DecideIn(*model_, *profile, event));
  if (!profile->unconfined || verdict.outcome == Verdict::Outcome::kNotMediated) return verdict;
  verdict = Verdict();
  verdict.reason = "the profile has flags=(unconfined), which allows everything";
  return verdict;
}

}  // namespace varmor
