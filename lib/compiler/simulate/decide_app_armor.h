// What the AppArmor parser and the kernel would make of a profile's text, for one event.
#ifndef LIB_COMPILER_SIMULATE_DECIDE_APP_ARMOR_H_
#define LIB_COMPILER_SIMULATE_DECIDE_APP_ARMOR_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "lib/compiler/simulate/simulate_options.h"
#include "lib/compiler/simulate/verdict.h"
#include "proto/artifact.pb.h"
#include "proto/event.pb.h"

namespace varmor {

class AppArmorModel;  // app_armor_model.h

class AppArmorSimulator {
 public:
  // INVALID_ARGUMENT for a text that our parser refuses.
  static absl::StatusOr<AppArmorSimulator> Load(const AppArmorArtifact& artifact,
                                                const SimulateOptions& options);

  // INVALID_ARGUMENT for words that do not exist, and for a child profile that does not.
  absl::StatusOr<Verdict> Decide(const Event& event) const;

 private:
  explicit AppArmorSimulator(std::shared_ptr<const AppArmorModel> model)
      : model_(std::move(model)) {}
  std::shared_ptr<const AppArmorModel> model_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_SIMULATE_DECIDE_APP_ARMOR_H_
