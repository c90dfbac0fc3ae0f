// JSON schemas for editors, made from the messages' descriptors and the catalogue.
#ifndef TOOLS_VARMOR_POLICY_SCHEMA_H_
#define TOOLS_VARMOR_POLICY_SCHEMA_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "rapidjson/document.h"

namespace varmor {

// "VarmorPolicy", "VarmorClusterPolicy", "NodeFacts", ...
std::vector<std::string> SchemaKinds();

// What the objects of a kind are read into; PolicyObject's for a kind that is none.
const google::protobuf::Descriptor* SchemaMessage(absl::string_view kind);

// The built-in rules, or the words of BPF rules, that a field with this full name may hold, of
// which there are other spellings; empty for other fields.
std::vector<std::string> WordsOfField(absl::string_view full_name, const Catalogue& catalogue);

// A draft-07 schema of the kind, or of either policy kind for "". Keys that the reader refuses are
// refused here too; what needs more than one field (modes and their sections) is not checked.
rapidjson::Document PolicySchema(absl::string_view kind, const Catalogue& catalogue);

}  // namespace varmor

#endif  // TOOLS_VARMOR_POLICY_SCHEMA_H_
