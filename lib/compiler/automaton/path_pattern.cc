#include "lib/compiler/automaton/path_pattern.h"

#include <set>
#include <utility>

#include "lib/compiler/automaton/glob.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {

static_assert(PathPattern::kMaxBytes == kMaxGlobBytes, "one limit under two names");

absl::StatusOr<PathPattern> PathPattern::Parse(absl::string_view text) {
  VARMOR_ASSIGN_OR_RETURN(GlobNode node, ParseGlob(text));
  node.text = std::string(text);
  PathPattern pattern;
  pattern.root_ = std::make_shared<const GlobNode>(std::move(node));
  return pattern;
}

PathPattern PathPattern::Exact(absl::string_view path) {
  GlobNode node;
  node.rows.push_back(LiteralRow(path));
  node.text = EscapeGlob(path);
  PathPattern pattern;
  pattern.root_ = std::make_shared<const GlobNode>(std::move(node));
  return pattern;
}

const std::string& PathPattern::text() const {
  static const std::string& none = *new std::string;
  return root_ == nullptr ? none : root_->text;
}

bool PathPattern::has_extended_glob() const { return root_ != nullptr && root_->extended; }

std::vector<std::string> PathPattern::LiteralAncestors() const {
  if (root_ == nullptr) return {};
  std::set<std::string> found;
  for (const GlobRow& row : root_->rows) {
    std::string prefix;
    for (const GlobAtom& atom : row) {
      const bool slash = atom.kind == GlobAtom::Kind::kDirectories ||
                         (atom.kind == GlobAtom::Kind::kByte && atom.byte == '/');
      if (slash && !prefix.empty() && prefix.back() != '/') found.insert(prefix);
      if (atom.kind != GlobAtom::Kind::kByte) break;
      prefix += static_cast<char>(atom.byte);
    }
  }
  return std::vector<std::string>(found.begin(), found.end());
}

}  // namespace varmor
