// metav1.LabelSelector against labels.
#ifndef LIB_COMPILER_NORMALISE_LABEL_SELECTOR_H_
#define LIB_COMPILER_NORMALISE_LABEL_SELECTOR_H_

#include <string>

#include "google/protobuf/map.h"
#include "proto/policy.pb.h"

namespace varmor {

using Labels = google::protobuf::Map<std::string, std::string>;

// All requirements have to hold; an empty selector matches everything. NotIn and DoesNotExist match
// where the key is absent.
bool SelectorMatches(const LabelSelector& selector, const Labels& labels);

// Kubernetes' text form, keys sorted: "app=nginx,env notin (dev,qa),!legacy".
std::string SelectorText(const LabelSelector& selector);

}  // namespace varmor

#endif  // LIB_COMPILER_NORMALISE_LABEL_SELECTOR_H_
