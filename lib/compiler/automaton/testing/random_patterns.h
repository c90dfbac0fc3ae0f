// Random patterns, and paths that have a chance to match them.
#ifndef LIB_COMPILER_AUTOMATON_TESTING_RANDOM_PATTERNS_H_
#define LIB_COMPILER_AUTOMATON_TESTING_RANDOM_PATTERNS_H_

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/compiler/automaton/path_pattern.h"
#include "lib/compiler/automaton/path_tables.h"

namespace varmor {

class RandomPatterns {
 public:
  explicit RandomPatterns(uint32_t seed) : random_(seed) {}

  uint32_t Below(uint32_t limit) { return random_() % limit; }
  bool Chance(uint32_t percent) { return Below(100) < percent; }

  // Mostly few different bytes, so that patterns and paths meet.
  char Byte() {
    static constexpr char kOften[] = {'a', 'b', 'c', '.', '\xc3'};
    return Chance(95) ? kOften[Below(sizeof(kOften))] : static_cast<char>(1 + Below(255));
  }

  std::string Literal() {
    std::string out;
    for (uint32_t i = 0, n = 1 + Below(3); i < n; ++i) {
      const char c = Byte();
      if (c == '/') continue;
      if (std::string("*?[]{},\\@").find(c) != std::string::npos) out += '\\';
      out += c;
    }
    return out;
  }

  std::string Piece(int depth) {
    switch (Below(depth > 0 ? 12 : 10)) {
      case 0:
        return "*";
      case 1:
        return "?";
      case 2:
        return Chance(50) ? "[a-b.]" : "[^a]";
      case 3:
        return "**";
      case 10:
      case 11: {
        std::string group = "{" + Pieces(depth - 1);
        for (uint32_t i = 0, n = Below(3); i < n; ++i) group += "," + Pieces(depth - 1);
        return group + "}";
      }
      default:
        return Literal();
    }
  }

  std::string Pieces(int depth) {
    std::string out;
    for (uint32_t i = 0, n = Below(3); i < n; ++i) {
      // Three stars in a row are a mistake.
      std::string piece = Piece(depth);
      if (!out.empty() && out.back() == '*' && piece[0] == '*') piece = "/";
      out += piece;
    }
    return out;
  }

  // One of kinds A, E, C and names.
  PathPattern Pattern() {
    for (;;) {
      std::string text = Chance(10) ? "" : Chance(20) ? "**" : "/";
      for (uint32_t i = 0, n = 1 + Below(4); i < n; ++i) {
        if (i > 0) text += Chance(30) ? "/**/" : "/";
        text += Pieces(2);
      }
      absl::StatusOr<PathPattern> pattern = PathPattern::Parse(text);
      if (pattern.ok()) return *std::move(pattern);
    }
  }

  // Half random, half made from what a pattern looks like. Of a thousand, `long_ones` are as long
  // as a path can be.
  std::string Path(const std::vector<PatternInput>& patterns, uint32_t long_ones = 50) {
    std::string path;
    for (const char c : patterns[Below(patterns.size())].pattern.text()) {
      if (Chance(15)) continue;
      if (c == '*' || c == '?') {
        for (uint32_t i = 0, n = Below(4); i < n; ++i) path += Chance(20) ? '/' : Byte();
      } else if (std::string("[]{},\\").find(c) == std::string::npos) {
        path += c;
      }
    }
    if (Chance(90) && (path.empty() || path[0] != '/')) path = "/" + path;
    if (Chance(30)) path += "/" + Literal();
    if (Below(1000) < long_ones) {
      const size_t at = Below(path.size() + 1);
      path.insert(at, std::string(VARMOR_PATH_BYTES_MAX - path.size(), Chance(50) ? 'a' : '/'));
    }
    return path;
  }

 private:
  std::mt19937 random_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_AUTOMATON_TESTING_RANDOM_PATTERNS_H_
