#include "runtime/protocol/json_fields.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace varmor {
namespace {

const Json& EmptyObject() {
  static const Json* const empty = new Json(Json::object());
  return *empty;
}

const Json& EmptyArray() {
  static const Json* const empty = new Json(Json::array());
  return *empty;
}

}  // namespace

std::string JsonText(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::Status CheckJsonLimits(absl::string_view text) {
  int depth = 0;
  int values = 1;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '}' || c == ']') --depth;
    if (c == '{' || c == '[') ++depth;
    if (c == ',' || c == '{' || c == '[') ++values;
    if (depth > kJsonDepthLimit) {
      return absl::InvalidArgumentError(
          absl::StrCat("nests deeper than ", kJsonDepthLimit, " levels"));
    }
    if (values > kJsonValueLimit) {
      return absl::InvalidArgumentError(absl::StrCat("has more than ", kJsonValueLimit, " values"));
    }
  }
  return absl::OkStatus();
}

JsonFields::JsonFields(const Json& value, std::string path, std::vector<std::string>& problems)
    : value_(&value), path_(std::move(path)), problems_(&problems) {
  if (value_->is_object()) return;
  problems_->push_back(
      absl::StrCat(path_.empty() ? "" : path_ + ": ", "is ", value_->type_name(), ", not object"));
  value_ = &EmptyObject();
}

const Json* JsonFields::Find(absl::string_view key) const {
  const auto found = value_->find(std::string(key));
  if (found == value_->end() || found->is_null()) return nullptr;
  return &*found;
}

bool JsonFields::Has(absl::string_view key) const { return Find(key) != nullptr; }

std::string JsonFields::PathOf(absl::string_view key) const {
  return path_.empty() ? std::string(key) : absl::StrCat(path_, ".", key);
}

void JsonFields::Problem(absl::string_view key, absl::string_view text) const {
  problems_->push_back(absl::StrCat(PathOf(key), ": ", text));
}

std::string JsonFields::Text(absl::string_view key) const {
  const Json* found = Find(key);
  if (found == nullptr) return "";
  if (found->is_string()) return found->get<std::string>();
  Problem(key, absl::StrCat("is ", found->type_name(), ", not string"));
  return "";
}

std::string JsonFields::RequiredText(absl::string_view key) const {
  const size_t before = problems_->size();
  std::string text = Text(key);
  if (text.empty() && problems_->size() == before) {
    Problem(key, Has(key) ? "is empty" : "is missing");
  }
  return text;
}

bool JsonFields::Bool(absl::string_view key) const {
  const Json* found = Find(key);
  if (found == nullptr) return false;
  if (found->is_boolean()) return found->get<bool>();
  Problem(key, absl::StrCat("is ", found->type_name(), ", not boolean"));
  return false;
}

int64_t JsonFields::Number(absl::string_view key, int64_t least, int64_t most) const {
  const Json* found = Find(key);
  if (found == nullptr) return 0;
  // A number above the signed range is "unsigned" to the parser.
  const bool fits = found->is_number_integer() &&
                    (!found->is_number_unsigned() ||
                     found->get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()});
  if (!fits) {
    Problem(key, found->is_number() ? "is not a whole number of 64 bits"
                                    : absl::StrCat("is ", found->type_name(), ", not number"));
    return 0;
  }
  const int64_t number = found->get<int64_t>();
  if (number >= least && number <= most) return number;
  Problem(key, absl::StrCat("is ", number, ", not from ", least, " to ", most));
  return 0;
}

JsonFields JsonFields::Child(absl::string_view key) const {
  const Json* found = Find(key);
  return JsonFields(found == nullptr ? EmptyObject() : *found, PathOf(key), *problems_);
}

const Json& JsonFields::List(absl::string_view key) const {
  const Json* found = Find(key);
  if (found == nullptr) return EmptyArray();
  if (found->is_array()) return *found;
  Problem(key, absl::StrCat("is ", found->type_name(), ", not array"));
  return EmptyArray();
}

absl::Status ProblemsStatus(absl::string_view what, const std::vector<std::string>& problems) {
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", absl::StrJoin(problems, "; ")));
}

}  // namespace varmor
