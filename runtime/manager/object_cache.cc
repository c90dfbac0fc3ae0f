#include "runtime/manager/object_cache.h"

#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/kube/kube_object.h"

namespace varmor {
namespace {

// Far more than writes are ever under way.
constexpr size_t kGoneRemembered = 10000;

// The API server's versions are revisions of etcd. 0 for what is no number, which is never older.
uint64_t VersionOf(const Json& object) {
  uint64_t version = 0;
  if (!absl::SimpleAtoi(TextAt(object, {"metadata", "resourceVersion"}), &version)) return 0;
  return version;
}

std::string UidOf(const Json& object) { return TextAt(object, {"metadata", "uid"}); }

}  // namespace

std::string ObjectKey(const Json& object) {
  return absl::StrCat(TextAt(object, {"metadata", "namespace"}), "/",
                      TextAt(object, {"metadata", "name"}));
}

bool ObjectCache::Set(const Json& object) {
  const std::string key = ObjectKey(object);
  auto pointer = std::make_shared<const Json>(object);
  MutexLock lock(&mutex_);
  if (gone_.count(UidOf(object)) > 0) return false;
  ObjectPointer& known = objects_[key];
  if (known != nullptr && UidOf(*known) == UidOf(object) && VersionOf(object) != 0 &&
      VersionOf(object) <= VersionOf(*known)) {
    return false;
  }
  known = std::move(pointer);
  by_name_[TextAt(object, {"metadata", "name"})].insert(key);
  return true;
}

bool ObjectCache::Remove(const Json& object) {
  const std::string key = ObjectKey(object);
  MutexLock lock(&mutex_);
  const std::string uid = UidOf(object);
  if (!uid.empty() && gone_.insert(uid).second) {
    gone_order_.push_back(uid);
    if (gone_order_.size() > kGoneRemembered) {
      gone_.erase(gone_order_.front());
      gone_order_.pop_front();
    }
  }
  const auto found = objects_.find(key);
  if (found == objects_.end() || UidOf(*found->second) != uid) return false;
  objects_.erase(found);
  const auto named = by_name_.find(TextAt(object, {"metadata", "name"}));
  if (named != by_name_.end()) {
    named->second.erase(key);
    if (named->second.empty()) by_name_.erase(named);
  }
  return true;
}

ObjectPointer ObjectCache::Get(const std::string& key) const {
  MutexLock lock(&mutex_);
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : found->second;
}

std::vector<ObjectPointer> ObjectCache::All() const {
  MutexLock lock(&mutex_);
  std::vector<ObjectPointer> all;
  all.reserve(objects_.size());
  for (const auto& [key, object] : objects_) all.push_back(object);
  return all;
}

std::vector<ObjectPointer> ObjectCache::Named(const std::string& name) const {
  MutexLock lock(&mutex_);
  std::vector<ObjectPointer> named;
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return named;
  for (const std::string& key : found->second) named.push_back(objects_.at(key));
  return named;
}

size_t ObjectCache::size() const {
  MutexLock lock(&mutex_);
  return objects_.size();
}

}  // namespace varmor
