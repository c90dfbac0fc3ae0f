#include "absl/time/clock.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/kube/testing/conformance.h"

namespace varmor {

const KubeResource kWidgets = {"test.varmor.org", "v1", "widgets", "Widget", true};

absl::Status InstallWidgets(KubeClient& client) {
  const Json schema = {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  const Json version = {{"name", kWidgets.version},
                        {"served", true},
                        {"storage", true},
                        {"subresources", {{"status", Json::object()}}},
                        {"schema", {{"openAPIV3Schema", schema}}}};
  const Json definition = {{"metadata", {{"name", "widgets.test.varmor.org"}}},
                           {"spec",
                            {{"group", kWidgets.group},
                             {"scope", "Namespaced"},
                             {"names",
                              {{"plural", "widgets"},
                               {"singular", "widget"},
                               {"kind", "Widget"},
                               {"listKind", "WidgetList"}}},
                             {"versions", Json::array({version})}}}};
  const absl::Status created = client.Create(kCustomResourceDefinitions, "", definition).status();
  if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
  // Until the definition is established, its paths are unknown.
  absl::Status served;
  for (int attempt = 0; attempt < 200; ++attempt) {
    served = client.List(kWidgets, {}).status();
    if (!absl::IsNotFound(served)) return served;
    absl::SleepFor(absl::Milliseconds(100));
  }
  return served;
}

}  // namespace varmor
