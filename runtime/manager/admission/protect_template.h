// What a policy writes into a pod template, and how it is taken out again. Pure: JSON in, JSON out.
//
// The webhook and the rollout of existing workloads use the same functions, so both always write
// the same.
#ifndef RUNTIME_MANAGER_ADMISSION_PROTECT_TEMPLATE_H_
#define RUNTIME_MANAGER_ADMISSION_PROTECT_TEMPLATE_H_

#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/compiler/policy/enforcer_set.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

// What of a policy a template needs.
struct Protection {
  std::string profile_name;
  EnforcerSet enforcers;
  // Mode RuntimeDefault: seccomp is the container runtime's own profile.
  bool runtime_default = false;
  // Names; empty: all ordinary containers. Init and ephemeral containers are never touched.
  std::vector<std::string> containers;
  // A container may say "unconfined" for itself.
  bool allow_opt_out = true;
};

struct TemplateOptions {
  // The server knows securityContext.appArmorProfile (Kubernetes 1.30 and newer); otherwise
  // AppArmor is an annotation.
  bool app_armor_field = false;
  // Containers under BPF get AppArmor "unconfined", unless their policy names AppArmor as well.
  bool bpf_exclusive = false;
};

// Values that a user had written and that were replaced, for ReleaseTemplate: an annotation of the
// template with JSON, {"CONTAINER": {"annotations": {...}, "field": {...}}}. The enforcer's name
// follows, in lower case.
inline constexpr char kOriginalAnnotation[] = "varmor.org/original-";

// Writes annotations and securityContext of every selected container of `pod_template` (an object
// with `metadata` and `spec`: a pod template or a pod); docs/webhook.md has the table. Applying it
// twice is the same as applying it once. Parts that are not what Kubernetes would accept are left
// as they are. Returns what the template does not get of it, and why, for people: containers that
// stay out of an enforcer, and selected ones that are not there.
std::vector<std::string> ProtectTemplate(const Protection& protection,
                                         const TemplateOptions& options, Json& pod_template);

// Writes kProfileLabel into a pod template of which a container refers to the profile. Apart from
// ProtectTemplate, because it alone is no reason to make the pods of a template anew.
void LabelTemplate(absl::string_view profile_name, Json& pod_template);

// Takes out what ProtectTemplate and LabelTemplate wrote for `profile_name` (whatever its enforcers
// were then) and puts back what was there before. Nothing else is touched.
//
// CarriedProfiles says which names there are.
void ReleaseTemplate(absl::string_view profile_name, Json& pod_template);

// The profiles that containers of `pod_template` refer to, by what ProtectTemplate writes.
std::set<std::string> CarriedProfiles(const Json& pod_template);

}  // namespace varmor

#endif  // RUNTIME_MANAGER_ADMISSION_PROTECT_TEMPLATE_H_
