#include "tools/reliability/failing_calls.h"

#include <cerrno>

namespace varmor {

void FailingCalls::Arm(int n, bool all, int error) {
  made_ = 0;
  failed_ = nullptr;
  first_ = n;
  all_ = all;
  error_ = error;
}

std::string FailingCalls::failed() const {
  const char* kind = failed_;
  return kind == nullptr ? "" : kind;
}

bool FailingCalls::Fails(const char* kind) {
  const int number = made_++;
  if (number < first_ || (number > first_ && !all_)) return false;
  const char* none = nullptr;
  failed_.compare_exchange_strong(none, kind);
  errno = error_;
  return true;
}

int FailingCalls::CreateMap(const BpfMapParameters& map) {
  return Fails("create map") ? -1 : BpfCalls::CreateMap(map);
}
int FailingCalls::Update(int map, const void* key, const void* value) {
  return Fails("update") ? -1 : BpfCalls::Update(map, key, value);
}
int FailingCalls::UpdateBatch(int map, const void* keys, const void* values, uint32_t* count) {
  return Fails("update batch") ? -1 : BpfCalls::UpdateBatch(map, keys, values, count);
}
int FailingCalls::Delete(int map, const void* key) {
  return Fails("delete") ? -1 : BpfCalls::Delete(map, key);
}
int FailingCalls::Freeze(int map) { return Fails("freeze") ? -1 : BpfCalls::Freeze(map); }
int FailingCalls::Pin(int object, const char* path) {
  return Fails("pin") ? -1 : BpfCalls::Pin(object, path);
}
int FailingCalls::Unlink(const char* path) { return Fails("unlink") ? -1 : BpfCalls::Unlink(path); }
int FailingCalls::MakeDirectory(const char* path) {
  return Fails("make directory") ? -1 : BpfCalls::MakeDirectory(path);
}
int FailingCalls::RemoveDirectory(const char* path) {
  return Fails("remove directory") ? -1 : BpfCalls::RemoveDirectory(path);
}
int FailingCalls::Load(bpf_object* object) { return Fails("load") ? -1 : BpfCalls::Load(object); }
int FailingCalls::Attach(int program) { return Fails("attach") ? -1 : BpfCalls::Attach(program); }

}  // namespace varmor
