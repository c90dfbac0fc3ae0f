// Strategic merge patches of the built-in types, as far as tests need them.
#ifndef RUNTIME_KUBE_TESTING_STRATEGIC_MERGE_H_
#define RUNTIME_KUBE_TESTING_STRATEGIC_MERGE_H_

#include "nlohmann/json.hpp"

namespace varmor {

// Maps merge, null deletes, lists with a merge key (containers, conditions, ...) merge by it, lists
// of plain values with merge strategy (finalizers) become the union, other lists are replaced.
// "$patch": "delete" deletes an entry of a list; other directives are not known and throw
// std::invalid_argument.
void StrategicMerge(nlohmann::json& target, const nlohmann::json& patch);

}  // namespace varmor

#endif  // RUNTIME_KUBE_TESTING_STRATEGIC_MERGE_H_
