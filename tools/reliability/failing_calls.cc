#include "tools/reliability/failing_calls.h"

#include <cerrno>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace varmor {
namespace {

// Whether this is the name of a version's directory, "v1-0123456789ab".
bool IsVersion(absl::string_view name) {
  return absl::StartsWith(name, "v") && absl::StrContains(name, '-');
}

// "links" of /sys/fs/bpf/varmor/v1-0123456789ab/links/file_open; "version" of the directory above.
std::string PartOf(absl::string_view path) {
  const std::vector<absl::string_view> names = absl::StrSplit(path, '/');
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    if (IsVersion(names[i])) return std::string(names[i + 1]);
  }
  return IsVersion(names.back()) ? "version" : "directory";
}

std::string At(absl::string_view what, const char* path) {
  return absl::StrCat(what, " ", PartOf(path));
}

}  // namespace

void FailingCalls::Arm(int n, bool all, int error) {
  const std::lock_guard<std::mutex> lock(mutex_);
  made_.clear();
  failed_.clear();
  first_ = n;
  all_ = all;
  error_ = error;
}

std::vector<std::string> FailingCalls::made() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return made_;
}

std::string FailingCalls::failed() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return failed_;
}

bool FailingCalls::Fails(const std::string& kind) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const int number = static_cast<int>(made_.size());
  made_.push_back(kind);
  if (number < first_ || (number > first_ && !all_)) return false;
  if (failed_.empty()) failed_ = kind;
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
  return Fails(At("pin", path)) ? -1 : BpfCalls::Pin(object, path);
}
int FailingCalls::Unlink(const char* path) {
  return Fails(At("unlink", path)) ? -1 : BpfCalls::Unlink(path);
}
int FailingCalls::MakeDirectory(const char* path) {
  return Fails(At("make directory", path)) ? -1 : BpfCalls::MakeDirectory(path);
}
int FailingCalls::RemoveDirectory(const char* path) {
  return Fails(At("remove directory", path)) ? -1 : BpfCalls::RemoveDirectory(path);
}
int FailingCalls::Load(bpf_object* object) { return Fails("load") ? -1 : BpfCalls::Load(object); }
int FailingCalls::Attach(int program) { return Fails("attach") ? -1 : BpfCalls::Attach(program); }

void FailEach(const std::vector<std::string>& made, bool every,
              const std::function<bool(int)>& fail) {
  const int count = static_cast<int>(made.size());
  std::map<std::string, int> first, last;
  for (int n = 0; n < count; ++n) {
    first.emplace(made[static_cast<size_t>(n)], n);
    last[made[static_cast<size_t>(n)]] = n;
  }
  for (int n = 0; n < count; ++n) {
    const std::string& kind = made[static_cast<size_t>(n)];
    if (every || n == first[kind] || n == last[kind]) fail(n);
  }
  for (int n = count; every && fail(n);) ++n;
}

}  // namespace varmor
