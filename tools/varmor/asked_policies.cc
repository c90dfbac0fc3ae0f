#include "tools/varmor/asked_policies.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/bind/bind_app_armor.h"
#include "lib/compiler/bind/bind_bpf.h"
#include "tools/varmor/diagnostic_formats.h"
#include "tools/varmor/exit_code.h"
#include "tools/varmor/read_inputs.h"

namespace varmor {
namespace {

namespace fs = std::filesystem;

constexpr char kDefaultIncludes[] = "/etc/apparmor.d";
constexpr size_t kMaxIncludeBytes = 1 << 20;
constexpr size_t kMaxIncludeFiles = 20000;

// Every readable file below `directory`. Names that begin with a dot are passed over.
std::error_code ReadTexts(const std::string& directory, AppArmorIncludes& texts) {
  std::error_code error;
  fs::recursive_directory_iterator entry(directory, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    const std::string name = entry->path().filename().string();
    if (!name.empty() && name[0] == '.') {
      entry.disable_recursion_pending();
      continue;
    }
    if (!entry->is_regular_file(ignored) || texts.size() == kMaxIncludeFiles) continue;
    absl::StatusOr<std::string> text = ReadInput(entry->path().string(), kMaxIncludeBytes);
    if (!text.ok()) continue;  // is then unknown where a profile includes it
    texts[fs::relative(entry->path(), directory, ignored).string()] = *std::move(text);
  }
  return error;
}

// Errors and warnings; what is only worth a note belongs to `varmor check`.
void Report(const PolicyBatch& batch, Console& console) {
  const Diagnostics all = batch.AllDiagnostics();
  Diagnostics shown;
  for (const Diagnostic& d : all.list()) {
    if (d.severity != Diagnostic::Severity::kNote) shown.Add(d);
  }
  console.Err(DiagnosticsAsText(shown, console.Colored(Console::Stream::kErr)));
}

absl::Status Bind(const NodeFacts& node, AskedPolicy& policy) {
  if (policy.app_armor.has_value()) {
    absl::StatusOr<std::string> text = BindAppArmor(*policy.app_armor, node);
    if (!text.ok()) return text.status();
    policy.app_armor->clear_pieces();
    policy.app_armor->add_pieces()->set_text(*std::move(text));
  }
  if (policy.bpf.has_value()) {
    absl::StatusOr<BpfArtifact> bound = BindBpf(*policy.bpf, node);
    if (!bound.ok()) return bound.status();
    policy.bpf = *std::move(bound);
  }
  return absl::OkStatus();
}

TextPlace PlaceOf(const LoadedPolicy& policy, const std::string& field) {
  Diagnostics one;
  one.Error("", field, "", "");
  Locate(policy, one);
  return one.list().front().place;
}

}  // namespace

ArtifactSet AskedPolicy::artifacts() const {
  ArtifactSet set;
  if (app_armor.has_value()) set.app_armor = &*app_armor;
  if (bpf.has_value()) set.bpf = &*bpf;
  if (seccomp.has_value()) set.seccomp = &*seccomp;
  return set;
}

std::string AskedPolicy::Title() const {
  const ObjectMeta& metadata = loaded->object.metadata();
  return absl::StrCat(loaded->object.kind(), " ", metadata.namespace_(),
                      metadata.namespace_().empty() ? "" : "/", metadata.name());
}

std::vector<FlagSpec> AskingFlags() {
  std::vector<FlagSpec> flags = PolicyFlags();
  FlagSpec includes;
  includes.name = "apparmor-includes";
  includes.value = "DIR";
  includes.help = "what AppArmor profiles include (default /etc/apparmor.d)";
  includes.complete = FlagSpec::Complete::kDirectory;
  flags.push_back(includes);
  return flags;
}

bool IncludeTexts::Load(const std::vector<AskedPolicy>& policies, const Arguments& arguments,
                        Console& console) {
  bool needed = false;
  for (const AskedPolicy& policy : policies) needed |= policy.app_armor.has_value();
  if (tried_ || (!needed && !arguments.Has("apparmor-includes"))) return true;
  tried_ = true;
  const std::string directory = arguments.Get("apparmor-includes", kDefaultIncludes);
  std::error_code ignored;
  if (!arguments.Has("apparmor-includes") && !fs::exists(directory, ignored)) {
    console.Note(absl::StrCat("there is no ", directory,
                              ": what depends on the texts that AppArmor profiles include is "
                              "unknown; --apparmor-includes names another directory"));
    return true;
  }
  const std::error_code error = ReadTexts(directory, texts_);
  if (error) {
    console.Error(absl::StrCat("--apparmor-includes: cannot read ", Quoted(directory), ": ",
                               error.message()));
    return false;
  }
  found_ = true;
  return true;
}

SimulateOptions IncludeTexts::options() const {
  SimulateOptions options;
  if (found_) options.includes = &texts_;
  return options;
}

int PreparePolicies(const std::vector<std::string>& paths, const Arguments& arguments,
                    Console& console, AskedBatch& asked) {
  const int code = CompilePolicyPaths(paths, arguments, console, asked.batch);
  if (code != kExitClean) return code;
  Report(asked.batch, console);
  if (asked.batch.AllDiagnostics().HasErrors()) return kExitInvalid;
  for (size_t i = 0; i < asked.batch.results.size(); ++i) {
    const CompileResult& result = asked.batch.results[i];
    AskedPolicy policy;
    policy.loaded = &asked.batch.loaded.policies[i];
    policy.profile_name = result.profile_name;
    policy.app_armor = result.app_armor;
    policy.bpf = result.bpf;
    policy.seccomp = result.seccomp;
    if (asked.batch.node.has_value()) {
      const absl::Status bound = Bind(*asked.batch.node, policy);
      if (!bound.ok()) {
        console.Error(absl::StrCat("--bind: ", policy.loaded->file, ": ", bound.message()));
        return kExitInvalid;
      }
    }
    asked.policies.push_back(std::move(policy));
  }
  return kExitClean;
}

std::string PlaceText(const LoadedPolicy& policy, const std::string& field) {
  const TextPlace place = PlaceOf(policy, field);
  if (place.line == 0) return policy.file;
  return absl::StrCat(policy.file, ":", place.line, ":", place.column);
}

rapidjson::Value VerdictAsJson(JsonBuilder& json, absl::string_view enforcer,
                               const Verdict& verdict, const LoadedPolicy& policy) {
  rapidjson::Value out(rapidjson::kObjectType);
  json.AddUnlessEmpty(out, "enforcer", enforcer);
  json.Add(out, "verdict", VerdictWord(verdict));
  if (verdict.would_deny) json.Add(out, "wouldDeny", true);
  json.AddUnlessEmpty(out, "effect", verdict.effect);
  json.AddUnlessEmpty(out, "reason", verdict.reason);
  rapidjson::Value rules(rapidjson::kArrayType);
  for (const ResponsibleRule& responsible : verdict.rules) {
    const RuleOrigin& origin = responsible.origin;
    rapidjson::Value rule(rapidjson::kObjectType);
    json.AddUnlessEmpty(rule, "rule", origin.rule());
    json.AddUnlessEmpty(rule, "text", origin.text());
    json.AddUnlessEmpty(rule, "action", origin.action());
    if (!origin.field().empty()) {
      const TextPlace place = PlaceOf(policy, origin.field());
      json.Add(rule, "field", origin.field());
      json.Add(rule, "file", policy.file);
      if (place.line > 0) {
        json.Add(rule, "line", place.line);
        json.Add(rule, "column", place.column);
      }
    }
    json.Append(rules, std::move(rule));
  }
  json.Add(out, "rules", std::move(rules));
  return out;
}

rapidjson::Value PolicyAsJson(JsonBuilder& json, const AskedPolicy& policy) {
  rapidjson::Value out(rapidjson::kObjectType);
  json.Add(out, "file", policy.loaded->file);
  json.Add(out, "kind", policy.loaded->object.kind());
  json.AddUnlessEmpty(out, "namespace", policy.loaded->object.metadata().namespace_());
  json.Add(out, "name", policy.loaded->object.metadata().name());
  json.Add(out, "profile", policy.profile_name);
  return out;
}

}  // namespace varmor
