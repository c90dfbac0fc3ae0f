#include "lib/compiler/load/field_path.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

constexpr size_t kShownKeyBytes = 200;

bool IsBareByte(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; }

// Reads `["key"]` at the start of `rest` and removes it. False when it is not there.
bool TakeQuotedKey(absl::string_view* rest, std::string* key) {
  size_t i = 2;
  for (; i < rest->size() && (*rest)[i] != '"'; ++i) {
    char c = (*rest)[i];
    if (c == '\\' && i + 1 < rest->size()) {
      c = (*rest)[++i];
      if (c == 'n') c = '\n';
    }
    key->push_back(c);
  }
  if (i + 1 >= rest->size() || (*rest)[i + 1] != ']') return false;
  rest->remove_prefix(i + 2);
  return true;
}

// Reads `[12]` at the start of `rest` and removes it.
bool TakeIndex(absl::string_view* rest, size_t* index) {
  const size_t close = rest->find(']');
  if (close == absl::string_view::npos) return false;
  if (!absl::SimpleAtoi(rest->substr(1, close - 1), index)) return false;
  rest->remove_prefix(close + 1);
  return true;
}

bool TakeStep(absl::string_view* rest, FieldStep* step) {
  if (rest->substr(0, 2) == "[\"") return TakeQuotedKey(rest, &step->key);
  if (rest->front() == '[') {
    step->is_index = true;
    return TakeIndex(rest, &step->index);
  }
  if (rest->front() == '.') rest->remove_prefix(1);
  const auto end = std::find_if_not(rest->begin(), rest->end(), IsBareByte);
  step->key.assign(rest->begin(), end);
  rest->remove_prefix(step->key.size());
  return !step->key.empty();
}

}  // namespace

std::string JoinKey(absl::string_view path, absl::string_view key) {
  const bool bare = !key.empty() && key.size() <= kShownKeyBytes &&
                    std::all_of(key.begin(), key.end(), IsBareByte);
  if (bare) return path.empty() ? std::string(key) : absl::StrCat(path, ".", key);
  std::string out = absl::StrCat(path, "[\"");
  size_t shown = std::min(key.size(), kShownKeyBytes);
  // Never cut inside a UTF-8 sequence.
  while (shown > 0 && shown < key.size() &&
         (static_cast<unsigned char>(key[shown]) & 0xC0) == 0x80) {
    --shown;
  }
  for (const char c : key.substr(0, shown)) {
    if (c == '"' || c == '\\') out.push_back('\\');
    absl::StrAppend(&out, c == '\n' ? std::string("\\n") : std::string(1, c));
  }
  return absl::StrCat(out, shown < key.size() ? "..." : "", "\"]");
}

std::string JoinIndex(absl::string_view path, size_t index) {
  return absl::StrCat(path, "[", index, "]");
}

std::vector<FieldStep> SplitFieldPath(absl::string_view path) {
  std::vector<FieldStep> steps;
  while (!path.empty()) {
    FieldStep step;
    if (!TakeStep(&path, &step)) break;
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace varmor
