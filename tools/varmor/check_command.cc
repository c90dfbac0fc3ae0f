// varmor check: diagnostics and lint findings, and nothing else.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/lint/lint_policy.h"
#include "lib/compiler/lint/silence.h"
#include "rapidjson/document.h"
#include "tools/varmor/command.h"
#include "tools/varmor/compile_policies.h"
#include "tools/varmor/diagnostic_formats.h"
#include "tools/varmor/exit_code.h"
#include "tools/varmor/json_document.h"

namespace varmor {
namespace {

// Adds what lint finds to the results' diagnostics, and returns how many findings are silenced.
size_t Lint(const Arguments& arguments, PolicyBatch& batch) {
  const std::vector<LoadedPolicy>& policies = batch.loaded.policies;
  for (size_t i = 0; i < policies.size(); ++i) {
    Diagnostics& diagnostics = batch.results[i].diagnostics;
    Diagnostics findings = LintPolicy(policies[i], batch.results[i], BuiltinCatalogue());
    for (Diagnostic& finding : findings.mutable_list()) diagnostics.Add(std::move(finding));
    batch.results[i].rules.reset();
  }
  return SilenceFindings(batch.sources, policies, !arguments.Has("enforcer"), batch.results);
}

std::string AsJson(const LoadResult& loaded, const Diagnostics& diagnostics, size_t silenced) {
  rapidjson::Document document(rapidjson::kObjectType);
  JsonBuilder json(document);
  rapidjson::Value list(rapidjson::kArrayType);
  for (const Diagnostic& d : diagnostics.list()) json.Append(list, DiagnosticAsJson(json, d));
  json.Add(document, "diagnostics", std::move(list));
  json.Add(document, "policies", static_cast<int>(loaded.policies.size()));
  json.Add(document, "foreignObjects", static_cast<int>(loaded.foreign_objects));
  json.Add(document, "emptyDocuments", static_cast<int>(loaded.empty_documents));
  json.Add(document, "silenced", static_cast<int>(silenced));
  return PrintJson(document);
}

std::string Print(const std::string& format, const PolicyBatch& batch,
                  const Diagnostics& diagnostics, size_t silenced, const Console& console) {
  if (format == "json") return AsJson(batch.loaded, diagnostics, silenced);
  if (format == "sarif") return DiagnosticsAsSarif(diagnostics, batch.sources);
  if (format == "github") return DiagnosticsAsGithub(diagnostics, batch.sources);
  return DiagnosticsAsText(diagnostics, console.Colored(Console::Stream::kOut));
}

// Errors are the least number.
bool AtOrAbove(const Diagnostic& diagnostic, const std::string& level) {
  const auto limit = level == "note"      ? Diagnostic::Severity::kNote
                     : level == "warning" ? Diagnostic::Severity::kWarning
                                          : Diagnostic::Severity::kError;
  return diagnostic.severity <= limit;
}

int Run(const Arguments& arguments, Console& console) {
  PolicyBatch batch;
  batch.keep_rules = !arguments.Has("no-lint");
  const int code = CompilePolicies(arguments, console, batch);
  if (code != kExitClean) return code;
  const size_t silenced = batch.keep_rules ? Lint(arguments, batch) : 0;
  const Diagnostics diagnostics = batch.AllDiagnostics();
  console.Out(Print(arguments.Get("format", "text"), batch, diagnostics, silenced, console));
  console.Err(absl::StrCat("varmor: checked ", Summary(batch.loaded, diagnostics),
                           silenced == 0 ? "" : absl::StrCat("; silenced ", silenced), "\n"));
  const std::string level = arguments.Get("fail-level", "error");
  const bool found = std::any_of(diagnostics.list().begin(), diagnostics.list().end(),
                                 [&](const Diagnostic& d) { return AtOrAbove(d, level); });
  return found ? kExitFindings : kExitClean;
}

}  // namespace

Command CheckCommand() {
  Command command;
  CommandSpec& spec = command.spec;
  spec.name = "check";
  spec.summary = "report every mistake in policies";
  spec.operands = "[PATH]...";
  spec.operands_are_files = true;
  spec.description =
      "Compiles the policies and prints what is wrong with them; writes no artifacts. Exits with "
      "1\n"
      "when something at or above --fail-level was found.\n"
      "\n"
      "Beside mistakes it tells what a policy hardly means to say: rules that do nothing, denials\n"
      "that break programs, permissions that lead out of the container (docs/lint.md). Such a\n"
      "finding is silenced, with a reason, by a comment above the line or at its end:\n"
      "  # varmor: ignore LINT because REASON";
  FlagSpec format;
  format.name = "format";
  format.value = "FORMAT";
  format.help = "how to print (default text)";
  format.choices = {"text", "json", "sarif", "github"};
  FlagSpec level;
  level.name = "fail-level";
  level.value = "LEVEL";
  level.help = "the least severity that makes the exit code 1 (default error)";
  level.choices = {"error", "warning", "note"};
  FlagSpec no_lint;
  no_lint.name = "no-lint";
  no_lint.help = "only mistakes, no findings about what policies mean";
  spec.flags = PolicyFlags();
  spec.flags.insert(spec.flags.begin() + 1, {format, level, no_lint});
  spec.examples = {
      {"varmor check -f policies/ --fail-level warning", "in automation"},
      {"varmor check -f policies/ --format sarif > varmor.sarif", "for code scanning"},
      {"varmor check -f policies/ --format github", "annotations in a GitHub workflow"},
      {"varmor check -f policies/ --lenient", "what vArmor itself would accept"},
  };
  command.run = Run;
  return command;
}

}  // namespace varmor
