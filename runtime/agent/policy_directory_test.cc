#include "runtime/agent/policy_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Policy(const std::string& name, const std::string& rules = "disallow-umount",
                   const std::string& kind = "Pod") {
  return absl::StrCat(
      "apiVersion: crd.varmor.org/v1beta1\nkind: VarmorPolicy\nmetadata: {name: ", name,
      ", namespace: shop}\nspec:\n  target: {kind: ", kind,
      ", selector: {matchLabels: {app: web}}}\n  policy:\n    enforcer: AppArmorBPFSeccomp\n"
      "    mode: EnhanceProtect\n    enhanceProtect: {hardeningRules: [",
      rules, "]}\n");
}

class PolicyDirectoryTest : public ::testing::Test {
 protected:
  bool Scan() {
    const absl::StatusOr<bool> changed = policies_.Scan();
    EXPECT_EQ(changed.status(), absl::OkStatus());
    return changed.value_or(false);
  }
  std::vector<std::string> Profiles() const {
    std::vector<std::string> names;
    for (const AgentPolicy& policy : policies_.policies()) names.push_back(policy.profile);
    return names;
  }

  TemporaryDirectory directory_;
  PolicyDirectory policies_{{directory_.path()}};
};

TEST_F(PolicyDirectoryTest, AnEmptyDirectoryIsComplete) {
  EXPECT_FALSE(policies_.complete());
  EXPECT_TRUE(Scan());
  EXPECT_TRUE(policies_.complete());
  EXPECT_FALSE(Scan());
}

TEST_F(PolicyDirectoryTest, CompilesWhatIsThere) {
  PutFile(directory_ / "b.yaml", Policy("b"));
  PutFile(directory_ / "a.yml", Policy("a") + "---\n" + Policy("c"));
  PutFile(directory_ / ".hidden.yaml", Policy("d"));
  PutFile(directory_ / "notes.txt", "nothing");
  EXPECT_TRUE(Scan());
  EXPECT_THAT(Profiles(), ElementsAre("varmor-shop-a", "varmor-shop-c", "varmor-shop-b"));
  const AgentPolicy& policy = policies_.policies()[0];
  EXPECT_EQ(policy.source, "a.yml");
  EXPECT_EQ(policy.identity.name, "a");
  EXPECT_EQ(policy.identity.name_space, "shop");
  EXPECT_EQ(policy.artifacts.digests().size(), 3u);
  const ArmorProfileArtifacts artifacts = policy.artifacts.Unpack();
  EXPECT_EQ(artifacts.app_armor().name(), "varmor-shop-a");
  EXPECT_GT(artifacts.bpf().maps_size(), 0);
  EXPECT_THAT(artifacts.seccomp().json(), HasSubstr("umount"));
  EXPECT_FALSE(Scan());
}

TEST_F(PolicyDirectoryTest, SeesChangesAndRemovals) {
  PutFile(directory_ / "a.yaml", Policy("a"));
  Scan();
  const std::map<EnforcerKind, std::string> before = policies_.policies()[0].artifacts.digests();
  PutFile(directory_ / "a.yaml", Policy("a", "disallow-umount, disallow-load-ebpf"));
  EXPECT_TRUE(Scan());
  EXPECT_NE(policies_.policies()[0].artifacts.digests(), before);
  unlink((directory_ / "a.yaml").c_str());
  EXPECT_TRUE(Scan());
  EXPECT_THAT(Profiles(), IsEmpty());
  EXPECT_TRUE(policies_.complete());
}

TEST_F(PolicyDirectoryTest, ObjectsOfOtherKindsDoNotBelongHere) {
  PutFile(directory_ / "a.yaml", Policy("a") + "---\napiVersion: v1\nkind: Pod\n");
  EXPECT_TRUE(Scan());
  EXPECT_THAT(Profiles(), IsEmpty());
  EXPECT_EQ(policies_.problems().at("a.yaml"),
            "a.yaml: 1 of its 2 objects are of another kind than VarmorPolicy and "
            "VarmorClusterPolicy; move them out of this directory");
}

// Nobody writes to it: reading it would hold up the agent for ever.
TEST_F(PolicyDirectoryTest, AFifoIsAProblem) {
  PutFile(directory_ / "a.yaml", Policy("a"));
  ASSERT_EQ(mkfifo((directory_ / "b.yaml").c_str(), 0600), 0);
  EXPECT_TRUE(Scan());
  EXPECT_THAT(Profiles(), ElementsAre("varmor-shop-a"));
  EXPECT_THAT(policies_.problems().at("b.yaml"), HasSubstr("it is no regular file"));
  EXPECT_FALSE(Scan());
}

TEST_F(PolicyDirectoryTest, AWrongFileKeepsWhatItSaidBefore) {
  PutFile(directory_ / "a.yaml", Policy("a"));
  Scan();
  PutFile(directory_ / "a.yaml", Policy("a", "no-such-rule, neither-this"));
  EXPECT_TRUE(Scan());
  EXPECT_THAT(Profiles(), ElementsAre("varmor-shop-a"));
  EXPECT_TRUE(policies_.complete());
  EXPECT_THAT(policies_.problems().at("a.yaml"),
              ::testing::AllOf(HasSubstr("a.yaml:9:39: error: "), HasSubstr("no-such-rule"),
                               HasSubstr("neither-this")));
  PutFile(directory_ / "a.yaml", Policy("a"));
  Scan();
  EXPECT_THAT(policies_.problems(), IsEmpty());
}

// What is in force may be what the file used to say: nothing may be removed.
TEST_F(PolicyDirectoryTest, AWrongFileThatWasNeverKnownMakesItIncomplete) {
  PutFile(directory_ / "a.yaml", "not: [a policy");
  PutFile(directory_ / "b.yaml", Policy("b"));
  Scan();
  EXPECT_THAT(Profiles(), ElementsAre("varmor-shop-b"));
  EXPECT_FALSE(policies_.complete());
  unlink((directory_ / "a.yaml").c_str());
  Scan();
  EXPECT_TRUE(policies_.complete());
}

TEST_F(PolicyDirectoryTest, ATruncatedFileKeepsWhatItSaidBefore) {
  PutFile(directory_ / "a.yaml", Policy("a"));
  Scan();
  PutFile(directory_ / "a.yaml", "");
  EXPECT_TRUE(Scan());
  EXPECT_THAT(Profiles(), ElementsAre("varmor-shop-a"));
  EXPECT_THAT(policies_.problems().at("a.yaml"), HasSubstr("no policy in it"));
  EXPECT_TRUE(policies_.complete());
  // One that starts now cannot tell what the file said.
  PolicyDirectory again({directory_.path()});
  EXPECT_TRUE(again.Scan().ok());
  EXPECT_FALSE(again.complete());
}

// As a mounted ConfigMap whose target is exchanged, or is gone.
TEST_F(PolicyDirectoryTest, ANameThatCannotBeReadKeepsWhatItSaidBefore) {
  const std::string target = directory_ / "target";
  const std::string link = directory_ / "a.yaml";
  PutFile(target, Policy("a"));
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  Scan();
  EXPECT_THAT(Profiles(), ElementsAre("varmor-shop-a"));
  unlink(target.c_str());
  EXPECT_TRUE(Scan());
  EXPECT_THAT(Profiles(), ElementsAre("varmor-shop-a"));
  EXPECT_THAT(policies_.problems().at("a.yaml"), HasSubstr("a.yaml"));
  EXPECT_FALSE(Scan());
  PutFile(target, Policy("b"));
  EXPECT_TRUE(Scan());
  EXPECT_THAT(Profiles(), ElementsAre("varmor-shop-b"));
  EXPECT_THAT(policies_.problems(), IsEmpty());
  unlink(link.c_str());
  EXPECT_TRUE(Scan());
  EXPECT_THAT(Profiles(), IsEmpty());
}

TEST_F(PolicyDirectoryTest, ADirectoryThatGoesAwayChangesNothing) {
  PolicyDirectory policies({directory_ / "none"});
  EXPECT_EQ(policies.Scan().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(policies.complete());
}

TEST_F(PolicyDirectoryTest, TwoPoliciesWithOneProfileName) {
  PutFile(directory_ / "a.yaml", Policy("a"));
  PutFile(directory_ / "b.yaml", Policy("a", "disallow-load-ebpf"));
  Scan();
  EXPECT_THAT(Profiles(), ElementsAre("varmor-shop-a"));
  EXPECT_EQ(policies_.policies()[0].source, "a.yaml");
  EXPECT_EQ(policies_.problems().at("b.yaml"),
            "b.yaml: profile name varmor-shop-a belongs to a policy in a.yaml, whose name comes "
            "first; give one of the two another name");
  unlink((directory_ / "a.yaml").c_str());
  Scan();
  EXPECT_THAT(policies_.problems(), IsEmpty());
  EXPECT_EQ(policies_.policies()[0].source, "b.yaml");
}

TEST_F(PolicyDirectoryTest, TargetsThatMatchNothingAreTold) {
  PutFile(directory_ / "a.yaml", Policy("a", "disallow-umount", "Deployment"));
  Scan();
  ASSERT_EQ(policies_.policies().size(), 1u);
  EXPECT_THAT(policies_.policies()[0].warnings, ::testing::Contains(HasSubstr("use kind Pod")));
}

TEST(AllowAllArtifactsTest, HasTheNameAndAllowsEverything) {
  const absl::StatusOr<ArmorProfileArtifacts> app_armor =
      AllowAllArtifacts(EnforcerKind::kAppArmor, "varmor-shop-a");
  ASSERT_EQ(app_armor.status(), absl::OkStatus());
  std::string text;
  for (const AppArmorPiece& piece : app_armor->app_armor().pieces()) text += piece.text();
  EXPECT_THAT(text, HasSubstr("profile varmor-shop-a"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("retired")));
  const absl::StatusOr<ArmorProfileArtifacts> seccomp =
      AllowAllArtifacts(EnforcerKind::kSeccomp, "varmor-shop-a");
  ASSERT_EQ(seccomp.status(), absl::OkStatus());
  EXPECT_EQ(seccomp->seccomp().name(), "varmor-shop-a");
  EXPECT_THAT(seccomp->seccomp().json(), HasSubstr("SCMP_ACT_ALLOW"));
}

}  // namespace
}  // namespace varmor
