// The matrix covers the catalogue: each claim of each record is attacked.
#include "tools/attack/cases.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "proto/builtin_rule.pb.h"
#include "tools/attack/coverage.h"
#include "tools/attack/scenarios.h"

namespace varmor {
namespace {

CaseOptions Options(bool observe) {
  CaseOptions options;
  options.observe = observe;
  DiskDevice& disk = *options.node.add_disk_devices();
  disk.set_name("sda");
  disk.set_major(254);
  return options;
}

int Denied(const AttackCase& attack_case) {
  return static_cast<int>(std::count_if(attack_case.events.begin(), attack_case.events.end(),
                                        [](const AttackEvent& event) { return event.denied; }));
}

TEST(CasesTest, EveryClaimIsAttacked) {
  const auto cases = CatalogueCases(Options(false));
  ASSERT_TRUE(cases.ok()) << cases.status();
  std::map<std::pair<std::string, std::string>, int> denied;
  for (const AttackCase& attack_case : *cases) {
    denied[{attack_case.rule, attack_case.enforcer}] = Denied(attack_case);
  }
  size_t claims = 0;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    const std::pair<const char*, bool> enforcers[] = {
        {"AppArmor", rule.app_armor().not_enforceable().empty()},
        {"BPF", rule.bpf().not_enforceable().empty()},
        {"Seccomp", rule.seccomp().not_enforceable().empty()},
    };
    for (const auto& [enforcer, claimed] : enforcers) {
      if (!claimed) continue;
      ++claims;
      EXPECT_GT((denied[{rule.id(), enforcer}]), 0) << rule.id() << ", " << enforcer;
    }
  }
  EXPECT_EQ(cases->size(), claims);
}

TEST(CasesTest, ScenariosAreWhatTheSimulatorSays) {
  const auto cases = ScenarioCases(Options(false));
  ASSERT_TRUE(cases.ok()) << cases.status();
  for (const AttackCase& attack_case : *cases) {
    EXPECT_GT(Denied(attack_case), 0) << attack_case.rule;
    for (const LeftOutEvent& left_out : attack_case.left_out) {
      ADD_FAILURE() << attack_case.rule << ": " << left_out.event.ShortDebugString() << ": "
                    << left_out.reason;
    }
  }
}

TEST(CasesTest, TheTableOfAttacksNamesCasesThatThereAre) {
  auto cases = CatalogueCases(Options(false));
  ASSERT_TRUE(cases.ok()) << cases.status();
  const auto scenarios = ScenarioCases(Options(false));
  ASSERT_TRUE(scenarios.ok()) << scenarios.status();
  cases->insert(cases->end(), scenarios->begin(), scenarios->end());
  for (const std::string& name : CoveredCases()) {
    const auto is_it = [&name](const AttackCase& attack_case) {
      return attack_case.rule == name && attack_case.enforcer == "BPF";
    };
    // That one has no policy of its own.
    EXPECT_TRUE(name == kMachineCase || std::any_of(cases->begin(), cases->end(), is_it)) << name;
  }
}

TEST(CasesTest, ObservedPoliciesDenyNothing) {
  auto cases = CatalogueCases(Options(true));
  ASSERT_TRUE(cases.ok()) << cases.status();
  const auto scenarios = ScenarioCases(Options(true));
  ASSERT_TRUE(scenarios.ok()) << scenarios.status();
  cases->insert(cases->end(), scenarios->begin(), scenarios->end());
  for (const AttackCase& attack_case : *cases) {
    EXPECT_GT(Denied(attack_case), 0) << attack_case.rule;
    for (const AttackEvent& event : attack_case.events) {
      const bool unseen = event.verdict.outcome == Verdict::Outcome::kNotMediated;
      EXPECT_TRUE(event.verdict.outcome == Verdict::Outcome::kAllow || (unseen && !event.denied))
          << event.event.ShortDebugString();
      EXPECT_EQ(event.verdict.reported, event.denied) << event.event.ShortDebugString();
    }
  }
}

// The rules and enforcers of those that SelectCases finds, or what it says.
std::string Selected(const std::vector<std::string>& rules,
                     const std::vector<std::string>& enforcers) {
  std::vector<AttackCase> cases(4);
  cases[0].rule = cases[1].rule = "two";
  cases[0].enforcer = "AppArmor";
  cases[1].enforcer = "BPF";
  cases[2].rule = "one";
  cases[2].enforcer = "BPF";
  cases[3].rule = "filter";
  cases[3].enforcer = "Seccomp";
  const auto selected = SelectCases(rules, enforcers, std::move(cases));
  if (!selected.ok()) return std::string(selected.status().message());
  return absl::StrJoin(*selected, ", ", [](std::string* out, const AttackCase& one) {
    absl::StrAppend(out, one.rule, " ", one.enforcer);
  });
}

TEST(SelectCasesTest, TakesRulesAndEnforcersByTheirNames) {
  const std::vector<std::string> all = {"AppArmor", "BPF", "Seccomp"};
  EXPECT_EQ(Selected({}, all), "two AppArmor, two BPF, one BPF, filter Seccomp");
  EXPECT_EQ(Selected({}, {"BPF"}), "two BPF, one BPF");
  EXPECT_EQ(Selected({"two", "filter"}, all), "two AppArmor, two BPF, filter Seccomp");
  EXPECT_EQ(Selected({kMachineCase}, all), "");
}

TEST(SelectCasesTest, ARunOfNothingIsAMistake) {
  const std::vector<std::string> all = {"AppArmor", "BPF", "Seccomp"};
  EXPECT_EQ(Selected({"two", ""}, all),
            "there is no case \"\"; there are: filter, one, the machine's own processes, two");
  EXPECT_EQ(Selected({"tow"}, all),
            "there is no case \"tow\"; there are: filter, one, the machine's own processes, two");
  EXPECT_EQ(Selected({}, {"bpf"}),
            "there is no enforcer \"bpf\"; there are: AppArmor, BPF, Seccomp");
  EXPECT_EQ(Selected({"two"}, {"Seccomp"}),
            "nothing to attack: no case of these rules is for Seccomp; there are some for: "
            "AppArmor, BPF");
  EXPECT_EQ(Selected({kMachineCase}, {"Seccomp"}),
            "nothing to attack: no case of these rules is for Seccomp; there are some for: BPF");
}

}  // namespace
}  // namespace varmor
