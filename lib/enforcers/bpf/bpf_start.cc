// Start, Adopt and Uninstall: which version of the programs is in force.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_enforcer_parts.h"
#include "lib/enforcers/bpf/bpf_reads.h"
#include "lib/enforcers/bpf/embedded_programs.h"
#include "lib/enforcers/bpf/programs/programs_abi.h"

namespace varmor {
namespace {

struct Chosen {
  absl::string_view object;
  const char* variant;
  std::string version;
};

absl::StatusOr<Chosen> Choose(const BpfEnforcerOptions& options, const KernelFeatures& features) {
  using Variant = BpfEnforcerOptions::Variant;
  if (!options.programs.empty()) {
    return Chosen{options.programs, "given", VersionOf(options.programs)};
  }
  const bool has_loop = features.HasHelper("loop");
  if (options.variant == Variant::kBpfLoop && !has_loop) {
    return absl::FailedPreconditionError("the kernel has no bpf_loop, which Linux 5.17 has");
  }
  const bool loop =
      options.variant == Variant::kBpfLoop || (options.variant == Variant::kBest && has_loop);
  const absl::string_view object = loop ? BpfLoopPrograms() : BoundedLoopPrograms();
  return Chosen{object, loop ? "bpf_loop" : "bounded loops", VersionOf(object)};
}

// "v1-0123456789ab", or with "-2" and so on where that is taken.
std::string FreeName(const std::string& version, const std::vector<PinnedVersion>& taken) {
  std::string name = version;
  for (int i = 2;; ++i) {
    const bool free = std::none_of(taken.begin(), taken.end(),
                                   [&](const PinnedVersion& one) { return one.name == name; });
    if (free) return name;
    name = absl::StrCat(version, "-", i);
  }
}

// Removes what is half made, and sorts the rest by ABI.
struct Found {
  std::vector<std::string> ours;
  std::vector<std::string> others;
};

absl::StatusOr<Found> CleanAndSort(BpfCalls& calls, const std::string& directory,
                                   std::vector<PinnedVersion>& versions) {
  Found found;
  for (const PinnedVersion& version : versions) {
    if (!version.complete) {
      VARMOR_RETURN_IF_ERROR(RemoveVersion(calls, absl::StrCat(directory, "/", version.name)));
    } else if (AbiOfVersion(version.name) == static_cast<int>(VARMOR_PROGRAMS_ABI)) {
      found.ours.push_back(version.name);
    } else {
      found.others.push_back(version.name);
    }
  }
  versions.erase(std::remove_if(versions.begin(), versions.end(),
                                [](const PinnedVersion& one) { return !one.complete; }),
                 versions.end());
  return found;
}

absl::StatusOr<ObjectShapes> CheckedShapes(absl::string_view object) {
  VARMOR_ASSIGN_OR_RETURN(const ObjectPtr opened, OpenProgramObject(object));
  VARMOR_RETURN_IF_ERROR(CheckObject(opened.get()));
  return ShapesOf(opened.get());
}

// The programs that an object has for this kernel.
absl::StatusOr<std::vector<std::string>> ProgramsFor(absl::string_view object,
                                                     const KernelFeatures& features,
                                                     const BpfEnforcerOptions& options) {
  VARMOR_ASSIGN_OR_RETURN(const ObjectPtr opened, OpenProgramObject(object));
  return ConfigureObject(opened.get(), features, options.test_programs, options.maps_only);
}

std::string NotAttached(const std::string& version, const std::vector<std::string>& programs) {
  return absl::StrCat("version ", version,
                      " lacks programs that should be attached: ", absl::StrJoin(programs, ", "));
}

absl::Status CheckOptions(const BpfEnforcerOptions& options) {
  const uint32_t ring = options.events_bytes;
  if (ring < 4096 || (ring & (ring - 1)) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a ring of ", ring, " bytes: its size has to be a power of two, 4096 or more"));
  }
  if (options.slots < 2 || options.subjects == 0) {
    return absl::InvalidArgumentError("at least 2 slots and 1 subject are needed");
  }
  return absl::OkStatus();
}

absl::Status CheckSupport(const KernelFeatures& features, const BpfEnforcerOptions& options,
                          BpfStartReport& report) {
  if (options.maps_only) return absl::OkStatus();
  EnforcerSupport support = SupportOf(features, options.directory);
  report.limits = std::move(support.limits);
  if (support.available) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(support.problem, "; ", support.fix));
}

}  // namespace

absl::StatusOr<uint32_t> MountNamespaceOf(const std::string& path) {
  struct stat found;
  if (stat(path.c_str(), &found) != 0) {
    return ReadFailed(absl::StrCat("mount namespace ", Quoted(path)), errno);
  }
  return static_cast<uint32_t>(found.st_ino);
}

absl::Status BpfEnforcer::Parts::Use(ActiveVersion found) {
  std::map<std::string, int> outer;
  for (const std::string& name : SlotMapNames()) outer[name] = found.map(name);
  VARMOR_ASSIGN_OR_RETURN(const BpfMapParameters slots, MapParametersOf(found.map("slots")));
  profiles = std::make_unique<ProfileTable>(*calls, absl::StrCat(found.path, "/profiles"),
                                            found.map("slots"), slots.max_entries,
                                            SlotMaps(*calls, std::move(outer)));
  subjects = std::make_unique<SubjectTable>(*calls, found.map("control"), found.map("subjects"),
                                            found.map("pod_addresses"));
  version = std::move(found);
  return absl::OkStatus();
}

absl::Status BpfEnforcer::Parts::Supersede(const std::vector<std::string>& versions,
                                           BpfStartReport& report) {
  for (const std::string& name : versions) {
    if (name == version->name) continue;
    const std::string other = absl::StrCat(options.directory, "/", name);
    // Somebody may have applied profiles there since a takeover that came no further than this.
    VARMOR_RETURN_IF_ERROR(CopyRecords(*calls, other, version->path));
    VARMOR_RETURN_IF_ERROR(RemoveVersion(*calls, other));
    report.superseded.push_back(name);
  }
  return absl::OkStatus();
}

absl::Status BpfEnforcer::Parts::Settle(BpfStartReport& report) {
  VARMOR_ASSIGN_OR_RETURN(varmor_control control, subjects->ReadControl());
  if (control.abi != VARMOR_PROGRAMS_ABI) {
    return absl::FailedPreconditionError(absl::StrCat("version ", version->name, " is of ABI ",
                                                      control.abi, " inside; uninstall it"));
  }
  VARMOR_ASSIGN_OR_RETURN(const uint32_t host, MountNamespaceOf(options.host_mount_namespace));
  // Whoever was killed may have confined a cgroup without waking the programs.
  control.generation++;
  control.host_mount_namespace = host;
  if (options.protected_process != 0) {
    control.protected_process = static_cast<uint32_t>(options.protected_process);
  }
  VARMOR_RETURN_IF_ERROR(subjects->WriteControl(control));
  VARMOR_RETURN_IF_ERROR(profiles->Refresh(report.warnings));
  return profiles->Sweep();
}

absl::StatusOr<BpfStartReport> BpfEnforcer::Start() {
  Parts& p = *parts_;
  p.WaitForCleaner();
  const std::string& directory = p.options.directory;
  BpfStartReport report;
  VARMOR_RETURN_IF_ERROR(CheckOptions(p.options));
  const KernelFeatures features = ReadKernelFeatures(directory);
  VARMOR_RETURN_IF_ERROR(features.unread);
  VARMOR_RETURN_IF_ERROR(CheckSupport(features, p.options, report));
  VARMOR_ASSIGN_OR_RETURN(const uint32_t host, MountNamespaceOf(p.options.host_mount_namespace));
  VARMOR_ASSIGN_OR_RETURN(const Chosen chosen, Choose(p.options, features));
  VARMOR_ASSIGN_OR_RETURN(const ObjectShapes shapes, CheckedShapes(chosen.object));
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> programs,
                          ProgramsFor(chosen.object, features, p.options));

  VARMOR_RETURN_IF_ERROR(MakePinDirectory(*p.calls, directory));
  VARMOR_ASSIGN_OR_RETURN(const PinLock lock, PinLock::Take(directory));
  VARMOR_ASSIGN_OR_RETURN(std::vector<PinnedVersion> versions, ListVersions(directory));
  VARMOR_ASSIGN_OR_RETURN(const Found found, CleanAndSort(*p.calls, directory, versions));
  report.variant = chosen.variant;
  report.others = found.others;
  for (const std::string& other : found.others) {
    report.warnings.push_back(
        absl::StrCat("version ", other,
                     " is of another ABI; it goes on denying what it denies, beside this one, ",
                     "until it is dropped"));
  }

  // The last one is taken over from: were there several, a crash came between making it and
  // removing those before, and all of them use the same maps.
  std::optional<ActiveVersion> active;
  for (const std::string& name : found.ours) {
    VARMOR_ASSIGN_OR_RETURN(ActiveVersion opened, OpenVersion(directory, name, shapes));
    VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> missing,
                            MissingPrograms(opened.path, programs));
    const bool same_build = absl::StartsWith(name, chosen.version);
    const bool fits = same_build && missing.empty();
    if (same_build && !missing.empty()) {
      report.warnings.push_back(NotAttached(name, missing) + "; they are loaded anew");
    }
    if (!report.adopted) active = std::move(opened);
    report.adopted |= fits;
  }
  if (!report.adopted) {
    LoadRequest request;
    request.directory = directory;
    request.name = FreeName(chosen.version, versions);
    request.object = chosen.object;
    request.features = &features;
    request.slots = p.options.slots;
    request.subjects = p.options.subjects;
    request.events_bytes = p.options.events_bytes;
    request.test_programs = p.options.test_programs;
    request.maps_only = p.options.maps_only;
    request.host_mount_namespace = host;
    request.protected_process = static_cast<uint32_t>(p.options.protected_process);
    request.before = active.has_value() ? &*active : nullptr;
    VARMOR_ASSIGN_OR_RETURN(ActiveVersion loaded, LoadVersion(*p.calls, request));
    active = std::move(loaded);
  }
  report.version = active->name;
  absl::Status finished = p.Use(*std::move(active));
  if (finished.ok()) finished = p.Supersede(found.ours, report);
  if (finished.ok()) finished = p.Settle(report);
  if (finished.ok()) return report;
  return absl::Status(finished.code(), absl::StrCat("version ", report.version,
                                                    " is in force, but starting is not finished: ",
                                                    finished.message()));
}

absl::StatusOr<BpfStartReport> BpfEnforcer::Adopt() {
  Parts& p = *parts_;
  p.WaitForCleaner();
  const std::string& directory = p.options.directory;
  const absl::StatusOr<PinLock> lock = PinLock::Take(directory);
  if (!lock.ok() && !absl::IsNotFound(lock.status())) return lock.status();
  // Without the directory there is none.
  VARMOR_ASSIGN_OR_RETURN(const std::vector<PinnedVersion> versions, ListVersions(directory));
  BpfStartReport report;
  report.adopted = true;
  for (const PinnedVersion& version : versions) {
    if (!version.complete) continue;
    if (AbiOfVersion(version.name) == static_cast<int>(VARMOR_PROGRAMS_ABI)) {
      report.version = version.name;
    } else {
      report.others.push_back(version.name);
    }
  }
  if (report.version.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "no BPF enforcer of this version is loaded: ", Quoted(directory), " has none"));
  }
  VARMOR_ASSIGN_OR_RETURN(const ObjectShapes shapes, CheckedShapes(BoundedLoopPrograms()));
  VARMOR_ASSIGN_OR_RETURN(ActiveVersion opened, OpenVersion(directory, report.version, shapes));
  absl::string_view object;
  if (absl::StartsWith(opened.name, VersionOf(BpfLoopPrograms()))) {
    object = BpfLoopPrograms();
    report.variant = "bpf_loop";
  } else if (absl::StartsWith(opened.name, VersionOf(BoundedLoopPrograms()))) {
    object = BoundedLoopPrograms();
    report.variant = "bounded loops";
  }
  // What programs another build has nobody knows.
  std::vector<std::string> programs;
  if (!object.empty()) {
    const KernelFeatures features = ReadKernelFeatures(directory);
    VARMOR_RETURN_IF_ERROR(features.unread);
    VARMOR_ASSIGN_OR_RETURN(programs, ProgramsFor(object, features, p.options));
  }
  VARMOR_ASSIGN_OR_RETURN(report.missing_programs, MissingPrograms(opened.path, programs));
  if (!report.missing_programs.empty()) {
    report.warnings.push_back(NotAttached(opened.name, report.missing_programs) +
                              "; the next start of the enforcer loads them anew");
  }
  VARMOR_RETURN_IF_ERROR(p.Use(std::move(opened)));
  VARMOR_RETURN_IF_ERROR(p.profiles->Refresh(report.warnings));
  return report;
}

absl::Status BpfEnforcer::DropOthers() {
  Parts& p = *parts_;
  VARMOR_ASSIGN_OR_RETURN(const PinLock lock, p.Begin());
  VARMOR_ASSIGN_OR_RETURN(const std::vector<PinnedVersion> versions,
                          ListVersions(p.options.directory));
  for (const PinnedVersion& version : versions) {
    if (AbiOfVersion(version.name) == static_cast<int>(VARMOR_PROGRAMS_ABI)) continue;
    VARMOR_RETURN_IF_ERROR(
        RemoveVersion(*p.calls, absl::StrCat(p.options.directory, "/", version.name)));
  }
  return absl::OkStatus();
}

absl::Status BpfEnforcer::Uninstall() {
  Parts& p = *parts_;
  p.WaitForCleaner();
  const std::string& directory = p.options.directory;
  absl::StatusOr<PinLock> lock = PinLock::Take(directory);
  if (absl::IsNotFound(lock.status())) return absl::OkStatus();
  if (!lock.ok()) return lock.status();
  VARMOR_ASSIGN_OR_RETURN(const std::vector<PinnedVersion> versions, ListVersions(directory));
  for (const PinnedVersion& version : versions) {
    VARMOR_RETURN_IF_ERROR(RemoveVersion(*p.calls, absl::StrCat(directory, "/", version.name)));
  }
  p.profiles.reset();
  p.subjects.reset();
  p.version.reset();
  if (p.calls->RemoveDirectory(directory.c_str()) != 0 && errno != ENOENT) {
    return BpfCallFailed(absl::StrCat("remove directory ", Quoted(directory)), errno);
  }
  return absl::OkStatus();
}

}  // namespace varmor
