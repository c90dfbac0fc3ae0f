#include "runtime/manager/policy_update.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace varmor {
namespace {

Json Spec(const std::string& target, const std::string& enforcer, const std::string& mode,
          const std::string& more = "{}") {
  Json spec = {{"target", Json::parse(target)},
               {"policy", {{"enforcer", enforcer}, {"mode", mode}}}};
  spec["policy"].update(Json::parse(more));
  return spec;
}

constexpr char kWeb[] = R"({"kind": "Deployment", "name": "web"})";

std::string Findings(const Json& before, const Json& after, const std::string& phase = "") {
  return ProblemsText(CheckUpdate(before, after, phase));
}

struct Case {
  const char* name;
  const char* old_enforcer;
  const char* old_mode;
  const char* new_enforcer;
  const char* new_mode;
  const char* phase;
  std::vector<std::string> codes;
};

TEST(PolicyUpdateTest, JudgesEnforcersAndModes) {
  const std::vector<Case> cases = {
      {"Nothing", "AppArmor", "EnhanceProtect", "AppArmor", "EnhanceProtect", "Protecting", {}},
      {"Spelling", "BPFAppArmor", "EnhanceProtect", "apparmorbpf", "EnhanceProtect", "", {}},
      {"Add", "AppArmor", "AlwaysAllow", "AppArmorBPFSeccomp", "RuntimeDefault", "Error", {}},
      {"RemoveBpf", "AppArmorBPF", "EnhanceProtect", "AppArmor", "EnhanceProtect", "", {}},
      {"RemoveBpfAddSeccomp",
       "AppArmorBPF",
       "EnhanceProtect",
       "AppArmorSeccomp",
       "AlwaysAllow",
       "",
       {}},
      {"SwapBpf", "BPF", "EnhanceProtect", "AppArmor", "EnhanceProtect", "", {}},
      {"RemoveAppArmor", "AppArmorBPF", "EnhanceProtect", "BPF", "EnhanceProtect", "", {"U4"}},
      {"RemoveSeccomp",
       "AppArmorSeccomp",
       "EnhanceProtect",
       "AppArmor",
       "EnhanceProtect",
       "Error",
       {"U4"}},
      {"RemoveProxy",
       "AppArmorNetworkProxy",
       "EnhanceProtect",
       "AppArmor",
       "EnhanceProtect",
       "",
       {"U4"}},
      {"NewUnknown", "AppArmor", "EnhanceProtect", "SELinux", "EnhanceProtect", "", {}},
      {"OldUnknown", "SELinux", "EnhanceProtect", "BPF", "EnhanceProtect", "Error", {}},
      {"EnterModeling",
       "AppArmor",
       "EnhanceProtect",
       "AppArmor",
       "BehaviorModeling",
       "Protecting",
       {}},
      {"LeaveModeling",
       "AppArmor",
       "BehaviorModeling",
       "AppArmor",
       "DefenseInDepth",
       "Completed",
       {}},
      {"LeaveModelingEarly",
       "AppArmor",
       "BehaviorModeling",
       "AppArmor",
       "DefenseInDepth",
       "Modeling",
       {"U3"}},
      {"AddWhileModeling",
       "AppArmor",
       "BehaviorModeling",
       "AppArmorSeccomp",
       "BehaviorModeling",
       "Modeling",
       {"U5"}},
      {"AddAfterModeling",
       "AppArmor",
       "BehaviorModeling",
       "AppArmorSeccomp",
       "BehaviorModeling",
       "Completed",
       {}},
      {"All",
       "AppArmor",
       "BehaviorModeling",
       "Seccomp",
       "EnhanceProtect",
       "Modeling",
       {"U3", "U4"}},
      // The phase is that of the modelling before, which this policy has left.
      {"StalePhase", "AppArmor", "EnhanceProtect", "AppArmor", "AlwaysAllow", "Modeling", {}},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.name);
    std::vector<std::string> found;
    for (const PolicyProblem& problem :
         CheckUpdate(Spec(kWeb, each.old_enforcer, each.old_mode),
                     Spec(kWeb, each.new_enforcer, each.new_mode), each.phase)) {
      found.push_back(problem.code);
    }
    EXPECT_EQ(found, each.codes);
  }
}

TEST(PolicyUpdateTest, TheTargetStays) {
  const char* const kSame[][2] = {
      {kWeb, R"({"name": "web", "kind": "Deployment"})"},
      {kWeb, R"({"kind": "Deployment", "name": "web", "containers": [], "selector": null})"},
      {R"({"kind": "Pod", "selector": {"matchLabels": {"a": "b"}}})",
       R"({"kind": "Pod", "selector": {"matchLabels": {"a": "b"}, "matchExpressions": []}})"},
  };
  const char* const kOther[][2] = {
      {kWeb, R"({"kind": "Deployment", "name": "db"})"},
      {kWeb, R"({"kind": "StatefulSet", "name": "web"})"},
      {kWeb, R"({"kind": "Deployment", "name": "web", "containers": ["main"]})"},
      {kWeb, R"({"kind": "Deployment", "selector": {}})"},
      {R"({"kind": "Pod", "selector": {"matchLabels": {"a": "b"}}})",
       R"({"kind": "Pod", "selector": {"matchLabels": {"a": "c"}}})"},
      {R"({"kind": "Pod", "selector": {"matchLabels": {"a": ""}}})",
       R"({"kind": "Pod", "selector": {"matchLabels": {}}})"},
  };
  for (const auto& [before, after] : kSame) {
    EXPECT_EQ(Findings(Spec(before, "BPF", "AlwaysAllow"), Spec(after, "BPF", "AlwaysAllow")), "")
        << after;
  }
  for (const auto& [before, after] : kOther) {
    EXPECT_EQ(
        Findings(Spec(before, "BPF", "AlwaysAllow"), Spec(after, "BPF", "AlwaysAllow")),
        "U1: spec.target: the target of a policy cannot change; create another policy for the "
        "new target")
        << after;
  }
}

TEST(PolicyUpdateTest, RulesAndDurationsMayChange) {
  EXPECT_EQ(
      Findings(
          Spec(kWeb, "AppArmor", "BehaviorModeling", R"({"modelingOptions": {"duration": 5}})"),
          Spec(kWeb, "AppArmor", "BehaviorModeling", R"({"modelingOptions": {"duration": 50}})"),
          "Modeling"),
      "");
}

TEST(PolicyUpdateTest, SaysWhatToDo) {
  EXPECT_EQ(Findings(Spec(kWeb, "AppArmorSeccomp", "BehaviorModeling"),
                     Spec(kWeb, "BPF", "EnhanceProtect"), "Modeling"),
            "U3: spec.policy.mode: cannot change to \"EnhanceProtect\" while behaviour is being "
            "recorded; wait until the policy's phase is Completed\n"
            "U4: spec.policy.enforcer: \"BPF\" leaves out AppArmor and Seccomp, which running "
            "containers still refer to; keep AppArmor and Seccomp, or delete the policy and create "
            "it again");
}

TEST(PolicyUpdateTest, AnythingMayBeMissing) {
  EXPECT_EQ(Findings(Json::object(), Json::object()), "");
  EXPECT_EQ(Findings(Json(), Json::parse(R"({"target": null, "policy": []})")), "");
  EXPECT_NE(Findings(Json(), Json::parse(R"({"target": 3, "policy": []})")), "");
}

}  // namespace
}  // namespace varmor
