#include "tools/varmor/compile_policies.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/bind/bind_app_armor.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/enforcers/apparmor/app_armor_parser.h"
#include "tools/varmor/exit_code.h"
#include "tools/varmor/facts_files.h"
#include "tools/varmor/read_inputs.h"

namespace varmor {
namespace {

constexpr int kMaxJobs = 256;

FlagSpec Flag(const char* name, const char* value, const char* help) {
  FlagSpec flag;
  flag.name = name;
  flag.value = value;
  flag.help = help;
  return flag;
}

FlagSpec FileFlag(const char* name, const char* value, const char* help) {
  FlagSpec flag = Flag(name, value, help);
  flag.complete = FlagSpec::Complete::kFile;
  return flag;
}

// Names of libseccomp and of the OCI runtime specification.
std::vector<std::string> Architectures() {
  return {"SCMP_ARCH_X86",     "SCMP_ARCH_X86_64",   "SCMP_ARCH_X32",         "SCMP_ARCH_ARM",
          "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",
          "SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
          "SCMP_ARCH_PPC64",   "SCMP_ARCH_PPC64LE",  "SCMP_ARCH_S390",        "SCMP_ARCH_S390X",
          "SCMP_ARCH_PARISC",  "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64"};
}

// What the flags say, with the messages that the options point to.
struct Settings {
  CompileOptions options;
  BehaviorModel model;
  ClusterFacts cluster;
  std::string parser;  // "": AppArmor text is not checked
  size_t jobs = 1;
};

// Reads the file of one flag into a message. True when the flag is absent.
template <typename Message>
bool ReadFacts(const Arguments& arguments, absl::string_view flag,
               bool (*read)(const PolicySource&, Message&, Diagnostics&), Message& message,
               Console& console) {
  if (!arguments.Has(flag)) return true;
  const std::string path = arguments.Get(flag);
  absl::StatusOr<std::string> text = ReadInput(path, DocumentLimits().bytes);
  if (!text.ok()) {
    console.Error(absl::StrCat("--", flag, ": ", text.status().message()));
    return false;
  }
  Diagnostics diagnostics;
  const bool good = read({path, *std::move(text)}, message, diagnostics);
  for (const Diagnostic& d : diagnostics.list()) console.Err(FormatDiagnostic(d));
  return good;
}

bool ReadJobs(const Arguments& arguments, Console& console, size_t& jobs) {
  jobs = std::max(1u, std::thread::hardware_concurrency());
  if (!arguments.Has("jobs")) return true;
  int number = 0;
  if (!absl::SimpleAtoi(arguments.Get("jobs"), &number) || number < 1 || number > kMaxJobs) {
    console.Error(absl::StrCat("--jobs: ", Quoted(arguments.Get("jobs")),
                               " is not a number from 1 to ", kMaxJobs));
    return false;
  }
  jobs = static_cast<size_t>(number);
  return true;
}

bool ReadSettings(const Arguments& arguments, Console& console, Settings& settings,
                  std::optional<NodeFacts>& node) {
  CompileOptions& options = settings.options;
  options.lenient = arguments.Has("lenient");
  options.modeling_finished = arguments.Has("modeling-finished");
  options.only_enforcers = arguments.All("enforcer");
  options.install_namespace = arguments.Get("install-namespace", options.install_namespace);
  if (arguments.Has("arch")) options.architectures = arguments.All("arch");
  if (arguments.Has("bind")) node.emplace();
  if (!ReadJobs(arguments, console, settings.jobs) ||
      !ReadFacts(arguments, "model", ReadModel, settings.model, console) ||
      !ReadFacts(arguments, "cluster-facts", ReadClusterFacts, settings.cluster, console) ||
      (node.has_value() && !ReadFacts(arguments, "bind", ReadNodeFacts, *node, console))) {
    return false;
  }
  if (arguments.Has("model")) options.model = &settings.model;
  if (arguments.Has("cluster-facts")) options.cluster = &settings.cluster;
  if (!arguments.Has("no-parser-check")) settings.parser = FindAppArmorParser();
  return true;
}

// Adds what the parser refuses to the result, which then has no artifact. An error is a fault.
absl::Status CheckAppArmor(const std::string& parser, const LoadedPolicy& policy,
                           const std::optional<NodeFacts>& node, CompileResult& result) {
  if (parser.empty() || !result.app_armor.has_value()) return absl::OkStatus();
  std::string text = UnboundText(*result.app_armor);
  if (node.has_value()) {
    absl::StatusOr<std::string> bound = BindAppArmor(*result.app_armor, *node);
    if (bound.ok()) text = *std::move(bound);  // writing the output reports it otherwise
  }
  absl::StatusOr<std::optional<ParserRefusal>> refusal = AskAppArmorParser(parser, text);
  if (!refusal.ok()) return refusal.status();
  if (!refusal->has_value()) return absl::OkStatus();
  const ParserRefusal& said = **refusal;
  const std::string field = said.field.empty() ? "spec.policy" : said.field;
  result.diagnostics.Error(
      "app-armor-parser", field,
      absl::StrCat("apparmor_parser refuses the profile: ", said.message),
      said.line == 0 ? std::string()
                     : absl::StrCat("see line ", said.line, " of the profile: ", said.line_text));
  Locate(policy, result.diagnostics);
  result.app_armor.reset();
  result.bpf.reset();
  result.seccomp.reset();
  return absl::OkStatus();
}

// Compiling does not know that --bind follows, and warns of what is left open.
void DropHoleWarnings(Diagnostics& diagnostics) {
  std::vector<Diagnostic>& list = diagnostics.mutable_list();
  list.erase(std::remove_if(list.begin(), list.end(),
                            [](const Diagnostic& d) { return d.code == "unbound-disk-devices"; }),
             list.end());
}

// "\rcompiled 12 of 300", for people who wait.
class Progress {
 public:
  Progress(Console& console, size_t total)
      : console_(console),
        total_(total),
        shown_(total >= 50 && console.IsTerminal(Console::Stream::kErr)) {}
  ~Progress() {
    if (shown_) console_.Err("\r\033[K");
  }
  void Show(size_t done) {
    if (shown_ && done % 10 == 0) {
      console_.Err(absl::StrCat("\rcompiled ", done, " of ", total_, "\033[K"));
    }
  }

 private:
  Console& console_;
  size_t total_;
  bool shown_;
};

// Fills `results`, parallel to `policies`; the first fault, in the order of the policies,
// otherwise.
absl::Status CompileAll(const std::vector<LoadedPolicy>& policies, const Settings& settings,
                        const std::optional<NodeFacts>& node, Console& console,
                        std::vector<CompileResult>& results) {
  const Catalogue& catalogue = BuiltinCatalogue();
  results.assign(policies.size(), CompileResult());
  std::vector<absl::Status> faults(policies.size());
  std::atomic<size_t> next{0};
  std::atomic<size_t> done{0};
  const auto work = [&](Progress* progress) {
    for (size_t i = next++; i < policies.size(); i = next++) {
      absl::StatusOr<CompileResult> result = Compile(policies[i], settings.options, catalogue);
      if (result.ok()) {
        results[i] = *std::move(result);
        faults[i] = CheckAppArmor(settings.parser, policies[i], node, results[i]);
      } else {
        faults[i] = result.status();
      }
      ++done;
      if (progress != nullptr) progress->Show(done);
    }
  };
  Progress progress(console, policies.size());
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < std::min(settings.jobs, policies.size()); ++i) {
    helpers.emplace_back(work, nullptr);
  }
  work(&progress);
  for (std::thread& helper : helpers) helper.join();
  for (size_t i = 0; i < faults.size(); ++i) {
    if (faults[i].ok()) continue;
    return absl::InternalError(absl::StrCat(policies[i].file, ": ", faults[i].message()));
  }
  return absl::OkStatus();
}

void NoteMissingParser(const PolicyBatch& batch, const Arguments& arguments, Console& console) {
  const bool any = std::any_of(batch.results.begin(), batch.results.end(),
                               [](const CompileResult& r) { return r.app_armor.has_value(); });
  if (!any) return;
  if (arguments.Has("no-parser-check")) {
    console.Note("AppArmor profiles were not checked with apparmor_parser (--no-parser-check)");
  } else {
    console.Note("AppArmor profiles were not checked: apparmor_parser is not on PATH");
  }
}

// One note for all of them. kubectl would take the namespace from its context instead.
void NoteAssumedNamespace(const std::vector<LoadedPolicy>& policies, Console& console) {
  const auto without_namespace = [](const LoadedPolicy& policy) {
    return policy.valid && policy.object.kind() == "VarmorPolicy" &&
           policy.object.metadata().namespace_().empty();
  };
  const auto first = std::find_if(policies.begin(), policies.end(), without_namespace);
  if (first == policies.end()) return;
  const auto others = std::count_if(first + 1, policies.end(), without_namespace);
  console.Note(absl::StrCat(
      first->file, ": policy ", Quoted(first->object.metadata().name()),
      others == 0 ? " has"
                  : absl::StrCat(" and ", others, others == 1 ? " other" : " others", " have"),
      " no metadata.namespace; profiles are named as for \"default\""));
}

}  // namespace

std::vector<FlagSpec> PolicyFlags() {
  FlagSpec file =
      FileFlag("file", "PATH",
               "a policy file, a directory of them, or - for standard\ninput; may be repeated");
  file.letter = 'f';
  file.repeated = true;
  FlagSpec enforcer = Flag("enforcer", "LIST", "only these enforcers of the policies, with commas");
  enforcer.choices = {"AppArmor", "BPF", "Seccomp"};
  enforcer.list = true;
  FlagSpec arch = Flag("arch", "LIST",
                       "architectures of seccomp profiles, the native one first\n"
                       "(default SCMP_ARCH_X86_64,SCMP_ARCH_X86,SCMP_ARCH_X32)");
  arch.choices = Architectures();
  arch.list = true;
  FlagSpec jobs = Flag("jobs", "N", "policies compiled at once (default: one per processor)");
  jobs.letter = 'j';
  return {
      file,
      enforcer,
      FileFlag("bind", "FACTS",
               "what a node knows, put into the artifacts: NodeFacts as\nYAML or JSON, or "
               "/proc/partitions"),
      FileFlag("model", "FILE", "recorded behaviour: an ArmorProfileModel object"),
      FileFlag("cluster-facts", "FILE",
               "addresses of services and pods: ClusterFacts, or the output of\n"
               "kubectl get services,endpointslices,pods -A -o json"),
      Flag("lenient", "", "only warn about what vArmor accepts and then ignores"),
      Flag("modeling-finished", "", "mode BehaviorModeling: the modelling time is over"),
      Flag("install-namespace", "NAMESPACE",
           "vArmor's own namespace, part of the names of cluster\npolicies' profiles (default "
           "varmor)"),
      arch,
      Flag("no-parser-check", "", "do not ask apparmor_parser about AppArmor profiles"),
      jobs,
  };
}

std::vector<std::string> PolicyPaths(const Arguments& arguments) {
  std::vector<std::string> paths = arguments.All("file");
  paths.insert(paths.end(), arguments.operands().begin(), arguments.operands().end());
  return paths;
}

Diagnostics PolicyBatch::AllDiagnostics() const {
  Diagnostics all;
  for (const Diagnostic& d : loaded.diagnostics.list()) all.Add(d);
  for (const CompileResult& result : results) {
    for (const Diagnostic& d : result.diagnostics.list()) all.Add(d);
  }
  all.SortByPlace();
  return all;
}

bool LoadNamedPolicies(const std::vector<std::string>& paths, const LoadOptions& options,
                       Console& console, std::vector<PolicySource>& sources, LoadResult& loaded) {
  if (paths.empty()) {
    console.Error("no input\n  fix: name a file, a directory or - with -f");
    return false;
  }
  if (std::count(paths.begin(), paths.end(), "-") > 1) {
    console.Error("standard input is named twice");
    return false;
  }
  std::vector<std::string> errors;
  sources = ReadPolicyInputs(paths, options.limits.bytes, errors);
  for (const std::string& error : errors) console.Error(error);
  if (!errors.empty()) return false;
  loaded = LoadPolicies(sources, options);
  if (loaded.policies.empty() && loaded.diagnostics.size() == 0) {
    console.Error(absl::StrCat("the input holds ", Summary(loaded, Diagnostics())));
    return false;
  }
  return true;
}

int CompilePolicies(const Arguments& arguments, Console& console, PolicyBatch& batch) {
  const int code = CompilePolicyPaths(PolicyPaths(arguments), arguments, console, batch);
  if (code == kExitClean) NoteAssumedNamespace(batch.loaded.policies, console);
  return code;
}

int CompilePolicyPaths(const std::vector<std::string>& paths, const Arguments& arguments,
                       Console& console, PolicyBatch& batch) {
  Settings settings;
  if (!ReadSettings(arguments, console, settings, batch.node)) return kExitInvalid;
  settings.options.keep_rules = batch.keep_rules;
  settings.options.caller_binds = batch.for_enforcers;
  if (batch.for_enforcers) settings.parser.clear();
  LoadOptions load_options;
  load_options.lenient = settings.options.lenient;
  if (!LoadNamedPolicies(paths, load_options, console, batch.sources, batch.loaded)) {
    return kExitInvalid;
  }
  for (LoadedPolicy& policy : batch.loaded.policies) {
    if (!batch.name_suffix.empty() && policy.valid) {
      policy.object.mutable_metadata()->mutable_name()->append(batch.name_suffix);
    }
  }
  const absl::Status compiled =
      CompileAll(batch.loaded.policies, settings, batch.node, console, batch.results);
  if (!compiled.ok()) {
    console.Error(absl::StrCat("internal fault: ", compiled.message()));
    return kExitFault;
  }
  if (settings.parser.empty() && !batch.for_enforcers) NoteMissingParser(batch, arguments, console);
  CheckProfileNames(batch.loaded.policies, batch.results);
  for (size_t i = 0; i < batch.results.size(); ++i) {
    if (batch.node.has_value()) DropHoleWarnings(batch.results[i].diagnostics);
    Locate(batch.loaded.policies[i], batch.results[i].diagnostics);
  }
  return kExitClean;
}

std::string Count(size_t number, absl::string_view one, absl::string_view many) {
  return absl::StrCat(number, " ", number == 1 ? one : many);
}

std::string Summary(const LoadResult& loaded, const Diagnostics& diagnostics) {
  size_t counts[3] = {0, 0, 0};
  for (const Diagnostic& d : diagnostics.list()) ++counts[static_cast<size_t>(d.severity)];
  std::vector<std::string> found;
  if (counts[0] > 0) found.push_back(Count(counts[0], "error", "errors"));
  if (counts[1] > 0) found.push_back(Count(counts[1], "warning", "warnings"));
  if (counts[2] > 0) found.push_back(Count(counts[2], "note", "notes"));
  std::vector<std::string> skipped;
  if (loaded.foreign_objects > 0) {
    skipped.push_back(
        Count(loaded.foreign_objects, "object of another kind", "objects of other kinds"));
  }
  if (loaded.empty_documents > 0) {
    skipped.push_back(Count(loaded.empty_documents, "empty document", "empty documents"));
  }
  return absl::StrCat(Count(loaded.policies.size(), "policy", "policies"),
                      found.empty() ? "" : ": ", absl::StrJoin(found, ", "),
                      skipped.empty() ? "" : "; skipped ", absl::StrJoin(skipped, ", "));
}

}  // namespace varmor
