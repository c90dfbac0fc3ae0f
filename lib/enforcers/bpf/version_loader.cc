#include "lib/enforcers/bpf/version_loader.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bpf/bpf.h"
#include "bpf/libbpf.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_reads.h"
#include "lib/enforcers/bpf/pins.h"
#include "lib/enforcers/bpf/programs/programs_abi.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

constexpr uint32_t kFirst = 0;

// Maps whose size is the caller's choice.
void SetSizes(bpf_object* object, const LoadRequest& request) {
  for (const std::string& name : SlotMapNames()) {
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object, name.c_str()), request.slots);
  }
  const std::pair<const char*, uint32_t> kSizes[] = {{"slots", request.slots},
                                                     {"subjects", request.subjects},
                                                     {"pod_addresses", request.subjects},
                                                     {"events", request.events_bytes}};
  for (const auto& [name, size] : kSizes) {
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object, name), size);
  }
}

absl::Status ReuseMaps(bpf_object* object, const ActiveVersion& before) {
  for (const auto& [name, fd] : before.maps) {
    bpf_map* map = bpf_object__find_map_by_name(object, name.c_str());
    if (map == nullptr) continue;
    if (const int error = bpf_map__reuse_fd(map, fd.get()); error != 0) {
      return BpfCallFailed(absl::StrCat("use map ", name, " of version ", before.name), -error);
    }
  }
  return absl::OkStatus();
}

// The end of what libbpf and the verifier said.
std::string LastMessages() {
  constexpr size_t kMost = 4000;
  const std::string all = LibbpfMessages();
  return all.size() <= kMost ? all : absl::StrCat("...", all.substr(all.size() - kMost));
}

// Whether there is room for the files that loading and pinning hold open at a time. libbpf takes an
// attempt of its own that fails for want of one as a feature that the kernel lacks, and remembers
// it.
absl::Status CheckOpenFiles(bpf_object* object) {
  constexpr uint64_t kForAttempts = 16;
  uint64_t wanted = kForAttempts + SharedMapNames().size();
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object)++ wanted;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) wanted += bpf_program__autoload(program) ? 1 : 0;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return ReadFailed("the limit of open files", errno);
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> open, ListDirectory("/proc/self/fd"));
  uint64_t used = 0;
  for (const std::string& name : open) {
    uint64_t number = 0;
    used += absl::SimpleAtoi(name, &number) && number < limit.rlim_cur ? 1 : 0;
  }
  const uint64_t left = limit.rlim_cur - std::min<uint64_t>(limit.rlim_cur, used - 1);
  if (left >= wanted) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("cannot load the BPF programs with ", left,
                                                   " open files, ", wanted,
                                                   " are needed: ", SystemReason(EMFILE)));
}

absl::Status LoadObject(BpfCalls& calls, bpf_object* object) {
  VARMOR_RETURN_IF_ERROR(CheckOpenFiles(object));
  ClearLibbpfMessages();
  if (calls.Load(object) == 0) return absl::OkStatus();
  const int error = errno;
  const std::string said = LastMessages();
  const absl::Status status = BpfCallFailed("load the BPF programs", error);
  const bool verifier = absl::StrContains(said, "PROG LOAD LOG");
  return absl::Status(verifier ? absl::StatusCode::kInternal : status.code(),
                      absl::StrCat(status.message(), said.empty() ? "" : "\n", said));
}

absl::Status PinMaps(BpfCalls& calls, bpf_object* object, ActiveVersion& version) {
  for (const std::string& name : SharedMapNames()) {
    bpf_map* map = bpf_object__find_map_by_name(object, name.c_str());
    if (map == nullptr || bpf_map__fd(map) < 0) continue;
    UniqueFd fd(dup(bpf_map__fd(map)));
    if (!fd.ok()) return BpfCallFailed(absl::StrCat("keep map ", name), errno);
    VARMOR_RETURN_IF_ERROR(PinAt(calls, fd.get(), absl::StrCat(version.path, "/maps/", name)));
    version.maps.emplace(name, std::move(fd));
  }
  return MapParametersOf(version.map("control"), &version.control_id).status();
}

absl::Status FillControl(BpfCalls& calls, const LoadRequest& request,
                         const ActiveVersion& version) {
  varmor_control control{};
  control.abi = VARMOR_PROGRAMS_ABI;
  control.generation = 1;
  control.host_mount_namespace = request.host_mount_namespace;
  control.protected_process = request.protected_process;
  if (calls.Update(version.map("control"), &kFirst, &control) == 0) return absl::OkStatus();
  return BpfCallFailed("write map control", errno);
}

absl::Status AttachPrograms(BpfCalls& calls, bpf_object* object, const std::string& path) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    if (!bpf_program__autoload(program)) continue;
    const std::string name = bpf_program__name(program);
    const int fd = bpf_program__fd(program);
    if (!absl::StartsWith(bpf_program__section_name(program), "lsm/")) {
      VARMOR_RETURN_IF_ERROR(PinAt(calls, fd, absl::StrCat(path, "/test_programs/", name)));
      continue;
    }
    const UniqueFd link(calls.Attach(fd));
    if (!link.ok()) return BpfCallFailed(absl::StrCat("attach program ", name), errno);
    VARMOR_RETURN_IF_ERROR(PinAt(calls, link.get(), absl::StrCat(path, "/links/", name)));
  }
  return absl::OkStatus();
}

absl::StatusOr<ActiveVersion> Load(BpfCalls& calls, const LoadRequest& request) {
  VARMOR_ASSIGN_OR_RETURN(const ObjectPtr object, OpenProgramObject(request.object));
  VARMOR_RETURN_IF_ERROR(CheckObject(object.get()));
  SetSizes(object.get(), request);
  ConfigureObject(object.get(), *request.features, request.test_programs, request.maps_only);
  if (request.before != nullptr) {
    VARMOR_RETURN_IF_ERROR(ReuseMaps(object.get(), *request.before));
  }
  VARMOR_RETURN_IF_ERROR(LoadObject(calls, object.get()));

  ActiveVersion version;
  version.name = request.name;
  version.path = absl::StrCat(request.directory, "/", request.name);
  VARMOR_RETURN_IF_ERROR(MakeVersion(calls, version.path));
  VARMOR_RETURN_IF_ERROR(PinMaps(calls, object.get(), version));
  if (request.before == nullptr) {
    VARMOR_RETURN_IF_ERROR(FillControl(calls, request, version));
  } else {
    VARMOR_RETURN_IF_ERROR(CopyRecords(calls, request.before->path, version.path));
  }
  VARMOR_RETURN_IF_ERROR(AttachPrograms(calls, object.get(), version.path));
  VARMOR_RETURN_IF_ERROR(CompleteVersion(calls, version.path));
  return version;
}

// The name that the kernel has for the program of a link; "" when it is no link of an LSM program.
absl::StatusOr<std::string> NameOfProgram(int link) {
  VARMOR_ASSIGN_OR_RETURN(const std::string text,
                          ReadFileWhole(absl::StrCat("/proc/self/fdinfo/", link)));
  if (!absl::StrContains(text, "link_type:")) return std::string();
  VARMOR_ASSIGN_OR_RETURN(const UniqueFd program, ProgramOfLink(link));
  bpf_prog_info about{};
  __u32 size = sizeof(about);
  if (bpf_obj_get_info_by_fd(program.get(), &about, &size) != 0) {
    return ReadFailed("what the kernel knows about a program", errno);
  }
  return std::string(about.type == BPF_PROG_TYPE_LSM ? about.name : "");
}

}  // namespace

absl::StatusOr<ActiveVersion> OpenVersion(const std::string& directory, const std::string& name,
                                          const ObjectShapes& shapes) {
  ActiveVersion version;
  version.name = name;
  version.path = absl::StrCat(directory, "/", name);
  for (const auto& [map, declared] : shapes.maps) {
    const std::string path = absl::StrCat(version.path, "/maps/", map);
    absl::StatusOr<UniqueFd> fd = OpenPin(path);
    if (absl::IsNotFound(fd.status()) && map == "tasks") continue;
    if (absl::IsNotFound(fd.status())) {
      return absl::FailedPreconditionError(fd.status().message());
    }
    if (!fd.ok()) return fd.status();
    const absl::StatusOr<BpfMapParameters> found = MapParametersOf(fd->get());
    if (!found.ok() && !absl::IsInvalidArgument(found.status())) return found.status();
    const std::string difference =
        found.ok() ? ShapeDifference(declared, *found) : std::string(found.status().message());
    if (!difference.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat(Quoted(path), " is not ours: ", difference));
    }
    version.maps.emplace(map, *std::move(fd));
  }
  VARMOR_RETURN_IF_ERROR(MapParametersOf(version.map("control"), &version.control_id).status());
  return version;
}

absl::StatusOr<uint32_t> ControlIdOf(const std::string& path) {
  VARMOR_ASSIGN_OR_RETURN(const UniqueFd control, OpenPin(absl::StrCat(path, "/maps/control")));
  uint32_t id = 0;
  VARMOR_RETURN_IF_ERROR(MapParametersOf(control.get(), &id).status());
  return id;
}

absl::Status CopyRecords(BpfCalls& calls, const std::string& from, const std::string& to) {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                          ListDirectory(absl::StrCat(from, "/profiles")));
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> there,
                          ListDirectory(absl::StrCat(to, "/profiles")));
  for (const std::string& name : names) {
    const std::string target = absl::StrCat(to, "/profiles/", name);
    VARMOR_ASSIGN_OR_RETURN(const UniqueFd record, OpenPin(absl::StrCat(from, "/profiles/", name)));
    if (std::binary_search(there.begin(), there.end(), name)) {
      VARMOR_ASSIGN_OR_RETURN(const UniqueFd other, OpenPin(target));
      uint32_t id = 0, other_id = 0;
      VARMOR_RETURN_IF_ERROR(MapParametersOf(record.get(), &id).status());
      VARMOR_RETURN_IF_ERROR(MapParametersOf(other.get(), &other_id).status());
      if (id <= other_id) continue;
      VARMOR_RETURN_IF_ERROR(Unpin(calls, target));
    }
    VARMOR_RETURN_IF_ERROR(PinAt(calls, record.get(), target));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> FindVersionWithControl(const std::string& directory,
                                                   uint32_t control_id) {
  VARMOR_ASSIGN_OR_RETURN(const std::vector<PinnedVersion> versions, ListVersions(directory));
  for (const PinnedVersion& version : versions) {
    if (!version.complete || AbiOfVersion(version.name) != static_cast<int>(VARMOR_PROGRAMS_ABI)) {
      continue;
    }
    const absl::StatusOr<uint32_t> id = ControlIdOf(absl::StrCat(directory, "/", version.name));
    if (absl::IsNotFound(id.status())) continue;
    if (!id.ok()) return id.status();
    if (*id == control_id) return version.name;
  }
  return absl::NotFoundError("no version has these maps any more");
}

absl::StatusOr<std::vector<std::string>> MissingPrograms(const std::string& path,
                                                         const std::vector<std::string>& programs) {
  const std::string links = absl::StrCat(path, "/links");
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> pinned, ListDirectory(links));
  for (const std::string& name : pinned) {
    const std::string pin = absl::StrCat(links, "/", name);
    VARMOR_ASSIGN_OR_RETURN(const UniqueFd link, OpenPin(pin));
    // The kernel keeps the first 15 bytes of a name.
    VARMOR_ASSIGN_OR_RETURN(const std::string program, NameOfProgram(link.get()));
    if (program == name.substr(0, BPF_OBJ_NAME_LEN - 1)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(Quoted(pin), " is not ours: it is no link of that LSM program"));
  }
  std::vector<std::string> missing;
  for (const std::string& program : programs) {
    if (!std::binary_search(pinned.begin(), pinned.end(), program)) missing.push_back(program);
  }
  return missing;
}

absl::StatusOr<ActiveVersion> LoadVersion(BpfCalls& calls, const LoadRequest& request) {
  absl::StatusOr<ActiveVersion> version = Load(calls, request);
  if (!version.ok()) {
    // What stays is half made, and the next start removes it.
    RemoveVersion(calls, absl::StrCat(request.directory, "/", request.name)).IgnoreError();
  }
  return version;
}

}  // namespace varmor
