#include "lib/enforcers/seccomp/seccomp_enforcer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/artifact/artifact_digest.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/record_store.h"
#include "lib/enforcers/seccomp/install_profile.h"
#include "lib/enforcers/seccomp/seccomp_record.pb.h"

namespace varmor {
namespace {

std::string FileOf(const SeccompOptions& options, absl::string_view profile) {
  return absl::StrCat(options.directory, "/", profile);
}

RecordStore StoreOf(const SeccompOptions& options, FileCalls& files) {
  return RecordStore(options.state_directory, files);
}

absl::StatusOr<FileLock> Lock(const SeccompOptions& options) {
  VARMOR_RETURN_IF_ERROR(EnsureDirectory(options.state_directory));
  return FileLock::Take(absl::StrCat(options.state_directory, "/lock"));
}

// The directory itself, but not its parents: without a kubelet nobody would look there.
absl::Status MakeDirectory(const std::string& directory) {
  if (mkdir(directory.c_str(), 0755) == 0 || errno == EEXIST) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cannot make ", QuotedPath(directory), ": ", std::strerror(errno)));
}

// As a runtime would read it. A listener is the runtime's business.
absl::Status CheckProfile(const SeccompArtifact& artifact) {
  const absl::Status status = SeccompProgram::Build(artifact).status();
  if (status.ok() || absl::IsUnimplemented(status) || absl::IsInvalidArgument(status)) {
    return absl::IsUnimplemented(status) ? absl::OkStatus() : status;
  }
  return absl::InvalidArgumentError(absl::StrCat("seccomp profile ", Quoted(artifact.name()),
                                                 ": libseccomp refuses ", status.message()));
}

bool Contains(const SeccompRecord& record, const std::string& digest) {
  return std::find(record.digests().begin(), record.digests().end(), digest) !=
         record.digests().end();
}

}  // namespace

SeccompEnforcer::SeccompEnforcer(SeccompOptions options)
    : options_(std::move(options)), files_(real_files_) {}

SeccompEnforcer::SeccompEnforcer(SeccompOptions options, FileCalls& files)
    : options_(std::move(options)), files_(files) {}

EnforcerSupport SeccompEnforcer::Probe() {
  EnforcerSupport support = ProbeSeccompFilters();
  if (!support.available) return support;
  struct stat status = {};
  std::string directory = options_.directory;
  if (stat(directory.c_str(), &status) != 0 && errno == ENOENT) {
    directory = directory.substr(0, directory.rfind('/'));
    if (directory.empty()) directory = "/";
    if (stat(directory.c_str(), &status) != 0) status.st_mode = 0;
  }
  if (!S_ISDIR(status.st_mode)) {
    support.problem = absl::StrCat("there is no directory ", QuotedPath(options_.directory));
    support.fix = "run where the kubelet keeps its files, or name the directory of its profiles";
  } else if (access(directory.c_str(), W_OK) != 0) {
    support.problem =
        absl::StrCat("cannot write into ", QuotedPath(directory), ": ", std::strerror(errno));
    support.fix = "run as root, with that directory mounted writable";
  }
  support.available = support.problem.empty();
  if (!support.available) support.limits.clear();
  return support;
}

absl::Status SeccompEnforcer::Apply(const ArtifactSet& artifacts) {
  if (artifacts.seccomp == nullptr) {
    return absl::InvalidArgumentError("there is no seccomp artifact to apply");
  }
  const SeccompArtifact& artifact = *artifacts.seccomp;
  VARMOR_RETURN_IF_ERROR(CheckProfileName(artifact.name()));
  VARMOR_RETURN_IF_ERROR(CheckProfile(artifact));
  VARMOR_ASSIGN_OR_RETURN(const FileLock lock, Lock(options_));
  VARMOR_RETURN_IF_ERROR(MakeDirectory(options_.directory));

  VARMOR_ASSIGN_OR_RETURN(const SeccompFileState state, Inspect(artifact.name()));
  const bool ours = state.origin == SeccompFileState::Origin::kAsWritten;
  const std::string digest = Sha256Hex(artifact.json());
  if (ours && state.digest == digest) return absl::OkStatus();

  SeccompRecord record;
  record.set_profile(artifact.name());
  record.add_digests(digest);
  if (ours) record.add_digests(state.digest);
  VARMOR_RETURN_IF_ERROR(StoreOf(options_, files_).Write(artifact.name(), record));
  return WriteFileWhole(files_, FileOf(options_, artifact.name()), artifact.json(), 0644);
}

absl::Status SeccompEnforcer::Remove(absl::string_view profile) {
  if (absl::Status status = CheckProfileName(profile); !status.ok()) {
    return absl::FailedPreconditionError(status.message());
  }
  VARMOR_ASSIGN_OR_RETURN(const FileLock lock, Lock(options_));
  VARMOR_ASSIGN_OR_RETURN(const SeccompFileState state, Inspect(profile));
  const std::string file = FileOf(options_, profile);
  switch (state.origin) {
    case SeccompFileState::Origin::kUnknown:
      if (!state.present) {
        return absl::NotFoundError(absl::StrCat("there is no seccomp profile ", Quoted(profile)));
      }
      return absl::FailedPreconditionError(absl::StrCat(
          QuotedPath(file), " is not ours: it stays; apply the profile to take it over"));
    case SeccompFileState::Origin::kTampered:
      if (state.present) {
        return absl::FailedPreconditionError(absl::StrCat(
            QuotedPath(file), " was changed by somebody else: it stays; apply the profile first"));
      }
      break;
    case SeccompFileState::Origin::kAsWritten:
      VARMOR_RETURN_IF_ERROR(RemoveFile(files_, file));
      break;
  }
  return StoreOf(options_, files_).Remove(profile);
}

absl::StatusOr<SeccompFileState> SeccompEnforcer::Inspect(absl::string_view profile) {
  VARMOR_RETURN_IF_ERROR(CheckProfileName(profile));
  SeccompFileState state;
  const absl::StatusOr<std::string> content = ReadFileWhole(FileOf(options_, profile));
  if (!content.ok() && !absl::IsNotFound(content.status())) return content.status();
  state.present = content.ok();
  if (content.ok()) state.digest = Sha256Hex(*content);

  SeccompRecord record;
  const absl::Status read = StoreOf(options_, files_).Read(profile, record);
  if (absl::IsNotFound(read) || absl::IsDataLoss(read)) return state;
  VARMOR_RETURN_IF_ERROR(read);
  state.origin = state.present && Contains(record, state.digest)
                     ? SeccompFileState::Origin::kAsWritten
                     : SeccompFileState::Origin::kTampered;
  return state;
}

absl::StatusOr<std::vector<std::string>> SeccompEnforcer::Profiles() {
  return StoreOf(options_, files_).Profiles();
}

}  // namespace varmor
