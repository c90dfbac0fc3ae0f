// varmor diff: what changes for processes when one policy replaces another.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/diff/diff.h"
#include "tools/varmor/asked_policies.h"
#include "tools/varmor/command.h"
#include "tools/varmor/diff_report.h"
#include "tools/varmor/exit_code.h"

namespace varmor {
namespace {

std::string IdentityOf(const AskedPolicy& policy) { return policy.Title(); }

// Policies of the same kind, namespace and name belong together; so do the only ones of each side.
// In the order of `before`, then what only `after` has.
std::vector<ComparedPolicy> Pair(const std::vector<AskedPolicy>& before,
                                 const std::vector<AskedPolicy>& after) {
  std::vector<ComparedPolicy> pairs;
  if (before.size() == 1 && after.size() == 1) {
    ComparedPolicy pair;
    pair.before = &before.front();
    pair.after = &after.front();
    pairs.push_back(std::move(pair));
    return pairs;
  }
  for (const AskedPolicy& policy : before) {
    ComparedPolicy pair;
    pair.before = &policy;
    for (const AskedPolicy& other : after) {
      if (IdentityOf(other) == IdentityOf(policy)) pair.after = &other;
    }
    pairs.push_back(std::move(pair));
  }
  for (const AskedPolicy& other : after) {
    const bool paired = std::any_of(before.begin(), before.end(), [&](const AskedPolicy& policy) {
      return IdentityOf(policy) == IdentityOf(other);
    });
    if (paired) continue;
    ComparedPolicy pair;
    pair.after = &other;
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

int Compare(std::vector<ComparedPolicy>& pairs, const SimulateOptions& options, Console& console) {
  for (ComparedPolicy& pair : pairs) {
    if (pair.before == nullptr || pair.after == nullptr) continue;
    absl::StatusOr<DiffResult> result =
        Diff(pair.before->artifacts(), pair.after->artifacts(), options);
    if (!result.ok()) {
      console.Error(
          absl::StrCat("internal fault: ", pair.Title(), ": ", result.status().message()));
      return kExitFault;
    }
    pair.result = *std::move(result);
  }
  return kExitClean;
}

bool CheckOperands(const std::vector<std::string>& operands, Console& console) {
  if (operands.size() != 2) {
    console.Error(absl::StrCat("two inputs are compared, not ", operands.size(),
                               "\n  fix: write `varmor diff OLD NEW`"));
    return false;
  }
  if (operands[0] == "-" && operands[1] == "-") {
    console.Error("standard input is named twice");
    return false;
  }
  return true;
}

int Run(const Arguments& arguments, Console& console) {
  const std::vector<std::string>& operands = arguments.operands();
  if (!CheckOperands(operands, console)) return kExitInvalid;
  AskedBatch before;
  AskedBatch after;
  int code = PreparePolicies({operands[0]}, arguments, console, before);
  if (code != kExitClean) return code;
  code = PreparePolicies({operands[1]}, arguments, console, after);
  if (code != kExitClean) return code;
  IncludeTexts includes;
  if (!includes.Load(before.policies, arguments, console) ||
      !includes.Load(after.policies, arguments, console)) {
    return kExitInvalid;
  }
  std::vector<ComparedPolicy> pairs = Pair(before.policies, after.policies);
  code = Compare(pairs, includes.options(), console);
  if (code != kExitClean) return code;

  const std::string format = arguments.Get("format", "text");
  if (format == "json") {
    console.Out(DiffAsJson(pairs));
  } else if (format == "markdown") {
    console.Out(DiffAsMarkdown(pairs));
  } else {
    console.Out(DiffAsText(pairs, console.Colored(Console::Stream::kOut)));
  }
  const bool same = std::all_of(pairs.begin(), pairs.end(),
                                [](const ComparedPolicy& pair) { return pair.same(); });
  return same ? kExitClean : kExitFindings;
}

}  // namespace

Command DiffCommand() {
  Command command;
  CommandSpec& spec = command.spec;
  spec.name = "diff";
  spec.summary = "compare policies by what they mean";
  spec.operands = "OLD NEW";
  spec.operands_are_files = true;
  spec.description =
      "Compares compiled policies: what is newly denied, what is newly allowed, what only shows\n"
      "differently, each with an example. The order of rules, comments and other ways to say the\n"
      "same are no difference. Policies are paired by kind, namespace and name; single ones are\n"
      "paired anyhow. Exits with 1 when something differs, or could not be compared.";
  FlagSpec format;
  format.name = "format";
  format.value = "FORMAT";
  format.help = "how to print (default text)";
  format.choices = {"text", "json", "markdown"};
  spec.flags = {format};
  for (const FlagSpec& flag : AskingFlags()) {
    if (flag.name != "file") spec.flags.push_back(flag);
  }
  spec.examples = {
      {"varmor diff old.yaml new.yaml", "two files"},
      {"git show HEAD:web.yaml | varmor diff - web.yaml", "what an edit changes"},
      {"varmor diff old/ new/ --format markdown", "for a comment on a change"},
  };
  command.run = Run;
  return command;
}

}  // namespace varmor
