#include "runtime/agent/policy_directory.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/compile.h"
#include "lib/compiler/load/load_policy.h"
#include "lib/enforcers/files.h"
#include "runtime/agent/match_container.h"

namespace varmor {
namespace {

bool IsPolicyFile(const std::string& name) {
  return !absl::StartsWith(name, ".") &&
         (absl::EndsWith(name, ".yaml") || absl::EndsWith(name, ".yml") ||
          absl::EndsWith(name, ".json"));
}

// Nothing when there is no such name any more.
std::optional<std::string> StampOf(const std::string& path) {
  struct stat facts = {};
  if (stat(path.c_str(), &facts) != 0) {
    const std::string reason = std::strerror(errno);
    if (lstat(path.c_str(), &facts) != 0 && errno == ENOENT) return std::nullopt;
    return absl::StrCat("unreadable: ", reason);
  }
  return absl::StrCat(facts.st_dev, " ", facts.st_ino, " ", facts.st_size, " ",
                      facts.st_mtim.tv_sec, ".", facts.st_mtim.tv_nsec, " ", facts.st_ctim.tv_sec,
                      ".", facts.st_ctim.tv_nsec);
}

std::string TextOf(const Diagnostics& diagnostics, Diagnostic::Severity severity) {
  std::string out;
  for (const Diagnostic& one : diagnostics.list()) {
    if (one.severity == severity) absl::StrAppend(&out, FormatDiagnostic(one));
  }
  return std::string(absl::StripSuffix(out, "\n"));
}

AgentPolicy ToPolicy(const LoadedPolicy& policy, CompileResult& result) {
  AgentPolicy out;
  out.source = policy.file;
  out.identity.kind = policy.object.kind();
  out.identity.name = policy.object.metadata().name();
  if (out.identity.kind == "VarmorPolicy") {
    const std::string& name_space = policy.object.metadata().namespace_();
    out.identity.name_space = name_space.empty() ? "default" : name_space;
  }
  out.profile = result.profile_name;
  out.target = policy.object.spec().target();
  ArmorProfileArtifacts artifacts;
  if (result.app_armor.has_value()) artifacts.mutable_app_armor()->Swap(&*result.app_armor);
  if (result.bpf.has_value()) artifacts.mutable_bpf()->Swap(&*result.bpf);
  if (result.seccomp.has_value()) artifacts.mutable_seccomp()->Swap(&*result.seccomp);
  out.artifacts = PackedArtifacts(artifacts);
  const std::string warnings = TextOf(result.diagnostics, Diagnostic::Severity::kWarning);
  if (!warnings.empty()) out.warnings.push_back(warnings);
  const std::string target = TargetProblem(out.target);
  if (!target.empty()) out.warnings.push_back(target);
  return out;
}

}  // namespace

void PolicyDirectory::Read(const std::string& name, File& file) {
  const std::string path = absl::StrCat(options_.directory, "/", name);
  file.problem.clear();
  const absl::StatusOr<std::string> text = ReadFileWhole(path, DocumentLimits().bytes);
  if (!text.ok()) {
    file.problem = std::string(text.status().message());
    file.stamp.clear();  // asked again each time
    return;
  }
  LoadOptions load;
  load.lenient = options_.lenient;
  LoadResult loaded = LoadPolicies({{name, *text}}, load);
  std::string errors = TextOf(loaded.diagnostics, Diagnostic::Severity::kError);
  CompileOptions options;
  options.lenient = options_.lenient;
  options.install_namespace = options_.install_namespace;
  options.caller_binds = true;
  std::vector<AgentPolicy> policies;
  for (const LoadedPolicy& policy : loaded.policies) {
    absl::StatusOr<CompileResult> result = Compile(policy, options, BuiltinCatalogue());
    if (!result.ok()) {
      absl::StrAppend(&errors, result.status().message(), "\n");
    } else if (result->diagnostics.HasErrors()) {
      absl::StrAppend(&errors, TextOf(result->diagnostics, Diagnostic::Severity::kError), "\n");
    } else {
      policies.push_back(ToPolicy(policy, *result));
    }
  }
  if (loaded.foreign_objects > 0) {
    absl::StrAppend(&errors, name, ": ", loaded.foreign_objects, " of its ",
                    loaded.foreign_objects + loaded.policies.size(),
                    " objects are of another kind than VarmorPolicy and VarmorClusterPolicy; move "
                    "them out of this directory\n");
  }
  if (errors.empty() && policies.empty()) {
    errors = absl::StrCat(name, ": there is no policy in it; remove the file if that is meant");
  }
  if (!errors.empty()) {
    file.problem = std::string(absl::StripSuffix(errors, "\n"));
    return;
  }
  file.policies = std::move(policies);
  file.known = true;
}

// The first file, by name, has a profile name that two have.
void PolicyDirectory::Collect() {
  policies_.clear();
  problems_.clear();
  complete_ = true;
  std::map<std::string, std::string> names;
  for (const auto& [name, file] : files_) {
    complete_ &= file.known;
    if (!file.problem.empty()) problems_[name] = file.problem;
    for (const AgentPolicy& policy : file.policies) {
      const auto [taken, is_new] = names.emplace(policy.profile, name);
      if (is_new) {
        policies_.push_back(policy);
      } else {
        std::string& problem = problems_[name];
        absl::StrAppend(&problem, problem.empty() ? "" : "\n", name, ": profile name ",
                        policy.profile, " belongs to a policy in ", taken->second,
                        ", whose name comes first; give one of the two another name");
      }
    }
  }
}

absl::StatusOr<bool> PolicyDirectory::Scan() {
  const absl::StatusOr<std::vector<std::string>> names = ListDirectory(options_.directory);
  if (!names.ok()) {
    complete_ = false;
    return absl::UnavailableError(absl::StrCat("policies: ", names.status().message()));
  }
  std::map<std::string, std::string> stamps;
  for (const std::string& name : *names) {
    if (!IsPolicyFile(name)) continue;
    const std::optional<std::string> stamp = StampOf(absl::StrCat(options_.directory, "/", name));
    if (stamp.has_value()) stamps[name] = *stamp;
  }
  bool changed = !complete_ && files_.empty();
  for (auto at = files_.begin(); at != files_.end();) {
    if (stamps.count(at->first) > 0) {
      ++at;
      continue;
    }
    changed = true;
    at = files_.erase(at);
  }
  for (const auto& [name, stamp] : stamps) {
    File& file = files_[name];
    if (file.stamp == stamp) continue;
    file.stamp = stamp;
    const std::string before = file.problem;
    Read(name, file);
    changed |= !file.stamp.empty() || file.problem != before;
  }
  if (changed) Collect();
  return changed;
}

}  // namespace varmor
