// varmor compile: policies to artifacts, in a directory or on standard output.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "rapidjson/document.h"
#include "tools/varmor/command.h"
#include "tools/varmor/compile_policies.h"
#include "tools/varmor/diagnostic_formats.h"
#include "tools/varmor/exit_code.h"
#include "tools/varmor/json_document.h"
#include "tools/varmor/profile_output.h"
#include "tools/varmor/write_file.h"

namespace varmor {
namespace {

// Where results go: into `directory`, or when it is "" to standard output in `format`.
struct Destination {
  std::string directory;
  std::string format;
};

bool ReadDestination(const Arguments& arguments, Console& console, Destination& destination) {
  const std::string where = arguments.Get("output", "-");
  const bool is_format = where == "text" || where == "json" || where == "yaml";
  if (where != "-" && !is_format) destination.directory = where;
  destination.format = is_format ? where : arguments.Get("format", "text");
  if (!arguments.Has("format") || where == "-") return true;
  console.Error(absl::StrCat("--format is for printing, and -o ", where,
                             is_format ? " says the form already" : " writes files",
                             "\n  fix: leave one of the two out"));
  return false;
}

// Parallel to the batch's policies; empty where there is an error.
using Outputs = std::vector<std::optional<ProfileOutput>>;

// Returns an ExitCode: kExitInvalid when some facts do not fit.
int MakeOutputs(const PolicyBatch& batch, Console& console, Outputs& outputs) {
  int code = kExitClean;
  outputs.resize(batch.results.size());
  for (size_t i = 0; i < batch.results.size(); ++i) {
    const CompileResult& result = batch.results[i];
    if (result.diagnostics.HasErrors()) continue;
    const NodeFacts* node = batch.node.has_value() ? &*batch.node : nullptr;
    absl::StatusOr<ProfileOutput> output = MakeProfileOutput(result, node);
    if (output.ok()) {
      outputs[i] = *std::move(output);
      continue;
    }
    const bool fault = output.status().code() != absl::StatusCode::kInvalidArgument;
    console.Error(absl::StrCat(fault ? "internal fault: " : "--bind: ",
                               batch.loaded.policies[i].file, ": ", output.status().message()));
    code = std::max<int>(code, fault ? kExitFault : kExitInvalid);
  }
  return code;
}

// Every file of one profile, the report last.
absl::Status WriteProfile(const std::string& directory, const LoadedPolicy& policy,
                          const CompileResult& result, const ProfileOutput& output) {
  for (const OutputFile& file : output.files) {
    const absl::Status written = WriteFile(absl::StrCat(directory, "/", file.name), file.content);
    if (!written.ok()) return written;
  }
  rapidjson::Document document;
  JsonBuilder json(document);
  const rapidjson::Value report = ProfileReport(json, policy, result, output, false);
  return WriteFile(absl::StrCat(directory, "/", output.profile_name, ".report.json"),
                   PrintJson(report));
}

// `written` counts the profiles.
int WriteAll(const std::string& directory, const PolicyBatch& batch, const Outputs& outputs,
             Console& console, size_t& written) {
  absl::Status status = MakeDirectories(directory);
  if (!status.ok()) {
    console.Error(
        absl::StrCat(status.message(), "\n  fix: give -o a directory that exists or can be made"));
    return kExitFault;
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].has_value()) continue;
    status = WriteProfile(directory, batch.loaded.policies[i], batch.results[i], *outputs[i]);
    if (!status.ok()) {
      console.Error(status.message());
      return kExitFault;
    }
    ++written;
  }
  return kExitClean;
}

// The BPF artifact without the bytes of its maps, which tell people nothing.
std::string WithoutMaps(const std::string& content) {
  rapidjson::Document document;
  document.Parse(content.data(), content.size());
  if (document.HasParseError() || !document.IsObject()) return content;
  document.RemoveMember("maps");
  return PrintJson(document);
}

void PrintAsText(const ProfileOutput& output, Console& console) {
  for (const OutputFile& file : output.files) {
    if (absl::EndsWith(file.name, ".pb")) continue;
    const bool bpf = absl::EndsWith(file.name, ".bpf.json");
    console.Out(absl::StrCat("# ---- ", file.name, bpf ? " (without its maps)" : "", "\n",
                             bpf ? WithoutMaps(file.content) : file.content,
                             absl::EndsWith(file.content, "\n") ? "" : "\n"));
  }
}

// One document with every profile, or for people the artifacts one after the other.
void PrintAll(const std::string& format, const PolicyBatch& batch, const Outputs& outputs,
              Console& console) {
  rapidjson::Document document(rapidjson::kObjectType);
  JsonBuilder json(document);
  rapidjson::Value profiles(rapidjson::kArrayType);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].has_value()) continue;
    if (format == "text") {
      PrintAsText(*outputs[i], console);
    } else {
      json.Append(profiles, ProfileReport(json, batch.loaded.policies[i], batch.results[i],
                                          *outputs[i], true));
    }
  }
  if (format == "text") return;
  json.Add(document, "profiles", std::move(profiles));
  console.Out(format == "json" ? PrintJson(document) : PrintYaml(document));
}

int Run(const Arguments& arguments, Console& console) {
  Destination destination;
  if (!ReadDestination(arguments, console, destination)) return kExitInvalid;
  PolicyBatch batch;
  int code = CompilePolicies(arguments, console, batch);
  if (code != kExitClean) return code;
  const Diagnostics diagnostics = batch.AllDiagnostics();
  console.Err(DiagnosticsAsText(diagnostics, console.Colored(Console::Stream::kErr)));

  Outputs outputs;
  code = MakeOutputs(batch, console, outputs);
  size_t compiled = 0;
  if (destination.directory.empty()) {
    compiled = static_cast<size_t>(
        std::count_if(outputs.begin(), outputs.end(), [](const auto& o) { return o.has_value(); }));
    PrintAll(destination.format, batch, outputs, console);
  } else {
    code = std::max(code, WriteAll(destination.directory, batch, outputs, console, compiled));
  }
  if (diagnostics.HasErrors()) code = std::max<int>(code, kExitInvalid);
  console.Err(absl::StrCat("varmor: compiled ", compiled, " of ",
                           Summary(batch.loaded, diagnostics), "\n"));
  return code;
}

}  // namespace

Command CompileCommand() {
  Command command;
  CommandSpec& spec = command.spec;
  spec.name = "compile";
  spec.summary = "compile policies to AppArmor, BPF and seccomp artifacts";
  spec.operands = "[PATH]...";
  spec.operands_are_files = true;
  spec.description =
      "For each policy writes NAME.apparmor, NAME.bpf.json, NAME.bpf.pb, NAME.seccomp.json (those "
      "of\n"
      "its enforcers) and NAME.report.json, NAME being the profile's. Nothing is written for a "
      "policy\n"
      "with errors. Diagnostics go to standard error.\n\n"
      "Below a directory the files *.yaml, *.yml and *.json are read, those whose names begin with "
      "a\n"
      "dot excepted, and what this command has written.";
  FlagSpec output;
  output.name = "output";
  output.letter = 'o';
  output.value = "DIR";
  output.help =
      "directory for the files, or - (the default) to print.\n"
      "-o text, -o json and -o yaml print in that form; a directory\nof that name is ./text";
  output.complete = FlagSpec::Complete::kDirectory;
  FlagSpec format;
  format.name = "format";
  format.value = "FORMAT";
  format.help = "how -o - prints (default text)";
  format.choices = {"text", "json", "yaml"};
  spec.flags = PolicyFlags();
  spec.flags.insert(spec.flags.begin() + 1, {output, format});
  spec.examples = {
      {"varmor compile -f policies/ -o out", "every policy below a directory"},
      {"varmor compile -f web.yaml -o yaml", "look at the result"},
      {"varmor compile -f web.yaml -o out --bind /proc/partitions", "for this node's disks"},
      {"kubectl get varmorpolicies -A -o yaml | varmor compile -f - -o out", "what a cluster has"},
  };
  command.run = Run;
  return command;
}

}  // namespace varmor
