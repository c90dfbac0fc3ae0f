#include "lib/compiler/load/read_message.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/descriptor.h"
#include "lib/compiler/load/field_path.h"
#include "lib/compiler/load/scalar.h"
#include "proto/field_options.pb.h"

namespace varmor {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Kind = DocumentNode::Kind;

constexpr size_t kMaxItems = 100000;

// Nobody reads more; what follows is counted out in one last error.
constexpr size_t kMaxErrors = 1000;

// Steps from the root to a node, as a chain on the stack: text is made only for a diagnostic.
struct Path {
  const Path* parent = nullptr;
  absl::string_view key;
  size_t index = 0;
  bool is_index = false;
};

Path At(const Path& parent, absl::string_view key) { return {&parent, key, 0, false}; }
Path At(const Path& parent, size_t index) { return {&parent, "", index, true}; }

std::string Text(const Path& path) {
  if (path.parent == nullptr) return "";
  const std::string before = Text(*path.parent);
  return path.is_index ? JoinIndex(before, path.index) : JoinKey(before, path.key);
}

// "text \"x\"", "the number 8080", "a list": what stands there instead of what is wanted.
std::string Found(const DocumentNode& node) {
  switch (node.kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kSequence:
      return "a list";
    case Kind::kMapping:
      return "an object";
    case Kind::kScalar:
      break;
  }
  if (node.plain) {
    const ScalarType type = ResolvePlainScalar(node.scalar).type;
    if (type == ScalarType::kBoolean) return absl::StrCat("the boolean ", node.scalar);
    if (type != ScalarType::kText) return absl::StrCat("the number ", node.scalar);
  }
  return absl::StrCat("text ", Quoted(node.scalar));
}

ScalarValue Resolve(const DocumentNode& node) {
  if (node.kind != Kind::kScalar || !node.plain) return {};
  return ResolvePlainScalar(node.scalar);
}

template <typename Option>
std::vector<std::string> Words(const FieldDescriptor& field, const Option& option) {
  std::vector<std::string> words;
  for (int i = 0; i < field.options().ExtensionSize(option); ++i) {
    words.push_back(field.options().GetExtension(option, i));
  }
  return words;
}

const FieldDescriptor* FindByJsonName(const Descriptor& type, absl::string_view key) {
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == key) return type.field(i);
  }
  return nullptr;
}

// The largest number that the field's type and options allow.
uint64_t LargestOf(const FieldDescriptor& field) {
  const uint64_t max = field.options().GetExtension(varmor::max);
  if (max != 0) return max;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return std::numeric_limits<int32_t>::max();
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::numeric_limits<uint32_t>::max();
    case FieldDescriptor::CPPTYPE_INT64:
      return std::numeric_limits<int64_t>::max();
    default:
      return std::numeric_limits<uint64_t>::max();
  }
}

class Reader {
 public:
  explicit Reader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  size_t errors() const { return errors_; }

  void ReadObject(const DocumentNode& node, Message* message, const Path& path);

 private:
  void Error(absl::string_view code, const Path& path, absl::string_view problem,
             absl::string_view fix, TextPlace place = {});
  void WrongType(const DocumentNode& node, const Path& path, absl::string_view wanted,
                 absl::string_view fix);
  void ReadPairs(const DocumentNode& node, Message* message, const Path& path);
  const FieldDescriptor* UnknownKey(const DocumentNode& key, const Descriptor& type,
                                    const Path& path);
  void Legacy(const DocumentNode& key, const FieldDescriptor& field, const Path& path);
  void CheckRequired(const FieldDescriptor& field, const Path& path);
  void ReadField(const DocumentNode& node, const FieldDescriptor& field, Message* message,
                 const Path& path);
  void ReadMap(const DocumentNode& node, const FieldDescriptor& field, Message* message,
               const Path& path);
  void ReadList(const DocumentNode& node, const FieldDescriptor& field, Message* message,
                const Path& path);
  void ReadValue(const DocumentNode& node, const FieldDescriptor& field, Message* message,
                 const Path& path);
  void ReadSubmessage(const DocumentNode& node, const FieldDescriptor& field, Message* message,
                      const Path& path);
  void ReadNumber(const DocumentNode& node, const FieldDescriptor& field, Message* message,
                  const Path& path);
  void ReadBool(const DocumentNode& node, const FieldDescriptor& field, Message* message,
                const Path& path);
  bool CheckText(const DocumentNode& node, const Path& path);
  void CheckWord(const std::string& text, const FieldDescriptor& field, const Path& path);

  Diagnostics& diagnostics_;
  size_t errors_ = 0;
};

void Reader::Error(absl::string_view code, const Path& path, absl::string_view problem,
                   absl::string_view fix, TextPlace place) {
  if (++errors_ > kMaxErrors + 1) return;
  if (errors_ == kMaxErrors + 1) {
    diagnostics_.Error(
        "too-many-errors", "",
        absl::StrCat("more than ", kMaxErrors, " mistakes; the others are not listed"),
        "correct these first");
    return;
  }
  diagnostics_.Error(code, Text(path), problem, fix);
  diagnostics_.mutable_list().back().place = place;
}

void Reader::WrongType(const DocumentNode& node, const Path& path, absl::string_view wanted,
                       absl::string_view fix) {
  Error("wrong-type", path, absl::StrCat(Found(node), " stands where ", wanted, " is wanted"), fix);
}

void Reader::ReadObject(const DocumentNode& node, Message* message, const Path& path) {
  const Descriptor& type = *message->GetDescriptor();
  const std::string& list_field = type.options().GetExtension(varmor::list_form);
  if (!list_field.empty()) {
    ReadList(node, *type.FindFieldByName(list_field), message, path);
    return;
  }
  const std::string& text_field = type.options().GetExtension(varmor::string_form);
  if (!text_field.empty() && node.kind == Kind::kScalar &&
      Resolve(node).type == ScalarType::kText) {
    const FieldDescriptor& field = *type.FindFieldByName(text_field);
    message->GetReflection()->SetString(message, &field, node.scalar);
    Diagnostic note;
    note.severity = Diagnostic::Severity::kNote;
    note.code = "legacy-field";
    note.field = Text(path);
    note.problem = "plain text in place of an object is the form of an older schema";
    note.fix = absl::StrCat("write an object with the key \"", field.json_name(), "\"");
    diagnostics_.Add(std::move(note));
    return;
  }
  if (node.kind != Kind::kMapping) {
    WrongType(node, path, "an object", "write `key: value` pairs below it, indented");
    return;
  }
  ReadPairs(node, message, path);
}

void Reader::ReadPairs(const DocumentNode& node, Message* message, const Path& path) {
  const Descriptor& type = *message->GetDescriptor();
  std::vector<bool> seen(static_cast<size_t>(type.field_count()));
  // Fields that an unknown key was probably meant to be.
  std::vector<bool> meant_fields = seen;
  for (size_t i = 0; i + 1 < node.items.size() && errors_ <= kMaxErrors; i += 2) {
    const DocumentNode& key = *node.items[i];
    const DocumentNode& value = *node.items[i + 1];
    const FieldDescriptor* field = FindByJsonName(type, key.scalar);
    if (field == nullptr) {
      const FieldDescriptor* meant = UnknownKey(key, type, path);
      // One mistake, one error: the key is not missing as well.
      if (meant != nullptr) meant_fields[static_cast<size_t>(meant->index())] = true;
      continue;
    }
    if (seen[static_cast<size_t>(field->index())]) continue;
    // Kubernetes takes a key without a value for a key that is absent.
    if (value.kind == Kind::kNull) continue;
    seen[static_cast<size_t>(field->index())] = true;
    const Path here = At(path, field->json_name());
    Legacy(key, *field, here);
    ReadField(value, *field, message, here);
  }
  for (size_t i = 0; i < seen.size(); ++i) {
    if (!seen[i] && !meant_fields[i]) CheckRequired(*type.field(static_cast<int>(i)), path);
  }
}

const FieldDescriptor* Reader::UnknownKey(const DocumentNode& key, const Descriptor& type,
                                          const Path& path) {
  std::vector<std::string> known;
  for (int i = 0; i < type.field_count(); ++i) known.push_back(type.field(i)->json_name());
  const std::string nearest = NearestWord(key.scalar, known);
  Error("unknown-field", At(path, key.scalar), absl::StrCat("unknown key ", Quoted(key.scalar)),
        nearest.empty() ? absl::StrCat("known here: ", absl::StrJoin(known, ", "))
                        : absl::StrCat("did you mean \"", nearest, "\"?"),
        key.place);
  return nearest.empty() ? nullptr : FindByJsonName(type, nearest);
}

void Reader::Legacy(const DocumentNode& key, const FieldDescriptor& field, const Path& path) {
  const std::string& replaced_by = field.options().GetExtension(varmor::replaced_by);
  if (replaced_by.empty()) return;
  Diagnostic note;
  note.severity = Diagnostic::Severity::kNote;
  note.code = "legacy-field";
  note.field = Text(path);
  note.problem = absl::StrCat("key \"", field.json_name(), "\" belongs to an older schema");
  note.fix = absl::StrCat("use \"", replaced_by, "\" instead");
  note.place = key.place;
  diagnostics_.Add(std::move(note));
}

// Called for a field whose key is not there.
void Reader::CheckRequired(const FieldDescriptor& field, const Path& path) {
  if (!field.options().GetExtension(varmor::required)) return;
  const std::vector<std::string> words = Words(field, varmor::one_of);
  Error("missing-field", At(path, field.json_name()),
        absl::StrCat("required key \"", field.json_name(), "\" is missing"),
        words.empty() ? absl::StrCat("add \"", field.json_name(), ":\"")
                      : absl::StrCat("write one of ", absl::StrJoin(words, ", ")));
}

void Reader::ReadField(const DocumentNode& node, const FieldDescriptor& field, Message* message,
                       const Path& path) {
  if (field.options().GetExtension(varmor::opaque)) {
    // Only its presence matters.
    Message* value = message->GetReflection()->MutableMessage(message, &field);
    const FieldDescriptor* null_value = value->GetDescriptor()->FindFieldByName("null_value");
    value->GetReflection()->SetEnumValue(value, null_value, 0);
  } else if (field.is_map()) {
    ReadMap(node, field, message, path);
  } else if (field.is_repeated()) {
    const std::string& object_field = field.options().GetExtension(varmor::object_form);
    if (!object_field.empty() && node.kind == Kind::kMapping) {
      const FieldDescriptor* target = message->GetDescriptor()->FindFieldByName(object_field);
      ReadObject(node, message->GetReflection()->MutableMessage(message, target), path);
    } else {
      ReadList(node, field, message, path);
    }
  } else {
    ReadValue(node, field, message, path);
  }
}

// Maps are of text to text.
void Reader::ReadMap(const DocumentNode& node, const FieldDescriptor& field, Message* message,
                     const Path& path) {
  if (node.kind != Kind::kMapping) {
    WrongType(node, path, "an object", "write it as pairs `key: \"value\"`");
    return;
  }
  absl::flat_hash_set<absl::string_view> seen;
  const Descriptor& entry_type = *field.message_type();
  for (size_t i = 0; i + 1 < node.items.size() && errors_ <= kMaxErrors; i += 2) {
    const std::string& key = node.items[i]->scalar;
    const DocumentNode& value = *node.items[i + 1];
    if (!seen.insert(key).second) continue;
    // As in Kubernetes, nothing stands for empty text.
    if (value.kind != Kind::kNull && !CheckText(value, At(path, key))) continue;
    Message* entry = message->GetReflection()->AddMessage(message, &field);
    entry->GetReflection()->SetString(entry, entry_type.map_key(), key);
    entry->GetReflection()->SetString(entry, entry_type.map_value(), value.scalar);
  }
}

void Reader::ReadList(const DocumentNode& node, const FieldDescriptor& field, Message* message,
                      const Path& path) {
  if (node.kind != Kind::kSequence) {
    // The newer key has an object, and vArmor's manual shows one under the older key.
    const std::string& replaced_by = field.options().GetExtension(varmor::replaced_by);
    const std::string newer_key = replaced_by.substr(0, replaced_by.find('.'));
    WrongType(node, path, "a list",
              node.kind == Kind::kMapping && !newer_key.empty()
                  ? absl::StrCat("write \"", newer_key, "\" for \"", field.json_name(), "\"")
                  : "begin every item with \"- \"");
    return;
  }
  if (node.items.size() > kMaxItems) {
    Error("too-many-items", path,
          absl::StrCat("the list has ", node.items.size(), " items; ", kMaxItems, " are allowed"),
          "split the policy");
    return;
  }
  for (size_t i = 0; i < node.items.size() && errors_ <= kMaxErrors; ++i) {
    ReadValue(*node.items[i], field, message, At(path, i));
  }
}

void Reader::ReadValue(const DocumentNode& node, const FieldDescriptor& field, Message* message,
                       const Path& path) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      ReadSubmessage(node, field, message, path);
      return;
    case FieldDescriptor::CPPTYPE_BOOL:
      ReadBool(node, field, message, path);
      return;
    case FieldDescriptor::CPPTYPE_STRING: {
      if (!CheckText(node, path)) return;
      CheckWord(node.scalar, field, path);
      const Reflection& reflection = *message->GetReflection();
      if (field.is_repeated()) {
        reflection.AddString(message, &field, node.scalar);
      } else {
        reflection.SetString(message, &field, node.scalar);
      }
      return;
    }
    default:
      ReadNumber(node, field, message, path);
  }
}

void Reader::ReadSubmessage(const DocumentNode& node, const FieldDescriptor& field,
                            Message* message, const Path& path) {
  const Reflection& reflection = *message->GetReflection();
  ReadObject(node,
             field.is_repeated() ? reflection.AddMessage(message, &field)
                                 : reflection.MutableMessage(message, &field),
             path);
}

void Reader::ReadBool(const DocumentNode& node, const FieldDescriptor& field, Message* message,
                      const Path& path) {
  const ScalarValue value = Resolve(node);
  if (value.type == ScalarType::kBoolean) {
    message->GetReflection()->SetBool(message, &field, value.boolean);
    return;
  }
  const bool quoted = node.kind == Kind::kScalar && !node.plain &&
                      ResolvePlainScalar(node.scalar).type == ScalarType::kBoolean;
  WrongType(node, path, "true or false",
            quoted
                ? absl::StrCat("write ", ResolvePlainScalar(node.scalar).boolean ? "true" : "false",
                               " without quotes")
                : "write true or false");
}

void Reader::ReadNumber(const DocumentNode& node, const FieldDescriptor& field, Message* message,
                        const Path& path) {
  const ScalarValue value = Resolve(node);
  const uint64_t smallest = field.options().GetExtension(varmor::min);
  const uint64_t largest = LargestOf(field);
  if (value.type == ScalarType::kText || value.type == ScalarType::kBoolean) {
    const bool quoted = node.kind == Kind::kScalar && !node.plain &&
                        ResolvePlainScalar(node.scalar).type == ScalarType::kInteger;
    WrongType(
        node, path, "a whole number",
        quoted ? absl::StrCat("write ", node.scalar, " without quotes") : "write a whole number");
    return;
  }
  if (value.type == ScalarType::kFloat || value.negative || value.magnitude < smallest ||
      value.magnitude > largest) {
    Error("out-of-range", path,
          absl::StrCat(node.scalar, " is not a whole number from ", smallest, " to ", largest), "");
    return;
  }
  const Reflection& reflection = *message->GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      reflection.SetInt64(message, &field, static_cast<int64_t>(value.magnitude));
      return;
    case FieldDescriptor::CPPTYPE_UINT64:
      if (field.is_repeated()) {
        reflection.AddUInt64(message, &field, value.magnitude);
      } else {
        reflection.SetUInt64(message, &field, value.magnitude);
      }
      return;
    case FieldDescriptor::CPPTYPE_UINT32:
      if (field.is_repeated()) {
        reflection.AddUInt32(message, &field, static_cast<uint32_t>(value.magnitude));
      } else {
        reflection.SetUInt32(message, &field, static_cast<uint32_t>(value.magnitude));
      }
      return;
    default:
      // The schemas have no other types; a test walks them.
      Error("unsupported-type", path, "this build cannot read the field", "report this");
  }
}

bool Reader::CheckText(const DocumentNode& node, const Path& path) {
  const bool is_text = node.kind == Kind::kScalar && Resolve(node).type == ScalarType::kText;
  if (is_text) return true;
  WrongType(node, path, "text",
            node.kind == Kind::kScalar ? absl::StrCat("write ", Quoted(node.scalar), " in quotes")
                                       : "write one text");
  return false;
}

void Reader::CheckWord(const std::string& text, const FieldDescriptor& field, const Path& path) {
  const std::vector<std::string> words = Words(field, varmor::one_of);
  if (words.empty()) return;
  for (const std::string& word : words) {
    if (word == text) return;
  }
  const std::string nearest = NearestWord(text, words);
  const std::string list = absl::StrCat("known are ", absl::StrJoin(words, ", "));
  Error("unknown-value", path, absl::StrCat("unknown value ", Quoted(text)),
        nearest.empty() ? list : absl::StrCat("did you mean \"", nearest, "\"? ", list));
}

}  // namespace

bool ReadMessage(const DocumentNode& root, Message* message, Diagnostics& diagnostics) {
  Reader reader(diagnostics);
  reader.ReadObject(root, message, Path());
  return reader.errors() == 0;
}

}  // namespace varmor
