#include "runtime/protocol/armor_profile.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/compiler/policy/enforcer_set.h"
#include "runtime/protocol/gzip.h"

namespace varmor {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

LoadedPolicy Load(const std::string& text) {
  LoadResult loaded = LoadPolicies({{"policy.yaml", text}}, {});
  EXPECT_EQ(loaded.policies.size(), 1u) << text;
  return std::move(loaded.policies.at(0));
}

// The spec of a policy without mistakes.
ArmorProfileSpec SpecOf(const LoadedPolicy& policy) {
  CompileOptions options;
  options.caller_binds = true;
  const absl::StatusOr<CompileResult> result = Compile(policy, options, BuiltinCatalogue());
  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->diagnostics.HasErrors());
  ArmorProfileSpec spec;
  spec.target = {{"kind", "Deployment"}, {"name", "web"}};
  spec.profile_name = result->profile_name;
  Diagnostics diagnostics;
  spec.enforcer =
      EnforcerSetName(ParseEnforcers(policy.object.spec().policy().enforcer(), "", diagnostics));
  spec.mode = result->mode;
  if (result->app_armor.has_value()) *spec.artifacts.mutable_app_armor() = *result->app_armor;
  if (result->bpf.has_value()) *spec.artifacts.mutable_bpf() = *result->bpf;
  if (result->seccomp.has_value()) *spec.artifacts.mutable_seccomp() = *result->seccomp;
  return spec;
}

Json Object(const ArmorProfileSpec& spec) {
  const absl::StatusOr<Json> json = ArmorProfileSpecJson(spec);
  EXPECT_TRUE(json.ok()) << json.status();
  return {{"metadata", {{"name", spec.profile_name}, {"namespace", "shop"}, {"uid", "u"}}},
          {"spec", *json}};
}

constexpr char kPolicy[] = R"(
apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: web, namespace: shop}
spec:
  target: {kind: Deployment, name: web}
  policy:
    enforcer: AppArmorBPFSeccomp
    mode: EnhanceProtect
    enhanceProtect:
      hardeningRules: [disallow-write-core-pattern, disallow-mount-disk-device]
)";

TEST(ArmorProfileTest, GivesBackEveryGolden) {
  int checked = 0;
  for (const auto& entry : fs::directory_iterator("testdata/compile")) {
    if (!fs::exists(entry.path() / "policy.yaml")) continue;
    SCOPED_TRACE(entry.path());
    const LoadedPolicy policy = Load(ReadFile(entry.path() / "policy.yaml"));
    if (!policy.valid) continue;
    CompileOptions options;
    const auto result = Compile(policy, options, BuiltinCatalogue());
    ASSERT_TRUE(result.ok());
    if (result->diagnostics.HasErrors()) continue;
    const ArmorProfileSpec spec = SpecOf(policy);
    const Json object = Object(spec);
    const absl::StatusOr<ArmorProfile> back = ParseArmorProfile(object);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->spec.artifacts.SerializeAsString(), spec.artifacts.SerializeAsString());
    EXPECT_EQ(*ArmorProfileSpecJson(back->spec), object["spec"]);
    EXPECT_EQ(back->revision, ArmorProfileRevision(object["spec"]));
    ++checked;
  }
  EXPECT_GE(checked, 20);
}

TEST(ArmorProfileTest, ReadsWhatTheServerAdds) {
  Json object = Object(SpecOf(Load(kPolicy)));
  Json& metadata = object["metadata"];
  metadata["ownerReferences"] = Json::parse(R"([
    {"kind": "Other", "name": "o", "uid": "1"},
    {"kind": "VarmorPolicy", "name": "web", "uid": "2", "controller": true}])");
  metadata["deletionTimestamp"] = "2025-01-01T00:00:00Z";
  metadata["annotations"] = {{"profile-reconcile-counter", "4"}, {"varmor.org/retire", "true"}};
  const absl::StatusOr<ArmorProfile> profile = ParseArmorProfile(object);
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->name_space, "shop");
  EXPECT_EQ(profile->name, "varmor-shop-web");
  EXPECT_EQ(profile->owner.kind, "VarmorPolicy");
  EXPECT_EQ(profile->owner.name, "web");
  EXPECT_EQ(profile->owner.uid, "2");
  EXPECT_TRUE(profile->deleting);
  EXPECT_TRUE(profile->retiring);
  EXPECT_EQ(profile->reconcile_counter, "4");
  const ArtifactSet set = ArtifactsOf(profile->spec.artifacts);
  EXPECT_NE(set.app_armor, nullptr);
  EXPECT_NE(set.bpf, nullptr);
  EXPECT_NE(set.seccomp, nullptr);
}

TEST(ArmorProfileTest, RevisionFollowsWhatTakesEffect) {
  const Json object = Object(SpecOf(Load(kPolicy)));
  const std::string revision = ArmorProfileRevision(object["spec"]);
  EXPECT_EQ(revision.size(), 64u);
  Json other = object;
  other["spec"]["target"]["name"] = "other";
  other["spec"]["updateExistingWorkloads"] = true;
  EXPECT_EQ(ArmorProfileRevision(other["spec"]), revision);
  other["spec"]["profile"]["mode"] = "complain";
  EXPECT_NE(ArmorProfileRevision(other["spec"]), revision);
  other = object;
  other["spec"]["behaviorModeling"]["duration"] = 5;
  EXPECT_NE(ArmorProfileRevision(other["spec"]), revision);
  // sha256sum of {"behaviorModeling":null,"profile":null}
  EXPECT_EQ(ArmorProfileRevision(nullptr), ArmorProfileRevision(Json::object()));
  EXPECT_EQ(ArmorProfileRevision(nullptr),
            "41217961134e252321effbe5d55f3ed3e4f2634eb1570ac67073fc10640d4ef6");
}

TEST(ArmorProfileTest, TextsUnderBothNamesAreCompared) {
  Json object = Object(SpecOf(Load(kPolicy)));
  Json& profile = object["spec"]["profile"];
  profile["appArmor"] = profile["content"];
  profile["seccomp"] = profile["seccompContent"];
  EXPECT_TRUE(ParseArmorProfile(object).ok());
  for (const char* key : {"content", "appArmor", "seccompContent", "seccomp"}) {
    Json changed = object;
    changed["spec"]["profile"][key] = "other";
    EXPECT_EQ(ParseArmorProfile(changed).status(),
              absl::InvalidArgumentError(
                  absl::StrCat("ArmorProfile shop/varmor-shop-web: spec.profile.", key,
                               ": is not the text of spec.profile.artifacts")));
  }
}

struct BadCase {
  const char* name;
  const char* patch;  // RFC 7396, onto the object
  const char* problem;
};

constexpr BadCase kBadCases[] = {
    {"OtherName", R"({"metadata": {"name": "varmor-x"}})",
     "spec.profile.name: is \"varmor-shop-web\", not metadata.name, \"varmor-x\""},
    {"NoNamespace", R"({"metadata": {"namespace": null}})", "metadata.namespace: is missing"},
    {"WrittenByVarmor",
     R"({"spec": {"profile": {"artifacts": null, "bpfContent": {"files": []}}}})",
     "spec.profile.artifacts: is missing: the profile was written by a manager of vArmor itself; "
     "it takes force when this project's manager has written it again"},
    {"NotBase64", R"({"spec": {"profile": {"artifacts": "?"}}})",
     "spec.profile.artifacts: is not base64"},
    {"NotGzip", R"({"spec": {"profile": {"artifacts": "AAAA"}}})",
     "spec.profile.artifacts: is not gzip, or damaged"},
    {"FewerEnforcers", R"({"spec": {"profile": {"enforcer": "AppArmorSeccomp"}}})",
     "spec.profile.artifacts: has one for BPF, which spec.profile.enforcer does not name"},
    {"UnknownEnforcer", R"({"spec": {"profile": {"enforcer": "SELinux"}}})",
     "spec.profile.enforcer:"},
    {"UnknownMode", R"({"spec": {"profile": {"mode": "kill"}}})",
     "spec.profile.mode: is \"kill\", not enforce or complain"},
    {"OtherMode", R"({"spec": {"profile": {"mode": "complain"}}})",
     "spec.profile.mode: is \"complain\"; the artifacts say otherwise"},
    {"NegativeDuration", R"({"spec": {"behaviorModeling": {"duration": -1}}})",
     "spec.behaviorModeling.duration: is -1, not from 0 to 9223372036854775807"},
    {"NoSpec", R"({"spec": null})", "spec.profile.name: is missing"},
};

TEST(ArmorProfileTest, SaysWhatIsWrong) {
  const Json good = Object(SpecOf(Load(kPolicy)));
  for (const BadCase& bad : kBadCases) {
    SCOPED_TRACE(bad.name);
    Json object = good;
    object.merge_patch(Json::parse(bad.patch));
    const absl::Status status = ParseArmorProfile(object).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.problem));
  }
}

TEST(ArmorProfileTest, MissingArtifactsAndOtherNamesAreFound) {
  ArmorProfileSpec spec = SpecOf(Load(kPolicy));
  spec.artifacts.clear_seccomp();
  spec.artifacts.mutable_app_armor()->set_name("varmor-other");
  const std::string message(ParseArmorProfile(Object(spec)).status().message());
  EXPECT_THAT(message, HasSubstr("has none for Seccomp, which spec.profile.enforcer names"));
  EXPECT_THAT(message,
              HasSubstr("the one for AppArmor is named \"varmor-other\", not \"varmor-shop-web\""));
}

TEST(ArmorProfileTest, RefusesWhatIsTooLargeToStore) {
  ArmorProfileSpec spec;
  spec.profile_name = "varmor-x";
  // Does not compress, so that it is the object that is too large.
  std::string noise;
  for (uint32_t i = 1; noise.size() < (3 << 18) + 1000; i = i * 1664525 + 1013904223) {
    noise.push_back(static_cast<char>(i >> 24));
  }
  spec.artifacts.mutable_bpf()->add_maps()->add_entries()->set_value(noise);
  const absl::Status status = ArmorProfileSpecJson(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("an ArmorProfile holds 1048576; use fewer patterns or rules"));
}

}  // namespace
}  // namespace varmor
