#include "runtime/manager/admission/protect_template.h"

#include <string>

#include "gtest/gtest.h"

namespace varmor {
namespace {

// What the webhook writes, and when not, is in mutate_test.cc; here is what only this layer shows.

Protection Of(EnforcerSet enforcers) {
  Protection protection;
  protection.profile_name = "varmor-n-p";
  protection.enforcers = enforcers;
  return protection;
}

EnforcerSet Enforcers(bool app_armor, bool bpf, bool seccomp) {
  EnforcerSet set;
  set.app_armor = app_armor;
  set.bpf = bpf;
  set.seccomp = seccomp;
  return set;
}

Json Protected(const Protection& protection, const TemplateOptions& options, const Json& pod) {
  Json once = pod;
  ProtectTemplate(protection, options, once);
  Json twice = once;
  ProtectTemplate(protection, options, twice);
  EXPECT_EQ(once, twice);
  return once;
}

Json Released(Json pod) {
  ReleaseTemplate("varmor-n-p", pod);
  return pod;
}

const Json kPlain = Json::parse(R"({"spec": {"containers": [{"name": "c"}]}})");

TEST(ProtectTemplateTest, ExclusiveBpfTurnsAppArmorOff) {
  TemplateOptions options;
  options.bpf_exclusive = true;
  EXPECT_EQ(Protected(Of(Enforcers(false, true, false)), options, kPlain)["metadata"],
            Json::parse(R"({"annotations": {
              "container.bpf.security.beta.varmor.org/c": "localhost/varmor-n-p",
              "container.apparmor.security.beta.kubernetes.io/c": "unconfined",
              "varmor.org/original-apparmor": "{\"c\":{\"exclusive\":true}}"}})"));
  options.app_armor_field = true;
  const Json on_130 = Protected(Of(Enforcers(false, true, true)), options, kPlain);
  EXPECT_EQ(on_130["metadata"], Json::parse(R"({"annotations": {
              "container.bpf.security.beta.varmor.org/c": "localhost/varmor-n-p",
              "container.seccomp.security.beta.varmor.org/c": "localhost/varmor-n-p",
              "varmor.org/original-apparmor": "{\"c\":{\"exclusive\":true}}"}})"));
  EXPECT_EQ(on_130["spec"]["containers"][0]["securityContext"], Json::parse(R"({
              "appArmorProfile": {"type": "Unconfined"},
              "seccompProfile": {"type": "Localhost", "localhostProfile": "varmor-n-p"}})"));
}

TEST(ProtectTemplateTest, ExclusiveBpfLeavesNamedAppArmorOn) {
  for (const bool field : {false, true}) {
    TemplateOptions exclusive;
    exclusive.app_armor_field = field;
    TemplateOptions plain = exclusive;
    exclusive.bpf_exclusive = true;
    const Protection both = Of(Enforcers(true, true, false));
    EXPECT_EQ(Protected(both, exclusive, kPlain), Protected(both, plain, kPlain));
    // A policy that names AppArmor later: what we turned off is no wish of the user.
    const Json before = Protected(Of(Enforcers(false, true, false)), exclusive, kPlain);
    EXPECT_EQ(Protected(both, exclusive, before), Protected(both, plain, kPlain)) << field;
  }
}

TEST(ProtectTemplateTest, WithoutOptOutOnlyPrivilegedContainersHaveNoSeccomp) {
  const Json pod = Json::parse(R"({"metadata": {"annotations": {
        "container.bpf.security.beta.varmor.org/c": "unconfined",
        "container.apparmor.security.beta.varmor.org/c": "unconfined",
        "container.seccomp.security.beta.varmor.org/c": "unconfined"}},
      "spec": {"securityContext": {"appArmorProfile": {"type": "Unconfined"},
                                   "seccompProfile": {"type": "Unconfined"}},
        "containers": [{"name": "c", "securityContext": {
            "appArmorProfile": {"type": "Unconfined"}, "seccompProfile": {"type": "Unconfined"}}},
          {"name": "p", "securityContext": {"privileged": true}}]}})");
  Protection protection = Of(Enforcers(true, true, true));
  TemplateOptions options;
  options.app_armor_field = true;
  EXPECT_EQ(Protected(protection, options,
                      pod)["metadata"]["annotations"]["container.bpf.security.beta.varmor.org/c"],
            "unconfined");
  protection.allow_opt_out = false;
  const Json result = Protected(protection, options, pod);
  for (const char* key :
       {"container.bpf.security.beta.varmor.org/c", "container.apparmor.security.beta.varmor.org/c",
        "container.seccomp.security.beta.varmor.org/c", "container.bpf.security.beta.varmor.org/p",
        "container.apparmor.security.beta.varmor.org/p"}) {
    EXPECT_EQ(result["metadata"]["annotations"][key], "localhost/varmor-n-p") << key;
  }
  const Json profile = {{"type", "Localhost"}, {"localhostProfile", "varmor-n-p"}};
  EXPECT_EQ(result["spec"]["containers"][0]["securityContext"],
            (Json{{"appArmorProfile", profile}, {"seccompProfile", profile}}));
  EXPECT_EQ(result["spec"]["containers"][1]["securityContext"],
            (Json{{"appArmorProfile", profile}, {"privileged", true}}));
  EXPECT_EQ(Released(result), pod);
}

TEST(ProtectTemplateTest, OlderAnnotationsOfKubernetesFollowTheField) {
  const Json pod = Json::parse(R"({"metadata": {"annotations": {
        "container.apparmor.security.beta.kubernetes.io/c": "runtime/default",
        "container.seccomp.security.alpha.kubernetes.io/c": "docker/default"}},
      "spec": {"containers": [{"name": "c"}]}})");
  TemplateOptions options;
  options.app_armor_field = true;
  Protection protection = Of(Enforcers(true, false, true));
  Json result = Protected(protection, options, pod);
  EXPECT_EQ(result["metadata"]["annotations"]["container.apparmor.security.beta.kubernetes.io/c"],
            "localhost/varmor-n-p");
  EXPECT_EQ(result["metadata"]["annotations"]["container.seccomp.security.alpha.kubernetes.io/c"],
            "localhost/varmor-n-p");
  EXPECT_EQ(Released(result), pod);
  protection.runtime_default = true;
  result = Protected(protection, options, pod);
  EXPECT_EQ(result["metadata"]["annotations"]["container.seccomp.security.alpha.kubernetes.io/c"],
            "runtime/default");
  EXPECT_EQ(Released(result), pod);
}

TEST(ProtectTemplateTest, ReleasePutsBackWhatWasThere) {
  const char* const kPods[] = {R"({"spec": {"containers": [{"name": "c"}, {"name": "d"}]}})",
                               R"({"metadata": {"annotations": {"x": "y"}, "labels": {"a": "b"}},
          "spec": {"containers": [{"name": "c", "securityContext": {"runAsUser": 1}}]}})",
                               R"({"metadata": {"annotations": {
            "container.apparmor.security.beta.kubernetes.io/c": "localhost/mine"}},
          "spec": {"containers": [{"name": "c", "securityContext": {
            "seccompProfile": {"type": "Localhost", "localhostProfile": "mine.json"}}}]}})",
                               R"({"spec": {"containers": [{"name": "c", "securityContext": {
            "appArmorProfile": {"type": "RuntimeDefault"},
            "seccompProfile": {"type": "RuntimeDefault"}}}]}})",
                               R"({"spec": {"containers": [{"name": "c", "securityContext": {
            "appArmorProfile": {"type": "Unconfined"},
            "seccompProfile": {"type": "Unconfined"}}}]}})"};
  for (const char* text : kPods) {
    Json pod = Json::parse(text);
    for (int bits = 0; bits < 64; ++bits) {
      TemplateOptions options;
      options.app_armor_field = (bits & 8) != 0;
      options.bpf_exclusive = (bits & 16) != 0;
      Protection protection = Of(Enforcers((bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0));
      protection.runtime_default = (bits & 32) != 0;
      const Json result = Protected(protection, options, pod);
      Json back = Released(result);
      // An empty metadata is the only trace.
      if (!pod.contains("metadata") && back.contains("metadata")) {
        EXPECT_EQ(back["metadata"], Json::object());
        back.erase("metadata");
      }
      EXPECT_EQ(back, pod) << bits << result;
    }
  }
}

TEST(ProtectTemplateTest, ReleaseLeavesOtherProfilesAlone) {
  Protection other = Of(Enforcers(true, true, true));
  other.profile_name = "varmor-n-p2";
  TemplateOptions options;
  options.app_armor_field = true;
  const Json pod = Protected(other, options, kPlain);
  EXPECT_EQ(Released(pod), pod);
  const Json unprotected = Json::parse(R"({"metadata": {"annotations": {
      "container.apparmor.security.beta.kubernetes.io/c": "runtime/default"}},
      "spec": {"containers": [{"name": "c", "securityContext": {
        "seccompProfile": {"type": "RuntimeDefault"}}}, {}, 3]}})");
  EXPECT_EQ(Released(unprotected), unprotected);
}

TEST(ProtectTemplateTest, TheNewestValueOfTheUserIsKept) {
  const Protection protection = Of(Enforcers(false, false, true));
  Json pod = Protected(protection, {}, Json::parse(R"({"spec": {"containers": [{"name": "c",
      "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}]}})"));
  // The user writes a new template; annotations of the old one are gone with it.
  pod["metadata"].erase("annotations");
  pod["spec"]["containers"][0]["securityContext"]["seccompProfile"] = {
      {"type", "Localhost"}, {"localhostProfile", "mine"}};
  const Json user = pod;
  Json back = Released(Protected(protection, {}, pod));
  EXPECT_EQ(back, user);
}

TEST(ProtectTemplateTest, LabelIsThatOfTheProfileThatContainersHave) {
  Protection protection;
  protection.profile_name = "varmor-shop-db";
  protection.enforcers.bpf = true;
  Json pod_template = Json::parse(R"({"spec": {"containers": [{"name": "main"}]}})");
  const Json before = pod_template;
  LabelTemplate("varmor-shop-db", pod_template);
  EXPECT_EQ(pod_template, before);
  ProtectTemplate(protection, {}, pod_template);
  LabelTemplate("varmor-shop-other", pod_template);
  EXPECT_FALSE(pod_template["metadata"].contains("labels"));
  LabelTemplate("varmor-shop-db", pod_template);
  EXPECT_EQ(pod_template["metadata"]["labels"], (Json{{"varmor.org/profile", "varmor-shop-db"}}));
  const Json labelled = pod_template;
  ReleaseTemplate("varmor-shop-other", pod_template);
  EXPECT_EQ(pod_template, labelled);
  ReleaseTemplate("varmor-shop-db", pod_template);
  EXPECT_EQ(pod_template["metadata"], Json::object());
}

}  // namespace
}  // namespace varmor
