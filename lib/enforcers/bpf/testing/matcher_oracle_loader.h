// Asks the kernel what the maps of a BPF artifact say, through programs that need no LSM hook.
#ifndef LIB_ENFORCERS_BPF_TESTING_MATCHER_ORACLE_LOADER_H_
#define LIB_ENFORCERS_BPF_TESTING_MATCHER_ORACLE_LOADER_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/enforcers/bpf/testing/matcher_oracle.h"
#include "proto/artifact.pb.h"

struct bpf_object;

namespace varmor {

// Holds the loaded object of matcher_oracle.bpf.c. Not thread-safe.
class MatcherOracle {
 public:
  // `object_file`: matcher_oracle.bpf.o or matcher_oracle_loop.bpf.o. PERMISSION_DENIED or
  // UNIMPLEMENTED, with the errno in words, where the kernel refuses to load it at all; INTERNAL
  // with the verifier's log where it refuses what the programs do.
  static absl::StatusOr<MatcherOracle> Load(const std::string& object_file);

  MatcherOracle(MatcherOracle&& other) noexcept;
  MatcherOracle& operator=(MatcherOracle&&) = delete;
  ~MatcherOracle();

  // Puts the artifact's pages and tries in place of those before. RESOURCE_EXHAUSTED when they are
  // larger than the oracle's maps.
  absl::Status SetArtifact(const BpfArtifact& artifact);

  // The accept id of `path`, which lies at `begin` in the kernel's buffer and has to end within it.
  absl::StatusOr<uint32_t> Match(const varmor_path_table& table, absl::string_view path,
                                 uint32_t begin);

  absl::StatusOr<varmor_verdict> Egress(const std::array<uint8_t, 16>& address, uint16_t port,
                                        bool own);

 private:
  MatcherOracle() = default;
  absl::Status Run(int program) const;
  int MapFd(const char* name) const;

  bpf_object* object_ = nullptr;
  oracle_question* question_ = nullptr;
  int match_path_ = -1;
  int look_up_egress_ = -1;
  BpfArtifact artifact_;
};

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_TESTING_MATCHER_ORACLE_LOADER_H_
