#include "lib/compiler/simulate/violation_record.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

bool IsKeyByte(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; }

// The kernel writes a text with blanks, quotes or other bytes as hexadecimal digits and without
// quotes.
std::string Decoded(const std::string& key, absl::string_view value) {
  static constexpr absl::string_view kTexts[] = {"name", "srcname", "target", "profile",  "peer",
                                                 "comm", "exe",     "addr",   "peer_addr"};
  const bool text = std::find(std::begin(kTexts), std::end(kTexts), key) != std::end(kTexts);
  const bool digits = !value.empty() && value.size() % 2 == 0 &&
                      std::all_of(value.begin(), value.end(), absl::ascii_isxdigit);
  return text && digits ? absl::HexStringToBytes(value) : std::string(value);
}

}  // namespace

bool ViolationErrors::Fail(absl::string_view problem, absl::string_view fix) {
  diagnostics_.Error("violation-line", field_, problem, fix);
  return false;
}

bool ViolationErrors::Foreign(absl::string_view problem, absl::string_view fix) {
  diagnostics_.Error(kForeignLine, field_, problem, fix);
  return false;
}

void ViolationErrors::Warn(absl::string_view problem, absl::string_view fix) {
  diagnostics_.Warning("violation-line", field_, problem, fix);
}

const std::string& FieldOf(const ViolationFields& fields, const std::string& key) {
  static const auto& nothing = *new std::string();
  const auto found = fields.find(key);
  return found == fields.end() ? nothing : found->second;
}

ViolationFields ReadAuditFields(absl::string_view line) {
  ViolationFields fields;
  size_t i = 0;
  while (i < line.size()) {
    size_t end = i;
    while (end < line.size() && IsKeyByte(line[end])) ++end;
    if (end == i || end == line.size() || line[end] != '=') {
      i = std::max(end, i + 1);
      continue;
    }
    const std::string key(line.substr(i, end - i));
    std::string value;
    size_t start = end + 1;
    if (start < line.size() && line[start] == '"') {
      const size_t close = std::min(line.find('"', start + 1), line.size());
      value = std::string(line.substr(start + 1, close - start - 1));
      i = std::min(close + 1, line.size());
    } else {
      const size_t blank = std::min(line.find_first_of(" \t\n\x1d", start), line.size());
      value = Decoded(key, line.substr(start, blank - start));
      i = blank;
    }
    fields.emplace(key, value);  // the first one counts: later ones may be a process's text
  }
  return fields;
}

bool AddMountFlag(absl::string_view word, ViolationErrors& errors, MountEvent& mount) {
  static constexpr std::pair<absl::string_view, absl::string_view> kOthers[] = {
      {"rdonly", "ro"},
      {"synchronous", "sync"},
      {"mandlock", "mand"},
      {"i_version", "iversion"},
      {"nouser", ""},
      {"rw", ""},
      {"rec", ""},
      {"lazytime", ""},
      {"", ""}};
  std::string lower = absl::AsciiStrToLower(absl::StripAsciiWhitespace(word));
  lower = std::string(absl::StripPrefix(lower, "ms_"));
  for (const auto& [other, usual] : kOthers) {
    if (lower != other) continue;
    if (usual.empty()) return true;
    lower = std::string(usual);
    break;
  }
  const BpfWord* known = FindBpfWord(kMountFlagWords, lower);
  if (known == nullptr || known->word == "all" || known->word == "*") {
    return errors.Fail(absl::StrCat("the record has an unknown mount flag ", Quoted(word)),
                       "say the event in words with --event");
  }
  mount.add_flags(std::string(known->word));
  return true;
}

void CompleteMount(MountEvent& mount) {
  static constexpr absl::string_view kOfMounts[] = {
      "remount", "bind",  "rbind",  "move",        "umount",   "pivot-root", "unbindable",
      "private", "slave", "shared", "runbindable", "rprivate", "rslave",     "rshared"};
  auto& flags = *mount.mutable_flags();
  const auto operation = std::find_if(flags.begin(), flags.end(), [](const std::string& flag) {
    return std::find(std::begin(kOfMounts), std::end(kOfMounts), flag) != std::end(kOfMounts);
  });
  // The operation comes first, as in the events that people write.
  if (operation != flags.end()) {
    std::rotate(flags.begin(), operation, operation + 1);
    mount.set_fstype("none");
    return;
  }
  mount.add_flags("new");
  std::rotate(flags.begin(), flags.end() - 1, flags.end());
}

}  // namespace varmor
