#include "lib/enforcers/bpf/bpf_calls.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "bpf/libbpf.h"
#include "lib/enforcers/files.h"

namespace varmor {

int BpfCalls::CreateMap(const BpfMapParameters& map) {
  LIBBPF_OPTS(bpf_map_create_opts, options);
  options.map_flags = map.flags;
  const std::string name = map.name.substr(0, BPF_OBJ_NAME_LEN - 1);
  return bpf_map_create(static_cast<bpf_map_type>(map.type), name.c_str(), map.key_size,
                        map.value_size, map.max_entries, &options);
}

int BpfCalls::Update(int map, const void* key, const void* value) {
  return bpf_map_update_elem(map, key, value, BPF_ANY) == 0 ? 0 : -1;
}

int BpfCalls::UpdateBatch(int map, const void* keys, const void* values, uint32_t* count) {
  return bpf_map_update_batch(map, keys, values, count, nullptr) == 0 ? 0 : -1;
}

int BpfCalls::Delete(int map, const void* key) {
  return bpf_map_delete_elem(map, key) == 0 ? 0 : -1;
}

int BpfCalls::Freeze(int map) { return bpf_map_freeze(map) == 0 ? 0 : -1; }

int BpfCalls::Pin(int object, const char* path) { return bpf_obj_pin(object, path) == 0 ? 0 : -1; }

int BpfCalls::Unlink(const char* path) { return unlink(path); }

int BpfCalls::MakeDirectory(const char* path) { return mkdir(path, 0700); }

int BpfCalls::RemoveDirectory(const char* path) { return rmdir(path); }

int BpfCalls::Load(bpf_object* object) {
  const int error = bpf_object__load(object);
  if (error == 0) return 0;
  errno = -error;
  return -1;
}

int BpfCalls::Attach(int program) { return bpf_raw_tracepoint_open(nullptr, program); }

BpfCalls& BpfCalls::Real() {
  static BpfCalls real;
  return real;
}

absl::Status BpfCallFailed(absl::string_view what, int error) {
  const std::string message = absl::StrCat("cannot ", what, ": ", SystemReason(error));
  if (OutOfResources(error)) return absl::ResourceExhaustedError(message);
  switch (error) {
    case EPERM:
    case EACCES:
      return absl::PermissionDeniedError(message);
    case E2BIG:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::FailedPreconditionError(message);
  }
}

}  // namespace varmor
