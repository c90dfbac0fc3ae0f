// varmor explain: what a field of a policy is for, from the schema and its comments.
#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "proto/field_options.pb.h"
#include "rapidjson/document.h"
#include "tools/varmor/command.h"
#include "tools/varmor/exit_code.h"
#include "tools/varmor/field_comments.h"
#include "tools/varmor/json_document.h"
#include "tools/varmor/policy_schema.h"

namespace varmor {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// Deep enough for every policy; no schema contains itself.
constexpr int kMaxDepth = 16;

std::string JoinKey(absl::string_view path, absl::string_view key) {
  return absl::StrCat(path, path.empty() ? "" : ".", key);
}

// The keys of "spec.rules[2].id", without the numbers of items.
std::vector<std::string> KeysOf(const std::string& path) {
  std::vector<std::string> keys = absl::StrSplit(path, '.', absl::SkipEmpty());
  for (std::string& key : keys) key = key.substr(0, key.find('['));
  return keys;
}

// A message that is written as a list is that list.
const FieldDescriptor* ListItem(const FieldDescriptor& field) {
  if (field.type() != FieldDescriptor::TYPE_MESSAGE) return nullptr;
  const google::protobuf::MessageOptions& options = field.message_type()->options();
  if (!options.HasExtension(list_form)) return nullptr;
  return field.message_type()->FindFieldByName(options.GetExtension(list_form));
}

// The message whose keys stand below the field; null when none do.
const Descriptor* ChildrenOf(const FieldDescriptor& field) {
  if (field.is_map()) return nullptr;
  if (const FieldDescriptor* item = ListItem(field); item != nullptr) return ChildrenOf(*item);
  if (field.type() != FieldDescriptor::TYPE_MESSAGE) return nullptr;
  if (!absl::StartsWith(field.message_type()->full_name(), "varmor.")) return nullptr;
  return field.message_type();
}

std::string ScalarWord(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return "text";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return absl::StartsWith(field.message_type()->full_name(), "varmor.") ? "object"
                                                                            : "any object";
    default:
      return "number";
  }
}

std::string TypeWord(const FieldDescriptor& field) {
  if (field.is_map()) return "object with keys of your own and texts";
  const FieldDescriptor* item = ListItem(field);
  if (item != nullptr || field.is_repeated()) {
    const std::string one = ScalarWord(item != nullptr ? *item : field);
    if (one == "true or false") return "list of true or false";
    return absl::StrCat("list of ", one == "any object" ? "object" : one, "s");
  }
  if (field.type() == FieldDescriptor::TYPE_MESSAGE &&
      field.message_type()->options().HasExtension(string_form)) {
    return "text or object";
  }
  return ScalarWord(field);
}

// "1 to 65535"; "" when nothing but the type bounds it.
std::string Bounds(const FieldDescriptor& field) {
  const uint64_t low = field.options().GetExtension(min);
  const uint64_t high = field.options().GetExtension(max);
  if (high != 0) return absl::StrCat(low, " to ", high);
  return low != 0 ? absl::StrCat("at least ", low) : "";
}

std::vector<std::string> AllowedWords(const FieldDescriptor& field) {
  std::vector<std::string> words = WordsOfField(field.full_name(), BuiltinCatalogue());
  const auto& options = field.options();
  for (int i = 0; i < options.ExtensionSize(one_of); ++i) {
    words.push_back(options.GetExtension(one_of, i));
  }
  return words;
}

// Every path below `message`, in the order of the schema.
void ListPaths(const Descriptor& message, const std::string& path, int depth,
               std::vector<std::string>& paths) {
  if (depth == kMaxDepth) return;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    const std::string below = JoinKey(path, field.json_name());
    paths.push_back(below);
    if (const Descriptor* children = ChildrenOf(field); children != nullptr) {
      ListPaths(*children, below, depth + 1, paths);
    }
  }
}

struct Place {
  std::string path;
  // Null at the root.
  const FieldDescriptor* field = nullptr;
  const Descriptor* children = nullptr;
};

// Follows `text` from `root`, keys in any case, numbers of items left out. False at a key that does
// not exist.
bool Follow(const Descriptor& root, const std::string& text, Place& place) {
  place.children = &root;
  for (const std::string& key : KeysOf(text)) {
    if (place.children == nullptr) return false;
    const FieldDescriptor* found = nullptr;
    for (int i = 0; i < place.children->field_count(); ++i) {
      const FieldDescriptor* field = place.children->field(i);
      if (absl::EqualsIgnoreCase(field->json_name(), key) ||
          (found == nullptr && absl::EqualsIgnoreCase(field->name(), key))) {
        found = field;
      }
    }
    if (found == nullptr) return false;
    place.path = JoinKey(place.path, found->json_name());
    place.field = found;
    place.children = ChildrenOf(*found);
  }
  return true;
}

int UnknownField(const std::string& text, const Descriptor& root, Console& console) {
  std::vector<std::string> paths;
  ListPaths(root, "", 0, paths);
  // Perhaps only the end of a path was typed.
  std::vector<std::string> ending;
  const std::string tail = absl::StrCat(".", absl::AsciiStrToLower(text));
  for (const std::string& path : paths) {
    if (absl::EndsWith(absl::AsciiStrToLower(path), tail)) ending.push_back(path);
  }
  std::string fix = "`varmor explain` lists the fields at the top";
  if (!ending.empty()) {
    if (ending.size() > 5) ending.resize(5);
    fix = absl::StrCat("did you mean \"", absl::StrJoin(ending, "\" or \""), "\"?");
  } else {
    std::string near = NearestWord(text, paths);
    // The last key alone, where somebody forgot what it is in.
    for (size_t i = 0; i < paths.size() && near.empty(); ++i) {
      const std::string last = paths[i].substr(paths[i].rfind('.') + 1);
      if (!NearestWord(text, {last}).empty()) near = paths[i];
    }
    if (!near.empty()) fix = absl::StrCat("did you mean \"", near, "\"?");
  }
  console.Error(absl::StrCat("unknown field ", Quoted(text), "\n  fix: ", fix));
  return kExitInvalid;
}

// ---- printing --------------------------------------------------------------------------------

// `text` in lines of at most 96 bytes and the indentation.
std::string Wrapped(absl::string_view text, absl::string_view indentation) {
  constexpr size_t kWidth = 96;
  std::string out;
  while (text.size() > kWidth) {
    size_t cut = text.rfind(' ', kWidth);
    if (cut == absl::string_view::npos || cut == 0) cut = text.find(' ');
    if (cut == absl::string_view::npos) break;
    absl::StrAppend(&out, indentation, text.substr(0, cut), "\n");
    text.remove_prefix(cut + 1);
  }
  if (!text.empty()) absl::StrAppend(&out, indentation, text, "\n");
  return out;
}

// The comment of a field, or of what it holds. The examples of the schema are left out.
absl::string_view CommentOfPlace(const Place& place) {
  absl::string_view comment;
  if (place.field != nullptr) comment = CommentOf(place.field->full_name());
  if (comment.empty() && place.children != nullptr) {
    comment = CommentOf(place.children->full_name());
  }
  absl::ConsumeSuffix(&comment, " Example:");
  return comment;
}

std::string FirstSentence(absl::string_view text) {
  const size_t end = text.find(". ");
  return std::string(text.substr(0, end == absl::string_view::npos ? text.size() : end + 1));
}

std::string AsText(const Place& place, const std::string& kind) {
  std::string out = absl::StrCat(place.field == nullptr ? kind : place.path, "\n");
  if (place.field != nullptr) {
    const FieldDescriptor& field = *place.field;
    const google::protobuf::FieldOptions& options = field.options();
    absl::StrAppend(&out, "  type: ", TypeWord(field), "\n");
    absl::StrAppend(&out, "  required: ", options.GetExtension(required) ? "yes" : "no", "\n");
    const std::vector<std::string> words = AllowedWords(field);
    if (!words.empty()) {
      absl::StrAppend(&out, "  one of:\n", Wrapped(absl::StrJoin(words, ", "), "    "));
    }
    if (const std::string bounds = Bounds(field); !bounds.empty()) {
      absl::StrAppend(&out, "  range: ", bounds, "\n");
    }
    if (options.HasExtension(replaced_by)) {
      absl::StrAppend(&out, "  older form: replaced by ", options.GetExtension(replaced_by), "\n");
    }
    if (options.GetExtension(extension)) {
      absl::StrAppend(&out, "  this project's own: vArmor does not know it\n");
    }
  }
  const std::string comment = Wrapped(CommentOfPlace(place), "");
  if (!comment.empty()) absl::StrAppend(&out, "\n", comment);
  if (place.children == nullptr) return out;
  absl::StrAppend(&out, "\nfields:\n");
  for (int i = 0; i < place.children->field_count(); ++i) {
    const FieldDescriptor& field = *place.children->field(i);
    const std::string sentence = FirstSentence(CommentOf(field.full_name()));
    absl::StrAppend(&out, "  ", field.json_name(), " (", TypeWord(field),
                    field.options().GetExtension(required) ? ", required" : "", ")\n");
    if (!sentence.empty()) absl::StrAppend(&out, "      ", sentence, "\n");
  }
  return out;
}

std::string AsJson(const Place& place, const std::string& kind) {
  rapidjson::Document document(rapidjson::kObjectType);
  JsonBuilder json(document);
  json.Add(document, "kind", kind);
  json.Add(document, "path", place.path);
  if (place.field != nullptr) {
    json.Add(document, "type", TypeWord(*place.field));
    json.Add(document, "required", place.field->options().GetExtension(required));
    rapidjson::Value words(rapidjson::kArrayType);
    for (const std::string& word : AllowedWords(*place.field)) json.Append(words, word);
    if (!words.Empty()) json.Add(document, "oneOf", std::move(words));
    json.AddUnlessEmpty(document, "range", Bounds(*place.field));
    json.AddUnlessEmpty(document, "replacedBy", place.field->options().GetExtension(replaced_by));
  }
  json.AddUnlessEmpty(document, "description", CommentOfPlace(place));
  rapidjson::Value fields(rapidjson::kArrayType);
  for (int i = 0; place.children != nullptr && i < place.children->field_count(); ++i) {
    json.Append(fields, JoinKey(place.path, place.children->field(i)->json_name()));
  }
  json.Add(document, "fields", std::move(fields));
  return PrintJson(document);
}

int Run(const Arguments& arguments, Console& console) {
  if (arguments.operands().size() > 1) {
    console.Error(absl::StrCat("unexpected argument ", Quoted(arguments.operands()[1]),
                               "\n  fix: one field at a time"));
    return kExitInvalid;
  }
  const std::string kind = arguments.Get("kind", "VarmorPolicy");
  const Descriptor& root = *SchemaMessage(kind);
  const std::string path = arguments.operands().empty() ? "" : arguments.operands()[0];
  Place place;
  if (!Follow(root, path, place)) return UnknownField(path, root, console);
  if (place.field == nullptr && !path.empty()) return UnknownField(path, root, console);
  console.Out(arguments.Get("format", "text") == "json" ? AsJson(place, kind)
                                                        : AsText(place, kind));
  return kExitClean;
}

}  // namespace

Command ExplainCommand() {
  Command command;
  CommandSpec& spec = command.spec;
  spec.name = "explain";
  spec.summary = "say what a field of a policy is for";
  spec.operands = "[FIELD.PATH]";
  spec.description =
      "Shows a field's type, the words it may hold, its meaning, and the fields in it. Paths are\n"
      "those of diagnostics; case does not matter, and numbers of list items are passed over.";
  FlagSpec kind;
  kind.name = "kind";
  kind.value = "KIND";
  kind.help = "whose fields (default VarmorPolicy)";
  kind.choices = SchemaKinds();
  FlagSpec format;
  format.name = "format";
  format.value = "FORMAT";
  format.help = "how to print (default text)";
  format.choices = {"text", "json"};
  spec.flags = {kind, format};
  spec.examples = {{"varmor explain", "the fields at the top"},
                   {"varmor explain spec.policy.enhanceProtect.hardeningRules", "one field"}};
  command.run = Run;
  return command;
}

}  // namespace varmor
