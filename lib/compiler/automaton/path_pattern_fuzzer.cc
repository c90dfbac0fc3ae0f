// Fuzzes patterns: the first line of the input is a path, the others are patterns. Whatever they
// are, the automata must say of the path what the naive matcher says.
//
//   bazel build --config=fuzz //lib/compiler/automaton:path_pattern_fuzzer
//   bazel-bin/lib/compiler/automaton/path_pattern_fuzzer lib/compiler/automaton/corpus
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "lib/compiler/automaton/glob_regex.h"
#include "lib/compiler/automaton/naive_match.h"
#include "lib/compiler/automaton/paginate.h"
#include "lib/compiler/automaton/path_matcher.h"
#include "lib/compiler/automaton/path_pattern.h"
#include "lib/compiler/automaton/path_tables.h"

namespace varmor {
namespace {

constexpr size_t kPatterns = 12;

void Require(bool condition) {
  if (!condition) std::abort();
}

// A pattern that is read back from the text of an exact one is the same.
void CheckExact(const std::string& path) {
  const PathPattern exact = PathPattern::Exact(path);
  const bool has_nul = path.find('\0') != std::string::npos;
  Require(NaiveMatch(exact, path) == !has_nul);
  if (path.empty() || path[0] != '/' || has_nul || exact.text().size() > PathPattern::kMaxBytes) {
    return;
  }
  const absl::StatusOr<PathPattern> again = PathPattern::Parse(exact.text());
  Require(again.ok() && NaiveMatch(*again, path) && !NaiveMatch(*again, path + "x"));
}

std::vector<PatternInput> ParseAll(const std::vector<std::string>& lines) {
  std::vector<PatternInput> inputs;
  for (size_t i = 1; i < lines.size() && inputs.size() < kPatterns; ++i) {
    absl::StatusOr<PathPattern> pattern = PathPattern::Parse(lines[i]);
    if (!pattern.ok()) {
      // "problem; fix"
      Require(pattern.status().message().find("; ") != absl::string_view::npos);
      continue;
    }
    pattern->LiteralAncestors();
    if (lines[i].size() < 100) ToRegex(*pattern);
    // One bit per pattern, so that a label is the set.
    inputs.push_back({*std::move(pattern), static_cast<uint32_t>(inputs.size()), 0});
  }
  return inputs;
}

void CheckPath(const std::vector<PatternInput>& inputs, const PathTables& tables,
               const std::string& path) {
  uint32_t wanted = 0;
  for (const PatternInput& input : inputs) {
    if (NaiveMatch(input.pattern, path)) wanted |= 1u << input.value;
  }
  uint32_t got = 0;
  for (const PathTable& table : tables.tables) {
    const uint32_t id = MatchTable(table, path);
    got |= id;
    varmor_path_table header;
    const std::vector<PathPage> pages = Paginate(table, 0, &header);
    const uint32_t paged = MatchPath(pages, header, path);
    Require(paged == (path.size() > VARMOR_PATH_BYTES_MAX ? VARMOR_PATH_UNRESOLVED : id));
  }
  Require(got == wanted);
}

// The pattern's own text without its special characters: more likely to match than a random path.
std::string Plain(const std::string& text) {
  std::string path;
  for (const char c : text) {
    if (std::string("*?[]{},\\").find(c) == std::string::npos) path += c;
  }
  return path;
}

void Fuzz(const std::string& text) {
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  CheckExact(lines[0]);
  const std::vector<PatternInput> inputs = ParseAll(lines);
  PathTableLimits limits;
  limits.hard_states = 4096;
  limits.work = 1 << 16;
  const auto tables = BuildPathTables(inputs, limits, [](const std::vector<uint32_t>& values) {
    uint32_t bits = 0;
    for (const uint32_t value : values) bits |= 1u << value;
    return bits;
  });
  if (!tables.ok()) {
    Require(tables.status().code() == absl::StatusCode::kResourceExhausted);
    return;
  }
  CheckPath(inputs, *tables, lines[0]);
  for (const PatternInput& input : inputs) CheckPath(inputs, *tables, Plain(input.pattern.text()));
}

}  // namespace
}  // namespace varmor

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  varmor::Fuzz(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
