// The newest known versions of objects of one kind, fed by a watch and by what writes returned.
// Thread-safe.
#ifndef RUNTIME_MANAGER_OBJECT_CACHE_H_
#define RUNTIME_MANAGER_OBJECT_CACHE_H_

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "runtime/kube/mutex.h"
#include "runtime/protocol/json_fields.h"

namespace varmor {

using ObjectPointer = std::shared_ptr<const Json>;

// Keys are "NAMESPACE/NAME", without a namespace "/NAME".
std::string ObjectKey(const Json& object);

class ObjectCache {
 public:
  // From a watch or an answer to a write. False when it is older than what is known, or of an
  // object that is gone: watch and writers tell their news in any order.
  bool Set(const Json& object);
  // From a watch. False when the object is not known.
  bool Remove(const Json& object);

  // Null when there is none.
  ObjectPointer Get(const std::string& key) const;
  std::vector<ObjectPointer> All() const;
  // Those of that name in any namespace.
  std::vector<ObjectPointer> Named(const std::string& name) const;
  size_t size() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, ObjectPointer> objects_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::set<std::string>> by_name_ ABSL_GUARDED_BY(mutex_);  // to keys
  // Uids that went lately: an answer to a write may come after the watch said so.
  std::set<std::string> gone_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> gone_order_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_OBJECT_CACHE_H_
