// Names that manager, agents, workloads and users agree on. Those without a remark are vArmor's.
#ifndef RUNTIME_PROTOCOL_NAMES_H_
#define RUNTIME_PROTOCOL_NAMES_H_

namespace varmor {

inline constexpr char kPolicyGroup[] = "crd.varmor.org";
inline constexpr char kPolicyApiVersion[] = "crd.varmor.org/v1beta1";

// Finalizers. The second is this project's: a policy goes in two phases (docs/operations.md).
inline constexpr char kArmorProfileFinalizer[] = "varmor.org/ap-protection";
inline constexpr char kPolicyFinalizer[] = "varmor.org/policy-protection";

// Annotations of an ArmorProfile. A change of the first makes agents apply and report again; the
// second, "true", tells them that the policy is going; the third is the policy's mode when the
// profile was made of it (both this project's).
inline constexpr char kReconcileAnnotation[] = "profile-reconcile-counter";
inline constexpr char kRetireAnnotation[] = "varmor.org/retire";
inline constexpr char kPolicyModeAnnotation[] = "varmor.org/policy-mode";

// Annotations of pods and pod templates; the container's name follows the slash.
inline constexpr char kBpfAnnotation[] = "container.bpf.security.beta.varmor.org/";
inline constexpr char kAppArmorAnnotation[] = "container.apparmor.security.beta.varmor.org/";
inline constexpr char kSeccompAnnotation[] = "container.seccomp.security.beta.varmor.org/";
inline constexpr char kKubernetesAppArmorAnnotation[] =
    "container.apparmor.security.beta.kubernetes.io/";

// Label of pod templates whose containers refer to a profile: its name (this project's). Pods that
// are made of them are found by it.
inline constexpr char kProfileLabel[] = "varmor.org/profile";

// Objects of an installation.
inline constexpr char kAgentDaemonSet[] = "varmor-agent";
inline constexpr char kManagerDeployment[] = "varmor-manager";
inline constexpr char kComponentLabel[] = "app.kubernetes.io/component";
inline constexpr char kStatusService[] = "varmor-status-svc";
inline constexpr char kWebhookService[] = "varmor-webhook-svc";

// The audience of the tokens with which agents report.
inline constexpr char kStatusAudience[] = "varmor-manager";

// Paths of the status service. The last is this project's.
inline constexpr char kHealthPath[] = "/healthz";
inline constexpr char kStatusPath[] = "/apis/v1/status";
inline constexpr char kBehaviorDataPath[] = "/apis/v1/data";
inline constexpr char kNodePath[] = "/apis/v1/node";
// The header with the token, in lower case as HttpRequest has it.
inline constexpr char kTokenHeader[] = "token";

}  // namespace varmor

#endif  // RUNTIME_PROTOCOL_NAMES_H_
