#include "lib/compiler/apparmor/check_target.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace varmor {
namespace {

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

// "/a//b/./c/../d/" to "/a/b/d".
std::string Normalised(absl::string_view path) {
  std::vector<absl::string_view> parts;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const absl::string_view part = path.substr(0, slash);
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
    path.remove_prefix(slash == absl::string_view::npos ? path.size() : slash + 1);
  }
  std::string out;
  for (const absl::string_view part : parts) absl::StrAppend(&out, "/", part);
  return out.empty() ? "/" : out;
}

// What an unquoted word may hold everywhere in the language.
bool IsPlain(absl::string_view pattern) {
  if (pattern.empty()) return false;
  if (absl::StrContains("-#=&+", pattern[0])) return false;
  if (absl::StrContains(pattern, "->")) return false;
  // Behind a variable these would define it.
  if (absl::StrContains(pattern, "}=") || absl::StrContains(pattern, "}+")) return false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (IsControl(c) || absl::StrContains(" \"!()=,", c)) return false;
    if (c == '\\' && i + 1 == pattern.size()) return false;
    if (c == '\\') ++i;
    if (c == '\\' && absl::StrContains(" \"!,", pattern[i])) return false;
  }
  return true;
}

// A comma may stand unquoted between two characters of a word, as in "{a,b}".
bool IsPlainWithCommas(absl::string_view pattern) {
  if (!absl::StrContains(pattern, ',')) return IsPlain(pattern);
  if (pattern.front() == ',' || pattern.back() == ',' || absl::StrContains(pattern, ",,") ||
      absl::StrContains(pattern, "\\,")) {
    return false;
  }
  return IsPlain(absl::StrReplaceAll(pattern, {{",", "."}}));
}

std::string Quote(absl::string_view pattern) {
  std::string out = "\"";
  for (const char c : pattern) {
    if (c == '"') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

}  // namespace

bool CheckAppArmorTarget(absl::string_view path, absl::string_view field,
                         Diagnostics& diagnostics) {
  bool ok = true;
  auto refuse = [&](absl::string_view problem, absl::string_view fix) {
    diagnostics.Error("apparmor-target", field, absl::StrCat("target ", Quoted(path), problem),
                      fix);
    ok = false;
  };
  if (path.empty() || path[0] != '/') {
    refuse(" is not absolute", "start it with \"/\"");
    if (path.empty()) return false;
  }
  if (path.find_first_of("*?[]{}^") != absl::string_view::npos || absl::StrContains(path, '\\')) {
    refuse(" holds glob characters; a target is one executable", "list each executable");
  }
  if (absl::StrContains(path, "@{")) {
    refuse(" holds a variable; a target is one executable", "write the path out");
  }
  for (const char c : path) {
    if (!IsControl(c)) continue;
    refuse(" holds a control character", "remove it");
    break;
  }
  if (path[0] != '/') return false;
  const std::string normalised = Normalised(path);
  if (normalised == "/") {
    refuse(" is not an executable", "write the path of an executable");
  } else if (normalised != path) {
    refuse(" is not how the kernel writes the path", absl::StrCat("write ", Quoted(normalised)));
  }
  return ok;
}

std::string EscapeAppArmorPath(absl::string_view path) {
  std::string out;
  for (const char c : path) {
    if (IsControl(c)) {
      const auto byte = static_cast<unsigned char>(c);
      out.append({'\\', static_cast<char>('0' + byte / 64), static_cast<char>('0' + byte / 8 % 8),
                  static_cast<char>('0' + byte % 8)});
    } else if (c == '\\') {
      out.append("\\134");
    } else if (absl::StrContains("*?[]{}^,", c)) {
      out.append({'\\', c});
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string PrintAppArmorPattern(absl::string_view pattern) {
  return IsPlainWithCommas(pattern) ? std::string(pattern) : Quote(pattern);
}

std::string QuotePath(absl::string_view path) {
  return PrintAppArmorPattern(EscapeAppArmorPath(path));
}

}  // namespace varmor
