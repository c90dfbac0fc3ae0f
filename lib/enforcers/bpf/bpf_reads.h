// What BPF objects of the kernel say about themselves, and what is in them. Reads only.
#ifndef LIB_ENFORCERS_BPF_BPF_READS_H_
#define LIB_ENFORCERS_BPF_BPF_READS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/enforcers/bpf/bpf_calls.h"
#include "lib/enforcers/unique_fd.h"

namespace varmor {

// What is pinned at `path`. NOT_FOUND when there is nothing.
absl::StatusOr<UniqueFd> OpenPin(const std::string& path);

// INVALID_ARGUMENT when `fd` is no map. Needs room for one more open file.
absl::StatusOr<BpfMapParameters> MapParametersOf(int fd, uint32_t* id = nullptr);
absl::StatusOr<UniqueFd> MapById(uint32_t id);

// The program of a link.
absl::StatusOr<UniqueFd> ProgramOfLink(int link);

// Bytes that the kernel counts for a map; 0 when it does not say.
absl::StatusOr<uint64_t> MapMemory(int fd);

// The value at `key`, whose size is the map's; NOT_FOUND when there is none.
absl::StatusOr<std::string> ReadValue(int map, const void* key, size_t value_size);

// All entries of an array of u32, index by index.
absl::StatusOr<std::vector<uint32_t>> ReadWords(int map, uint32_t count);

// All keys of a hash.
absl::StatusOr<std::vector<std::string>> ReadKeys(int map, size_t key_size);

// "cannot read WHAT: REASON"; NOT_FOUND for ENOENT, PERMISSION_DENIED for EPERM and EACCES,
// RESOURCE_EXHAUSTED for OutOfResources, else FAILED_PRECONDITION.
absl::Status ReadFailed(absl::string_view what, int error);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_BPF_READS_H_
