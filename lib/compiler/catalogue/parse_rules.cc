#include "lib/compiler/catalogue/parse_rules.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"

namespace varmor {
namespace {

// Keeps the first error. The tokenizer counts from 0.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat(line + 1, ":", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

absl::Status ParseFile(const EmbeddedFile& file, BuiltinRules& rules) {
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (parser.ParseFromString(file.text, &rules)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(file.name, ":", error.text()));
}

}  // namespace

absl::Status ParseRuleFiles(const std::vector<EmbeddedFile>& files, BuiltinRules& rules,
                            BuiltinRule& runtime_default) {
  int runtime_defaults = 0;
  for (const EmbeddedFile& file : files) {
    BuiltinRules parsed;
    if (absl::Status status = ParseFile(file, parsed); !status.ok()) return status;
    if (file.name == kRuntimeDefaultFile) {
      runtime_defaults += parsed.rules_size();
      if (parsed.rules_size() == 1) runtime_default = parsed.rules(0);
      continue;
    }
    rules.MergeFrom(parsed);
  }
  if (runtime_defaults != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(kRuntimeDefaultFile, ": needs exactly one rule, has ", runtime_defaults));
  }
  return absl::OkStatus();
}

}  // namespace varmor
