#include "runtime/manager/registration/webhook_configurations.h"

#include <string>

#include "gtest/gtest.h"

namespace varmor {
namespace {

WebhookOptions Options() {
  WebhookOptions options;
  options.ca_bundle = "PEM\n";
  return options;
}

TEST(WebhookConfigurationsTest, Mutating) {
  EXPECT_EQ(MutatingConfiguration(Options()), Json::parse(R"({
    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": "varmor-resource-mutating-webhook-cfg"},
    "webhooks": [
      {"name": "mutateworkload.varmor.org",
       "rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"],
                  "resources": ["deployments", "statefulsets", "daemonsets"],
                  "operations": ["CREATE", "UPDATE"], "scope": "*"}],
       "clientConfig": {"caBundle": "UEVNCg==", "service": {"namespace": "varmor",
         "name": "varmor-webhook-svc", "path": "/mutate", "port": 443}},
       "failurePolicy": "Ignore", "matchPolicy": "Equivalent",
       "namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name",
         "operator": "NotIn", "values": ["kube-system", "varmor"]}]},
       "objectSelector": {"matchLabels": {"sandbox.varmor.org/enable": "true"}},
       "sideEffects": "None", "timeoutSeconds": 10, "reinvocationPolicy": "IfNeeded",
       "admissionReviewVersions": ["v1"]},
      {"name": "mutatepod.varmor.org",
       "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"],
                  "operations": ["CREATE"], "scope": "*"}],
       "clientConfig": {"caBundle": "UEVNCg==", "service": {"namespace": "varmor",
         "name": "varmor-webhook-svc", "path": "/mutate", "port": 443}},
       "failurePolicy": "Ignore", "matchPolicy": "Equivalent",
       "namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name",
         "operator": "NotIn", "values": ["kube-system", "varmor"]}]},
       "objectSelector": {"matchLabels": {"sandbox.varmor.org/enable": "true"}},
       "sideEffects": "None", "timeoutSeconds": 10, "reinvocationPolicy": "IfNeeded",
       "admissionReviewVersions": ["v1"]},
      {"name": "releasepod.varmor.org",
       "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"],
                  "operations": ["CREATE"], "scope": "*"}],
       "clientConfig": {"caBundle": "UEVNCg==", "service": {"namespace": "varmor",
         "name": "varmor-webhook-svc", "path": "/release", "port": 443}},
       "failurePolicy": "Ignore", "matchPolicy": "Equivalent",
       "namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name",
         "operator": "NotIn", "values": ["kube-system", "varmor"]}]},
       "objectSelector": {"matchExpressions": [
         {"key": "varmor.org/profile", "operator": "Exists"},
         {"key": "sandbox.varmor.org/enable", "operator": "NotIn", "values": ["true"]}]},
       "sideEffects": "None", "timeoutSeconds": 10, "reinvocationPolicy": "IfNeeded",
       "admissionReviewVersions": ["v1"]}]})"));
  WebhookOptions strict = Options();
  strict.mutating_failure_policy = "Fail";
  const Json webhooks = MutatingConfiguration(strict)["webhooks"];
  EXPECT_EQ(webhooks[1]["failurePolicy"], "Fail");
  EXPECT_EQ(webhooks[2]["failurePolicy"], "Ignore");
}

TEST(WebhookConfigurationsTest, ValidatingOutsideOfACluster) {
  WebhookOptions options = Options();
  options.url = "https://10.0.0.1:3443";
  options.timeout_seconds = 3;
  options.validating_failure_policy = "Ignore";
  EXPECT_EQ(ValidatingConfiguration(options), Json::parse(R"({
    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "varmor-policy-validating-webhook-cfg-debug"},
    "webhooks": [
      {"name": "validatepolicy.varmor.org",
       "rules": [{"apiGroups": ["crd.varmor.org"], "apiVersions": ["v1beta1"],
                  "resources": ["varmorpolicies", "varmorclusterpolicies"],
                  "operations": ["CREATE", "UPDATE"], "scope": "*"}],
       "clientConfig": {"caBundle": "UEVNCg==", "url": "https://10.0.0.1:3443/validate"},
       "failurePolicy": "Ignore", "matchPolicy": "Equivalent",
       "namespaceSelector": {}, "objectSelector": {},
       "sideEffects": "None", "timeoutSeconds": 3, "admissionReviewVersions": ["v1"]}]})"));
  EXPECT_EQ(MutatingConfiguration(options)["webhooks"][1]["reinvocationPolicy"], "Never");
}

TEST(WebhookConfigurationsTest, SelectorsAreThoseOfTheInstallation) {
  WebhookOptions options = Options();
  options.match_label = "";
  options.namespace_selector = Json::parse(R"({"matchLabels": {"varmor": "on"}})");
  const Json webhook = MutatingConfiguration(options)["webhooks"][0];
  EXPECT_EQ(MutatingConfiguration(options)["webhooks"].size(), 2u);
  EXPECT_EQ(webhook["objectSelector"], Json::object());
  EXPECT_EQ(webhook["namespaceSelector"], options.namespace_selector);
  options.match_label = "key=";
  EXPECT_EQ(MutatingConfiguration(options)["webhooks"][0]["objectSelector"],
            Json::parse(R"({"matchLabels": {"key": ""}})"));
}

TEST(WebhookConfigurationsTest, ChecksItsOptions) {
  EXPECT_TRUE(CheckWebhookOptions(Options()).ok());
  WebhookOptions options = Options();
  options.match_label = "";
  options.mutating_failure_policy = "Fail";
  EXPECT_TRUE(CheckWebhookOptions(options).ok());
  options.namespace_selector = Json::parse(R"({"matchLabels": {"varmor": "on"}})");
  EXPECT_EQ(CheckWebhookOptions(options).message(),
            "webhooks: failurePolicy: Fail needs a namespaceSelector that leaves out varmor; add "
            "\"kubernetes.io/metadata.name NotIn [varmor]\"");
  options.match_label = "a=b=c";
  options.timeout_seconds = 31;
  options.mutating_failure_policy = "Ignored";
  EXPECT_EQ(CheckWebhookOptions(options).message(),
            "webhooks: webhookMatchLabel: \"a=b=c\" is not KEY=VALUE; write one \"=\", or nothing "
            "for all; webhookTimeout: 31 is not within 1 to 30 seconds; failurePolicy: \"Ignored\" "
            "is not Ignore or Fail");
  for (const char* label : {"a", "=b", "a=b,c=d"}) {
    options = Options();
    options.match_label = label;
    EXPECT_FALSE(CheckWebhookOptions(options).ok()) << label;
  }
}

TEST(WebhookConfigurationsTest, RepairsOnlyWhatIsWrong) {
  const Json wanted = MutatingConfiguration(Options());
  EXPECT_EQ(RepairedConfiguration(nullptr, wanted), wanted);
  Json stored = wanted;
  stored["metadata"]["resourceVersion"] = "7";
  stored["metadata"]["labels"] = {{"app", "x"}};
  EXPECT_EQ(RepairedConfiguration(stored, wanted), std::nullopt);
  const Json good = stored;
  stored["webhooks"][1]["failurePolicy"] = "Fail";
  EXPECT_EQ(RepairedConfiguration(stored, wanted), good);
  stored["webhooks"].erase(0);
  EXPECT_EQ(RepairedConfiguration(stored, wanted), good);
  WebhookOptions renewed = Options();
  renewed.ca_bundle = "NEW\n";
  EXPECT_EQ((*RepairedConfiguration(
                good, MutatingConfiguration(renewed)))["webhooks"][0]["clientConfig"]["caBundle"],
            "TkVXCg==");
}

}  // namespace
}  // namespace varmor
