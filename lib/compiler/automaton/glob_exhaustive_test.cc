// Every pattern of up to five symbols on every path of up to six bytes: what the parser, the naive
// matcher, the regular expression and the automaton say is what a second reading of the grammar
// says.
#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lib/compiler/automaton/glob_regex.h"
#include "lib/compiler/automaton/naive_match.h"
#include "lib/compiler/automaton/path_pattern.h"
#include "lib/compiler/automaton/path_tables.h"
#include "re2/re2.h"

namespace varmor {
namespace {

constexpr size_t kSymbols = 5;
constexpr size_t kPathBytes = 6;

const std::vector<std::string>& Symbols() {
  static const auto* symbols =
      new std::vector<std::string>{"a", "b", "/", "*", "**", "?", "[^a]", "{", ",", "}"};
  return *symbols;
}

std::vector<std::string> AllPaths() {
  std::vector<std::string> paths = {""};
  for (size_t i = 0; i < paths.size() && paths[i].size() < kPathBytes; ++i) {
    for (const char c : {'a', 'b', '/'}) paths.push_back(paths[i] + c);
  }
  return paths;
}

// The second reading: tokens are symbols, braces are expanded as text.
using Tokens = std::vector<std::string>;

// Tokens of `text`, which is made of Symbols(); "**" is one token.
Tokens Tokenise(const std::string& text) {
  Tokens tokens;
  for (size_t i = 0; i < text.size();) {
    size_t size = 1;
    if (text.compare(i, 2, "**") == 0) size = 2;
    if (text[i] == '[') size = 4;
    tokens.push_back(text.substr(i, size));
    i += size;
  }
  return tokens;
}

std::vector<Tokens> ExpandFirstBrace(const Tokens& tokens) {
  const auto open = std::find(tokens.begin(), tokens.end(), "{");
  if (open == tokens.end()) return {tokens};
  std::vector<Tokens> inside(1);
  auto at = open + 1;
  for (int depth = 1; depth > 0; ++at) {
    if (*at == "{") ++depth;
    if (*at == "}" && --depth == 0) break;
    if (*at == "," && depth == 1) {
      inside.emplace_back();
    } else {
      inside.back().push_back(*at);
    }
  }
  std::vector<Tokens> all;
  for (const Tokens& alternative : inside) {
    Tokens whole(tokens.begin(), open);
    whole.insert(whole.end(), alternative.begin(), alternative.end());
    whole.insert(whole.end(), at + 1, tokens.end());
    for (Tokens& expanded : ExpandFirstBrace(whole)) all.push_back(std::move(expanded));
  }
  return all;
}

// Whether tokens from t on match the path from p on.
bool Follows(const Tokens& tokens, size_t t, const std::string& path, size_t p) {
  if (t == tokens.size()) return p == path.size();
  const std::string& token = tokens[t];
  if (token == "**" || token == "*") {
    if (Follows(tokens, t + 1, path, p)) return true;
    return p < path.size() && (token == "**" || path[p] != '/') && Follows(tokens, t, path, p + 1);
  }
  if (token == "/" && t + 2 < tokens.size() && tokens[t + 1] == "**" && tokens[t + 2] == "/" &&
      Follows(tokens, t + 2, path, p)) {
    return true;
  }
  if (p == path.size()) return false;
  const char c = path[p];
  const bool one = token == "?" ? c != '/' : token == "[^a]" ? c != '/' && c != 'a' : token[0] == c;
  return one && Follows(tokens, t + 1, path, p + 1);
}

bool IsLiteral(const std::string& token) { return token == "a" || token == "b" || token == "/"; }

// X WILD Y with literal X and Y: begins with X and ends with Y.
bool HasEnds(const Tokens& tokens, const std::string& text) {
  std::string begin, end;
  bool after = false;
  for (const std::string& token : tokens) {
    if (!IsLiteral(token)) {
      after = true;
    } else {
      (after ? end : begin) += token;
    }
  }
  return text.size() >= std::max(begin.size(), end.size()) && text.rfind(begin, 0) == 0 &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool RowMatches(const Tokens& tokens, const std::string& path) {
  const auto has = [&](const char* token) {
    return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
  };
  const auto wild = std::count_if(tokens.begin(), tokens.end(),
                                  [](const std::string& token) { return !IsLiteral(token); });
  if (!has("/") && !has("**")) {  // a name
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return false;
    const std::string name = path.substr(slash + 1);
    if (wild == 1 && has("*") && HasEnds(tokens, name)) return true;
    return Follows(tokens, 0, name, 0);
  }
  if (wild == 1 && has("**")) return HasEnds(tokens, path);
  return Follows(tokens, 0, path, 0);
}

class Checker {
 public:
  void Check(const std::string& text) {
    const absl::StatusOr<PathPattern> pattern = PathPattern::Parse(text);
    if (!pattern.ok()) return;
    ++accepted_;
    std::vector<Tokens> rows = ExpandFirstBrace(Tokenise(text));
    const std::string regex_text = ToRegex(*pattern);
    const RE2 regex(regex_text, RE2::Latin1);
    ASSERT_TRUE(regex.ok()) << text << " " << regex_text;
    const PatternInput input{*pattern, 1, 0};
    const auto tables =
        BuildPathTables({input}, {}, [](const std::vector<uint32_t>&) { return 7; });
    ASSERT_TRUE(tables.ok()) << text << " " << tables.status();
    for (const std::string& path : paths_) {
      const bool wanted = std::any_of(rows.begin(), rows.end(),
                                      [&](const Tokens& row) { return RowMatches(row, path); });
      uint32_t id = 0;
      for (const PathTable& table : tables->tables) id |= MatchTable(table, path);
      const bool naive = NaiveMatch(*pattern, path);
      const bool by_regex = RE2::FullMatch(path, regex);
      if (naive == wanted && by_regex == wanted && id == (wanted ? 7u : 0u)) continue;
      ADD_FAILURE() << "pattern " << text << " path \"" << path << "\" wanted " << wanted
                    << " naive " << naive << " regex " << by_regex << " automaton " << id;
      return;
    }
  }

  int accepted() const { return accepted_; }

 private:
  const std::vector<std::string> paths_ = AllPaths();
  int accepted_ = 0;
};

class GlobExhaustiveTest : public testing::TestWithParam<int> {};

// One test per first two symbols, so that shards get equal shares.
TEST_P(GlobExhaustiveTest, AllReadingsAgree) {
  const size_t base = Symbols().size();
  const std::string start = Symbols()[GetParam() / base] + Symbols()[GetParam() % base];
  Checker checker;
  checker.Check(start);
  std::vector<std::string> longer = {start};
  for (size_t length = 3; length <= kSymbols; ++length) {
    std::vector<std::string> next;
    for (const std::string& text : longer) {
      for (const std::string& symbol : Symbols()) next.push_back(text + symbol);
    }
    for (const std::string& text : next) {
      checker.Check(text);
      if (testing::Test::HasFailure()) return;
    }
    longer = std::move(next);
  }
  // Not vacuous: nearly everything that begins like this is a pattern, but for odd braces.
  if (start == "/a" || start == "**/") {
    EXPECT_GT(checker.accepted(), 500);
  }
}

INSTANTIATE_TEST_SUITE_P(All, GlobExhaustiveTest, testing::Range(0, 100));

}  // namespace
}  // namespace varmor
