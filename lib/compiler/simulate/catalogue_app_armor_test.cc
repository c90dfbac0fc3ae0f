// The examples of every built-in rule that claims AppArmor, decided by the text of a policy with
// that rule alone, under all switches; and the same examples in the other modes.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/catalogue/testing/rule_examples.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/compiler/simulate/decide_app_armor.h"
#include "proto/event.pb.h"

namespace varmor {
namespace {

using Outcome = Verdict::Outcome;

// The texts of this machine.
const AppArmorIncludes& Includes() {
  static const auto& includes = *new AppArmorIncludes([] {
    AppArmorIncludes read;
    const std::filesystem::path root = "/etc/apparmor.d";
    for (const char* part : {"abstractions", "tunables"}) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(root / part)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream in(entry.path(), std::ios::binary);
        read[entry.path().lexically_relative(root).string()] =
            std::string{std::istreambuf_iterator<char>(in), {}};
      }
    }
    return read;
  }());
  return includes;
}

// `policy` are lines of spec.policy.
AppArmorArtifact CompileAppArmor(const std::string& policy, bool modeling_finished = false) {
  const LoadResult loaded =
      LoadPolicies({{"policy.yaml", PolicyOfEnforcer("AppArmor", policy)}}, {});
  CompileOptions options;
  options.lenient = true;  // a policy that asks for silence is one
  options.modeling_finished = modeling_finished;
  CompileResult result = Compile(loaded.policies.at(0), options, BuiltinCatalogue()).value();
  for (const Diagnostic& d : result.diagnostics.list()) {
    EXPECT_NE(d.severity, Diagnostic::Severity::kError) << FormatDiagnostic(d);
  }
  return result.app_armor.value();
}

AppArmorSimulator Simulate(const AppArmorArtifact& artifact) {
  SimulateOptions options;
  options.includes = &Includes();
  return AppArmorSimulator::Load(artifact, options).value();
}

bool Claims(const BuiltinRule& rule) { return rule.app_armor().not_enforceable().empty(); }

bool Names(const Verdict& verdict, const std::string& rule) {
  for (const ResponsibleRule& responsible : verdict.rules) {
    if (responsible.origin.rule() == rule) return true;
  }
  return false;
}

struct Wanted {
  Outcome outcome;
  bool reported;
  bool named;
};

int ExpectDenied(const BuiltinRule& rule, const AppArmorSimulator& simulator,
                 const Wanted& wanted) {
  int decided = 0;
  for (const Event& event : rule.denies()) {
    if (!IsExampleFor(event, "apparmor")) continue;
    const absl::StatusOr<Verdict> verdict = simulator.Decide(event);
    EXPECT_TRUE(verdict.ok()) << event.ShortDebugString() << verdict.status();
    if (!verdict.ok() || verdict->outcome == Outcome::kNotMediated) continue;
    ++decided;
    EXPECT_EQ(verdict->outcome, wanted.outcome) << event.ShortDebugString() << verdict->reason;
    EXPECT_EQ(verdict->reported, wanted.reported) << event.ShortDebugString();
    EXPECT_EQ(Names(*verdict, rule.id()), wanted.named) << event.ShortDebugString();
  }
  return decided;
}

void ExpectAllowed(const BuiltinRule& rule, const AppArmorSimulator& simulator) {
  for (const Event& event : rule.still_allows()) {
    if (!IsExampleFor(event, "apparmor")) continue;
    const absl::StatusOr<Verdict> verdict = simulator.Decide(event);
    ASSERT_TRUE(verdict.ok()) << event.ShortDebugString() << verdict.status();
    if (verdict->outcome == Outcome::kNotMediated) continue;
    EXPECT_EQ(verdict->outcome, Outcome::kAllow) << event.ShortDebugString() << verdict->reason;
    EXPECT_FALSE(verdict->reported) << event.ShortDebugString();
    EXPECT_FALSE(Names(*verdict, rule.id())) << event.ShortDebugString();
  }
}

void ExpectExamples(const std::string& switches, const Wanted& wanted, bool near_misses) {
  int rules = 0;
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    if (!Claims(rule)) continue;
    SCOPED_TRACE(rule.id());
    ++rules;
    const AppArmorSimulator simulator =
        Simulate(CompileAppArmor(EnhanceProtectWith(rule, switches)));
    EXPECT_GT(ExpectDenied(rule, simulator, wanted), 0) << "no example that AppArmor sees";
    if (near_misses) ExpectAllowed(rule, simulator);
  }
  EXPECT_GT(rules, 50);
}

TEST(CatalogueAppArmorTest, TheIncludedTextsAreHere) {
  EXPECT_EQ(Includes().count("abstractions/base"), 1);
  EXPECT_EQ(Includes().count("tunables/global"), 1);
}

TEST(CatalogueAppArmorTest, RulesDenyTheirExamplesAndNoNearMiss) {
  ExpectExamples("      privileged: true\n", {Outcome::kDeny, false, true}, true);
}

// The container runtime's own denials may cover a near miss.
TEST(CatalogueAppArmorTest, RulesOfUnprivilegedPoliciesDenyTheSame) {
  ExpectExamples("", {Outcome::kDeny, false, true}, false);
}

TEST(CatalogueAppArmorTest, AuditedViolationsAreDeniedAndReported) {
  ExpectExamples("      privileged: true\n      auditViolations: true\n",
                 {Outcome::kDeny, true, true}, true);
}

TEST(CatalogueAppArmorTest, AllowedViolationsAreReportedOnly) {
  ExpectExamples(
      "      privileged: true\n      auditViolations: true\n      allowViolations: true\n",
      {Outcome::kAllow, true, true}, true);
}

// The rule is there as a permission, and says so.
TEST(CatalogueAppArmorTest, AllowedViolationsWithoutAuditingArePermitted) {
  ExpectExamples("      privileged: true\n      allowViolations: true\n",
                 {Outcome::kAllow, false, true}, true);
}

TEST(CatalogueAppArmorTest, ModesThatAllowEverythingDenyNoExample) {
  const AppArmorArtifact artifacts[] = {
      CompileAppArmor("    mode: AlwaysAllow\n"),
      CompileAppArmor("    mode: BehaviorModeling\n    modelingOptions: {duration: 30}\n", true),
  };
  for (const AppArmorArtifact& artifact : artifacts) {
    const AppArmorSimulator simulator = Simulate(artifact);
    for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
      if (!Claims(rule)) continue;
      SCOPED_TRACE(rule.id());
      ExpectDenied(rule, simulator, {Outcome::kAllow, false, false});
    }
  }
}

// A running model allows everything and reports what no rule allows.
TEST(CatalogueAppArmorTest, RunningModellingDeniesNoExample) {
  const AppArmorSimulator simulator = Simulate(
      CompileAppArmor("    mode: BehaviorModeling\n    modelingOptions: {duration: 30}\n"));
  for (const BuiltinRule& rule : BuiltinCatalogue().rules()) {
    for (const Event& event : rule.denies()) {
      if (!IsExampleFor(event, "apparmor")) continue;
      const absl::StatusOr<Verdict> verdict = simulator.Decide(event);
      ASSERT_TRUE(verdict.ok()) << event.ShortDebugString() << verdict.status();
      if (verdict->outcome == Outcome::kNotMediated) continue;
      EXPECT_EQ(verdict->outcome, Outcome::kAllow) << event.ShortDebugString();
    }
  }
}

TEST(CatalogueAppArmorTest, TheRuntimesDefaultDeniesItsExamples) {
  const AppArmorSimulator simulator = Simulate(CompileAppArmor("    mode: RuntimeDefault\n"));
  const auto word = [&](const Event& event) {
    return VerdictWord(simulator.Decide(event).value());
  };
  Event event;
  event.mutable_file()->set_path("/proc/sysrq-trigger");
  event.mutable_file()->set_access(FileEvent::WRITE);
  EXPECT_EQ(word(event), "deny");
  event.mutable_file()->set_path("/sys/firmware/efi/vars");
  event.mutable_file()->set_access(FileEvent::READ);
  EXPECT_EQ(word(event), "deny");
  event.mutable_file()->set_path("/proc/1/status");
  EXPECT_EQ(word(event), "allow");
  event.mutable_mount()->set_source("tmpfs");
  event.mutable_mount()->set_target("/mnt");
  event.mutable_mount()->set_fstype("tmpfs");
  EXPECT_EQ(word(event), "deny");
}

TEST(CatalogueAppArmorTest, DefenseInDepthDeniesWhatTheProfileDoesNotList) {
  const std::string policy = R"(    mode: DefenseInDepth
    defenseInDepth:
      appArmor:
        profileType: Custom
        customProfile: |
          profile varmor-shop-demo flags=(attach_disconnected,mediate_deleted) {
            /srv/** r,
            /usr/bin/tool cx -> tool,
            profile tool {
              /srv/** w,
            }
          }
)";
  const AppArmorSimulator simulator = Simulate(CompileAppArmor(policy));
  Event event;
  event.mutable_file()->set_path("/srv/page");
  event.mutable_file()->set_access(FileEvent::READ);
  EXPECT_EQ(VerdictWord(simulator.Decide(event).value()), "allow");
  event.mutable_file()->set_access(FileEvent::WRITE);
  EXPECT_EQ(VerdictWord(simulator.Decide(event).value()), "audit deny");
  event.set_profile("tool");
  EXPECT_EQ(VerdictWord(simulator.Decide(event).value()), "allow");
  Event exec;
  exec.mutable_exec()->set_path("/usr/bin/tool");
  EXPECT_EQ(simulator.Decide(exec)->effect, "runs under varmor-shop-demo//tool");
}

}  // namespace
}  // namespace varmor
