// Objects of the wrong shape, made from good ones by replacing parts at random: whatever a client
// sends, the answer is an answer.
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "runtime/manager/admission/mutate.h"
#include "runtime/manager/admission/validate.h"

namespace varmor {
namespace {

const Json kDeployment = Json::parse(R"({"apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": {"name": "db", "namespace": "shop", "labels": {"app": "db"},
                 "annotations": {"a": "b"}},
    "spec": {"template": {
      "metadata": {"annotations": {
        "container.bpf.security.beta.varmor.org/out": "unconfined",
        "container.apparmor.security.beta.kubernetes.io/main": "runtime/default",
        "container.seccomp.security.beta.varmor.org/main": "localhost/varmor-shop-db",
        "varmor.org/original-seccomp": "{\"main\":{\"field\":{\"type\":\"RuntimeDefault\"}}}"}},
      "spec": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}, "containers": [
        {"name": "main", "securityContext": {"privileged": false, "seccompProfile":
          {"type": "Localhost", "localhostProfile": "varmor-shop-db"}}},
        {"name": "out", "securityContext": {"appArmorProfile": {"type": "Unconfined"}}}]}}}})");

const Json kPolicy = Json::parse(R"({"apiVersion": "crd.varmor.org/v1beta1",
    "kind": "VarmorPolicy",
    "metadata": {"name": "db", "namespace": "shop", "creationTimestamp": "2025-01-01T00:00:00Z",
                 "annotations": {"varmor.org/allow-opt-out": "true"}},
    "spec": {"target": {"kind": "Deployment", "containers": ["main"], "selector": {
               "matchLabels": {"app": "db"},
               "matchExpressions": [{"key": "app", "operator": "In", "values": ["db"]}]}},
             "policy": {"enforcer": "AppArmorBPFSeccomp", "mode": "EnhanceProtect",
                        "enhanceProtect": {"hardeningRules": ["disallow-mount"]}}},
    "status": {"phase": "Protecting"}})");

class Damage {
 public:
  explicit Damage(unsigned seed) : random_(seed) {}

  // A copy with one or two parts replaced or gone.
  Json Of(const Json& object) {
    Json damaged = object;
    for (int i = Below(2); i >= 0; --i) DamageOne(damaged);
    return damaged;
  }

 private:
  int Below(size_t n) { return static_cast<int>(random_() % n); }

  Json Part() {
    static const std::vector<Json> kParts = {nullptr,
                                             true,
                                             7,
                                             -1.5,
                                             "",
                                             "x",
                                             "unconfined",
                                             "{}",
                                             Json::array(),
                                             Json::object(),
                                             Json::array({nullptr, "x", Json::object()}),
                                             Json{{"name", 3}},
                                             Json{{"", nullptr}},
                                             std::string("\xff\xfe", 2)};
    return kParts[static_cast<size_t>(Below(kParts.size()))];
  }

  void DamageOne(Json& object) {
    Json* at = &object;
    while (at->is_structured() && !at->empty() && Below(5) != 0) {
      const auto next = std::next(at->begin(), Below(at->size()));
      if (Below(8) == 0) {
        at->erase(next);
        return;
      }
      at = &*next;
    }
    *at = Part();
  }

  std::mt19937 random_;
};

Json* TemplateOf(Json& object) {
  const Json::json_pointer path("/spec/template");
  return object.contains(path) ? &object[path] : nullptr;
}

TEST(DamagedObjectsTest, WorkloadsAreAllowedAndPatchedStrictly) {
  Damage damage(1);
  int patched = 0;
  for (int i = 0; i < 4000; ++i) {
    AdmissionRequest request;
    request.group = "apps";
    request.kind = "Deployment";
    request.name_space = "shop";
    request.name = "db";
    request.operation = "CREATE";
    request.object = damage.Of(kDeployment);
    const auto policy =
        ReadWorkloadPolicy(i % 2 == 0 ? kPolicy : damage.Of(kPolicy), "", "varmor", {});
    if (!policy.ok()) continue;
    const WorkloadPolicies policies({*policy});
    TemplateOptions options;
    options.app_armor_field = i % 3 == 0;
    options.bpf_exclusive = i % 5 == 0;
    SCOPED_TRACE(JsonText(request.object));
    ASSERT_NO_THROW({
      const Mutation mutation = Mutate(request, policies, options, absl::UnixEpoch());
      ASSERT_TRUE(mutation.answer.allowed);
      if (!mutation.answer.patch.is_null()) {
        ++patched;
        request.object = request.object.patch(mutation.answer.patch);
        ASSERT_TRUE(Mutate(request, policies, options, absl::UnixEpoch()).answer.patch.is_null());
        ReleaseTemplate("varmor-shop-db", *TemplateOf(request.object));
      }
    });
  }
  EXPECT_GT(patched, 1000);
}

TEST(DamagedObjectsTest, PoliciesAreJudged) {
  Damage damage(2);
  const PolicyFeatures features;
  const WorkloadPolicies policies;
  const FindModel no_models;
  int allowed = 0;
  for (int i = 0; i < 300; ++i) {
    AdmissionRequest request;
    request.group = "crd.varmor.org";
    request.kind = "VarmorPolicy";
    request.name_space = "shop";
    request.name = "db";
    request.operation = i % 2 == 0 ? "CREATE" : "UPDATE";
    request.object = damage.Of(kPolicy);
    request.old_object = i % 4 == 1 ? kPolicy : damage.Of(kPolicy);
    SCOPED_TRACE(JsonText(request.object));
    ASSERT_NO_THROW({
      const auto answer = Validate(request, {features, BuiltinCatalogue(), policies, no_models});
      ASSERT_TRUE(answer.ok()) << answer.status();
      ASSERT_EQ(answer->allowed, answer->message.empty());
      allowed += answer->allowed ? 1 : 0;
      AdmissionReviewText("u", *answer);
    });
  }
  EXPECT_GT(allowed, 10);
  EXPECT_LT(allowed, 290);
}

}  // namespace
}  // namespace varmor
