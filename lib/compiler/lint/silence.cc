#include "lib/compiler/lint/silence.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/compiler/lint/lint_table.h"
#include "lib/compiler/load/document.h"
#include "lib/compiler/load/field_path.h"

namespace varmor {
namespace {

constexpr absl::string_view kAnnotation = "varmor.dev/ignore-";
constexpr absl::string_view kHowToComment = "write \"# varmor: ignore LINT because REASON\"";

struct Silencing {
  std::string id;
  std::string reason;
  // What is wrong with its form; "" when nothing is.
  std::string problem_code;
  std::string problem;
  std::string fix;

  // Index of the policy it is reported with.
  size_t policy = 0;
  // Annotation: its field. Comment: "", and where it stands and the line it is for.
  std::string field;
  TextPlace place;
  int line = 0;
  bool used = false;
};

void CheckForm(absl::string_view how, Silencing& silencing) {
  const LintSpec* lint = FindLint(silencing.id);
  if (lint == nullptr || !lint->can_be_silenced) {
    silencing.problem_code = "silencing-unknown";
    if (silencing.id.empty()) {
      silencing.problem = "this says \"ignore\", but not what";
      silencing.fix = std::string(how);
      return;
    }
    silencing.problem = lint == nullptr ? absl::StrCat("there is no lint ", Quoted(silencing.id))
                                        : absl::StrCat(silencing.id, " cannot be silenced");
    const std::string near = NearestWord(silencing.id, SilenceableLints());
    silencing.fix = lint != nullptr ? "remove this"
                    : near.empty()  ? "docs/lint.md lists them"
                                    : absl::StrCat("did you mean ", Quoted(near), "?");
  } else if (silencing.reason.empty()) {
    silencing.problem_code = "silencing-without-reason";
    silencing.problem = absl::StrCat("no reason is given why ", silencing.id, " is ignored");
    silencing.fix = std::string(how);
  }
}

void ReadAnnotations(const LoadedPolicy& policy, size_t index, std::vector<Silencing>& out) {
  const auto& annotations = policy.object.metadata().annotations();
  const std::map<std::string, std::string> sorted(annotations.begin(), annotations.end());
  for (const auto& [key, value] : sorted) {
    absl::string_view id = key;
    if (!absl::ConsumePrefix(&id, kAnnotation)) continue;
    Silencing silencing;
    silencing.id = std::string(id);
    silencing.reason = std::string(absl::StripAsciiWhitespace(value));
    silencing.policy = index;
    silencing.field = JoinKey("metadata.annotations", key);
    CheckForm("give the reason as the annotation's value", silencing);
    out.push_back(std::move(silencing));
  }
}

// ---- comments

// What stands behind "# varmor:", when it is meant to silence something.
std::optional<absl::string_view> IgnoreCommand(absl::string_view line, size_t& column) {
  for (size_t at = line.find('#'); at != absl::string_view::npos; at = line.find('#', at + 1)) {
    if (at > 0 && !absl::ascii_isspace(line[at - 1])) continue;
    absl::string_view rest = absl::StripLeadingAsciiWhitespace(line.substr(at + 1));
    if (!absl::ConsumePrefix(&rest, "varmor:")) continue;
    rest = absl::StripAsciiWhitespace(rest);
    const absl::string_view word = rest.substr(0, rest.find_first_of(" \t"));
    if (NearestWord(word, {"ignore"}).empty()) return std::nullopt;
    column = at;
    return rest;
  }
  return std::nullopt;
}

Silencing ReadCommand(absl::string_view command) {
  Silencing silencing;
  const absl::string_view word = command.substr(0, command.find_first_of(" \t"));
  const absl::string_view rest = absl::StripLeadingAsciiWhitespace(command.substr(word.size()));
  if (word != "ignore") {
    silencing.problem_code = "silencing-unknown";
    silencing.problem = absl::StrCat("unknown word ", Quoted(word));
    silencing.fix = std::string(kHowToComment);
    return silencing;
  }
  const absl::string_view id = rest.substr(0, rest.find_first_of(" \t"));
  absl::string_view reason = absl::StripLeadingAsciiWhitespace(rest.substr(id.size()));
  silencing.id = std::string(id);
  if (absl::ConsumePrefix(&reason, "because") && (reason.empty() || reason[0] == ' ')) {
    silencing.reason = std::string(absl::StripAsciiWhitespace(reason));
  }
  CheckForm(kHowToComment, silencing);
  return silencing;
}

bool IsBlankOrComment(absl::string_view line) {
  const absl::string_view text = absl::StripLeadingAsciiWhitespace(line);
  return text.empty() || text[0] == '#';
}

bool IsJson(const PolicySource& source) {
  return absl::EndsWith(source.name, ".json") ||
         absl::StartsWith(absl::StripLeadingAsciiWhitespace(source.text), "{");
}

void ReadComments(const PolicySource& source, const std::vector<LoadedPolicy>& policies,
                  std::vector<Silencing>& out) {
  if (IsJson(source) || !absl::StrContains(source.text, "varmor:")) return;
  const std::vector<absl::string_view> lines = absl::StrSplit(source.text, '\n');
  for (size_t i = 0; i < lines.size(); ++i) {
    size_t column = 0;
    const std::optional<absl::string_view> command = IgnoreCommand(lines[i], column);
    if (!command.has_value()) continue;
    Silencing silencing = ReadCommand(*command);
    size_t target = i;
    if (IsBlankOrComment(lines[i])) {
      while (target < lines.size() && IsBlankOrComment(lines[target])) ++target;
    }
    silencing.line = static_cast<int>(target) + 1;
    silencing.place = {static_cast<int>(i) + 1, static_cast<int>(column) + 1};

    // The last policy that begins no later, or the file's first.
    bool found = false;
    for (size_t p = 0; p < policies.size(); ++p) {
      if (policies[p].file != source.name) continue;
      const bool begins =
          policies[p].root != nullptr && policies[p].root->place.line <= silencing.line;
      if (!found || begins) silencing.policy = p;
      found = true;
    }
    if (found) out.push_back(std::move(silencing));
  }
}

// ---- matching

// The lines that a comment can stand at to be about this: its own, and the first ones of the list
// items that it is in.
std::set<int> LinesOf(const LoadedPolicy& policy, const Diagnostic& diagnostic) {
  std::set<int> lines = {diagnostic.place.line};
  if (policy.root == nullptr) return lines;
  std::string path;
  const std::vector<FieldStep> steps = SplitFieldPath(diagnostic.field);
  for (size_t i = 0; i < steps.size(); ++i) {
    path = steps[i].is_index ? JoinIndex(path, steps[i].index) : JoinKey(path, steps[i].key);
    if (!steps[i].is_index && i + 1 < steps.size()) continue;
    const DocumentNode* node = FindNode(*policy.root, path);
    if (node != nullptr) lines.insert(node->place.line);
  }
  return lines;
}

bool IsSilenced(const LoadedPolicy& policy, size_t index, const Diagnostic& diagnostic,
                std::vector<Silencing>& silencings) {
  const LintSpec* lint = FindLint(diagnostic.code);
  if (lint == nullptr || !lint->can_be_silenced) return false;
  if (diagnostic.severity == Diagnostic::Severity::kError) return false;
  bool silenced = false;
  for (Silencing& silencing : silencings) {
    if (silencing.id != diagnostic.code || silencing.policy != index ||
        !silencing.problem_code.empty()) {
      continue;
    }
    if (silencing.field.empty() && LinesOf(policy, diagnostic).count(silencing.line) == 0) continue;
    silencing.used = true;
    silenced = true;
  }
  return silenced;
}

void Report(const Silencing& silencing, const LoadedPolicy& policy, absl::string_view code,
            const std::string& problem, const std::string& fix, Diagnostics& diagnostics) {
  AddFinding(code, silencing.field, problem, fix, diagnostics);
  if (!silencing.field.empty()) return;
  Diagnostic& d = diagnostics.mutable_list().back();
  d.file = policy.file;
  d.document = policy.document;
  d.place = silencing.place;
}

}  // namespace

size_t SilenceFindings(const std::vector<PolicySource>& sources,
                       const std::vector<LoadedPolicy>& policies, bool all_lints_ran,
                       std::vector<CompileResult>& results) {
  std::vector<Silencing> silencings;
  for (size_t i = 0; i < policies.size(); ++i) ReadAnnotations(policies[i], i, silencings);
  for (const PolicySource& source : sources) ReadComments(source, policies, silencings);
  size_t count = 0;
  std::vector<bool> broken(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    std::vector<Diagnostic> kept;
    broken[i] = !policies[i].valid || results[i].diagnostics.HasErrors();
    for (Diagnostic& d : results[i].diagnostics.mutable_list()) {
      if (IsSilenced(policies[i], i, d, silencings)) {
        ++count;
      } else {
        kept.push_back(std::move(d));
      }
    }
    results[i].diagnostics.mutable_list() = std::move(kept);
  }
  for (const Silencing& silencing : silencings) {
    const size_t i = silencing.policy;
    if (!silencing.problem_code.empty()) {
      Report(silencing, policies[i], silencing.problem_code, silencing.problem, silencing.fix,
             results[i].diagnostics);
    } else if (!silencing.used && all_lints_ran && !broken[i]) {
      Report(silencing, policies[i], "silencing-unused",
             absl::StrCat("there is nothing here for which ", silencing.id, " would be reported"),
             "remove this", results[i].diagnostics);
    }
  }
  for (size_t i = 0; i < results.size(); ++i) {
    Locate(policies[i], results[i].diagnostics);
    results[i].diagnostics.SortByPlace();
  }
  return count;
}

}  // namespace varmor
