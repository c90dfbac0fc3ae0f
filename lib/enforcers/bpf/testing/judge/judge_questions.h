// Random questions to the enforcer, each with what it has to answer: the simulator's verdict, and
// the event that comes with it.
#ifndef LIB_ENFORCERS_BPF_TESTING_JUDGE_JUDGE_QUESTIONS_H_
#define LIB_ENFORCERS_BPF_TESTING_JUDGE_JUDGE_QUESTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "lib/compiler/simulate/decide_bpf.h"
#include "lib/compiler/simulate/testing/bpf_random_rules.h"
#include "lib/enforcers/bpf/testing/judge/judge_oracle_loader.h"

namespace varmor {

struct JudgeCase {
  // Program of judge_oracle.bpf.c that the question is for.
  const char* program = nullptr;
  BpfVerdict want;
  // Nothing is reported, whatever the verdict: the kernel only asks what it could do.
  bool quiet = false;
  // The path cannot be told, and the profile asks for it.
  bool unresolved = false;
  // The address in `event` is to be one of the pod's own.
  bool own = false;
  // What the event says, but for the verdict and who it was.
  varmor_event event{};
  std::string text;
  // Bytes of the longest text that is matched.
  size_t longest = 0;
  // For people.
  std::string name;
};

class JudgeQuestions {
 public:
  JudgeQuestions(JudgeOracle& oracle, const BpfSimulator& image, RandomRules& random)
      : oracle_(oracle), image_(image), random_(random) {}

  // Writes a question to the oracle. A case is one of the profile's of the constructor.
  JudgeCase Next();

 private:
  JudgeCase Path();
  JudgeCase Mount();
  JudgeCase Socket();
  JudgeCase Egress();
  JudgeCase Capability();
  JudgeCase Tracing();
  JudgeCase Operation();

  std::string Text();
  uint32_t Device();
  static void Put(const std::string& text, uint32_t& length, char* to);

  JudgeOracle& oracle_;
  const BpfSimulator& image_;
  RandomRules& random_;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_TESTING_JUDGE_JUDGE_QUESTIONS_H_
