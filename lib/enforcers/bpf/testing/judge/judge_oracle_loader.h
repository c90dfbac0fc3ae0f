// Asks the kernel what the enforcer's own code answers to a question, through programs that need no
// LSM hook.
#ifndef LIB_ENFORCERS_BPF_TESTING_JUDGE_JUDGE_ORACLE_LOADER_H_
#define LIB_ENFORCERS_BPF_TESTING_JUDGE_JUDGE_ORACLE_LOADER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/enforcers/bpf/bpf_calls.h"
#include "lib/enforcers/bpf/profile_maps.h"
#include "lib/enforcers/bpf/program_object.h"
#include "lib/enforcers/bpf/testing/judge/judge_oracle.h"
#include "proto/artifact.pb.h"

struct ring_buffer;

namespace varmor {

// One record of the ring buffer.
struct JudgeEvent {
  varmor_event header{};
  std::string text;
};

// Holds the loaded object of judge_oracle.bpf.c. Not thread-safe.
class JudgeOracle {
 public:
  // Number of the one profile, cgroup of the one subject, and its pod.
  static constexpr uint32_t kProfile = 5;
  static constexpr uint64_t kSubject = 0x1234567890;
  static constexpr uint32_t kPod = 77;

  // PERMISSION_DENIED or UNIMPLEMENTED, with the errno in words, where the kernel refuses to load
  // any such program; INTERNAL with the verifier's log where it refuses what these do.
  static absl::StatusOr<std::unique_ptr<JudgeOracle>> Load(const std::string& object_file);

  JudgeOracle(const JudgeOracle&) = delete;
  JudgeOracle& operator=(const JudgeOracle&) = delete;
  ~JudgeOracle();

  // Builds the artifact's maps, puts them into a free slot, and that in force.
  absl::Status SetProfile(const BpfArtifact& artifact);
  uint32_t slot() const { return slot_; }

  // The question to come, all zero but for who asks and the texts, which are not cleared.
  judge_question& NewQuestion();
  // Runs a program of judge_oracle.bpf.c; `event` is what it reported, with `version` 0 for
  // nothing.
  absl::Status Ask(const char* program, JudgeEvent& event);
  const judge_question& question() const { return *question_; }

  // Whether an IPv6 address is one of the pod's.
  absl::Status SetOwnAddress(const uint8_t (&address)[16], bool own);
  // How often each rule of the profile was responsible.
  absl::StatusOr<uint64_t> Hits(uint32_t rule) const;

 private:
  JudgeOracle() = default;
  static int OnEvent(void* self, void* data, size_t size);
  int MapFd(const char* name) const;

  ObjectPtr object_;
  std::unique_ptr<SlotMaps> slots_;
  ProfileMaps maps_;
  uint32_t slot_ = 0;
  judge_question* question_ = nullptr;
  ring_buffer* events_ = nullptr;
  std::vector<JudgeEvent> received_;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_TESTING_JUDGE_JUDGE_ORACLE_LOADER_H_
