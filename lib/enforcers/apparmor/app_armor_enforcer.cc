#include "lib/enforcers/apparmor/app_armor_enforcer.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/apparmor/profile_text.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/bind/bind_app_armor.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/apparmor/app_armor_parser.h"
#include "lib/enforcers/apparmor/app_armor_probe.h"
#include "lib/enforcers/apparmor/app_armor_record.pb.h"
#include "lib/enforcers/apparmor/compare_record.h"
#include "lib/enforcers/apparmor/compile_environment.h"
#include "lib/enforcers/apparmor/confined_processes.h"
#include "lib/enforcers/apparmor/kernel_profiles.h"
#include "lib/enforcers/apparmor/policy_store.h"
#include "lib/enforcers/apparmor/replace_profile.h"
#include "lib/enforcers/node_facts.h"
#include "lib/enforcers/record_store.h"

namespace varmor {
namespace {

constexpr int kMaxThreads = 8;
// Compiled policies that nothing uses now, kept for those who change their minds.
constexpr size_t kUnusedPolicies = 64;

// A profile's text for this machine, and what it compiles to.
struct BoundProfile {
  std::string name;
  std::string text;
  bool complain = false;
  // Of the text and of all that its compiled form depends on; in the end, names the stored policy.
  std::string key;
  // It includes files that the key does not cover.
  bool must_compile = false;
};

struct CompiledProfile {
  std::string policy;
  ExpectedProfile expected;
};

// What all profiles of one call share.
struct ApplyContext {
  AppArmorParser parser;
  std::string environment;
  std::string boot_id;
  NodeFacts facts;
};

absl::Status InProfile(absl::string_view profile, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat("AppArmor profile ", Quoted(profile), ": ", status.message()));
}

// Abstractions and tunables are in the environment's digest; this is about `include "/etc/mine"`.
bool IncludesByPath(absl::string_view text) {
  for (const absl::string_view form : {"include \"/", "include if exists \"/", "include /"}) {
    if (absl::StrContains(text, form)) return true;
  }
  return false;
}

// What the profile's own flags say.
std::string ModeOf(const BoundProfile& profile) {
  if (profile.complain) return "complain";
  Diagnostics ignored(/*lenient=*/true);
  const std::optional<AppArmorProfileText> text =
      ParseAppArmorProfileText(profile.text, "", AppArmorParseOptions(), ignored);
  if (!text.has_value()) return "enforce";
  for (const std::string& flag : text->profile().flags) {
    if (flag == "complain" || flag == "kill" || flag == "unconfined") return flag;
  }
  return "enforce";
}

// The names that a text declares have to be the artifact's: its own, and children of it.
absl::StatusOr<std::vector<std::string>> ChildrenAmong(const std::vector<std::string>& declared,
                                                       const AppArmorArtifact& artifact) {
  std::vector<std::string> children;
  bool found = false;
  for (const std::string& name : declared) {
    if (name == artifact.name()) {
      found = true;
    } else if (absl::StartsWith(name, artifact.name() + "//")) {
      children.push_back(name);
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("its text declares the profile ", Quoted(name), ", which is another one"));
    }
  }
  if (!found) return absl::InvalidArgumentError("its text does not declare it");
  std::sort(children.begin(), children.end());
  for (const std::string& child : artifact.children()) {
    if (!std::binary_search(children.begin(), children.end(), child)) {
      return absl::InvalidArgumentError(
          absl::StrCat("its text does not declare the child profile ", Quoted(child)));
    }
  }
  return children;
}

// "4711 (sleep), 4712 (sh) and 3 more".
std::string Listed(const std::vector<ConfinedProcess>& processes) {
  constexpr size_t kShown = 3;
  std::vector<std::string> shown;
  for (size_t i = 0; i < processes.size() && i < kShown; ++i) {
    shown.push_back(absl::StrCat(processes[i].pid, " (", processes[i].command, ")"));
  }
  std::string text = absl::StrJoin(shown, ", ");
  if (processes.size() > kShown)
    absl::StrAppend(&text, " and ", processes.size() - kShown, " more");
  return text;
}

std::vector<std::string> Names(const google::protobuf::RepeatedPtrField<std::string>& names) {
  return {names.begin(), names.end()};
}

}  // namespace

struct AppArmorEnforcer::Parts {
  Parts(AppArmorOptions given, AppArmorHost& host_given, FileCalls& files_given)
      : options(std::move(given)),
        host(host_given),
        files(files_given),
        records(options.state_directory + "/records", files),
        store(options.state_directory + "/policies", files) {}

  AppArmorParser Parser() const;
  absl::Status CheckKernel();
  absl::StatusOr<FileLock> Lock();
  absl::StatusOr<std::string> BootId() const;
  absl::StatusOr<ApplyContext> Context();
  // The record of a profile that was loaded since the machine was started; nothing when there is
  // none.
  absl::StatusOr<std::optional<AppArmorRecord>> Record(absl::string_view profile,
                                                       absl::string_view boot_id);
  absl::StatusOr<BoundProfile> Bind(const AppArmorArtifact& artifact, const ApplyContext& context);
  absl::StatusOr<CompiledProfile> Compile(const AppArmorArtifact& artifact, BoundProfile& profile,
                                          const ApplyContext& context);
  absl::StatusOr<bool> IsInForce(const std::optional<AppArmorRecord>& record);
  absl::Status Refresh(const AppArmorRecord& record, const std::string& key);
  bool IsOnDisk(const AppArmorRecord& record);
  void WriteBack(const std::string& profile, const std::optional<AppArmorRecord>& former);
  absl::Status Load(const BoundProfile& profile, const CompiledProfile& compiled,
                    const ApplyContext& context, const std::optional<AppArmorRecord>& former);
  absl::Status ApplyOne(const AppArmorArtifact& artifact, const ApplyContext& context);
  // Takes out children that nobody is confined by; returns the others.
  std::vector<std::string> RemoveChildren(const std::vector<std::string>& children);
  absl::Status RemoveUnusedPolicies();

  AppArmorOptions options;
  AppArmorHost& host;
  FileCalls& files;
  RecordStore records;
  PolicyStore store;
  // Behind the references, when nobody gave others.
  std::unique_ptr<AppArmorHost> own_host;
  std::unique_ptr<FileCalls> own_files;
};

AppArmorParser AppArmorEnforcer::Parts::Parser() const {
  AppArmorParser parser;
  parser.program = options.parser.empty() ? FindAppArmorParser() : options.parser;
  parser.include_directory = options.include_directory;
  parser.kernel_features = host.directory() + "/features";
  parser.time_limit = options.parser_timeout;
  return parser;
}

absl::Status AppArmorEnforcer::Parts::CheckKernel() {
  const EnforcerSupport support = ProbeAppArmorKernel(host);
  if (support.available) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(support.problem, "; ", support.fix));
}

absl::StatusOr<FileLock> AppArmorEnforcer::Parts::Lock() {
  VARMOR_RETURN_IF_ERROR(EnsureDirectory(options.state_directory + "/records"));
  VARMOR_RETURN_IF_ERROR(EnsureDirectory(options.state_directory + "/policies"));
  return FileLock::Take(options.state_directory + "/lock");
}

absl::StatusOr<std::string> AppArmorEnforcer::Parts::BootId() const {
  VARMOR_ASSIGN_OR_RETURN(const std::string id,
                          ReadFileWhole(host.paths().proc + "/sys/kernel/random/boot_id"));
  return std::string(absl::StripAsciiWhitespace(id));
}

absl::StatusOr<ApplyContext> AppArmorEnforcer::Parts::Context() {
  ApplyContext context;
  context.parser = Parser();
  if (context.parser.program.empty()) {
    return absl::FailedPreconditionError(
        "apparmor_parser is not installed; install the package apparmor");
  }
  // The parser would pass over it and look elsewhere.
  VARMOR_RETURN_IF_ERROR(ListDirectory(options.include_directory).status());
  VARMOR_ASSIGN_OR_RETURN(context.environment, CompileEnvironmentDigest(context.parser));
  VARMOR_ASSIGN_OR_RETURN(context.boot_id, BootId());
  VARMOR_ASSIGN_OR_RETURN(context.facts, ReadNodeFacts(host.paths().proc + "/partitions"));
  return context;
}

absl::StatusOr<std::optional<AppArmorRecord>> AppArmorEnforcer::Parts::Record(
    absl::string_view profile, absl::string_view boot_id) {
  AppArmorRecord record;
  const absl::Status read = records.Read(profile, record);
  if (absl::IsNotFound(read) || absl::IsDataLoss(read)) return std::optional<AppArmorRecord>();
  VARMOR_RETURN_IF_ERROR(read);
  // Without a key: the first load was interrupted, and nobody can tell what the kernel holds.
  if (record.boot_id() != boot_id || record.key().empty()) return std::optional<AppArmorRecord>();
  return std::optional<AppArmorRecord>(std::move(record));
}

absl::StatusOr<BoundProfile> AppArmorEnforcer::Parts::Bind(const AppArmorArtifact& artifact,
                                                           const ApplyContext& context) {
  BoundProfile profile;
  profile.name = artifact.name();
  VARMOR_ASSIGN_OR_RETURN(profile.text, BindAppArmor(artifact, context.facts));
  profile.complain = artifact.complain();
  profile.must_compile = IncludesByPath(profile.text);
  profile.key = Sha256Hex(absl::StrCat(context.environment, profile.complain ? " complain " : " ",
                                       Sha256Hex(profile.text)));
  return profile;
}

absl::StatusOr<CompiledProfile> AppArmorEnforcer::Parts::Compile(const AppArmorArtifact& artifact,
                                                                 BoundProfile& profile,
                                                                 const ApplyContext& context) {
  CompiledProfile compiled;
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> names, context.parser.Names(profile.text));
  VARMOR_ASSIGN_OR_RETURN(compiled.expected.children, ChildrenAmong(names, artifact));
  compiled.expected.name = profile.name;
  compiled.expected.mode = ModeOf(profile);
  if (!profile.must_compile) {
    absl::StatusOr<std::string> stored = store.Policy(profile.key);
    if (stored.ok()) {
      compiled.policy = *std::move(stored);
      return compiled;
    }
  }
  VARMOR_ASSIGN_OR_RETURN(compiled.policy, context.parser.Compile(profile.text, profile.complain));
  if (profile.must_compile) profile.key = Sha256Hex(absl::StrCat(profile.key, compiled.policy));
  VARMOR_RETURN_IF_ERROR(store.Put(profile.key, profile.text, compiled.policy));
  return compiled;
}

absl::StatusOr<bool> AppArmorEnforcer::Parts::IsInForce(
    const std::optional<AppArmorRecord>& record) {
  if (!record.has_value()) return false;
  VARMOR_ASSIGN_OR_RETURN(const std::vector<KernelProfile> held,
                          ReadKernelProfile(host.directory(), record->profile()));
  std::string problem;
  return CompareWithRecord(held, *record, problem) == AppArmorState::Origin::kAsLoaded;
}

// The profile is in force already: only what is around it may have changed.
absl::Status AppArmorEnforcer::Parts::Refresh(const AppArmorRecord& record,
                                              const std::string& key) {
  AppArmorRecord now = record;
  now.set_key(key);
  now.clear_pending_key();
  const std::vector<std::string> kept = RemoveChildren(Names(record.kept_children()));
  *now.mutable_kept_children() = {kept.begin(), kept.end()};
  if (now.SerializeAsString() == record.SerializeAsString()) return absl::OkStatus();
  return records.Write(record.profile(), now);
}

bool AppArmorEnforcer::Parts::IsOnDisk(const AppArmorRecord& record) {
  AppArmorRecord written;
  return records.Read(record.profile(), written).ok() &&
         written.SerializeAsString() == record.SerializeAsString();
}

// After a load that failed: the record as it was. Should that fail as well, the record still has
// what was loaded before, and that something else was being loaded.
void AppArmorEnforcer::Parts::WriteBack(const std::string& profile,
                                        const std::optional<AppArmorRecord>& former) {
  if (!former.has_value()) {
    records.Remove(profile).IgnoreError();
    return;
  }
  AppArmorRecord record = *former;
  record.clear_kept_children();
  const absl::StatusOr<std::vector<KernelProfile>> held =
      ReadKernelProfile(host.directory(), profile);
  if (held.ok()) {
    for (const std::string& child : StaleChildren(*held, RecordedChildren(record))) {
      record.add_kept_children(child);
    }
  }
  records.Write(profile, record).IgnoreError();
}

absl::Status AppArmorEnforcer::Parts::Load(const BoundProfile& profile,
                                           const CompiledProfile& compiled,
                                           const ApplyContext& context,
                                           const std::optional<AppArmorRecord>& former_record) {
  std::optional<std::string> stored;
  if (former_record.has_value()) {
    absl::StatusOr<std::string> policy = store.Policy(former_record->key());
    if (policy.ok()) stored = *std::move(policy);
  }
  VARMOR_ASSIGN_OR_RETURN(const FormerProfile former,
                          ReadFormerProfile(host, profile.name, std::move(stored)));

  // Written first, so that after a crash nobody takes the new profile for a tampered one.
  AppArmorRecord record = former_record.value_or(AppArmorRecord());
  record.set_profile(profile.name);
  record.set_boot_id(context.boot_id);
  record.set_pending_key(profile.key);
  VARMOR_RETURN_IF_ERROR(records.Write(profile.name, record));

  const absl::StatusOr<std::vector<KernelProfile>> held =
      ReplaceProfile(host, compiled.policy, compiled.expected, former);
  if (!held.ok()) {
    WriteBack(profile.name, former_record);
    return held.status();
  }

  record.Clear();
  record.set_profile(profile.name);
  record.set_boot_id(context.boot_id);
  record.set_key(profile.key);
  record.set_policy_digest(Sha256Hex(compiled.policy));
  record.set_complain(profile.complain);
  SetHashes(*held, compiled.expected.children, record);
  for (const std::string& child :
       RemoveChildren(StaleChildren(*held, compiled.expected.children))) {
    record.add_kept_children(child);
  }
  absl::Status written = records.Write(profile.name, record);
  // Perhaps a power cut would undo it; but that would take the profile out of the kernel as well.
  if (written.ok() || IsOnDisk(record)) return absl::OkStatus();
  written = PutBack(host, former, written);
  WriteBack(profile.name, former_record);
  return written;
}

absl::Status AppArmorEnforcer::Parts::ApplyOne(const AppArmorArtifact& artifact,
                                               const ApplyContext& context) {
  VARMOR_RETURN_IF_ERROR(CheckProfileName(artifact.name()));
  VARMOR_ASSIGN_OR_RETURN(BoundProfile profile, Bind(artifact, context));
  VARMOR_ASSIGN_OR_RETURN(std::optional<AppArmorRecord> record,
                          Record(artifact.name(), context.boot_id));
  VARMOR_ASSIGN_OR_RETURN(const bool in_force, IsInForce(record));
  if (in_force && record->key() == profile.key && !profile.must_compile) {
    return Refresh(*record, profile.key);
  }

  VARMOR_ASSIGN_OR_RETURN(const CompiledProfile compiled, Compile(artifact, profile, context));
  if (in_force && record->policy_digest() == Sha256Hex(compiled.policy)) {
    // Another comment in the text, another version of a file that it includes.
    return Refresh(*record, profile.key);
  }
  return Load(profile, compiled, context, record);
}

std::vector<std::string> AppArmorEnforcer::Parts::RemoveChildren(
    const std::vector<std::string>& children) {
  if (children.empty()) return {};
  const absl::StatusOr<std::vector<ConfinedProcess>> confined =
      FindConfinedProcesses(host.paths().proc);
  if (!confined.ok()) return children;
  std::vector<std::string> kept;
  for (const std::string& child : children) {
    const bool used = std::any_of(
        confined->begin(), confined->end(),
        [&](const ConfinedProcess& process) { return IsUnder(process.profile, child); });
    const absl::Status removed = used ? absl::OkStatus() : host.RemoveProfile(child);
    if (used || (!removed.ok() && !absl::IsNotFound(removed))) kept.push_back(child);
  }
  return kept;
}

absl::Status AppArmorEnforcer::Parts::RemoveUnusedPolicies() {
  std::set<std::string> used;
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> profiles, records.Profiles());
  for (const std::string& profile : profiles) {
    AppArmorRecord record;
    if (!records.Read(profile, record).ok()) continue;
    used.insert(record.key());
    used.insert(record.pending_key());
  }
  return store.RemoveUnused(used, kUnusedPolicies);
}

AppArmorEnforcer::AppArmorEnforcer(AppArmorOptions options) {
  auto host = std::make_unique<AppArmorHost>();
  auto files = std::make_unique<FileCalls>();
  parts_ = std::make_unique<Parts>(std::move(options), *host, *files);
  parts_->own_host = std::move(host);
  parts_->own_files = std::move(files);
}

AppArmorEnforcer::AppArmorEnforcer(AppArmorOptions options, AppArmorHost& host, FileCalls& files)
    : parts_(std::make_unique<Parts>(std::move(options), host, files)) {}

AppArmorEnforcer::~AppArmorEnforcer() = default;

EnforcerSupport AppArmorEnforcer::Probe() {
  return ProbeAppArmor(parts_->host, parts_->Parser(), parts_->options.state_directory);
}

std::vector<UnenforcedRule> AppArmorEnforcer::Unenforced(const ArtifactSet& artifacts) {
  if (artifacts.app_armor == nullptr) return {};
  return UnenforcedRules(*artifacts.app_armor, parts_->host, parts_->Parser());
}

absl::Status AppArmorEnforcer::Apply(const ArtifactSet& artifacts) {
  return ApplyAll(absl::MakeConstSpan(&artifacts, 1))[0];
}

std::vector<absl::Status> AppArmorEnforcer::ApplyAll(absl::Span<const ArtifactSet> sets) {
  std::vector<absl::Status> results(sets.size());
  const auto all = [&](const absl::Status& status) {
    std::fill(results.begin(), results.end(), status);
    return results;
  };
  if (const absl::Status status = parts_->CheckKernel(); !status.ok()) return all(status);
  const absl::StatusOr<FileLock> lock = parts_->Lock();
  if (!lock.ok()) return all(lock.status());
  const absl::StatusOr<ApplyContext> context = parts_->Context();
  if (!context.ok()) return all(context.status());

  std::set<std::string> names;
  std::vector<size_t> todo;
  for (size_t i = 0; i < sets.size(); ++i) {
    if (sets[i].app_armor == nullptr) {
      results[i] = absl::InvalidArgumentError("there is no AppArmor artifact to apply");
    } else if (!names.insert(sets[i].app_armor->name()).second) {
      results[i] = InProfile(sets[i].app_armor->name(),
                             absl::InvalidArgumentError("it is there twice; the first counts"));
    } else {
      todo.push_back(i);
    }
  }
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t at = next++; at < todo.size(); at = next++) {
      const AppArmorArtifact& artifact = *sets[todo[at]].app_armor;
      results[todo[at]] = InProfile(artifact.name(), parts_->ApplyOne(artifact, *context));
    }
  };
  int threads = parts_->options.threads;
  if (threads <= 0) {
    threads = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxThreads);
  }
  std::vector<std::thread> others;
  for (size_t i = 1; i < todo.size() && i < static_cast<size_t>(threads); ++i) {
    others.emplace_back(work);
  }
  work();
  for (std::thread& other : others) other.join();
  // Only disk space: the next call tries again.
  parts_->RemoveUnusedPolicies().IgnoreError();
  return results;
}

absl::Status AppArmorEnforcer::Remove(absl::string_view profile) {
  if (const absl::Status status = CheckProfileName(profile); !status.ok()) {
    return absl::FailedPreconditionError(absl::StrCat("not ours: ", status.message()));
  }
  if (AppArmorIsOff(parts_->host)) {
    return InProfile(profile, absl::NotFoundError("it is not loaded: AppArmor is not there"));
  }
  VARMOR_RETURN_IF_ERROR(parts_->CheckKernel());
  VARMOR_ASSIGN_OR_RETURN(const FileLock lock, parts_->Lock());
  VARMOR_ASSIGN_OR_RETURN(const std::string boot_id, parts_->BootId());
  VARMOR_ASSIGN_OR_RETURN(const std::optional<AppArmorRecord> record,
                          parts_->Record(profile, boot_id));
  VARMOR_ASSIGN_OR_RETURN(const std::vector<KernelProfile> held,
                          ReadKernelProfile(parts_->host.directory(), profile));
  if (held.empty()) {
    const absl::Status forgotten = parts_->records.Remove(profile);
    if (!forgotten.ok() && !absl::IsNotFound(forgotten)) return forgotten;
    return InProfile(profile, absl::NotFoundError("it is not loaded"));
  }
  if (!record.has_value()) {
    return InProfile(profile, absl::FailedPreconditionError(
                                  "we did not load it, so it stays; apply it to take it over"));
  }
  VARMOR_ASSIGN_OR_RETURN(std::vector<ConfinedProcess> confined,
                          FindConfinedProcesses(parts_->host.paths().proc));
  confined.erase(std::remove_if(confined.begin(), confined.end(),
                                [&](const ConfinedProcess& process) {
                                  return !IsUnder(process.profile, profile);
                                }),
                 confined.end());
  if (!confined.empty()) {
    return InProfile(profile, absl::FailedPreconditionError(
                                  absl::StrCat("it confines processes: ", Listed(confined))));
  }
  VARMOR_RETURN_IF_ERROR(parts_->host.RemoveProfile(profile));
  VARMOR_ASSIGN_OR_RETURN(const std::vector<KernelProfile> left,
                          ReadKernelProfile(parts_->host.directory(), profile));
  if (!left.empty()) {
    return InProfile(profile, absl::FailedPreconditionError("the kernel still holds it"));
  }
  VARMOR_RETURN_IF_ERROR(parts_->records.Remove(profile));
  parts_->RemoveUnusedPolicies().IgnoreError();  // only disk space
  return absl::OkStatus();
}

absl::StatusOr<AppArmorState> AppArmorEnforcer::Inspect(absl::string_view profile) {
  VARMOR_RETURN_IF_ERROR(CheckProfileName(profile));
  VARMOR_ASSIGN_OR_RETURN(const std::string boot_id, parts_->BootId());
  VARMOR_ASSIGN_OR_RETURN(const std::vector<KernelProfile> held,
                          ReadKernelProfile(parts_->host.directory(), profile));
  VARMOR_ASSIGN_OR_RETURN(const std::optional<AppArmorRecord> record,
                          parts_->Record(profile, boot_id));
  AppArmorState state;
  state.loaded = !held.empty();
  if (state.loaded) {
    state.mode = held[0].mode;
    state.hash = held[0].hash;
  }
  for (size_t i = 1; i < held.size(); ++i) state.children.push_back(held[i].name);
  if (!record.has_value()) {
    state.problem = "there is no record that we loaded it since the machine was started";
    return state;
  }
  state.stale_children = StaleChildren(held, RecordedChildren(*record));
  state.origin = CompareWithRecord(held, *record, state.problem);
  return state;
}

absl::StatusOr<std::vector<std::string>> AppArmorEnforcer::Profiles() {
  VARMOR_ASSIGN_OR_RETURN(const std::string boot_id, parts_->BootId());
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> recorded, parts_->records.Profiles());
  std::vector<std::string> profiles;
  for (const std::string& profile : recorded) {
    VARMOR_ASSIGN_OR_RETURN(const std::optional<AppArmorRecord> record,
                            parts_->Record(profile, boot_id));
    if (record.has_value()) profiles.push_back(profile);
  }
  return profiles;
}

}  // namespace varmor
