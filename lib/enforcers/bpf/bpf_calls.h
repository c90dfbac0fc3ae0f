// The system calls by which the BPF enforcer changes something.
//
// All of its writes go through here, so that a test can let any one of them fail.
#ifndef LIB_ENFORCERS_BPF_BPF_CALLS_H_
#define LIB_ENFORCERS_BPF_BPF_CALLS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

struct bpf_object;

namespace varmor {

struct BpfMapParameters {
  // enum bpf_map_type, include/uapi/linux/bpf.h.
  uint32_t type = 0;
  // Cut to 15 bytes.
  std::string name;
  uint32_t key_size = 0;
  uint32_t value_size = 0;
  uint32_t max_entries = 0;
  uint32_t flags = 0;
};

// As the system's: -1 and errno on failure. Any thread may call.
class BpfCalls {
 public:
  virtual ~BpfCalls() = default;

  virtual int CreateMap(const BpfMapParameters& map);
  virtual int Update(int map, const void* key, const void* value);
  // `count` is what was to be written, then what was.
  virtual int UpdateBatch(int map, const void* keys, const void* values, uint32_t* count);
  virtual int Delete(int map, const void* key);
  virtual int Freeze(int map);

  virtual int Pin(int object, const char* path);
  virtual int Unlink(const char* path);
  virtual int MakeDirectory(const char* path);
  virtual int RemoveDirectory(const char* path);

  // Loads what bpf_object__open read.
  virtual int Load(bpf_object* object);
  // The link of an LSM program.
  virtual int Attach(int program);

  // The system's; there is no state.
  static BpfCalls& Real();
};

// "cannot WHAT: REASON"; FAILED_PRECONDITION, PERMISSION_DENIED for EPERM and EACCES,
// RESOURCE_EXHAUSTED for E2BIG and OutOfResources.
absl::Status BpfCallFailed(absl::string_view what, int error);

}  // namespace varmor

#endif  // LIB_ENFORCERS_BPF_BPF_CALLS_H_
