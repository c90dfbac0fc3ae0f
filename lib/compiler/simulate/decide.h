// What would happen to a process under a compiled policy: one event, all three enforcers.
//
//     absl::StatusOr<Simulator> simulator = Simulator::Load(ArtifactsOf(result), {});
//     Event event;  // or ParseEventText("write /etc/passwd")
//     const CombinedVerdict verdict = simulator->Decide(event).value();
//
// Answers come from the artifacts alone: the AppArmor text, the bytes of the BPF image, the seccomp
// JSON. What cannot be known offline is kUnknown with the reason, never a guess.
#ifndef LIB_COMPILER_SIMULATE_DECIDE_H_
#define LIB_COMPILER_SIMULATE_DECIDE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/simulate/simulate_options.h"
#include "lib/compiler/simulate/verdict.h"
#include "proto/artifact.pb.h"
#include "proto/event.pb.h"

namespace varmor {

// Those that are null were not compiled.
struct ArtifactSet {
  const AppArmorArtifact* app_armor = nullptr;
  const BpfArtifact* bpf = nullptr;
  const SeccompArtifact* seccomp = nullptr;
};

struct EnforcerVerdict {
  // "AppArmor", "BPF", "Seccomp".
  std::string enforcer;
  Verdict verdict;
};

struct CombinedVerdict {
  // One per artifact, in the order above.
  std::vector<EnforcerVerdict> enforcers;

  // All together: any denial wins; then anything unknown; else it is allowed. `rules`, `effect` and
  // `reason` are those of the first enforcer with that outcome; `reported` when any of those with
  // it reports. Not mediated when no enforcer sees the event.
  Verdict combined;
};

// Loaded once, asked any number of times; immutable, so threads may share it. Holds what it needs;
// the artifacts may go away.
class Simulator {
 public:
  // INVALID_ARGUMENT for artifacts that the compiler would not make.
  static absl::StatusOr<Simulator> Load(const ArtifactSet& artifacts,
                                        const SimulateOptions& options);

  Simulator(Simulator&&) noexcept;
  Simulator& operator=(Simulator&&) noexcept;
  ~Simulator();

  // INVALID_ARGUMENT for an event with words that do not exist (an unknown capability).
  absl::StatusOr<CombinedVerdict> Decide(const Event& event) const;

 private:
  struct Parts;
  explicit Simulator(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_DECIDE_H_
