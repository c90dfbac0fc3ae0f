#include "runtime/manager/model_cache.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/load/load_policy.h"
#include "runtime/kube/kube_object.h"
#include "runtime/manager/object_cache.h"
#include "runtime/protocol/armor_profile.h"

namespace varmor {

absl::StatusOr<std::shared_ptr<const BehaviorModel>> ReadModel(const Json& object) {
  auto model = std::make_shared<BehaviorModel>();
  Diagnostics diagnostics;
  std::vector<std::string> problems;
  if (!LoadMessage({"ArmorProfileModel", JsonText(object)}, {}, model.get(), diagnostics)) {
    for (const Diagnostic& d : diagnostics.list()) {
      problems.push_back(absl::StrCat(d.field, ": ", d.problem));
    }
  }
  if (model->storage_type() == "LocalDisk") {
    problems.push_back("storageType: LocalDisk, a file of another manager, is not supported");
  }
  const absl::Status status =
      ProblemsStatus(absl::StrCat("ArmorProfileModel ", ObjectKey(object)), problems);
  if (!status.ok()) return status;
  return std::shared_ptr<const BehaviorModel>(std::move(model));
}

absl::Status ModelCache::Set(const Json& object) {
  absl::StatusOr<std::shared_ptr<const BehaviorModel>> model = ReadModel(object);
  MutexLock lock(&mutex_);
  if (!model.ok()) {
    models_.erase(ObjectKey(object));
    return model.status();
  }
  models_[ObjectKey(object)] = *std::move(model);
  return absl::OkStatus();
}

void ModelCache::Remove(const Json& object) {
  MutexLock lock(&mutex_);
  models_.erase(ObjectKey(object));
}

std::shared_ptr<const BehaviorModel> ModelCache::Get(const std::string& name_space,
                                                     const std::string& name) const {
  MutexLock lock(&mutex_);
  const auto found = models_.find(ArmorProfileKey(name_space, name));
  return found == models_.end() ? nullptr : found->second;
}

}  // namespace varmor
