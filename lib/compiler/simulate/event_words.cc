// Words of events that several kinds share: paths, and words out of a list.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/compiler/simulate/event_reader.h"

namespace varmor {
namespace {

// `path` without "//", "/./" and "/../".
std::string Resolved(absl::string_view path) {
  std::vector<absl::string_view> parts;
  for (const absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (part != ".") {
      parts.push_back(part);
    }
  }
  const bool directory = absl::EndsWith(path, "/") && !parts.empty();
  return absl::StrCat("/", absl::StrJoin(parts, "/"), directory ? "/" : "");
}

bool IsOneOf(absl::Span<const std::string> words, absl::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

bool CheckEventPath(EventReader& reader, const EventWord& word, std::string* out) {
  const std::string& path = word.text;
  if (!absl::StartsWith(path, "/")) {
    return reader.Fail(word.offset, "event-path",
                       absl::StrCat("path ", Quoted(path), " is not absolute"),
                       "start it with \"/\"");
  }
  if (path.find('\0') != std::string::npos) {
    return reader.Fail(word.offset, "event-path", "a path cannot hold a byte of 0", "leave it out");
  }
  if (const std::string resolved = Resolved(path); resolved != path) {
    return reader.Fail(word.offset, "event-path",
                       absl::StrCat("path ", Quoted(path), " is not resolved"),
                       absl::StrCat("the kernel judges ", Quoted(resolved)));
  }
  const size_t wildcard = path.find_first_of("*?[{");
  if (wildcard != std::string::npos && !word.quoted) {
    reader.Warn(word.offset + wildcard, "event-wildcard",
                absl::StrCat("an event is about one path, and \"", path.substr(wildcard, 1),
                             "\" in it is a plain character"),
                "write one path that the pattern covers, or quote the path if this is its name");
  }
  *out = path;
  return true;
}

bool ReadEventPath(EventReader& reader, absl::string_view what, std::string* path) {
  EventWord word;
  return reader.Next(what, word) && CheckEventPath(reader, word, path);
}

bool ReadKnownWord(EventReader& reader, absl::string_view what, absl::string_view prefix,
                   absl::Span<const std::string> known, std::string* value) {
  EventWord word;
  if (!reader.Next(absl::StrCat("a ", what), word)) return false;
  const std::string lower = absl::AsciiStrToLower(word.text);
  *value = std::string(absl::StripPrefix(lower, prefix));
  if (IsOneOf(known, *value)) return true;
  return reader.Fail(
      word.offset, absl::StrCat("unknown-", absl::StrReplaceAll(what, {{" ", "-"}})),
      absl::StrCat("unknown ", what, " ", Quoted(word.text)),
      NearestFix(*value, known,
                 known.size() > 12 ? std::string()
                                   : absl::StrCat("use one of ", absl::StrJoin(known, ", "))));
}

}  // namespace varmor
