#include "lib/compiler/automaton/glob.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/mistake.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

using Kind = GlobAtom::Kind;

constexpr absl::string_view kSpecial = "*?[]{},\\";

// What stands between two braces or at top level, before braces are expanded.
struct Item {
  GlobAtom atom;
  // Not empty: a brace group, and `atom` means nothing.
  std::vector<std::vector<Item>> group;
};
using Items = std::vector<Item>;

ByteSet NotSlash() {
  ByteSet set;
  set.set();
  set.reset(0);
  set.reset('/');
  return set;
}

absl::Status InvalidPattern(absl::string_view problem, absl::string_view fix) {
  return MistakeStatus(absl::StatusCode::kInvalidArgument, problem, fix);
}

class Parser {
 public:
  Parser(absl::string_view text, GlobNode& out) : text_(text), out_(out) {}

  absl::StatusOr<Items> Parse() {
    Items items;
    items.reserve(text_.size());
    VARMOR_RETURN_IF_ERROR(ParseItems(0, items));
    return items;
  }

 private:
  // "pattern "/a[" PROBLEM at column 3; FIX", for the byte at `at`.
  absl::Status Mistake(size_t at, absl::string_view problem, absl::string_view fix) const {
    return InvalidPattern(
        absl::StrCat("pattern ", Quoted(text_), " ", problem, " at column ", at + 1), fix);
  }

  // Reads up to the end (depth 0) or to the "," or "}" that ends the alternative.
  absl::Status ParseItems(int depth, Items& items) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (depth > 0 && (c == ',' || c == '}')) return absl::OkStatus();
      VARMOR_RETURN_IF_ERROR(ParseItem(c, depth, items));
    }
    return absl::OkStatus();
  }

  absl::Status ParseItem(char c, int depth, Items& items) {
    switch (c) {
      case '\0':
        return Mistake(at_, "has a NUL byte", "remove it, no path holds one");
      case '*':
        return ParseStars(items);
      case '?':
        out_.extended = true;
        ++at_;
        AddSet(NotSlash(), items);
        return absl::OkStatus();
      case '[':
        return ParseClass(items);
      case '{':
        return ParseGroup(depth, items);
      case ']':
      case '}':
        return Mistake(
            at_, absl::StrCat("closes a \"", std::string(1, c), "\" that is not open"),
            absl::StrCat("write \"\\", std::string(1, c), "\" for the character itself"));
      case '@':
        if (absl::string_view(text_).substr(at_ + 1, 1) == "{") {
          return Mistake(at_, "has an AppArmor variable",
                         "BPF rules know none: write the paths out, or \"@\\{\"");
        }
        break;
      case '\\':
        if (at_ + 1 == text_.size()) {
          return Mistake(at_, "ends in a lone backslash", "write \"\\\\\" for a backslash");
        }
        ++at_;
        if (text_[at_] == '\0')
          return Mistake(at_, "has a NUL byte", "remove it, no path holds one");
        break;
      default:
        break;
    }
    AddByte(text_[at_++], items);
    return absl::OkStatus();
  }

  absl::Status ParseStars(Items& items) {
    size_t end = text_.find_first_not_of('*', at_);
    if (end == absl::string_view::npos) end = text_.size();
    if (end - at_ > 2) {
      return Mistake(at_, absl::StrCat("has ", end - at_, " stars in a row"),
                     "write \"**\", and \"\\*\" for a literal star");
    }
    Item item;
    item.atom.kind = end - at_ == 2 ? Kind::kDoubleStar : Kind::kStar;
    items.push_back(std::move(item));
    at_ = end;
    return absl::OkStatus();
  }

  absl::Status ParseGroup(int depth, Items& items) {
    const size_t open = at_;
    out_.extended = true;
    if (depth >= kMaxGlobNesting) {
      return Mistake(open, absl::StrCat("nests more than ", kMaxGlobNesting, " braces"),
                     "write several rules");
    }
    if (text_.substr(at_, 2) == "{}") {
      return Mistake(open, "has braces with nothing inside",
                     "list alternatives as in \"{a,b}\", or write \"\\{\\}\"");
    }
    Item item;
    do {
      ++at_;  // past "{" or ","
      Items alternative;
      VARMOR_RETURN_IF_ERROR(ParseItems(depth + 1, alternative));
      if (at_ == text_.size()) {
        return Mistake(open, "has a \"{\" that is never closed",
                       "close it with \"}\", or write \"\\{\" for the character itself");
      }
      item.group.push_back(std::move(alternative));
    } while (text_[at_] == ',');
    ++at_;  // past "}"
    items.push_back(std::move(item));
    return absl::OkStatus();
  }

  absl::Status ParseClass(Items& items) {
    const size_t open = at_++;
    out_.extended = true;
    const bool negated = at_ < text_.size() && text_[at_] == '^';
    if (negated) ++at_;
    ByteSet set;
    const size_t first = at_;
    while (at_ < text_.size() && text_[at_] != ']') {
      VARMOR_RETURN_IF_ERROR(ParseClassPart(set));
    }
    if (at_ == text_.size()) {
      return Mistake(open, "has a \"[\" that is never closed",
                     "close it with \"]\", or write \"\\[\" for the character itself");
    }
    if (at_ == first) {
      return Mistake(open, "has an empty class",
                     "list characters as in \"[a-z]\", or write \"\\[\"");
    }
    ++at_;
    if (negated) set = ~set;
    set &= NotSlash();
    if (set.none()) {
      return Mistake(open, "has a class that no character is in", "name one other than \"/\"");
    }
    AddSet(set, items);
    return absl::OkStatus();
  }

  // One byte or a range. "-" is itself at either end of a class.
  absl::Status ParseClassPart(ByteSet& set) {
    const size_t start = at_;
    uint8_t low = 0;
    VARMOR_RETURN_IF_ERROR(ParseClassByte(low));
    if (at_ + 1 >= text_.size() || text_[at_] != '-' || text_[at_ + 1] == ']') {
      if (low == '/') {
        return Mistake(start, "has \"/\" in a class", "classes never match it; write \"{/,...}\"");
      }
      set.set(low);
      return absl::OkStatus();
    }
    ++at_;
    uint8_t high = 0;
    VARMOR_RETURN_IF_ERROR(ParseClassByte(high));
    if (high < low) {
      return Mistake(start, "has a range that runs backwards",
                     absl::StrCat("write \"", std::string(1, static_cast<char>(high)), "-",
                                  std::string(1, static_cast<char>(low)), "\""));
    }
    for (int b = low; b <= high; ++b) set.set(b);
    return absl::OkStatus();
  }

  absl::Status ParseClassByte(uint8_t& byte) {
    if (text_[at_] == '\\') {
      if (++at_ == text_.size()) {
        return Mistake(at_ - 1, "ends in a lone backslash", "write \"\\\\\" for a backslash");
      }
    }
    byte = static_cast<uint8_t>(text_[at_]);
    if (byte == 0) return Mistake(at_, "has a NUL byte", "remove it, no path holds one");
    if (byte >= 0x80) {
      return Mistake(at_, "has a character outside ASCII in a class",
                     "a class holds single bytes: list the characters in braces, \"{a,b}\"");
    }
    ++at_;
    return absl::OkStatus();
  }

  static void AddByte(char c, Items& items) {
    Item item;
    item.atom.byte = static_cast<uint8_t>(c);
    items.push_back(std::move(item));
  }

  void AddSet(const ByteSet& set, Items& items) {
    auto found = std::find(out_.sets.begin(), out_.sets.end(), set);
    Item item;
    item.atom.kind = Kind::kSet;
    item.atom.set = static_cast<uint16_t>(found - out_.sets.begin());
    if (found == out_.sets.end()) out_.sets.push_back(set);
    items.push_back(std::move(item));
  }

  absl::string_view text_;
  GlobNode& out_;
  size_t at_ = 0;
};

// How many rows and atoms an expansion has. Saturates far above the limits.
struct Extent {
  uint64_t rows = 1;
  uint64_t atoms = 0;
};

Extent Measure(const Items& items) {
  constexpr uint64_t kMany = uint64_t{1} << 30;
  Extent all;
  for (const Item& item : items) {
    Extent one{1, 1};
    if (!item.group.empty()) {
      one = {0, 0};
      for (const Items& alternative : item.group) {
        const Extent inner = Measure(alternative);
        one.rows = std::min(kMany, one.rows + inner.rows);
        one.atoms = std::min(kMany, one.atoms + inner.atoms);
      }
    }
    all.atoms = std::min(kMany, all.atoms * one.rows + one.atoms * all.rows);
    all.rows = std::min(kMany, all.rows * one.rows);
  }
  return all;
}

std::vector<GlobRow> Expand(const Items& items) {
  std::vector<GlobRow> rows(1);
  rows[0].reserve(items.size());
  for (const Item& item : items) {
    if (item.group.empty()) {
      for (GlobRow& row : rows) row.push_back(item.atom);
      continue;
    }
    std::vector<GlobRow> longer;
    for (const Items& alternative : item.group) {
      for (const GlobRow& tail : Expand(alternative)) {
        for (GlobRow row : rows) {
          row.insert(row.end(), tail.begin(), tail.end());
          longer.push_back(std::move(row));
        }
      }
    }
    rows = std::move(longer);
  }
  return rows;
}

bool IsByte(const GlobAtom& atom, char c) {
  return atom.kind == Kind::kByte && atom.byte == static_cast<uint8_t>(c);
}

bool IsWild(const GlobAtom& atom) { return atom.kind != Kind::kByte; }

// Can the row match a path that begins with "/"?
bool MayBeginWithSlash(const GlobRow& row) {
  for (const GlobAtom& atom : row) {
    if (atom.kind == Kind::kStar) continue;
    return atom.kind == Kind::kDoubleStar || IsByte(atom, '/');
  }
  return false;
}

// No "/", no "**", and a wildcard: compared with the last component.
bool IsNamePattern(const GlobRow& row) {
  bool wild = false;
  for (const GlobAtom& atom : row) {
    if (atom.kind == Kind::kDoubleStar || IsByte(atom, '/')) return false;
    wild = wild || IsWild(atom);
  }
  return wild;
}

// X*Y as a name: when Y begins with what X ends with, names as short as one of them match as well.
// The rows that are not covered by "X*Y" itself.
void AddOverlappedNames(const GlobRow& name, std::vector<GlobRow>& rows) {
  const auto star = std::find_if(name.begin(), name.end(), IsWild);
  if (star->kind != Kind::kStar || std::any_of(star + 1, name.end(), IsWild)) return;
  std::string left, right;
  for (auto it = name.begin(); it != star; ++it) left += static_cast<char>(it->byte);
  for (auto it = star + 1; it != name.end(); ++it) right += static_cast<char>(it->byte);
  for (const size_t shared : OverlapLengths(left, right)) {
    GlobRow row = {GlobAtom{Kind::kDoubleStar}};
    for (const GlobAtom& atom : LiteralRow("/" + left + right.substr(shared))) row.push_back(atom);
    rows.push_back(std::move(row));
  }
}

// "**" and "*" next to each other are one wildcard, "/**/" is one atom.
GlobRow Simplify(const GlobRow& row) {
  GlobRow out;
  out.reserve(row.size());
  for (size_t i = 0; i < row.size(); ++i) {
    const GlobAtom atom = row[i];
    const bool star = atom.kind == Kind::kStar || atom.kind == Kind::kDoubleStar;
    const bool after_star =
        !out.empty() && (out.back().kind == Kind::kStar || out.back().kind == Kind::kDoubleStar);
    if (star && after_star) {
      if (atom.kind == Kind::kDoubleStar) out.back().kind = Kind::kDoubleStar;
    } else {
      out.push_back(atom);
    }
  }
  GlobRow merged;
  merged.reserve(out.size());
  for (size_t i = 0; i < out.size(); ++i) {
    const bool after_slash =
        !merged.empty() && (IsByte(merged.back(), '/') || merged.back().kind == Kind::kDirectories);
    if (after_slash && out[i].kind == Kind::kDoubleStar && i + 1 < out.size() &&
        IsByte(out[i + 1], '/')) {
      merged.back() = GlobAtom{Kind::kDirectories};
      ++i;
    } else {
      merged.push_back(out[i]);
    }
  }
  return merged;
}

// Turns an expanded row into what it matches: full path, name, or X**Y.
void Interpret(const GlobRow& row, std::vector<GlobRow>& rows) {
  if (IsNamePattern(row)) {
    AddOverlappedNames(row, rows);
    GlobRow full = {GlobAtom{Kind::kDoubleStar}, LiteralRow("/")[0]};
    full.insert(full.end(), row.begin(), row.end());
    rows.push_back(Simplify(full));
    return;
  }
  if (std::count_if(row.begin(), row.end(), IsWild) == 1) {
    const auto wild = std::find_if(row.begin(), row.end(), IsWild);
    if (wild->kind == Kind::kDoubleStar) {
      GlobRow ends = row;
      ends[wild - row.begin()].kind = Kind::kOverlap;
      // Nothing can overlap when one side is empty.
      if (wild == row.begin() || wild + 1 == row.end()) ends = row;
      rows.push_back(std::move(ends));
      return;
    }
  }
  rows.push_back(Simplify(row));
}

std::string Spell(const GlobRow& row) {
  std::string out;
  for (const GlobAtom& atom : row) {
    switch (atom.kind) {
      case Kind::kByte:
        out += EscapeGlob(std::string(1, static_cast<char>(atom.byte)));
        break;
      case Kind::kSet:
        out += "?";
        break;
      default:
        out += atom.kind == Kind::kStar ? "*" : "**";
    }
  }
  return out;
}

absl::Status Relative(absl::string_view text, const GlobRow& row, bool braces) {
  const std::string spelled = braces ? Spell(row) : std::string(text);
  const std::string who = braces ? absl::StrCat("pattern ", Quoted(text), " has the alternative ",
                                                Quoted(spelled), ", which")
                                 : absl::StrCat("pattern ", Quoted(text));
  const bool bare = spelled.find('/') == std::string::npos && !absl::StrContains(spelled, "**");
  return InvalidPattern(
      absl::StrCat(who, " is relative and matches no path"),
      absl::StrCat("start it with \"/\"",
                   bare ? absl::StrCat(", or write ", Quoted("**/" + spelled)) : ""));
}

}  // namespace

absl::StatusOr<GlobNode> ParseGlob(absl::string_view text) {
  if (text.empty()) {
    return InvalidPattern("pattern is empty", "write \"**\" to match every path");
  }
  if (text.size() > kMaxGlobBytes) {
    return InvalidPattern(
        absl::StrCat("pattern has ", text.size(), " bytes, more than ", kMaxGlobBytes),
        "no path is that long, shorten it");
  }
  GlobNode node;
  VARMOR_ASSIGN_OR_RETURN(const Items items, Parser(text, node).Parse());
  const Extent extent = Measure(items);
  if (extent.rows > kMaxGlobRows || extent.atoms > kMaxGlobAtoms) {
    return InvalidPattern(
        absl::StrCat("pattern ", Quoted(text), " stands for more than ", kMaxGlobRows,
                     " alternatives or ", kMaxGlobAtoms, " bytes once its braces are written out"),
        "use wildcards, or several rules");
  }
  const std::vector<GlobRow> expanded = Expand(items);
  for (const GlobRow& row : expanded) {
    if (!IsNamePattern(row) && !MayBeginWithSlash(row)) {
      return Relative(text, row, expanded.size() > 1);
    }
    Interpret(row, node.rows);
  }
  std::sort(node.rows.begin(), node.rows.end());
  node.rows.erase(std::unique(node.rows.begin(), node.rows.end()), node.rows.end());
  return node;
}

GlobRow LiteralRow(absl::string_view path) {
  GlobRow row;
  row.reserve(path.size());
  for (const char c : path) row.push_back(GlobAtom{Kind::kByte, static_cast<uint8_t>(c), 0});
  return row;
}

std::string EscapeGlob(absl::string_view path) {
  std::string out;
  for (size_t i = 0; i < path.size(); ++i) {
    if (absl::StrContains(kSpecial, path.substr(i, 1))) out += '\\';
    out += path[i];
  }
  return out;
}

std::vector<size_t> OverlapLengths(absl::string_view left, absl::string_view right) {
  // border[i]: the longest proper prefix of `right` that ends at byte i (Knuth, Morris, Pratt).
  std::vector<size_t> border(right.size(), 0);
  const auto advance = [&](size_t matched, char c) {
    while (matched > 0 && (matched == right.size() || right[matched] != c)) {
      matched = border[matched - 1];
    }
    return matched < right.size() && right[matched] == c ? matched + 1 : matched;
  };
  if (right.empty()) return {};
  for (size_t i = 1; i < right.size(); ++i) border[i] = advance(border[i - 1], right[i]);
  size_t matched = 0;
  for (const char c : left) matched = advance(matched, c);
  std::vector<size_t> lengths;
  for (; matched > 0; matched = border[matched - 1]) lengths.push_back(matched);
  std::reverse(lengths.begin(), lengths.end());
  return lengths;
}

}  // namespace varmor
