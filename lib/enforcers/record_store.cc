#include "lib/enforcers/record_store.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

constexpr absl::string_view kOurs = "varmor-";
constexpr absl::string_view kEnding = ".textproto";
// With the ending and what WriteFileWhole puts around it, still a name of a file (255 bytes).
constexpr size_t kMaxNameBytes = 200;

// Protobuf would print mistakes to stderr.
class NoMessages : public google::protobuf::io::ErrorCollector {
  void AddError(int, int, const std::string&) override {}
};

}  // namespace

absl::Status RecordStore::Read(absl::string_view profile, google::protobuf::Message& record) const {
  VARMOR_ASSIGN_OR_RETURN(const std::string text, ReadFileWhole(PathOf(profile)));
  google::protobuf::TextFormat::Parser parser;
  NoMessages silent;
  parser.RecordErrorsTo(&silent);
  if (parser.ParseFromString(text, &record)) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(QuotedPath(PathOf(profile)), " holds no record of a profile"));
}

absl::Status RecordStore::Write(absl::string_view profile,
                                const google::protobuf::Message& record) {
  std::string text;
  if (!google::protobuf::TextFormat::PrintToString(record, &text)) {
    return absl::InternalError("cannot print a record");
  }
  return WriteFileWhole(*calls_, PathOf(profile), text, 0600);
}

absl::Status RecordStore::Remove(absl::string_view profile) {
  return RemoveFile(*calls_, PathOf(profile));
}

absl::StatusOr<std::vector<std::string>> RecordStore::Profiles() const {
  std::vector<std::string> profiles;
  const absl::StatusOr<std::vector<std::string>> files = ListDirectory(directory_);
  if (absl::IsNotFound(files.status())) return profiles;
  if (!files.ok()) return files.status();
  for (absl::string_view file : *files) {
    if (absl::ConsumeSuffix(&file, kEnding) && CheckProfileName(file).ok()) {
      profiles.emplace_back(file);
    }
  }
  return profiles;
}

std::string RecordStore::PathOf(absl::string_view profile) const {
  return absl::StrCat(directory_, "/", profile, kEnding);
}

absl::Status CheckProfileName(absl::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
  if (plain && absl::StartsWith(name, kOurs) && name.size() <= kMaxNameBytes) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(name), " is no name of a profile: they begin with \"", kOurs,
                   "\", are made of [A-Za-z0-9._-] and have at most ", kMaxNameBytes, " bytes"));
}

}  // namespace varmor
