#include "lib/compiler/c_api/varmor.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

template <typename Object, void (*free)(Object*)>
struct Freer {
  void operator()(Object* object) const { free(object); }
};
using Result = std::unique_ptr<varmor_result, Freer<varmor_result, varmor_result_free>>;
using SimulatorHandle =
    std::unique_ptr<varmor_simulator, Freer<varmor_simulator, varmor_simulator_free>>;
using Answer = std::unique_ptr<varmor_answer, Freer<varmor_answer, varmor_answer_free>>;

std::string PolicyText(absl::string_view enforcer, absl::string_view rule) {
  return absl::StrCat(
      "apiVersion: crd.varmor.org/v1beta1\n"
      "kind: VarmorPolicy\n"
      "metadata: {name: web, namespace: shop}\n"
      "spec:\n"
      "  target: {kind: Deployment, name: web}\n"
      "  policy:\n"
      "    enforcer: ",
      enforcer,
      "\n"
      "    mode: EnhanceProtect\n"
      "    enhanceProtect: {hardeningRules: [",
      rule, "]}\n");
}

struct Compiled {
  varmor_status status = VARMOR_INTERNAL_FAULT;
  Result result;
};

Compiled CompileWith(const std::string& text, const varmor_options* options) {
  varmor_result* result = nullptr;
  const varmor_status status = varmor_compile(text.data(), text.size(), options, &result);
  return {status, Result(result)};
}

std::string AllText(const varmor_result* result) {
  std::string text;
  for (size_t i = 0; i < varmor_result_diagnostic_count(result); ++i) {
    text += varmor_diagnostic_text(varmor_result_diagnostic(result, i));
  }
  return text;
}

TEST(VarmorCTest, ArtifactsComeWithNameKindAndBytes) {
  const Compiled compiled =
      CompileWith(PolicyText("AppArmorBPFSeccomp", "disallow-write-core-pattern"), nullptr);
  ASSERT_EQ(compiled.status, VARMOR_OK) << AllText(compiled.result.get());
  ASSERT_EQ(varmor_result_policy_count(compiled.result.get()), 1u);
  const varmor_policy* policy = varmor_result_policy(compiled.result.get(), 0);
  EXPECT_STREQ(varmor_policy_name(policy), "web");
  EXPECT_STREQ(varmor_policy_namespace(policy), "shop");
  EXPECT_STREQ(varmor_policy_profile(policy), "varmor-shop-web");
  EXPECT_STREQ(varmor_policy_mode(policy), "enforce");
  EXPECT_EQ(varmor_policy_has_errors(policy), 0);

  struct Row {
    varmor_artifact_kind kind;
    const char* name;
    const char* begin;
  };
  const std::vector<Row> rows = {
      {VARMOR_ARTIFACT_APPARMOR, "varmor-shop-web.apparmor", "# "},
      {VARMOR_ARTIFACT_BPF, "varmor-shop-web.bpf.pb", "\n\x0fvarmor-shop-web"},
      {VARMOR_ARTIFACT_BPF_JSON, "varmor-shop-web.bpf.json", "{\n"},
      {VARMOR_ARTIFACT_SECCOMP, "varmor-shop-web.seccomp.json", "{\n"},
  };
  ASSERT_EQ(varmor_policy_artifact_count(policy), rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    SCOPED_TRACE(rows[i].name);
    const varmor_artifact* artifact = varmor_policy_artifact(policy, i);
    EXPECT_EQ(varmor_artifact_get_kind(artifact), rows[i].kind);
    EXPECT_STREQ(varmor_artifact_name(artifact), rows[i].name);
    const absl::string_view bytes(varmor_artifact_bytes(artifact),
                                  varmor_artifact_length(artifact));
    EXPECT_EQ(bytes.substr(0, absl::string_view(rows[i].begin).size()), rows[i].begin);
    EXPECT_EQ(bytes.data()[bytes.size()], '\0');
    EXPECT_EQ(varmor_artifact_has_holes(artifact), 0);
  }
}

TEST(VarmorCTest, MistakesComeWithTheirFields) {
  varmor_options options = VARMOR_OPTIONS_INIT;
  options.source_name = "web.yaml";
  const Compiled compiled = CompileWith(PolicyText("BPF", "disallow-mout"), &options);
  ASSERT_EQ(compiled.status, VARMOR_INVALID_INPUT);
  const varmor_policy* policy = varmor_result_policy(compiled.result.get(), 0);
  EXPECT_EQ(varmor_policy_has_errors(policy), 1);
  EXPECT_EQ(varmor_policy_artifact_count(policy), 0u);
  EXPECT_STREQ(varmor_policy_mode(policy), "");
  ASSERT_EQ(varmor_result_diagnostic_count(compiled.result.get()), 1u);
  const varmor_diagnostic* diagnostic = varmor_result_diagnostic(compiled.result.get(), 0);
  EXPECT_EQ(varmor_diagnostic_severity(diagnostic), VARMOR_ERROR);
  EXPECT_STREQ(varmor_diagnostic_code(diagnostic), "unknown-rule");
  EXPECT_STREQ(varmor_diagnostic_file(diagnostic), "web.yaml");
  EXPECT_EQ(varmor_diagnostic_line(diagnostic), 9);
  EXPECT_EQ(varmor_diagnostic_column(diagnostic), 39);
  EXPECT_STREQ(varmor_diagnostic_field(diagnostic), "spec.policy.enhanceProtect.hardeningRules[0]");
  EXPECT_STREQ(varmor_diagnostic_problem(diagnostic), "unknown built-in rule \"disallow-mout\"");
  EXPECT_EQ(absl::string_view(varmor_diagnostic_fix(diagnostic)).substr(0, 29),
            "did you mean \"disallow-mount\"");
  EXPECT_EQ(absl::string_view(varmor_diagnostic_text(diagnostic)).substr(0, 16),
            "web.yaml:9:39: e");
}

TEST(VarmorCTest, OnePolicysMistakeLeavesTheOthers) {
  const std::string text = absl::StrCat(PolicyText("BPF", "disallow-mout"), "---\n",
                                        PolicyText("BPF", "disallow-mount"));
  const Compiled compiled = CompileWith(text, nullptr);
  EXPECT_EQ(compiled.status, VARMOR_INVALID_INPUT);
  ASSERT_EQ(varmor_result_policy_count(compiled.result.get()), 2u);
  EXPECT_EQ(varmor_policy_has_errors(varmor_result_policy(compiled.result.get(), 0)), 1);
}

TEST(VarmorCTest, OptionsTakeEffect) {
  const std::string text = PolicyText("AppArmorBPFSeccomp", "disallow-write-core-pattern");
  const char* const architectures[] = {"SCMP_ARCH_AARCH64", nullptr};
  varmor_options options = VARMOR_OPTIONS_INIT;
  options.enforcers = VARMOR_SECCOMP;
  options.architectures = architectures;
  const Compiled compiled = CompileWith(text, &options);
  ASSERT_EQ(compiled.status, VARMOR_OK) << AllText(compiled.result.get());
  const varmor_policy* policy = varmor_result_policy(compiled.result.get(), 0);
  ASSERT_EQ(varmor_policy_artifact_count(policy), 1u);
  const varmor_artifact* artifact = varmor_policy_artifact(policy, 0);
  EXPECT_EQ(varmor_artifact_get_kind(artifact), VARMOR_ARTIFACT_SECCOMP);
  EXPECT_NE(absl::string_view(varmor_artifact_bytes(artifact)).find("SCMP_ARCH_AARCH64"),
            absl::string_view::npos);
}

TEST(VarmorCTest, LenientTurnsStrictErrorsIntoWarnings) {
  const std::string text = PolicyText("BPF", "disallow-mout");
  varmor_options options = VARMOR_OPTIONS_INIT;
  options.flags = VARMOR_LENIENT;
  const Compiled compiled = CompileWith(text, &options);
  EXPECT_EQ(compiled.status, VARMOR_OK) << AllText(compiled.result.get());
  ASSERT_GT(varmor_result_diagnostic_count(compiled.result.get()), 0u);
  EXPECT_EQ(varmor_diagnostic_severity(varmor_result_diagnostic(compiled.result.get(), 0)),
            VARMOR_WARNING);
}

TEST(VarmorCTest, NodeFactsFillHoles) {
  const std::string text = PolicyText("AppArmorBPF", "disallow-mount-disk-device");
  const Compiled unbound = CompileWith(text, nullptr);
  ASSERT_EQ(unbound.status, VARMOR_OK) << AllText(unbound.result.get());
  const varmor_policy* open = varmor_result_policy(unbound.result.get(), 0);
  EXPECT_EQ(varmor_artifact_has_holes(varmor_policy_artifact(open, 0)), 1);
  EXPECT_NE(AllText(unbound.result.get()).find("[unbound-disk-devices]"), std::string::npos);

  varmor_options options = VARMOR_OPTIONS_INIT;
  options.node_facts = "diskDevices: [{name: sda1, major: 8, minor: 1}]";
  const Compiled bound = CompileWith(text, &options);
  ASSERT_EQ(bound.status, VARMOR_OK) << AllText(bound.result.get());
  EXPECT_EQ(AllText(bound.result.get()), "");
  const varmor_policy* policy = varmor_result_policy(bound.result.get(), 0);
  for (size_t i = 0; i < varmor_policy_artifact_count(policy); ++i) {
    EXPECT_EQ(varmor_artifact_has_holes(varmor_policy_artifact(policy, i)), 0) << i;
  }
  EXPECT_NE(
      absl::string_view(varmor_artifact_bytes(varmor_policy_artifact(policy, 0))).find("/dev/sda1"),
      absl::string_view::npos);
}

TEST(VarmorCTest, MistakesInFactsAndWordsAreDiagnostics) {
  struct Row {
    const char* name;
    void (*set)(varmor_options& options);
    const char* text;
  };
  static const char* const kUnknownArchitecture[] = {"SCMP_ARCH_X86_46", nullptr};
  static const char* const kNoArchitecture[] = {nullptr};
  const std::vector<Row> rows = {
      {"NodeFacts", [](varmor_options& o) { o.node_facts = "diskDevices: [{nam: sda}]"; },
       "node_facts:1:16: error: "},
      {"ClusterFacts", [](varmor_options& o) { o.cluster_facts = "pods: 3"; },
       "cluster_facts:1:7: error: "},
      {"Model", [](varmor_options& o) { o.behavior_model = "{"; }, "behavior_model:1"},
      {"Architecture", [](varmor_options& o) { o.architectures = kUnknownArchitecture; },
       "error: unknown architecture \"SCMP_ARCH_X86_46\" [unknown-architecture]\n"
       "  fix: did you mean \"SCMP_ARCH_X86_64\"?\n"},
      {"NoArchitecture", [](varmor_options& o) { o.architectures = kNoArchitecture; },
       "error: the list of architectures is empty [unknown-architecture]\n"},
      {"DeviceName",
       [](varmor_options& o) {
         o.node_facts = "diskDevices: [{name: ../sda, major: 8, minor: 1}]";
       },
       "[bad-node-facts]"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    varmor_options options = VARMOR_OPTIONS_INIT;
    row.set(options);
    const Compiled compiled =
        CompileWith(PolicyText("AppArmorBPF", "disallow-mount-disk-device"), &options);
    EXPECT_EQ(compiled.status, VARMOR_INVALID_INPUT);
    EXPECT_NE(AllText(compiled.result.get()).find(row.text), std::string::npos)
        << AllText(compiled.result.get());
  }
}

TEST(VarmorCTest, CallsThatCannotBeMeantAreRefused) {
  const std::string text = PolicyText("BPF", "disallow-mount");
  varmor_result* result = reinterpret_cast<varmor_result*>(1);
  EXPECT_EQ(varmor_compile(text.data(), text.size(), nullptr, nullptr), VARMOR_INVALID_CALL);
  EXPECT_EQ(varmor_compile(nullptr, 1, nullptr, &result), VARMOR_INVALID_CALL);
  EXPECT_EQ(result, nullptr);
  for (void (*spoil)(varmor_options&) : {
           +[](varmor_options& o) { o.size = 0; },
           +[](varmor_options& o) { o.size = sizeof o - 1; },
           +[](varmor_options& o) { o.flags = 1u << 31; },
           +[](varmor_options& o) { o.enforcers = 8; },
       }) {
    varmor_options options = VARMOR_OPTIONS_INIT;
    spoil(options);
    EXPECT_EQ(varmor_compile(text.data(), text.size(), &options, &result), VARMOR_INVALID_CALL);
  }
}

TEST(VarmorCTest, OptionsOfANewerHeaderWorkUnlessTheyAskForMore) {
  struct Newer {
    varmor_options known;
    const char* more;
  };
  const std::string text = PolicyText("BPF", "disallow-mount");
  Newer newer = {VARMOR_OPTIONS_INIT, nullptr};
  newer.known.size = sizeof newer;
  EXPECT_EQ(CompileWith(text, &newer.known).status, VARMOR_OK);
  newer.more = "wanted";
  EXPECT_EQ(CompileWith(text, &newer.known).status, VARMOR_INVALID_CALL);
}

TEST(VarmorCTest, AnyBytesAreFine) {
  EXPECT_EQ(CompileWith("", nullptr).status, VARMOR_OK);
  varmor_result* result = nullptr;
  EXPECT_EQ(varmor_compile(nullptr, 0, nullptr, &result), VARMOR_OK);
  EXPECT_EQ(varmor_result_policy_count(result), 0u);
  varmor_result_free(result);
  for (const std::string& text : {std::string("a: b\0c", 6), std::string("\xff\xfe{[", 4),
                                  std::string("kind: VarmorPolicy"), std::string(100, '[')}) {
    EXPECT_EQ(CompileWith(text, nullptr).status, VARMOR_INVALID_INPUT) << text;
  }
}

TEST(VarmorCTest, NullIsFineEverywhere) {
  varmor_result_free(nullptr);
  varmor_simulator_free(nullptr);
  varmor_answer_free(nullptr);
  EXPECT_EQ(varmor_result_policy_count(nullptr), 0u);
  EXPECT_EQ(varmor_result_policy(nullptr, 0), nullptr);
  EXPECT_EQ(varmor_result_diagnostic_count(nullptr), 0u);
  EXPECT_EQ(varmor_result_diagnostic(nullptr, 0), nullptr);
  EXPECT_EQ(varmor_policy_has_errors(nullptr), 0);
  EXPECT_EQ(varmor_policy_artifact_count(nullptr), 0u);
  EXPECT_EQ(varmor_policy_artifact(nullptr, 0), nullptr);
  EXPECT_EQ(varmor_artifact_get_kind(nullptr), VARMOR_ARTIFACT_NONE);
  EXPECT_EQ(varmor_artifact_length(nullptr), 0u);
  EXPECT_EQ(varmor_artifact_has_holes(nullptr), 0);
  EXPECT_EQ(varmor_diagnostic_severity(nullptr), VARMOR_ERROR);
  EXPECT_EQ(varmor_diagnostic_line(nullptr), 0);
  EXPECT_EQ(varmor_diagnostic_column(nullptr), 0);
  EXPECT_EQ(varmor_answer_combined(nullptr), nullptr);
  EXPECT_EQ(varmor_answer_ruling_count(nullptr), 0u);
  EXPECT_EQ(varmor_answer_ruling(nullptr, 0), nullptr);
  EXPECT_EQ(varmor_ruling_outcome(nullptr), VARMOR_UNKNOWN);
  EXPECT_EQ(varmor_ruling_reported(nullptr), 0);
  EXPECT_EQ(varmor_ruling_would_deny(nullptr), 0);
  EXPECT_EQ(varmor_ruling_rule_count(nullptr), 0u);
  for (const char* text :
       {varmor_policy_name(nullptr),          varmor_policy_namespace(nullptr),
        varmor_policy_profile(nullptr),       varmor_policy_mode(nullptr),
        varmor_artifact_name(nullptr),        varmor_artifact_bytes(nullptr),
        varmor_diagnostic_code(nullptr),      varmor_diagnostic_file(nullptr),
        varmor_diagnostic_field(nullptr),     varmor_diagnostic_problem(nullptr),
        varmor_diagnostic_fix(nullptr),       varmor_diagnostic_text(nullptr),
        varmor_answer_problem(nullptr),       varmor_ruling_enforcer(nullptr),
        varmor_ruling_word(nullptr),          varmor_ruling_effect(nullptr),
        varmor_ruling_reason(nullptr),        varmor_ruling_rule(nullptr, 0),
        varmor_ruling_rule_field(nullptr, 0), varmor_ruling_rule_text(nullptr, 0)}) {
    EXPECT_STREQ(text, "");
  }
}

TEST(VarmorCTest, EveryStatusHasAName) {
  EXPECT_STREQ(varmor_status_name(VARMOR_OK), "ok");
  EXPECT_STREQ(varmor_status_name(VARMOR_INVALID_INPUT), "invalid input");
  EXPECT_STREQ(varmor_status_name(VARMOR_INVALID_CALL), "invalid call");
  EXPECT_STREQ(varmor_status_name(VARMOR_OUT_OF_MEMORY), "out of memory");
  EXPECT_STREQ(varmor_status_name(VARMOR_INTERNAL_FAULT), "internal fault");
  EXPECT_STREQ(varmor_status_name(static_cast<varmor_status>(7)), "unknown status");
}

SimulatorHandle LoadSimulator(const Compiled& compiled) {
  varmor_simulator* simulator = nullptr;
  EXPECT_EQ(varmor_simulator_load(varmor_result_policy(compiled.result.get(), 0), &simulator),
            VARMOR_OK);
  return SimulatorHandle(simulator);
}

TEST(VarmorCTest, DecisionsNameTheRule) {
  const Compiled compiled =
      CompileWith(PolicyText("AppArmorBPFSeccomp", "disallow-write-core-pattern"), nullptr);
  const SimulatorHandle simulator = LoadSimulator(compiled);
  varmor_answer* made = nullptr;
  ASSERT_EQ(varmor_decide(simulator.get(), "write /proc/sys/kernel/core_pattern", &made),
            VARMOR_OK);
  const Answer answer(made);
  EXPECT_STREQ(varmor_answer_problem(answer.get()), "");
  const varmor_ruling* combined = varmor_answer_combined(answer.get());
  EXPECT_STREQ(varmor_ruling_enforcer(combined), "");
  EXPECT_EQ(varmor_ruling_outcome(combined), VARMOR_DENY);
  EXPECT_STREQ(varmor_ruling_word(combined), "deny");
  const std::vector<const char*> enforcers = {"AppArmor", "BPF", "Seccomp"};
  ASSERT_EQ(varmor_answer_ruling_count(answer.get()), enforcers.size());
  for (size_t i = 0; i < enforcers.size(); ++i) {
    EXPECT_STREQ(varmor_ruling_enforcer(varmor_answer_ruling(answer.get(), i)), enforcers[i]);
  }
  const varmor_ruling* bpf = varmor_answer_ruling(answer.get(), 1);
  ASSERT_EQ(varmor_ruling_rule_count(bpf), 1u);
  EXPECT_STREQ(varmor_ruling_rule(bpf, 0), "disallow-write-core-pattern");
  EXPECT_STREQ(varmor_ruling_rule_field(bpf, 0), "spec.policy.enhanceProtect.hardeningRules[0]");
  EXPECT_STREQ(varmor_ruling_rule(bpf, 1), "");
  EXPECT_STREQ(varmor_ruling_rule_text(bpf, 0), "file /proc/sys/kernel/core_pattern write,append");
}

TEST(VarmorCTest, MistakesInAnEventAreTold) {
  const Compiled compiled = CompileWith(PolicyText("BPF", "disallow-mount"), nullptr);
  const SimulatorHandle simulator = LoadSimulator(compiled);
  varmor_answer* made = nullptr;
  EXPECT_EQ(varmor_decide(simulator.get(), "wirte /etc/passwd", &made), VARMOR_INVALID_INPUT);
  const Answer answer(made);
  EXPECT_NE(absl::string_view(varmor_answer_problem(answer.get())).find("\"write\""),
            absl::string_view::npos)
      << varmor_answer_problem(answer.get());
  EXPECT_EQ(varmor_ruling_outcome(varmor_answer_combined(answer.get())), VARMOR_UNKNOWN);
  EXPECT_EQ(varmor_answer_ruling_count(answer.get()), 0u);
}

TEST(VarmorCTest, PoliciesWithErrorsAnswerNothing) {
  const Compiled compiled = CompileWith(PolicyText("BPF", "disallow-mout"), nullptr);
  varmor_simulator* simulator = nullptr;
  EXPECT_EQ(varmor_simulator_load(varmor_result_policy(compiled.result.get(), 0), &simulator),
            VARMOR_INVALID_CALL);
  EXPECT_EQ(varmor_simulator_load(nullptr, &simulator), VARMOR_INVALID_CALL);
  EXPECT_EQ(varmor_simulator_load(nullptr, nullptr), VARMOR_INVALID_CALL);
  varmor_answer* answer = nullptr;
  EXPECT_EQ(varmor_decide(nullptr, "exec /bin/sh", &answer), VARMOR_INVALID_CALL);
  EXPECT_EQ(varmor_decide(nullptr, nullptr, nullptr), VARMOR_INVALID_CALL);
}

// For ThreadSanitizer as much as for the comparison.
TEST(VarmorCTest, ThreadsShareASimulatorAndCompileAtOnce) {
  const std::string text = PolicyText("BPFSeccomp", "disallow-write-core-pattern");
  const Compiled compiled = CompileWith(text, nullptr);
  const SimulatorHandle simulator = LoadSimulator(compiled);
  std::vector<std::string> words(4);
  std::vector<std::thread> threads;
  for (std::string& word : words) {
    threads.emplace_back([&] {
      const Compiled own = CompileWith(text, nullptr);
      varmor_answer* made = nullptr;
      varmor_decide(simulator.get(), "write /proc/sys/kernel/core_pattern", &made);
      const Answer answer(made);
      word = absl::StrCat(varmor_status_name(own.status), ", ",
                          varmor_ruling_word(varmor_answer_combined(answer.get())));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& word : words) EXPECT_EQ(word, "ok, deny");
}

}  // namespace
}  // namespace varmor
