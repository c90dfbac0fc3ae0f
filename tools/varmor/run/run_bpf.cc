// BPF: the profile is put in force under a name of this run, or is the daemon's when that has the
// same content; the command's cgroup is enrolled; events come through the ring.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "lib/compiler/bind/bind_bpf.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "lib/enforcers/bpf/bpf_events.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "lib/enforcers/node_facts.h"
#include "tools/varmor/run/run_enforcer.h"

namespace varmor {
namespace {

// Who writes an event may be displaced by others while it does.
constexpr int kDrainMs = 1000;

class Bpf : public RunEnforcer {
 public:
  Bpf(const RunOptions& options, bool json, RunLine line)
      : enforcer_(BpfEnforcerOptions()), options_(options), json_(json), line_(std::move(line)) {}

  absl::string_view name() const override { return "BPF"; }
  EnforcerSupport Probe() override { return enforcer_.Probe(); }

  std::vector<UnenforcedRule> Unenforced(const ArtifactSet& artifacts) override {
    return enforcer_.Unenforced(artifacts);
  }

  absl::Status Load(const ArtifactSet& artifacts) override {
    if (artifacts.bpf == nullptr) return absl::InternalError("there is no BPF profile");
    VARMOR_ASSIGN_OR_RETURN(BpfStartReport started, enforcer_.StartTested());
    warnings_ = std::move(started.warnings);
    VARMOR_ASSIGN_OR_RETURN(profile_, LoadedByOthers(*artifacts.bpf));
    if (profile_.empty()) {
      VARMOR_RETURN_IF_ERROR(enforcer_.Apply(artifacts));
      profile_ = artifacts.bpf->name();
      ours_ = true;
    }
    if (!options_.report) return absl::OkStatus();
    const absl::Status opened = OpenReader();
    if (!opened.ok()) Unload().IgnoreError();
    return opened;
  }

  std::vector<std::string> warnings() const override { return warnings_; }

  absl::Status Enroll(const RunPlace& place) override {
    if (place.cgroup.empty()) {
      return absl::FailedPreconditionError("BPF profiles need the command in a cgroup of its own");
    }
    BpfSubject subject;
    VARMOR_ASSIGN_OR_RETURN(subject.cgroup, CgroupIdOfPath(place.cgroup));
    subject.profile = profile_;
    subject.any_namespace = !place.own_mount_namespace;
    VARMOR_RETURN_IF_ERROR(enforcer_.Enroll(subject));
    cgroup_ = subject.cgroup;
    return absl::OkStatus();
  }

  int reports_fd() const override { return reader_.has_value() ? reader_->fd() : -1; }

  // Records are in the ring before the system call comes back.
  void Report() override {
    if (reader_.has_value()) reader_->Poll(0).IgnoreError();
  }

  std::string ReportRest() override {
    if (!reader_.has_value()) return "";
    std::vector<std::string> losses;
    if (const absl::Status drained = reader_->Drain(kDrainMs); !drained.ok()) {
      losses.push_back(std::string(drained.message()));
    }
    if (reader_->lost_bytes() > 0) {
      losses.push_back(absl::StrCat(reader_->lost_bytes(),
                                    " bytes of events were overwritten before they were read"));
    }
    const absl::StatusOr<uint64_t> drops = AllDrops();
    if (!drops.ok()) {
      losses.push_back(absl::StrCat("the counters cannot be read: ", drops.status().message()));
    } else if (*drops > drops_) {
      losses.push_back(absl::StrCat(*drops - drops_,
                                    " events of all confined processes together found no room"));
    }
    return absl::StrJoin(losses, "; ");
  }

  absl::Status Unload() override {
    if (cgroup_ != 0) {
      VARMOR_ASSIGN_OR_RETURN(const auto inside, enforcer_.Inside());
      if (const auto left = inside.find(cgroup_); left != inside.end()) {
        return absl::FailedPreconditionError(
            absl::StrCat("processes of the command still run outside of its cgroup, confined (",
                         left->second, ")"));
      }
      const absl::Status withdrawn = enforcer_.Withdraw(cgroup_);
      if (!withdrawn.ok() && !absl::IsNotFound(withdrawn)) return withdrawn;
      cgroup_ = 0;
    }
    if (!std::exchange(ours_, false)) return absl::OkStatus();
    const absl::Status removed = enforcer_.Remove(profile_);
    return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
  }

 private:
  // The name of a profile in force with the policy's own name and the same content; "" for none.
  absl::StatusOr<std::string> LoadedByOthers(const BpfArtifact& artifact) {
    BpfArtifact bound = artifact;
    if (std::count(artifact.holes().begin(), artifact.holes().end(), DISK_DEVICE_MAP) > 0) {
      VARMOR_ASSIGN_OR_RETURN(const NodeFacts facts, ReadNodeFacts());
      VARMOR_ASSIGN_OR_RETURN(bound, BindBpf(artifact, facts));
    }
    VARMOR_ASSIGN_OR_RETURN(const std::vector<BpfProfileState> states, enforcer_.Profiles());
    const absl::string_view name = absl::StripSuffix(artifact.name(), options_.suffix);
    for (const BpfProfileState& state : states) {
      if (state.name == name && state.digest == bound.digest()) return state.name;
    }
    return std::string();
  }

  // Events that found no room since the programs were loaded.
  absl::StatusOr<uint64_t> AllDrops() {
    VARMOR_ASSIGN_OR_RETURN(const std::vector<BpfDrops> drops, enforcer_.Drops());
    uint64_t sum = 0;
    for (const BpfDrops& one : drops) sum += one.events;
    return sum;
  }

  absl::Status OpenReader() {
    VARMOR_ASSIGN_OR_RETURN(drops_, AllDrops());
    VARMOR_ASSIGN_OR_RETURN(BpfEventReader reader,
                            BpfEventReader::Open(enforcer_, [this](const BpfViolation& violation) {
                              if (violation.subject != cgroup_) return;
                              line_(json_ ? BpfViolationJson(violation)
                                          : absl::StrCat("BPF: ", BpfViolationText(violation)));
                            }));
    reader_.emplace(std::move(reader));
    return absl::OkStatus();
  }

  BpfEnforcer enforcer_;
  RunOptions options_;
  bool json_;
  RunLine line_;
  std::optional<BpfEventReader> reader_;
  std::string profile_;
  bool ours_ = false;
  uint64_t cgroup_ = 0;
  uint64_t drops_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace

std::unique_ptr<RunEnforcer> BpfForRun(const RunOptions& options, bool json, RunLine line) {
  return absl::make_unique<Bpf>(options, json, std::move(line));
}

}  // namespace varmor
