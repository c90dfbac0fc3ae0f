#include "lib/compiler/automaton/glob_regex.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/automaton/glob.h"

namespace varmor {
namespace {

using Kind = GlobAtom::Kind;

std::string SpellByte(uint8_t byte) {
  if (absl::ascii_isalnum(byte) || byte == '/' || byte == '_') return {static_cast<char>(byte)};
  return absl::StrFormat("\\x%02x", byte);
}

std::string SpellSet(const ByteSet& set) {
  std::string out = "[";
  for (int low = 0; low < 256; ++low) {
    if (!set[low]) continue;
    int high = low;
    while (high < 255 && set[high + 1]) ++high;
    out += SpellByte(low);
    if (high > low) out += "-" + SpellByte(high);
    low = high;
  }
  return out + "]";
}

std::string SpellBytes(const GlobRow& row, size_t begin, size_t end) {
  std::string out;
  for (size_t i = begin; i < end; ++i) out += SpellByte(row[i].byte);
  return out;
}

// X**Y, and each way in which X and Y can share bytes.
std::string SpellOverlap(const GlobRow& row, size_t overlap) {
  std::string left, right;
  for (size_t i = 0; i < overlap; ++i) left += static_cast<char>(row[i].byte);
  for (size_t i = overlap + 1; i < row.size(); ++i) right += static_cast<char>(row[i].byte);
  const std::string begin = SpellBytes(row, 0, overlap);
  std::string out = begin + "[^\\x00]*" + SpellBytes(row, overlap + 1, row.size());
  for (const size_t shared : OverlapLengths(left, right)) {
    out += "|" + begin + SpellBytes(row, overlap + 1 + shared, row.size());
  }
  return out;
}

std::string SpellRow(const GlobNode& node, const GlobRow& row) {
  std::string out;
  for (size_t i = 0; i < row.size(); ++i) {
    switch (row[i].kind) {
      case Kind::kByte:
        out += SpellByte(row[i].byte);
        break;
      case Kind::kSet:
        out += SpellSet(node.sets[row[i].set]);
        break;
      case Kind::kStar:
        out += "[^\\x00/]*";
        break;
      case Kind::kDoubleStar:
        out += "[^\\x00]*";
        break;
      case Kind::kDirectories:
        out += "/(?:[^\\x00]*/)?";
        break;
      case Kind::kOverlap:
        return SpellOverlap(row, i);
    }
  }
  return out;
}

}  // namespace

std::string ToRegex(const PathPattern& pattern) {
  if (pattern.root() == nullptr) return "[^\\x00-\\xff]";
  std::vector<std::string> rows;
  for (const GlobRow& row : pattern.root()->rows) rows.push_back(SpellRow(*pattern.root(), row));
  return absl::StrJoin(rows, "|");
}

}  // namespace varmor
