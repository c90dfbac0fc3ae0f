// Nondeterministic automata of AppArmor patterns: matching, overlap, and whether some patterns
// cover another.
#ifndef LIB_COMPILER_APPARMOR_AARE_AUTOMATON_H_
#define LIB_COMPILER_APPARMOR_AARE_AUTOMATON_H_

#include <bitset>
#include <cstddef>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"

namespace varmor {

class AareNfa {
 public:
  using Bytes = std::bitset<256>;

  struct Edge {
    Bytes bytes;
    int to = 0;
  };

  // Nothing for a malformed pattern, or one that would need very many states or edges.
  static std::optional<AareNfa> Build(absl::string_view pattern);

  // Of other notations than AARE: edges by state, and which states accept. At least one state, both
  // lists of the same length, edges to states that exist.
  static AareNfa FromParts(std::vector<std::vector<Edge>> edges, std::vector<bool> accepting);

  bool Matches(absl::string_view subject) const;

  // States are numbered from 0, the start. No edge reads nothing: that is resolved in Build.
  const std::vector<std::vector<Edge>>& edges() const { return edges_; }
  bool accepts(int state) const { return accepting_[state]; }

 private:
  friend class AareNfaBuilder;
  std::vector<std::vector<Edge>> edges_;
  std::vector<bool> accepting_;
};

// Whether some path (no NUL byte) is matched by both. Nothing when finding out would take more than
// `limit` steps.
std::optional<bool> AareOverlap(const AareNfa& a, const AareNfa& b, size_t limit = 200000);

// Whether every path that `inner` matches is matched by one of `cover`. Nothing when finding out
// would take more than `limit` steps.
std::optional<bool> AareCovers(const std::vector<const AareNfa*>& cover, const AareNfa& inner,
                               size_t limit = 20000);

}  // namespace varmor

#endif  // LIB_COMPILER_APPARMOR_AARE_AUTOMATON_H_
