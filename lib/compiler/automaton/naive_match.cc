#include "lib/compiler/automaton/naive_match.h"

#include <string>
#include <vector>

#include "lib/compiler/automaton/glob.h"

namespace varmor {
namespace {

using Kind = GlobAtom::Kind;

// X**Y: begins with X and ends with Y, whether or not they share bytes.
bool HasEnds(const GlobRow& row, size_t overlap, absl::string_view path) {
  std::string begin, end;
  for (size_t i = 0; i < overlap; ++i) begin += static_cast<char>(row[i].byte);
  for (size_t i = overlap + 1; i < row.size(); ++i) end += static_cast<char>(row[i].byte);
  return path.size() >= begin.size() && path.substr(0, begin.size()) == begin &&
         path.size() >= end.size() && path.substr(path.size() - end.size()) == end;
}

// The places in `path` where what follows may begin, after `atom` began at one of `from`.
std::vector<bool> After(const GlobNode& node, const GlobAtom& atom, const std::vector<bool>& from,
                        absl::string_view path) {
  std::vector<bool> to(path.size() + 1, false);
  for (size_t i = 0; i <= path.size(); ++i) {
    if (!from[i]) continue;
    const bool more = i < path.size();
    const uint8_t byte = more ? static_cast<uint8_t>(path[i]) : 0;
    switch (atom.kind) {
      case Kind::kByte:
        if (more && byte == atom.byte) to[i + 1] = true;
        break;
      case Kind::kSet:
        if (more && node.sets[atom.set][byte]) to[i + 1] = true;
        break;
      case Kind::kStar:
        to[i] = true;
        for (size_t j = i; j < path.size() && path[j] != '/'; ++j) to[j + 1] = true;
        break;
      case Kind::kDirectories:
        for (size_t j = i; more && byte == '/' && j < path.size(); ++j) {
          if (path[j] == '/') to[j + 1] = true;
        }
        break;
      case Kind::kDoubleStar:
      case Kind::kOverlap:
        for (size_t j = i; j <= path.size(); ++j) to[j] = true;
        break;
    }
  }
  return to;
}

bool MatchesRow(const GlobNode& node, const GlobRow& row, absl::string_view path) {
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i].kind == Kind::kOverlap) return HasEnds(row, i, path);
  }
  std::vector<bool> places(path.size() + 1, false);
  places[0] = true;
  for (const GlobAtom& atom : row) places = After(node, atom, places, path);
  return places[path.size()];
}

}  // namespace

bool NaiveMatch(const PathPattern& pattern, absl::string_view path) {
  if (pattern.root() == nullptr || path.find('\0') != absl::string_view::npos) return false;
  for (const GlobRow& row : pattern.root()->rows) {
    if (MatchesRow(*pattern.root(), row, path)) return true;
  }
  return false;
}

}  // namespace varmor
