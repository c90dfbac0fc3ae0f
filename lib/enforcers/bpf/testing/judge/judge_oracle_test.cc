// The kernel decides as the simulator does: random questions to random profiles, put to the code
// that the hooks run and to BpfSimulator. Compared are the answer, the event, and which rule's
// counter moves.
//
// VARMOR_JUDGE_CASES=N (--test_env) asks N questions of each object, VARMOR_JUDGE_SEED=N begins
// elsewhere.
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/simulate/decide_bpf.h"
#include "lib/compiler/simulate/testing/bpf_random_rules.h"
#include "lib/enforcers/bpf/testing/judge/judge_oracle_loader.h"
#include "lib/enforcers/bpf/testing/judge/judge_profiles.h"
#include "lib/enforcers/bpf/testing/judge/judge_questions.h"

namespace varmor {
namespace {

// Questions to one profile.
constexpr int kQuestions = 500;

// What a bounded loop looks at; path_match.h.
constexpr size_t kBoundedSteps = 1800;

int FromEnvironment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  int number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : otherwise;
}

struct Variant {
  const char* name;
  const char* object;
  size_t steps;
};

constexpr Variant kVariants[] = {
    {"BoundedLoop", "lib/enforcers/bpf/testing/judge/judge_oracle.bpf.o", kBoundedSteps},
    {"BpfLoop", "lib/enforcers/bpf/testing/judge/judge_oracle_loop.bpf.o", VARMOR_PATH_BYTES_MAX},
};

std::string Show(const varmor_event& event, const std::string& text) {
  if (event.version == 0) return "none";
  return absl::StrCat(
      "class ", event.event_class, " action ", event.action, " rule ", event.rule, " reason ",
      event.reason, " operation ", event.operation, " wanted ", event.wanted, " detail ",
      event.detail, " extra ",
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(event.extra), 16)),
      " subject ", event.subject, " profile ", event.profile, " slot ", event.slot, " drops ",
      event.drops, " text (", event.length, ") \"", absl::CEscape(text.substr(0, 80)), "\"");
}

class JudgeOracleTest : public testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<JudgeOracle>> oracle = JudgeOracle::Load(GetParam().object);
    if (absl::IsPermissionDenied(oracle.status()) || absl::IsUnimplemented(oracle.status())) {
      GTEST_SKIP() << "NOT COMPARED WITH THE KERNEL, which refuses: " << oracle.status();
    }
    ASSERT_TRUE(oracle.ok()) << oracle.status();
    oracle_ = *std::move(oracle);
  }

  // The event that has to come with a case.
  varmor_event WantedEvent(const JudgeCase& question) const {
    varmor_event event{};
    const BpfVerdict& want = question.want;
    if (!want.audit || question.quiet) return event;
    event = question.event;
    event.version = VARMOR_PROGRAMS_ABI;
    event.action = static_cast<uint8_t>(!want.would_deny ? VARMOR_EVENT_AUDIT
                                        : want.deny      ? VARMOR_EVENT_DENIED
                                                         : VARMOR_EVENT_ALLOWED);
    event.rule = want.rule < 0 ? VARMOR_NO_RULE : static_cast<uint16_t>(want.rule);
    if (question.unresolved) {
      event.reason = VARMOR_REASON_UNRESOLVED;
    } else if (want.rule < 0) {
      event.reason = VARMOR_REASON_DEFAULT;
    }
    event.length = static_cast<uint16_t>(question.text.size());
    event.subject = JudgeOracle::kSubject;
    event.profile = JudgeOracle::kProfile;
    event.slot = oracle_->slot();
    return event;
  }

  // Asks the kernel and compares; false when anything differs.
  bool Check(JudgeCase& question, bool complain) {
    if (question.own) {
      EXPECT_TRUE(oracle_->SetOwnAddress(question.event.extra, true).ok());
    }
    JudgeEvent got;
    const absl::Status asked = oracle_->Ask(question.program, got);
    if (question.own) {
      EXPECT_TRUE(oracle_->SetOwnAddress(question.event.extra, false).ok());
    }
    EXPECT_TRUE(asked.ok()) << asked;
    if (!asked.ok()) return false;
    // A bounded loop gives no answer for what is alive after its last step.
    if (std::max(question.longest, question.text.size()) > GetParam().steps &&
        got.header.reason == VARMOR_REASON_UNRESOLVED) {
      question.unresolved = true;
    }
    if (question.unresolved) {
      question.want.would_deny = question.want.audit = true;
      question.want.deny = !complain;
      question.want.rule = -1;
    }
    if (question.text.size() > VARMOR_PATH_BYTES_MAX) question.text = "";
    const bool counts = question.want.would_deny || question.want.audit;
    if (counts && question.want.rule >= 0) ++hits_[question.want.rule];
    const varmor_event want = WantedEvent(question);
    if (want.version == 0) question.text = "";
    EXPECT_EQ(Show(got.header, got.text), Show(want, question.text)) << question.name;
    EXPECT_EQ(got.text, question.text) << question.name;
    EXPECT_EQ(oracle_->question().answer, question.want.deny ? -EPERM : 0) << question.name;
    denied_ += question.want.deny;
    reported_ += want.version != 0;
    unresolved_ += question.unresolved;
    return !HasFailure();
  }

  // Asks one profile; false when anything differs.
  bool CheckProfile(const BpfArtifact& artifact, RandomRules& random) {
    const BpfSimulator image = BpfSimulator::Load(artifact).value();
    const absl::Status set = oracle_->SetProfile(artifact);
    EXPECT_TRUE(set.ok()) << set;
    if (!set.ok()) return false;
    const bool complain = (image.image().profile.flags & VARMOR_PROFILE_COMPLAIN) != 0;
    hits_.clear();
    JudgeQuestions questions(*oracle_, image, random);
    for (int i = 0; i < kQuestions; ++i) {
      JudgeCase question = questions.Next();
      ++cases_;
      if (!Check(question, complain)) return false;
    }
    for (int rule = 0; rule < artifact.rules_size(); ++rule) {
      const absl::StatusOr<uint64_t> hits = oracle_->Hits(static_cast<uint32_t>(rule));
      EXPECT_TRUE(hits.ok()) << hits.status();
      EXPECT_EQ(*hits, hits_[rule]) << "counter of rule " << rule;
    }
    ++profiles_;
    defaults_ += image.image().profile.default_deny != 0;
    complains_ += complain;
    return !HasFailure();
  }

  std::unique_ptr<JudgeOracle> oracle_;
  std::map<int, uint64_t> hits_;
  int cases_ = 0, profiles_ = 0, defaults_ = 0, complains_ = 0;
  int denied_ = 0, reported_ = 0, unresolved_ = 0;
};

TEST_P(JudgeOracleTest, TheKernelDecidesAsTheSimulatorDoes) {
  const int wanted = FromEnvironment("VARMOR_JUDGE_CASES", 100000);
  int policies = 0;
  for (auto seed = static_cast<uint32_t>(FromEnvironment("VARMOR_JUDGE_SEED", 0)); cases_ < wanted;
       ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    RandomRules random(seed);
    ASSERT_TRUE(CheckProfile(ProfileOfRandomRules(random), random));
    const std::optional<BpfArtifact> policy = ProfileOfRandomPolicy(seed);
    if (!policy.has_value()) continue;
    SCOPED_TRACE("of a policy");
    ++policies;
    ASSERT_TRUE(CheckProfile(*policy, random));
  }
  EXPECT_GT(denied_, cases_ / 20);
  EXPECT_GT(reported_, cases_ / 10);
  EXPECT_GT(unresolved_, 0);
  EXPECT_GT(complains_, profiles_ / 10);
  EXPECT_GT(defaults_, profiles_ / 10);
  EXPECT_GT(policies, 0);
  std::cout << "oracle: " << cases_ << " (profile, event) pairs in the kernel by "
            << GetParam().name << ", " << profiles_ << " profiles (" << policies
            << " of whole policies, " << defaults_ << " deny by default, " << complains_
            << " only observe), " << denied_ << " denials, " << reported_ << " events, "
            << unresolved_ << " paths that cannot be told; all as in the simulator\n";
}

INSTANTIATE_TEST_SUITE_P(Objects, JudgeOracleTest, testing::ValuesIn(kVariants),
                         [](const testing::TestParamInfo<Variant>& info) {
                           return std::string(info.param.name);
                         });

TEST(JudgeOracleLoadTest, AMissingObjectIsNoRefusalOfTheKernel) {
  const absl::StatusOr<std::unique_ptr<JudgeOracle>> oracle =
      JudgeOracle::Load("does-not-exist.bpf.o");
  EXPECT_EQ(oracle.status().code(), absl::StatusCode::kInternal) << oracle.status();
}

}  // namespace
}  // namespace varmor
