#include "lib/enforcers/bpf/bpf_enforcer.h"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bpf/bpf.h"
#include "lib/compiler/artifact/check_bpf_image.h"
#include "lib/compiler/bind/bind_bpf.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_enforcer_parts.h"
#include "lib/enforcers/bpf/bpf_reads.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "lib/enforcers/bpf/inside_processes.h"
#include "lib/enforcers/bpf/kernel_features.h"
#include "lib/enforcers/bpf/programs/programs_abi.h"
#include "lib/enforcers/node_facts.h"

namespace varmor {
namespace {

absl::Status WithName(const absl::Status& status, absl::string_view profile) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat("BPF profile ", Quoted(profile), ": ", status.message()));
}

// Fills the hole for disks and checks every byte.
absl::StatusOr<BpfArtifact> BindAndCheck(const BpfArtifact& artifact,
                                         const std::string& partitions) {
  // Its record could not be read back, and nobody could remove it.
  if (artifact.name().empty()) return absl::InvalidArgumentError("the profile has no name");
  VARMOR_RETURN_IF_ERROR(CheckBpfImage(artifact));
  const bool disks = std::find(artifact.holes().begin(), artifact.holes().end(), DISK_DEVICE_MAP) !=
                     artifact.holes().end();
  if (!disks) return artifact;
  VARMOR_ASSIGN_OR_RETURN(const NodeFacts facts, ReadNodeFacts(partitions));
  VARMOR_ASSIGN_OR_RETURN(const BpfArtifact bound, BindBpf(artifact, facts));
  VARMOR_RETURN_IF_ERROR(CheckBpfImage(bound));
  return bound;
}

}  // namespace

BpfEnforcer::BpfEnforcer(BpfEnforcerOptions options, BpfCalls* calls)
    : parts_(std::make_unique<Parts>()) {
  parts_->options = std::move(options);
  parts_->calls = calls != nullptr ? calls : &BpfCalls::Real();
}

BpfEnforcer::~BpfEnforcer() = default;

EnforcerSupport BpfEnforcer::Probe() {
  const std::string& directory = parts_->options.directory;
  return SupportOf(ReadKernelFeatures(directory), directory);
}

std::vector<UnenforcedRule> BpfEnforcer::Unenforced(const ArtifactSet& artifacts) {
  if (artifacts.bpf == nullptr) return {};
  std::optional<KernelFeatures>& features = parts_->features;
  if (!features.has_value()) features = ReadKernelFeatures(parts_->options.directory);
  // Nothing is known of its hooks; nor can anything be loaded then.
  if (!features->btf) {
    features.reset();
    return {};
  }
  return UnenforcedRules(*artifacts.bpf, *features);
}

void BpfEnforcer::Parts::WaitForCleaner() {
  if (cleaner.joinable()) cleaner.join();
}

void BpfEnforcer::Parts::CleanUp(PinLock lock, std::vector<uint32_t> slots) {
  if (slots.empty()) return;
  // What cannot be freed is swept the next time: its record is still there. The profile in force
  // does not depend on it.
  try {
    cleaner = std::thread(
        [this](const PinLock&, const std::vector<uint32_t>& unused) {
          profiles->Release(unused).IgnoreError();
        },
        std::move(lock), std::move(slots));
  } catch (const std::system_error&) {
    // No thread: it is swept the next time.
  }
}

absl::Status BpfEnforcer::Parts::FollowTakeover() {
  if (IsComplete(version->path)) {
    const absl::StatusOr<uint32_t> id = ControlIdOf(version->path);
    if (id.ok() && *id == version->control_id) return absl::OkStatus();
    if (!id.ok() && !absl::IsNotFound(id.status())) return id.status();
  }
  const absl::StatusOr<std::string> name =
      FindVersionWithControl(options.directory, version->control_id);
  if (absl::IsNotFound(name.status())) {
    return absl::FailedPreconditionError(absl::StrCat(
        "version ", version->name, " is not in force any more; start the enforcer again"));
  }
  if (!name.ok()) return name.status();
  version->name = *name;
  version->path = absl::StrCat(options.directory, "/", *name);
  profiles->SetRecords(absl::StrCat(version->path, "/profiles"));
  return absl::OkStatus();
}

absl::StatusOr<PinLock> BpfEnforcer::Parts::Begin() {
  WaitForCleaner();
  if (!version.has_value()) {
    return absl::FailedPreconditionError("the BPF enforcer has not been started");
  }
  VARMOR_ASSIGN_OR_RETURN(PinLock lock, PinLock::Take(options.directory));
  VARMOR_RETURN_IF_ERROR(FollowTakeover());
  std::vector<std::string> warnings;
  VARMOR_RETURN_IF_ERROR(profiles->Refresh(warnings));
  return lock;
}

absl::Status BpfEnforcer::Apply(const ArtifactSet& artifacts) {
  if (artifacts.bpf == nullptr) {
    return absl::InvalidArgumentError("there is no artifact for the BPF enforcer");
  }
  return ApplyAll({artifacts.bpf}).front();
}

std::vector<absl::Status> BpfEnforcer::ApplyAll(absl::Span<const BpfArtifact* const> artifacts) {
  Parts& p = *parts_;
  std::vector<absl::Status> results(artifacts.size());
  // Addresses of elements are kept.
  std::vector<BpfArtifact> bound(artifacts.size());
  std::vector<const BpfArtifact*> good;
  std::vector<size_t> places;
  std::set<std::string> names;
  for (size_t i = 0; i < artifacts.size(); ++i) {
    absl::StatusOr<BpfArtifact> one = BindAndCheck(*artifacts[i], p.options.partitions);
    if (one.ok() && !names.insert(one->name()).second) {
      one = absl::InvalidArgumentError("another profile of the list has this name");
    }
    if (!one.ok()) {
      results[i] = WithName(one.status(), artifacts[i]->name());
      continue;
    }
    bound[i] = *std::move(one);
    good.push_back(&bound[i]);
    places.push_back(i);
  }
  if (good.empty()) return results;
  absl::StatusOr<PinLock> lock = p.Begin();
  absl::Status begun = lock.status();
  if (begun.ok()) begun = p.profiles->Sweep();
  std::vector<uint32_t> unused;
  const std::vector<absl::Status> applied =
      begun.ok() ? p.profiles->Apply(good, unused) : std::vector<absl::Status>(good.size(), begun);
  if (lock.ok()) p.CleanUp(*std::move(lock), std::move(unused));
  for (size_t i = 0; i < good.size(); ++i) {
    results[places[i]] = WithName(applied[i], good[i]->name());
  }
  return results;
}

absl::Status BpfEnforcer::Remove(absl::string_view profile) {
  Parts& p = *parts_;
  VARMOR_ASSIGN_OR_RETURN(const PinLock lock, p.Begin());
  const ProfileTable::Entry* entry = p.profiles->Find(profile);
  if (entry == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no BPF profile ", Quoted(profile)));
  }
  VARMOR_ASSIGN_OR_RETURN(const auto subjects, p.subjects->Read());
  size_t users = 0;
  for (const auto& [cgroup, subject] : subjects) users += subject.profile == entry->number;
  if (users > 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("BPF profile ", Quoted(profile), " confines ", users, " cgroup",
                     users == 1 ? "" : "s", "; withdraw or give them another profile first"));
  }
  return WithName(p.profiles->Remove(profile), profile);
}

absl::Status BpfEnforcer::Enroll(const BpfSubject& subject) {
  Parts& p = *parts_;
  std::set<PodAddress> addresses;
  for (const std::string& text : subject.addresses) {
    VARMOR_ASSIGN_OR_RETURN(const PodAddress address, ParsePodAddress(text));
    addresses.insert(address);
  }
  std::string mount = p.options.cgroup_mount;
  if (mount.empty()) {
    VARMOR_ASSIGN_OR_RETURN(mount, FindCgroupMount());
  }
  VARMOR_ASSIGN_OR_RETURN(const std::vector<uint64_t> own, OwnCgroupIds(mount));
  if (subject.cgroup == 0 || subject.cgroup == own.back()) {
    return absl::InvalidArgumentError("the root cgroup is the whole machine; it is not confined");
  }
  if (std::find(own.begin(), own.end(), subject.cgroup) != own.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cgroup ", subject.cgroup,
        " holds this process; move the processes to confine into a cgroup of their own"));
  }
  VARMOR_ASSIGN_OR_RETURN(const PinLock lock, p.Begin());
  const ProfileTable::Entry* entry = p.profiles->Find(subject.profile);
  if (entry == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no BPF profile ", Quoted(subject.profile)));
  }
  return p.subjects->Put(subject.cgroup, entry->number,
                         subject.any_namespace ? VARMOR_SUBJECT_ANY_NAMESPACE : 0, addresses);
}

absl::Status BpfEnforcer::Withdraw(uint64_t cgroup) {
  VARMOR_ASSIGN_OR_RETURN(const PinLock lock, parts_->Begin());
  return parts_->subjects->Delete(cgroup);
}

absl::StatusOr<std::map<uint64_t, size_t>> BpfEnforcer::Inside() {
  Parts& p = *parts_;
  VARMOR_ASSIGN_OR_RETURN(const PinLock lock, p.Begin());
  const auto tasks = p.version->maps.find("tasks");
  const auto count = [&] {
    return tasks != p.version->maps.end()
               ? CountInside(tasks->second.get())
               : CountInsideByAddress(p.version->map("tasks_by_address"));
  };
  VARMOR_ASSIGN_OR_RETURN(const auto before, p.subjects->Read());
  VARMOR_ASSIGN_OR_RETURN(auto inside, count());
  // Who was being started during the first look is found by the second one, unless it starts
  // another and ends; then the subject's counter has grown.
  VARMOR_ASSIGN_OR_RETURN(const auto again, count());
  VARMOR_ASSIGN_OR_RETURN(const auto after, p.subjects->Read());
  for (const auto& [cgroup, processes] : again) {
    inside[cgroup] = std::max(inside[cgroup], processes);
  }
  for (const auto& [cgroup, subject] : after) {
    const auto known = before.find(cgroup);
    if (known != before.end() && known->second.forks == subject.forks) continue;
    inside[cgroup] = std::max<size_t>(inside[cgroup], 1);
  }
  return inside;
}

absl::StatusOr<std::vector<BpfSubject>> BpfEnforcer::Subjects() {
  Parts& p = *parts_;
  VARMOR_ASSIGN_OR_RETURN(const PinLock lock, p.Begin());
  VARMOR_ASSIGN_OR_RETURN(const auto subjects, p.subjects->Read());
  VARMOR_ASSIGN_OR_RETURN(const auto pods, p.subjects->ReadPods());
  std::map<uint32_t, std::string> names;
  for (const auto& [name, entry] : p.profiles->entries()) names[entry.number] = name;
  std::vector<BpfSubject> out;
  for (const auto& [cgroup, value] : subjects) {
    BpfSubject subject;
    subject.cgroup = cgroup;
    subject.profile = names[value.profile];
    subject.any_namespace = (value.flags & VARMOR_SUBJECT_ANY_NAMESPACE) != 0;
    const auto pod = pods.find(value.pod);
    if (pod != pods.end()) {
      for (const PodAddress& address : pod->second) {
        subject.addresses.push_back(PodAddressText(address));
      }
    }
    out.push_back(std::move(subject));
  }
  return out;
}

absl::StatusOr<std::vector<BpfProfileState>> BpfEnforcer::Profiles() {
  Parts& p = *parts_;
  VARMOR_ASSIGN_OR_RETURN(const PinLock lock, p.Begin());
  VARMOR_ASSIGN_OR_RETURN(const auto subjects, p.subjects->Read());
  std::map<uint32_t, size_t> users;
  for (const auto& [cgroup, subject] : subjects) ++users[subject.profile];
  std::vector<BpfProfileState> out;
  for (const auto& [name, entry] : p.profiles->entries()) {
    BpfProfileState state;
    state.name = name;
    state.number = entry.number;
    state.slot = entry.slot;
    state.digest = entry.record.digest();
    state.complain = entry.record.complain();
    state.rules.assign(entry.record.rules().begin(), entry.record.rules().end());
    for (const int hole : entry.record.holes()) state.holes.push_back(static_cast<HoleKind>(hole));
    state.subjects = users[entry.number];
    VARMOR_ASSIGN_OR_RETURN(const uint64_t maps, p.profiles->maps().Memory(entry.slot));
    VARMOR_ASSIGN_OR_RETURN(const UniqueFd record, OpenPin(p.profiles->RecordPath(entry.slot)));
    VARMOR_ASSIGN_OR_RETURN(const uint64_t for_record, MapMemory(record.get()));
    state.memory_bytes = maps + for_record;
    out.push_back(std::move(state));
  }
  return out;
}

absl::StatusOr<std::vector<BpfRuleHits>> BpfEnforcer::Hits(absl::string_view profile) {
  Parts& p = *parts_;
  VARMOR_ASSIGN_OR_RETURN(const PinLock lock, p.Begin());
  const ProfileTable::Entry* entry = p.profiles->Find(profile);
  if (entry == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no BPF profile ", Quoted(profile)));
  }
  VARMOR_ASSIGN_OR_RETURN(const UniqueFd map, p.profiles->maps().Find("slot_hits", entry->slot));
  std::vector<BpfRuleHits> hits(static_cast<size_t>(entry->record.rules_size()));
  for (uint32_t i = 0; i < hits.size(); ++i) {
    hits[i].rule = entry->record.rules(static_cast<int>(i));
    if (bpf_map_lookup_elem(map.get(), &i, &hits[i].hits) != 0) {
      return ReadFailed("the hits", errno);
    }
  }
  return hits;
}

}  // namespace varmor
