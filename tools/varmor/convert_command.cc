// varmor convert: policies of any age in the newest form.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/convert/convert_policy.h"
#include "tools/varmor/command.h"
#include "tools/varmor/compile_policies.h"
#include "tools/varmor/diagnostic_formats.h"
#include "tools/varmor/exit_code.h"
#include "tools/varmor/read_inputs.h"
#include "tools/varmor/write_file.h"

namespace varmor {
namespace {

// "NAMESPACE-NAME.yaml"; policies of one batch that share it get a number.
std::string FileName(const PolicyObject& object, std::vector<std::string>& taken) {
  const std::string& name_space = object.metadata().namespace_();
  const std::string base =
      absl::StrCat(name_space, name_space.empty() ? "" : "-", object.metadata().name());
  std::string name = base;
  for (int i = 2; std::count(taken.begin(), taken.end(), name) > 0; ++i) {
    name = absl::StrCat(base, "-", i);
  }
  taken.push_back(name);
  return name + ".yaml";
}

struct Converted {
  const LoadedPolicy* policy;
  std::string text;
};

int WriteAll(const std::string& directory, const std::vector<Converted>& converted,
             Console& console) {
  absl::Status status = MakeDirectories(directory);
  std::vector<std::string> taken;
  for (const Converted& one : converted) {
    if (!status.ok()) break;
    const std::string name = FileName(one.policy->object, taken);
    if (absl::StrContains(name, "/")) {
      console.Error(absl::StrCat(one.policy->file, ": ", Quoted(name), " cannot be a file's name"));
      return kExitInvalid;
    }
    status = WriteFile(absl::StrCat(directory, "/", name), one.text);
  }
  if (status.ok()) return kExitClean;
  console.Error(status.message());
  return kExitFault;
}

void PrintAll(const std::vector<Converted>& converted, Console& console) {
  for (size_t i = 0; i < converted.size(); ++i) {
    const std::string& text = converted[i].text;
    if (i > 0 && !absl::StartsWith(text, "---")) console.Out("---\n");
    console.Out(absl::StrCat(text, absl::EndsWith(text, "\n") ? "" : "\n"));
  }
}

int Run(const Arguments& arguments, Console& console) {
  LoadOptions options;
  options.lenient = arguments.Has("lenient");
  const std::vector<std::string> paths = PolicyPaths(arguments);
  LoadResult loaded;
  std::vector<PolicySource> sources;
  if (!LoadNamedPolicies(paths, options, console, sources, loaded)) return kExitInvalid;

  Diagnostics diagnostics = loaded.diagnostics;
  std::vector<Converted> converted;
  for (const LoadedPolicy& policy : loaded.policies) {
    Diagnostics own = policy.diagnostics;
    Locate(policy, own);
    for (const Diagnostic& d : own.list()) diagnostics.Add(d);
    if (!policy.valid) continue;
    std::vector<std::string> remarks;
    converted.push_back({&policy, ConvertPolicy(policy, &remarks)});
    for (const std::string& remark : remarks) {
      console.Note(absl::StrCat(policy.file, ": ", remark));
    }
  }
  diagnostics.SortByPlace();
  console.Err(DiagnosticsAsText(diagnostics, console.Colored(Console::Stream::kErr)));
  const std::string output = arguments.Get("output", "-");
  int code = kExitClean;
  if (output == "-") {
    PrintAll(converted, console);
  } else {
    code = WriteAll(output, converted, console);
  }
  console.Err(absl::StrCat("varmor: converted ", converted.size(), " of ",
                           Summary(loaded, diagnostics), "\n"));
  return diagnostics.HasErrors() ? std::max<int>(code, kExitInvalid) : code;
}

}  // namespace

Command ConvertCommand() {
  Command command;
  CommandSpec& spec = command.spec;
  spec.name = "convert";
  spec.summary = "rewrite policies in the newest schema form";
  spec.operands = "[PATH]...";
  spec.operands_are_files = true;
  spec.description =
      "Prints each policy, or writes it to DIR/NAMESPACE-NAME.yaml, in the form of the newest "
      "schema.\n"
      "What changed, and what a person has to look at, is said on standard error.";
  FlagSpec file;
  file.name = "file";
  file.letter = 'f';
  file.value = "PATH";
  file.help = "a policy file, a directory of them, or - for standard\ninput; may be repeated";
  file.repeated = true;
  file.complete = FlagSpec::Complete::kFile;
  FlagSpec output;
  output.name = "output";
  output.letter = 'o';
  output.value = "DIR";
  output.help = "directory for the files, or - (the default) to print";
  output.complete = FlagSpec::Complete::kDirectory;
  FlagSpec lenient;
  lenient.name = "lenient";
  lenient.help = "only warn about what vArmor accepts and then ignores";
  spec.flags = {file, output, lenient};
  spec.examples = {{"varmor convert -f old.yaml > new.yaml", "one file"},
                   {"varmor convert -f policies/ -o converted", "a directory of them"}};
  command.run = Run;
  return command;
}

}  // namespace varmor
