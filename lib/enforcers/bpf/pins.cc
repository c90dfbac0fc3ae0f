#include "lib/enforcers/bpf/pins.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_reads.h"
#include "lib/enforcers/bpf/program_object.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

constexpr const char* kComplete = "complete";
constexpr const char* kTested = "tested";
// In the order in which they are removed.
constexpr const char* kParts[] = {"links", "test_programs", "profiles", "maps"};

bool IsDirectory(const std::string& path) {
  struct stat found;
  return lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

// Whether an open directory is the one of this path.
bool IsAt(int fd, const std::string& path) {
  struct stat opened, named;
  return fstat(fd, &opened) == 0 && stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

absl::Status Foreign(const std::string& path, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(Quoted(path), " is not ours: ", why,
                                                    "; remove it, or choose another directory"));
}

bool Word(const std::string& name) {
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

bool Number(const std::string& name) {
  return name.find_first_not_of("0123456789") == std::string::npos;
}

// What may be in a part, by name. Whether the object is what its name says is checked where it is
// opened.
bool Belongs(const std::string& part, const std::string& name, bool our_abi) {
  if (part == "profiles") return Number(name);
  if (part != "maps" || !our_abi) return Word(name);
  const auto& shared = SharedMapNames();
  return std::binary_search(shared.begin(), shared.end(), name);
}

absl::Status CheckParts(const std::string& path, const std::string& version) {
  const bool our_abi = AbiOfVersion(version) == AbiOfVersion(VersionOf(""));
  VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> parts, ListDirectory(path));
  for (const std::string& part : parts) {
    const std::string inside = absl::StrCat(path, "/", part);
    const bool mark = part == kComplete || part == kTested;
    const bool known =
        mark || std::find(std::begin(kParts), std::end(kParts), part) != std::end(kParts);
    if (!known || !IsDirectory(inside)) return Foreign(inside, "a version has no such part");
    VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> pins, ListDirectory(inside));
    for (const std::string& pin : pins) {
      const std::string where = absl::StrCat(inside, "/", pin);
      if (mark || IsDirectory(where) || !Belongs(part, pin, our_abi)) {
        return Foreign(where, "nothing of this name is pinned by this program");
      }
    }
  }
  return absl::OkStatus();
}

absl::Status RemoveEmpty(BpfCalls& calls, const std::string& path) {
  if (calls.RemoveDirectory(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return BpfCallFailed(absl::StrCat("remove directory ", Quoted(path)), errno);
}

absl::Status MakeOne(BpfCalls& calls, const std::string& path) {
  if (calls.MakeDirectory(path.c_str()) == 0) return absl::OkStatus();
  return BpfCallFailed(absl::StrCat("make directory ", Quoted(path)), errno);
}

}  // namespace

absl::StatusOr<PinLock> PinLock::Take(const std::string& directory,
                                      std::chrono::milliseconds timeout) {
  while (true) {
    UniqueFd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.ok()) return ReadFailed(absl::StrCat("directory ", Quoted(directory)), errno);
    VARMOR_RETURN_IF_ERROR(LockOpenFile(fd.get(), directory, timeout));
    if (IsAt(fd.get(), directory)) return PinLock(std::move(fd));
    // It was removed, and perhaps made again.
  }
}

absl::Status MakePinDirectory(BpfCalls& calls, const std::string& directory) {
  if (!IsDirectory(directory)) {
    VARMOR_RETURN_IF_ERROR(MakeOne(calls, directory));
  }
  struct statfs system {};
  if (statfs(directory.c_str(), &system) != 0 ||
      static_cast<unsigned long>(system.f_type) != BPF_FS_MAGIC) {
    return absl::FailedPreconditionError(absl::StrCat(
        Quoted(directory), " is in no BPF file system; mount one: mount -t bpf bpf /sys/fs/bpf"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PinnedVersion>> ListVersions(const std::string& directory) {
  const absl::StatusOr<std::vector<std::string>> names = ListDirectory(directory);
  std::vector<PinnedVersion> versions;
  if (absl::IsNotFound(names.status())) return versions;
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const std::string path = absl::StrCat(directory, "/", name);
    if (AbiOfVersion(name) < 0 || !IsDirectory(path)) {
      return Foreign(path, "it is no version of the enforcer");
    }
    VARMOR_RETURN_IF_ERROR(CheckParts(path, name));
    versions.push_back({name, IsComplete(path)});
  }
  return versions;
}

absl::Status MakeVersion(BpfCalls& calls, const std::string& path) {
  VARMOR_RETURN_IF_ERROR(MakeOne(calls, path));
  for (const char* part : kParts) {
    VARMOR_RETURN_IF_ERROR(MakeOne(calls, absl::StrCat(path, "/", part)));
  }
  return absl::OkStatus();
}

absl::Status CompleteVersion(BpfCalls& calls, const std::string& path) {
  return MakeOne(calls, absl::StrCat(path, "/", kComplete));
}

absl::Status MarkTested(BpfCalls& calls, const std::string& path) {
  return IsTested(path) ? absl::OkStatus() : MakeOne(calls, absl::StrCat(path, "/", kTested));
}

bool IsTested(const std::string& path) { return IsDirectory(absl::StrCat(path, "/", kTested)); }

bool IsComplete(const std::string& path) { return IsDirectory(absl::StrCat(path, "/", kComplete)); }

absl::Status RemoveVersion(BpfCalls& calls, const std::string& path) {
  VARMOR_RETURN_IF_ERROR(RemoveEmpty(calls, absl::StrCat(path, "/", kComplete)));
  VARMOR_RETURN_IF_ERROR(RemoveEmpty(calls, absl::StrCat(path, "/", kTested)));
  for (const char* part : kParts) {
    const std::string inside = absl::StrCat(path, "/", part);
    const absl::StatusOr<std::vector<std::string>> pins = ListDirectory(inside);
    if (absl::IsNotFound(pins.status())) continue;
    if (!pins.ok()) return pins.status();
    for (const std::string& pin : *pins) {
      VARMOR_RETURN_IF_ERROR(Unpin(calls, absl::StrCat(inside, "/", pin)));
    }
    VARMOR_RETURN_IF_ERROR(RemoveEmpty(calls, inside));
  }
  return RemoveEmpty(calls, path);
}

absl::Status PinAt(BpfCalls& calls, int fd, const std::string& path) {
  if (calls.Pin(fd, path.c_str()) == 0) return absl::OkStatus();
  return BpfCallFailed(absl::StrCat("pin ", Quoted(path)), errno);
}

absl::Status Unpin(BpfCalls& calls, const std::string& path) {
  if (calls.Unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return BpfCallFailed(absl::StrCat("unpin ", Quoted(path)), errno);
}

}  // namespace varmor
