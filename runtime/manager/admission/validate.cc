#include "runtime/manager/admission/validate.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/policy/profile_name.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/manager/policy_update.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

constexpr char kPolicyKind[] = "VarmorPolicy";
// Of a warning that only says which addresses are unknown.
constexpr char kEmptyDestination[] = "[cluster-destination-empty]";

const Json& At(const Json& object, const char* key) {
  static const Json* const kNone = new Json();
  if (!object.is_object()) return *kNone;
  const auto found = object.find(key);
  return found == object.end() ? *kNone : *found;
}

bool IsAboutPolicy(const AdmissionRequest& request) {
  return request.subresource.empty() && request.group == kPolicyGroup &&
         (request.kind == kPolicyKind || request.kind == kClusterPolicyKind) &&
         (request.operation == "CREATE" || request.operation == "UPDATE");
}

const Json& OptOut(const Json& policy) {
  return At(At(At(policy, "metadata"), "annotations"), kAllowOptOutAnnotation);
}

// Of the metadata only this has a meaning here. A value that was there before does no harm now.
void CheckOptOut(const AdmissionRequest& request, std::vector<PolicyProblem>& problems) {
  const Json& value = OptOut(request.object);
  if (value.is_null() || value == "true" || value == "false") return;
  if (request.operation == "UPDATE" && value == OptOut(request.old_object)) return;
  problems.push_back(
      {"S1", absl::StrCat("metadata.annotations[\"", kAllowOptOutAnnotation, "\"]: unknown value ",
                          Quoted(value.is_string() ? value.get<std::string>() : JsonText(value)),
                          " [unknown-value]; known are true, false")});
}

// The object with what the request knows better: an object may leave its namespace out.
Json PolicyOf(const AdmissionRequest& request) {
  Json policy = request.object;
  if (!policy.is_object()) return policy;
  Json& metadata = policy["metadata"];
  if (metadata.is_null()) metadata = Json::object();
  if (metadata.is_object() && !request.name_space.empty() && request.kind != kClusterPolicyKind) {
    metadata["namespace"] = request.name_space;
  }
  return policy;
}

std::string ProfileNameOf(const AdmissionRequest& request, const PolicyFeatures& features) {
  PolicyObject object;
  object.set_kind(request.kind);
  object.mutable_metadata()->set_name(request.name);
  object.mutable_metadata()->set_namespace_(request.name_space);
  return ProfileName(object, features.install_namespace);
}

void CheckOwner(const AdmissionRequest& request, const std::string& profile_name,
                const WorkloadPolicies& policies, std::vector<PolicyProblem>& problems) {
  const WorkloadPolicy* owner = policies.OwnerOf(profile_name);
  const std::string name_space = request.kind == kClusterPolicyKind ? "" : request.name_space;
  if (owner == nullptr || (owner->name_space == name_space && owner->name == request.name)) return;
  problems.push_back(
      {"NameCollision",
       absl::StrCat("metadata.name: the profile name ", profile_name, " is already that of ",
                    owner->name_space.empty()
                        ? absl::StrCat(kClusterPolicyKind, " ", owner->name)
                        : absl::StrCat(kPolicyKind, " ", owner->name_space, "/", owner->name),
                    "; choose another name")});
}

}  // namespace

absl::StatusOr<AdmissionAnswer> Validate(const AdmissionRequest& request,
                                         const ValidateInputs& inputs) {
  AdmissionAnswer answer;
  if (!IsAboutPolicy(request)) return answer;
  std::vector<PolicyProblem> problems;
  CheckOptOut(request, problems);
  if (request.operation == "UPDATE" &&
      At(request.object, "spec") == At(request.old_object, "spec")) {
    // Nothing else that could be wrong with the policy, such as finalizers.
    answer.allowed = problems.empty();
    answer.message = ProblemsText(problems);
    return answer;
  }
  const std::string profile_name = ProfileNameOf(request, inputs.features);
  std::shared_ptr<const BehaviorModel> model;
  if (inputs.find_model != nullptr) {
    model = inputs.find_model(
        request.kind == kClusterPolicyKind ? inputs.features.install_namespace : request.name_space,
        profile_name);
  }
  const ClusterFacts nothing_known;
  VARMOR_ASSIGN_OR_RETURN(const PolicyCheck check,
                          CheckPolicy(PolicyOf(request), inputs.features, model.get(),
                                      &nothing_known, inputs.catalogue));
  problems.insert(problems.begin(), check.errors.begin(), check.errors.end());
  CheckOwner(request, profile_name, inputs.policies, problems);
  if (request.operation == "UPDATE") {
    const Json& phase = At(At(request.old_object, "status"), "phase");
    for (PolicyProblem& each :
         CheckUpdate(At(request.old_object, "spec"), At(request.object, "spec"),
                     phase.is_string() ? phase.get<std::string>() : "")) {
      problems.push_back(std::move(each));
    }
  }
  answer.allowed = problems.empty();
  answer.message = ProblemsText(problems);
  for (const PolicyProblem& each : check.warnings) {
    if (absl::StrContains(each.text, kEmptyDestination)) continue;
    answer.warnings.push_back(ProblemText(each));
  }
  return answer;
}

}  // namespace varmor
