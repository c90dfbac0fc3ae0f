#include "lib/compiler/resolve/model_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/model/model_app_armor.h"
#include "lib/compiler/model/model_seccomp.h"

namespace varmor {
namespace {

constexpr absl::string_view kFix = "give the model (--model FILE), or use profileType Custom";

void ReportMissing(const BehaviorModel* model, absl::string_view enforcer, absl::string_view field,
                   Diagnostics& diagnostics) {
  diagnostics.Error("model-missing", field,
                    model == nullptr
                        ? "the policy's behaviour model is not given"
                        : absl::StrCat("the behaviour model holds no profile for ", enforcer),
                    kFix);
}

// The first text that is not empty; decoded when it is base64 and nothing else: neither language's
// text ever is.
std::string StoredText(const std::string& current, const std::string& legacy) {
  const std::string& stored = current.empty() ? legacy : current;
  std::string decoded;
  if (!stored.empty() && absl::Base64Unescape(absl::StripAsciiWhitespace(stored), &decoded)) {
    return decoded;
  }
  return stored;
}

}  // namespace

std::string ModelAppArmorText(const BehaviorModel* model, absl::string_view field,
                              Diagnostics& diagnostics) {
  if (model != nullptr) {
    const ModelProfile& profile = model->data().profile();
    std::string text = StoredText(profile.app_armor(), profile.content());
    if (!text.empty()) return text;
    const DynamicResult& recorded = model->data().dynamic_result();
    if (recorded.has_app_armor() || recorded.has_legacy_app_armor()) {
      return ModelAppArmor(recorded, field, ModelAppArmorOptions(), diagnostics);
    }
  }
  ReportMissing(model, "AppArmor", field, diagnostics);
  return "";
}

std::string ModelSeccompText(const BehaviorModel* model, absl::string_view field,
                             Diagnostics& diagnostics) {
  if (model != nullptr) {
    const ModelProfile& profile = model->data().profile();
    std::string text = StoredText(profile.seccomp(), profile.seccomp_content());
    if (text.empty()) text = ModelSeccomp(model->data().dynamic_result());
    if (!text.empty()) return text;
  }
  ReportMissing(model, "Seccomp", field, diagnostics);
  return "";
}

}  // namespace varmor
