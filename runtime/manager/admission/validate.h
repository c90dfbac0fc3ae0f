// The validating webhook as a function: policies are refused with everything that is wrong with
// them, or stored.
#ifndef RUNTIME_MANAGER_ADMISSION_VALIDATE_H_
#define RUNTIME_MANAGER_ADMISSION_VALIDATE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "proto/facts.pb.h"
#include "runtime/manager/admission/admission_review.h"
#include "runtime/manager/admission/workload_policies.h"
#include "runtime/manager/policy_check.h"

namespace varmor {

// The model (ArmorProfileModel) of that name, null when there is none. `name_space` is where its
// ArmorProfile would be.
using FindModel = std::function<std::shared_ptr<const BehaviorModel>(
    const std::string& name_space, const std::string& profile_name)>;

struct ValidateInputs {
  const PolicyFeatures& features;
  const Catalogue& catalogue;
  // Whose profile names are taken.
  const WorkloadPolicies& policies;
  // Empty: there are no models.
  const FindModel& find_model;
};

// Judges CREATE and UPDATE of VarmorPolicy and VarmorClusterPolicy; everything else is allowed, and
// so is an update that leaves `spec` as it is, but for a value of kAllowOptOutAnnotation that is
// none. The message of a refusal has a line for each
// mistake, which begins with its code: those of CheckPolicy and CheckUpdate, and "NameCollision"
// for a profile name that another policy has. What CheckPolicy warns of comes as warnings, of
// stored policies as well. Addresses in the cluster are not known here, so nothing is said about
// them. A status is a fault of ours.
absl::StatusOr<AdmissionAnswer> Validate(const AdmissionRequest& request,
                                         const ValidateInputs& inputs);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_ADMISSION_VALIDATE_H_
