// Variables in AppArmor patterns. The values are those of tunables/global in AppArmor 3.0.
#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "lib/compiler/apparmor/aare.h"

namespace varmor {
namespace {

using Values = std::vector<std::string>;

const std::map<std::string, Values>& GlobalValues() {
  static const auto& values = *new std::map<std::string, Values>{
      {"HOME", {"@{HOMEDIRS}/*/", "/root/"}},
      {"HOMEDIRS", {"/home/"}},
      {"PROC", {"/proc/"}},
      {"XDG_DESKTOP_DIR", {"Desktop"}},
      {"XDG_DOCUMENTS_DIR", {"Documents"}},
      {"XDG_DOWNLOAD_DIR", {"Downloads"}},
      {"XDG_MUSIC_DIR", {"Music"}},
      {"XDG_PICTURES_DIR", {"Pictures"}},
      {"XDG_PUBLICSHARE_DIR", {"Public"}},
      {"XDG_TEMPLATES_DIR", {"Templates"}},
      {"XDG_VIDEOS_DIR", {"Videos"}},
      {"etc_ro", {"/etc/", "/usr/etc/"}},
      {"etc_rw", {"/etc/"}},
      {"flatpak_exports_root", {"{flatpak/exports,flatpak/{app,runtime}/*/*/*/*/export}"}},
      {"multiarch", {"*-linux-gnu*"}},
      // Up to 7 digits; wider than what the parser has by the numbers above 4999999, which no
      // kernel gives out.
      {"pid", {"[1-9]{,[0-9]{,[0-9]{,[0-9]{,[0-9]{,[0-9]{,[0-9]}}}}}}"}},
      {"pids", {"@{pid}"}},
      {"run", {"/run/", "/var/run/"}},
      {"sys", {"/sys/"}},
      {"system_share_dirs", {"/{usr,usr/local,var/lib/@{flatpak_exports_root}}/share"}},
      {"tid", {"@{pid}"}},
      {"uid",
       {"{0,[1-9]{,[0-9]{,[0-9]{,[0-9]{,[0-9]{,[0-9]{,[0-9]{,[0-9]{,[0-9]{,[0-9]}}}}}}}}}}"}},
      {"uids", {"@{uid}"}},
      {"user_share_dirs", {"@{HOME}/.local{,/share/@{flatpak_exports_root}}/share"}},
  };
  return values;
}

constexpr size_t kMaxValues = 256;
constexpr size_t kMaxText = 65536;
constexpr int kMaxDepth = 16;

struct Reference {
  size_t begin = 0;
  size_t end = 0;
  std::string name;
};

// The next "@{name}" from `from` on.
bool FindReference(absl::string_view pattern, size_t from, Reference& reference) {
  while (true) {
    const size_t begin = pattern.find("@{", from);
    if (begin == absl::string_view::npos) return false;
    size_t end = begin + 2;
    while (end < pattern.size() && (absl::ascii_isalnum(pattern[end]) || pattern[end] == '_'))
      ++end;
    if (end > begin + 2 && end < pattern.size() && pattern[end] == '}' &&
        absl::ascii_isalpha(pattern[begin + 2])) {
      reference = {begin, end + 1, std::string(pattern.substr(begin + 2, end - begin - 2))};
      return true;
    }
    from = begin + 2;
  }
}

// A value between its neighbours.
absl::string_view TrimSlashes(absl::string_view value, absl::string_view before,
                              absl::string_view behind) {
  if (absl::EndsWith(before, "/")) absl::ConsumePrefix(&value, "/");
  if (absl::StartsWith(behind, "/")) absl::ConsumeSuffix(&value, "/");
  return value;
}

// All values of `text`, one for each combination of the values of its variables. False when there
// are none or too many.
bool ExpandValue(const std::string& text, const AppArmorVariables& variables, int depth,
                 Values& out) {
  Reference reference;
  if (!FindReference(text, 0, reference)) {
    out.push_back(text);
    return out.size() <= kMaxValues && text.size() <= kMaxText;
  }
  const auto values = variables.find(reference.name);
  if (values == variables.end() || values->second.empty() || depth > kMaxDepth) return false;
  const std::string before = text.substr(0, reference.begin);
  const std::string behind = text.substr(reference.end);
  for (const std::string& value : values->second) {
    const std::string whole = absl::StrCat(before, TrimSlashes(value, before, behind), behind);
    if (!ExpandValue(whole, variables, depth + 1, out)) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> SubstituteAareVariables(absl::string_view pattern,
                                                   const AppArmorVariables& variables) {
  std::string text(pattern);
  Reference reference;
  // Values hold no variables any more, so each round replaces one that was in the pattern.
  while (FindReference(text, 0, reference)) {
    const auto found = variables.find(reference.name);
    if (found == variables.end() || found->second.empty()) return std::nullopt;
    Values values;
    for (const std::string& value : found->second) {
      if (!ExpandValue(value, variables, 0, values)) return std::nullopt;
    }
    const std::string before = text.substr(0, reference.begin);
    const std::string behind = text.substr(reference.end);
    for (std::string& value : values) value = std::string(TrimSlashes(value, before, behind));
    const bool one = values.size() == 1;
    text = absl::StrCat(before, one ? "" : "{", absl::StrJoin(values, ","), one ? "" : "}", behind);
    if (text.size() > kMaxText) return std::nullopt;
  }
  return text;
}

const AppArmorVariables& GlobalAppArmorVariableValues() { return GlobalValues(); }

const std::vector<std::string>& GlobalAppArmorVariables() {
  static const auto& names = *[] {
    auto* list = new std::vector<std::string>;
    for (const auto& [name, values] : GlobalValues()) list->push_back(name);
    return list;
  }();
  return names;
}

std::vector<std::string> AareVariables(absl::string_view pattern) {
  std::vector<std::string> names;
  Reference reference;
  while (FindReference(pattern, reference.end, reference)) names.push_back(reference.name);
  return names;
}

std::string MaskAareVariables(absl::string_view pattern) {
  std::string out(pattern);
  Reference reference;
  while (FindReference(pattern, reference.end, reference)) {
    std::fill(out.begin() + reference.begin, out.begin() + reference.end, '@');
  }
  return out;
}

std::optional<std::vector<std::string>> ExpandAareVariables(absl::string_view pattern,
                                                            size_t limit) {
  std::vector<std::string> done;
  std::vector<std::string> open = {std::string(pattern)};
  while (!open.empty()) {
    const std::string text = std::move(open.back());
    open.pop_back();
    Reference reference;
    if (!FindReference(text, 0, reference)) {
      done.push_back(text);
      continue;
    }
    const auto values = GlobalValues().find(reference.name);
    if (values == GlobalValues().end()) return std::nullopt;
    for (const std::string& value : values->second) {
      open.push_back(
          absl::StrCat(text.substr(0, reference.begin), value, text.substr(reference.end)));
      if (open.back().size() > 65536) return std::nullopt;
    }
    if (open.size() + done.size() > limit) return std::nullopt;
  }
  std::sort(done.begin(), done.end());
  return done;
}

}  // namespace varmor
