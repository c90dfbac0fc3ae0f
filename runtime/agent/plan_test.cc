#include "runtime/agent/plan.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr EnforcerKind kAppArmor = EnforcerKind::kAppArmor;
constexpr EnforcerKind kBpf = EnforcerKind::kBpf;
constexpr EnforcerKind kSeccomp = EnforcerKind::kSeccomp;

// A situation; each test changes what it is about.
class PlanAgentTest : public ::testing::Test {
 protected:
  PlanAgentTest() {
    wanted_.complete = true;
    actual_.available = {kAppArmor, kBpf, kSeccomp};
  }

  void Want(const std::string& name, std::map<EnforcerKind, std::string> digests) {
    wanted_.profiles.push_back({name, std::move(digests)});
  }
  void WantSubject(uint64_t cgroup, const std::string& profile,
                   std::vector<std::string> addresses = {}) {
    wanted_.subjects.push_back({cgroup, profile, std::move(addresses)});
  }
  LoadedProfile& Loaded(EnforcerKind kind, const std::string& name, const std::string& digest) {
    actual_.profiles.push_back({kind, name, digest, true, ""});
    return actual_.profiles.back();
  }
  LoadedSubject& LoadedIn(uint64_t cgroup, const std::string& profile) {
    LoadedSubject subject;
    subject.cgroup = cgroup;
    subject.profile = profile;
    actual_.subjects.push_back(subject);
    return actual_.subjects.back();
  }

  std::vector<std::string> Plan() const {
    std::vector<std::string> texts;
    for (const AgentAction& action : PlanAgent(wanted_, actual_)) texts.push_back(action.Text());
    return texts;
  }

  AgentWanted wanted_;
  AgentActual actual_;
};

// A damaged policy: its profile is neither wanted nor unwanted.
TEST_F(PlanAgentTest, WhatIsUndecidedStays) {
  for (const EnforcerKind kind : {kAppArmor, kBpf, kSeccomp}) Loaded(kind, "varmor-a", "");
  LoadedIn(7, "varmor-a");
  LoadedIn(8, "varmor-a").cgroup_exists = false;
  wanted_.undecided = {"varmor-a"};
  EXPECT_THAT(Plan(), ElementsAre("withdraw 8 from varmor-a"));
}

TEST_F(PlanAgentTest, NothingFromNothing) { EXPECT_THAT(Plan(), IsEmpty()); }

TEST_F(PlanAgentTest, ProfilesComeBeforeContainers) {
  Want("varmor-a", {{kBpf, "1"}, {kSeccomp, "2"}});
  WantSubject(7, "varmor-a");
  EXPECT_THAT(Plan(), ElementsAre("apply BPF varmor-a (new)", "enroll 7 in varmor-a",
                                  "apply Seccomp varmor-a (new)"));
}

// So that the enforcer can be given all of them at once.
TEST_F(PlanAgentTest, WhatOneEnforcerIsGivenStandsTogether) {
  Want("varmor-a", {{kAppArmor, "1"}, {kBpf, "1"}, {kSeccomp, "1"}});
  Want("varmor-b", {{kAppArmor, "1"}, {kBpf, "1"}, {kSeccomp, "1"}});
  WantSubject(7, "varmor-b");
  for (const char* name : {"varmor-c", "varmor-d"}) {
    Loaded(kAppArmor, name, "1");
    Loaded(kSeccomp, name, "1");
  }
  wanted_.referenced = {"varmor-c", "varmor-d"};
  EXPECT_THAT(Plan(), ElementsAre("apply BPF varmor-a (new)", "apply BPF varmor-b (new)",
                                  "enroll 7 in varmor-b", "apply Seccomp varmor-a (new)",
                                  "apply Seccomp varmor-b (new)", "apply AppArmor varmor-a (new)",
                                  "apply AppArmor varmor-b (new)", "retire AppArmor varmor-c",
                                  "retire AppArmor varmor-d", "retire Seccomp varmor-c",
                                  "retire Seccomp varmor-d"));
}

TEST_F(PlanAgentTest, WhatIsAsWantedStays) {
  Want("varmor-a", {{kAppArmor, "1"}, {kBpf, "2"}});
  WantSubject(7, "varmor-a", {"10.0.0.1"});
  Loaded(kAppArmor, "varmor-a", "1");
  Loaded(kBpf, "varmor-a", "2");
  LoadedIn(7, "varmor-a").addresses = {"10.0.0.1"};
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlanAgentTest, OnlyWhatChangedIsApplied) {
  Want("varmor-a", {{kAppArmor, "1"}, {kBpf, "2"}});
  Loaded(kAppArmor, "varmor-a", "1");
  Loaded(kBpf, "varmor-a", "old");
  EXPECT_THAT(Plan(), ElementsAre("apply BPF varmor-a (changed)"));
}

// After a restart the agent does not know what the kernel was given.
TEST_F(PlanAgentTest, WhatIsFoundIsAppliedAgain) {
  Want("varmor-a", {{kBpf, "2"}});
  Loaded(kBpf, "varmor-a", "");
  EXPECT_THAT(Plan(), ElementsAre("apply BPF varmor-a (found)"));
}

TEST_F(PlanAgentTest, TamperingIsRepairedAndMarked) {
  Want("varmor-a", {{kAppArmor, "1"}});
  LoadedProfile& profile = Loaded(kAppArmor, "varmor-a", "1");
  profile.intact = false;
  profile.problem = "the kernel's hash is 12ab";
  const std::vector<AgentAction> actions = PlanAgent(wanted_, actual_);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0].Text(), "apply AppArmor varmor-a (the kernel's hash is 12ab)");
  EXPECT_TRUE(actions[0].tampered);
}

TEST_F(PlanAgentTest, AContainerMovesToAnotherProfileInOneStep) {
  Want("varmor-a", {{kBpf, "1"}});
  Want("varmor-b", {{kBpf, "2"}});
  WantSubject(7, "varmor-b");
  Loaded(kBpf, "varmor-a", "1");
  Loaded(kBpf, "varmor-b", "2");
  LoadedIn(7, "varmor-a");
  EXPECT_THAT(Plan(), ElementsAre("enroll 7 in varmor-b"));
}

TEST_F(PlanAgentTest, NewAddressesAreTold) {
  Want("varmor-a", {{kBpf, "1"}});
  WantSubject(7, "varmor-a", {"10.0.0.2"});
  Loaded(kBpf, "varmor-a", "1");
  LoadedIn(7, "varmor-a").addresses = {"10.0.0.1"};
  EXPECT_THAT(Plan(), ElementsAre("enroll 7 in varmor-a"));
}

TEST_F(PlanAgentTest, ContainersGoBeforeTheirProfile) {
  Loaded(kBpf, "varmor-a", "1");
  LoadedIn(7, "varmor-a");
  EXPECT_THAT(Plan(), ElementsAre("withdraw 7 from varmor-a", "remove BPF varmor-a"));
}

// Of a policy that is gone: BPF ends, the others allow everything until nobody refers to them.
TEST_F(PlanAgentTest, ReferencedProfilesAreRetired) {
  wanted_.referenced = {"varmor-a"};
  Loaded(kAppArmor, "varmor-a", "1");
  Loaded(kSeccomp, "varmor-a", "2");
  Loaded(kBpf, "varmor-a", "3");
  EXPECT_THAT(Plan(), ElementsAre("retire AppArmor varmor-a", "retire Seccomp varmor-a",
                                  "remove BPF varmor-a"));
  actual_.profiles.clear();
  Loaded(kAppArmor, "varmor-a", kAllowAllDigest);
  Loaded(kSeccomp, "varmor-a", kAllowAllDigest);
  EXPECT_THAT(Plan(), IsEmpty());
  wanted_.referenced.clear();
  EXPECT_THAT(Plan(), ElementsAre("remove AppArmor varmor-a", "remove Seccomp varmor-a"));
}

TEST_F(PlanAgentTest, AnEnforcerThatAPolicyGaveUpIsRetired) {
  Want("varmor-a", {{kBpf, "1"}});
  wanted_.referenced = {"varmor-a"};
  Loaded(kBpf, "varmor-a", "1");
  Loaded(kAppArmor, "varmor-a", "2");
  EXPECT_THAT(Plan(), ElementsAre("retire AppArmor varmor-a"));
}

TEST_F(PlanAgentTest, APolicyThatComesBackReplacesWhatAllowsEverything) {
  Want("varmor-a", {{kAppArmor, "1"}});
  Loaded(kAppArmor, "varmor-a", kAllowAllDigest);
  EXPECT_THAT(Plan(), ElementsAre("apply AppArmor varmor-a (changed)"));
}

TEST_F(PlanAgentTest, NothingGoesBeforeEverythingIsKnown) {
  wanted_.complete = false;
  Want("varmor-b", {{kBpf, "1"}});
  Loaded(kBpf, "varmor-a", "1");
  Loaded(kSeccomp, "varmor-a", "1");
  LoadedIn(7, "varmor-a");
  LoadedIn(8, "varmor-a").cgroup_exists = false;
  EXPECT_THAT(Plan(), ElementsAre("apply BPF varmor-b (new)", "withdraw 8 from varmor-a"));
}

TEST_F(PlanAgentTest, RunsAreLeftAlone) {
  Loaded(kBpf, "varmor-a-run-01234567", "");
  Loaded(kAppArmor, "varmor-a-run-01234567", "");
  Loaded(kBpf, "varmor-b", "1");
  LoadedIn(7, "varmor-a-run-01234567").of_a_run = true;
  LoadedIn(8, "varmor-b").of_a_run = true;  // shares the daemon's profile
  EXPECT_THAT(Plan(), IsEmpty());
}

// A container that is gone, and a process of it that moved to another cgroup before.
TEST_F(PlanAgentTest, WhoLeftACgroupStaysConfinedAsLongAsThePolicyIsThere) {
  Want("varmor-a", {{kBpf, "1"}});
  Loaded(kBpf, "varmor-a", "1");
  LoadedSubject& subject = LoadedIn(7, "varmor-a");
  subject.cgroup_exists = false;
  subject.processes_left = true;
  EXPECT_THAT(Plan(), IsEmpty());
  wanted_ = {};
  wanted_.complete = false;
  EXPECT_THAT(Plan(), IsEmpty());
  wanted_.complete = true;
  EXPECT_THAT(Plan(), ElementsAre("withdraw 7 from varmor-a", "remove BPF varmor-a"));
}

TEST_F(PlanAgentTest, SubjectsOfARunThatIsOverGo) {
  LoadedSubject& subject = LoadedIn(7, "varmor-a-run-01234567");
  subject.of_a_run = true;
  subject.cgroup_exists = false;
  EXPECT_THAT(Plan(), ElementsAre("withdraw 7 from varmor-a-run-01234567"));
}

TEST_F(PlanAgentTest, UnavailableEnforcersGetNothingToDo) {
  actual_.available = {kSeccomp};
  Want("varmor-a", {{kAppArmor, "1"}, {kBpf, "2"}, {kSeccomp, "3"}});
  WantSubject(7, "varmor-a");
  EXPECT_THAT(Plan(), ElementsAre("apply Seccomp varmor-a (new)"));
}

// A container whose profile is not there yet waits.
TEST_F(PlanAgentTest, ContainersWithoutAProfileWait) {
  WantSubject(7, "varmor-a");
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST(IsProfileOfRunTest, KnowsTheMark) {
  EXPECT_TRUE(IsProfileOfRun("varmor-a-run-01234567"));
  EXPECT_FALSE(IsProfileOfRun("varmor-a-run-0123456"));
  EXPECT_FALSE(IsProfileOfRun("varmor-a-run-0123456G"));
  EXPECT_FALSE(IsProfileOfRun("varmor-a-run-today"));
  EXPECT_FALSE(IsProfileOfRun("run"));
}

}  // namespace
}  // namespace varmor
