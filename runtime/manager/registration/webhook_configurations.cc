#include "runtime/manager/registration/webhook_configurations.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/kube/kube_object.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

constexpr char kApiVersion[] = "admissionregistration.k8s.io/v1";
// Since Kubernetes 1.21 every namespace has this label with its name.
constexpr char kNamespaceLabel[] = "kubernetes.io/metadata.name";

std::string NameOf(const char* name, const WebhookOptions& options) {
  return absl::StrCat(name, options.url.empty() ? "" : "-debug");
}

Json ClientConfig(const char* path, const WebhookOptions& options) {
  Json config = {{"caBundle", absl::Base64Escape(options.ca_bundle)}};
  if (!options.url.empty()) {
    config["url"] = absl::StrCat(options.url, path);
  } else {
    config["service"] = {{"namespace", options.install_namespace},
                         {"name", kWebhookService},
                         {"path", path},
                         {"port", options.service_port}};
  }
  return config;
}

Json Rule(const char* group, const char* version, const std::vector<std::string>& resources,
          const std::vector<std::string>& operations) {
  return {{"apiGroups", {group}},
          {"apiVersions", {version}},
          {"resources", resources},
          {"operations", operations},
          {"scope", "*"}};
}

// Both kinds of webhooks have these.
Json Webhook(const char* name, const Json& rule, const char* path,
             const std::string& failure_policy, const WebhookOptions& options) {
  return {{"name", name},
          {"rules", {rule}},
          {"clientConfig", ClientConfig(path, options)},
          {"failurePolicy", failure_policy},
          {"matchPolicy", "Equivalent"},
          {"namespaceSelector", Json::object()},
          {"objectSelector", Json::object()},
          {"sideEffects", "None"},
          {"timeoutSeconds", options.timeout_seconds},
          {"admissionReviewVersions", {"v1"}}};
}

Json NamespaceSelector(const WebhookOptions& options) {
  if (!options.namespace_selector.is_null()) return options.namespace_selector;
  return {{"matchExpressions",
           {{{"key", kNamespaceLabel},
             {"operator", "NotIn"},
             {"values", {"kube-system", options.install_namespace}}}}}};
}

// Whether a selector keeps the installation's namespace out by name. Other ways to say so are not
// understood.
bool ExcludesInstallation(const WebhookOptions& options) {
  const Json selector = NamespaceSelector(options);
  const Json* expressions = FieldAt(selector, {"matchExpressions"});
  if (expressions == nullptr || !expressions->is_array()) return false;
  return std::any_of(expressions->begin(), expressions->end(), [&](const Json& each) {
    const Json* values = FieldAt(each, {"values"});
    return TextAt(each, {"key"}) == kNamespaceLabel && TextAt(each, {"operator"}) == "NotIn" &&
           values != nullptr &&
           std::find(values->begin(), values->end(), options.install_namespace) != values->end();
  });
}

Json Configuration(const char* kind, const std::string& name, const std::vector<Json>& webhooks) {
  return {{"apiVersion", kApiVersion},
          {"kind", kind},
          {"metadata", {{"name", name}}},
          {"webhooks", webhooks}};
}

}  // namespace

absl::Status CheckWebhookOptions(const WebhookOptions& options) {
  std::vector<std::string> problems;
  const std::string& label = options.match_label;
  if (!label.empty() &&
      (std::count(label.begin(), label.end(), '=') != 1 || label.front() == '=')) {
    problems.push_back(absl::StrCat("webhookMatchLabel: \"", label,
                                    "\" is not KEY=VALUE; write one \"=\", or nothing for all"));
  }
  if (options.timeout_seconds < 1 || options.timeout_seconds > 30) {
    problems.push_back(absl::StrCat("webhookTimeout: ", options.timeout_seconds,
                                    " is not within 1 to 30 seconds"));
  }
  for (const std::string& policy :
       {options.mutating_failure_policy, options.validating_failure_policy}) {
    if (policy != "Ignore" && policy != "Fail") {
      problems.push_back(absl::StrCat("failurePolicy: \"", policy, "\" is not Ignore or Fail"));
    }
  }
  if (options.mutating_failure_policy == "Fail" && !ExcludesInstallation(options)) {
    problems.push_back(absl::StrCat(
        "failurePolicy: Fail needs a namespaceSelector that leaves out ", options.install_namespace,
        "; add \"", kNamespaceLabel, " NotIn [", options.install_namespace, "]\""));
  }
  return ProblemsStatus("webhooks", problems);
}

Json MutatingConfiguration(const WebhookOptions& options) {
  const Json workloads =
      Rule("apps", "v1", {"deployments", "statefulsets", "daemonsets"}, {"CREATE", "UPDATE"});
  const Json pods = Rule("", "v1", {"pods"}, {"CREATE"});
  const std::string& failure_policy = options.mutating_failure_policy;
  std::vector<Json> webhooks = {
      Webhook("mutateworkload.varmor.org", workloads, kMutatePath, failure_policy, options),
      Webhook("mutatepod.varmor.org", pods, kMutatePath, failure_policy, options)};
  // Without the label all pods come to the one before.
  if (!options.match_label.empty()) {
    const std::pair<std::string, std::string> label =
        absl::StrSplit(options.match_label, absl::MaxSplits('=', 1));
    for (Json& webhook : webhooks) {
      webhook["objectSelector"] = {{"matchLabels", {{label.first, label.second}}}};
    }
    // Nothing is unprotected when it does not answer.
    webhooks.push_back(Webhook("releasepod.varmor.org", pods, kReleasePath, "Ignore", options));
    webhooks.back()["objectSelector"] = {
        {"matchExpressions",
         {{{"key", kProfileLabel}, {"operator", "Exists"}},
          {{"key", label.first}, {"operator", "NotIn"}, {"values", {label.second}}}}}};
  }
  for (Json& webhook : webhooks) {
    webhook["reinvocationPolicy"] = options.url.empty() ? "IfNeeded" : "Never";
    webhook["namespaceSelector"] = NamespaceSelector(options);
  }
  return Configuration("MutatingWebhookConfiguration", NameOf(kMutatingConfiguration, options),
                       webhooks);
}

Json ValidatingConfiguration(const WebhookOptions& options) {
  const Json policies = Rule(kPolicyGroup, "v1beta1", {"varmorpolicies", "varmorclusterpolicies"},
                             {"CREATE", "UPDATE"});
  return Configuration("ValidatingWebhookConfiguration", NameOf(kValidatingConfiguration, options),
                       {Webhook("validatepolicy.varmor.org", policies, kValidatePath,
                                options.validating_failure_policy, options)});
}

std::optional<Json> RepairedConfiguration(const Json& stored, const Json& wanted) {
  if (stored.is_null()) return wanted;
  Json repaired = stored;
  repaired["webhooks"] = wanted["webhooks"];
  if (repaired == stored) return std::nullopt;
  return repaired;
}

}  // namespace varmor
