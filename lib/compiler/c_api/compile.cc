// varmor.h: compiling.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/bind/bind_app_armor.h"
#include "lib/compiler/bind/bind_bpf.h"
#include "lib/compiler/c_api/objects.h"
#include "lib/compiler/c_api/varmor.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/emit/bpf_json.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/compiler/seccomp/syscall_tables.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/compiler/version.h"

namespace varmor {
namespace {

constexpr uint32_t kKnownFlags = VARMOR_LENIENT | VARMOR_MODELING_FINISHED;
constexpr uint32_t kKnownEnforcers = VARMOR_APPARMOR | VARMOR_BPF | VARMOR_SECCOMP;
// Size of the first varmor_options that was released: no caller has less.
constexpr size_t kSmallestOptions = offsetof(varmor_options, behavior_model) + sizeof(const char*);

// Copies what the caller knows of the options; what it does not know stays at its default. False
// when it asks for something that this library does not know.
bool ReadOptions(const varmor_options* given, varmor_options& options) {
  options = VARMOR_OPTIONS_INIT;
  if (given == nullptr) return true;
  if (given->size < kSmallestOptions) return false;
  std::memcpy(&options, given, std::min(given->size, sizeof options));
  const char* bytes = reinterpret_cast<const char*>(given);
  const bool rest_is_zero =
      given->size <= sizeof options ||
      std::all_of(bytes + sizeof options, bytes + given->size, [](char byte) { return byte == 0; });
  return rest_is_zero && (options.flags & ~kKnownFlags) == 0 &&
         (options.enforcers & ~kKnownEnforcers) == 0;
}

// A compile's options, with the messages that they point to.
struct Settings {
  std::string source_name = "-";
  CompileOptions options;
  NodeFacts node;
  bool binds = false;
  ClusterFacts cluster;
  BehaviorModel model;
};

void ReadArchitectures(const char* const* names, Settings& settings, Diagnostics& mistakes) {
  if (names == nullptr) return;
  settings.options.architectures.clear();
  for (; *names != nullptr; ++names) {
    if (FindSeccompArchitecture(*names) == nullptr) {
      const std::string near = NearestWord(*names, SeccompArchitectureWords());
      mistakes.Error("unknown-architecture", "",
                     absl::StrCat("unknown architecture ", Quoted(*names)),
                     near.empty() ? "" : absl::StrCat("did you mean \"", near, "\"?"));
    }
    settings.options.architectures.emplace_back(*names);
  }
  if (settings.options.architectures.empty()) {
    mistakes.Error("unknown-architecture", "", "the list of architectures is empty",
                   "name the native one, such as \"SCMP_ARCH_X86_64\"");
  }
}

// True when `text` is given and reads as `message`.
bool ReadFacts(const char* name, const char* text, google::protobuf::Message& message,
               Diagnostics& mistakes) {
  return text != nullptr && LoadMessage({name, text}, LoadOptions(), &message, mistakes);
}

void ReadSettings(const varmor_options& options, Settings& settings, Diagnostics& mistakes) {
  if (options.source_name != nullptr) settings.source_name = options.source_name;
  CompileOptions& compile = settings.options;
  compile.lenient = (options.flags & VARMOR_LENIENT) != 0;
  compile.modeling_finished = (options.flags & VARMOR_MODELING_FINISHED) != 0;
  if (options.install_namespace != nullptr) compile.install_namespace = options.install_namespace;
  if ((options.enforcers & VARMOR_APPARMOR) != 0) compile.only_enforcers.emplace_back("AppArmor");
  if ((options.enforcers & VARMOR_BPF) != 0) compile.only_enforcers.emplace_back("BPF");
  if ((options.enforcers & VARMOR_SECCOMP) != 0) compile.only_enforcers.emplace_back("Seccomp");
  ReadArchitectures(options.architectures, settings, mistakes);
  settings.binds = ReadFacts("node_facts", options.node_facts, settings.node, mistakes);
  if (ReadFacts("cluster_facts", options.cluster_facts, settings.cluster, mistakes)) {
    compile.cluster = &settings.cluster;
  }
  if (ReadFacts("behavior_model", options.behavior_model, settings.model, mistakes)) {
    compile.model = &settings.model;
  }
}

// The same bytes for the same message.
std::string Serialised(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  {
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

// Puts in what the node knows. INVALID_ARGUMENT for facts that do not fit.
absl::Status Bind(const NodeFacts& node, CompileResult& compiled) {
  if (compiled.app_armor.has_value()) {
    VARMOR_ASSIGN_OR_RETURN(std::string text, BindAppArmor(*compiled.app_armor, node));
    compiled.app_armor->clear_pieces();
    compiled.app_armor->add_pieces()->set_text(std::move(text));
  }
  if (compiled.bpf.has_value()) {
    VARMOR_ASSIGN_OR_RETURN(compiled.bpf, BindBpf(*compiled.bpf, node));
  }
  return absl::OkStatus();
}

void Print(varmor_policy& policy) {
  const CompileResult& compiled = policy.compiled;
  const std::string& name = compiled.profile_name;
  if (compiled.app_armor.has_value()) {
    policy.artifacts.push_back({VARMOR_ARTIFACT_APPARMOR, name + ".apparmor",
                                UnboundText(*compiled.app_armor), HasHoles(*compiled.app_armor)});
  }
  if (compiled.bpf.has_value()) {
    const bool holes = !compiled.bpf->holes().empty();
    policy.artifacts.push_back(
        {VARMOR_ARTIFACT_BPF, name + ".bpf.pb", Serialised(*compiled.bpf), holes});
    policy.artifacts.push_back(
        {VARMOR_ARTIFACT_BPF_JSON, name + ".bpf.json", BpfArtifactToJson(*compiled.bpf), holes});
  }
  if (compiled.seccomp.has_value()) {
    policy.artifacts.push_back(
        {VARMOR_ARTIFACT_SECCOMP, name + ".seccomp.json", compiled.seccomp->json(), false});
  }
}

varmor_policy Finish(const LoadedPolicy& loaded, CompileResult compiled, const Settings& settings,
                     Diagnostics& all) {
  varmor_policy policy;
  policy.name = loaded.object.metadata().name();
  policy.name_space = loaded.object.metadata().namespace_();
  if (settings.binds && !compiled.diagnostics.HasErrors()) {
    const absl::Status bound = Bind(settings.node, compiled);
    if (!bound.ok()) {
      compiled.diagnostics.Error("bad-node-facts", "", std::string(bound.message()), "");
    }
  }
  Locate(loaded, compiled.diagnostics);
  policy.has_errors = compiled.diagnostics.HasErrors();
  for (Diagnostic& d : compiled.diagnostics.mutable_list()) all.Add(std::move(d));
  compiled.diagnostics = Diagnostics();
  if (policy.has_errors) {
    compiled.app_armor.reset();
    compiled.bpf.reset();
    compiled.seccomp.reset();
    compiled.mode.clear();
  }
  policy.compiled = std::move(compiled);
  Print(policy);
  return policy;
}

// Fills the result. A Status is a fault.
absl::Status CompileAll(PolicySource source, const Settings& settings, Diagnostics& all,
                        varmor_result& result) {
  LoadOptions load_options;
  load_options.lenient = settings.options.lenient;
  LoadResult loaded = LoadPolicies({std::move(source)}, load_options);
  for (Diagnostic& d : loaded.diagnostics.mutable_list()) all.Add(std::move(d));
  std::vector<CompileResult> compiled;
  for (const LoadedPolicy& policy : loaded.policies) {
    VARMOR_ASSIGN_OR_RETURN(CompileResult one,
                            Compile(policy, settings.options, BuiltinCatalogue()));
    compiled.push_back(std::move(one));
  }
  CheckProfileNames(loaded.policies, compiled);
  for (size_t i = 0; i < compiled.size(); ++i) {
    result.policies.push_back(Finish(loaded.policies[i], std::move(compiled[i]), settings, all));
  }
  all.SortByPlace();
  return absl::OkStatus();
}

void PrintDiagnostics(const Diagnostics& all, varmor_result& result) {
  for (const Diagnostic& d : all.list()) result.diagnostics.push_back({d, FormatDiagnostic(d)});
}

varmor_status CompileText(const char* text, size_t length, const varmor_options& options,
                          varmor_result& result) {
  Settings settings;
  Diagnostics all;
  ReadSettings(options, settings, all);
  settings.options.caller_binds = settings.binds;
  absl::Status status;
  if (!all.HasErrors()) {
    PolicySource source{settings.source_name, std::string(text == nullptr ? "" : text, length)};
    status = CompileAll(std::move(source), settings, all, result);
  }
  if (!status.ok()) {
    all.Error("internal-fault", "", status.message(), "report it to the authors of varmor");
    result.policies.clear();
  }
  PrintDiagnostics(all, result);
  if (!status.ok()) return VARMOR_INTERNAL_FAULT;
  return all.HasErrors() ? VARMOR_INVALID_INPUT : VARMOR_OK;
}

}  // namespace
}  // namespace varmor

const char* varmor_version(void) { return varmor::kVersion; }

const char* varmor_status_name(varmor_status status) {
  switch (status) {
    case VARMOR_OK:
      return "ok";
    case VARMOR_INVALID_INPUT:
      return "invalid input";
    case VARMOR_INVALID_CALL:
      return "invalid call";
    case VARMOR_OUT_OF_MEMORY:
      return "out of memory";
    case VARMOR_INTERNAL_FAULT:
      return "internal fault";
  }
  return "unknown status";
}

varmor_status varmor_compile(const char* text, size_t length, const varmor_options* options,
                             varmor_result** result) {
  if (result == nullptr) return VARMOR_INVALID_CALL;
  *result = nullptr;
  varmor_options known;
  if ((text == nullptr && length != 0) || !varmor::ReadOptions(options, known)) {
    return VARMOR_INVALID_CALL;
  }
  return varmor::Guarded([&] {
    auto made = std::make_unique<varmor_result>();
    const varmor_status status = varmor::CompileText(text, length, known, *made);
    *result = made.release();
    return status;
  });
}

void varmor_result_free(varmor_result* result) { delete result; }

size_t varmor_result_policy_count(const varmor_result* result) {
  return result == nullptr ? 0 : result->policies.size();
}

const varmor_policy* varmor_result_policy(const varmor_result* result, size_t index) {
  return result == nullptr ? nullptr : varmor::At(result->policies, index);
}

size_t varmor_result_diagnostic_count(const varmor_result* result) {
  return result == nullptr ? 0 : result->diagnostics.size();
}

const varmor_diagnostic* varmor_result_diagnostic(const varmor_result* result, size_t index) {
  return result == nullptr ? nullptr : varmor::At(result->diagnostics, index);
}

const char* varmor_policy_name(const varmor_policy* policy) {
  return policy == nullptr ? "" : policy->name.c_str();
}

const char* varmor_policy_namespace(const varmor_policy* policy) {
  return policy == nullptr ? "" : policy->name_space.c_str();
}

const char* varmor_policy_profile(const varmor_policy* policy) {
  return policy == nullptr ? "" : policy->compiled.profile_name.c_str();
}

const char* varmor_policy_mode(const varmor_policy* policy) {
  return policy == nullptr ? "" : policy->compiled.mode.c_str();
}

int varmor_policy_has_errors(const varmor_policy* policy) {
  return policy != nullptr && policy->has_errors ? 1 : 0;
}

size_t varmor_policy_artifact_count(const varmor_policy* policy) {
  return policy == nullptr ? 0 : policy->artifacts.size();
}

const varmor_artifact* varmor_policy_artifact(const varmor_policy* policy, size_t index) {
  return policy == nullptr ? nullptr : varmor::At(policy->artifacts, index);
}

varmor_artifact_kind varmor_artifact_get_kind(const varmor_artifact* artifact) {
  return artifact == nullptr ? VARMOR_ARTIFACT_NONE : artifact->kind;
}

const char* varmor_artifact_name(const varmor_artifact* artifact) {
  return artifact == nullptr ? "" : artifact->name.c_str();
}

const char* varmor_artifact_bytes(const varmor_artifact* artifact) {
  return artifact == nullptr ? "" : artifact->bytes.c_str();
}

size_t varmor_artifact_length(const varmor_artifact* artifact) {
  return artifact == nullptr ? 0 : artifact->bytes.size();
}

int varmor_artifact_has_holes(const varmor_artifact* artifact) {
  return artifact != nullptr && artifact->has_holes ? 1 : 0;
}

varmor_severity varmor_diagnostic_severity(const varmor_diagnostic* diagnostic) {
  if (diagnostic == nullptr) return VARMOR_ERROR;
  switch (diagnostic->diagnostic.severity) {
    case varmor::Diagnostic::Severity::kError:
      return VARMOR_ERROR;
    case varmor::Diagnostic::Severity::kWarning:
      return VARMOR_WARNING;
    case varmor::Diagnostic::Severity::kNote:
      return VARMOR_NOTE;
  }
  return VARMOR_ERROR;
}

const char* varmor_diagnostic_code(const varmor_diagnostic* diagnostic) {
  return diagnostic == nullptr ? "" : diagnostic->diagnostic.code.c_str();
}

const char* varmor_diagnostic_file(const varmor_diagnostic* diagnostic) {
  return diagnostic == nullptr ? "" : diagnostic->diagnostic.file.c_str();
}

int varmor_diagnostic_line(const varmor_diagnostic* diagnostic) {
  return diagnostic == nullptr ? 0 : diagnostic->diagnostic.place.line;
}

int varmor_diagnostic_column(const varmor_diagnostic* diagnostic) {
  return diagnostic == nullptr ? 0 : diagnostic->diagnostic.place.column;
}

const char* varmor_diagnostic_field(const varmor_diagnostic* diagnostic) {
  return diagnostic == nullptr ? "" : diagnostic->diagnostic.field.c_str();
}

const char* varmor_diagnostic_problem(const varmor_diagnostic* diagnostic) {
  return diagnostic == nullptr ? "" : diagnostic->diagnostic.problem.c_str();
}

const char* varmor_diagnostic_fix(const varmor_diagnostic* diagnostic) {
  return diagnostic == nullptr ? "" : diagnostic->diagnostic.fix.c_str();
}

const char* varmor_diagnostic_text(const varmor_diagnostic* diagnostic) {
  return diagnostic == nullptr ? "" : diagnostic->text.c_str();
}
