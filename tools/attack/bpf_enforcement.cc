// BPF: the profile is applied, and the container's cgroup enrolled before its process executes
// anything. Reports come through the ring of events.
#include <iostream>
#include <optional>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/enforcers/bpf/bpf_enforcer.h"
#include "lib/enforcers/bpf/bpf_events.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "tools/attack/enforcement.h"

namespace varmor {
namespace {

// Records are in the ring before the system call comes back.
constexpr int kWaitMs = 0;

class Bpf : public Enforcement {
 public:
  Bpf() : enforcer_(BpfEnforcerOptions()) {}

  EnforcerSupport Probe() override { return enforcer_.Probe(); }

  bool Replaces() const override { return true; }

  absl::Status Load(const ArtifactSet& artifacts, ContainerOptions& /*options*/) override {
    if (artifacts.bpf == nullptr) return absl::InternalError("there is no BPF profile");
    VARMOR_RETURN_IF_ERROR(StartOnce());
    profile_ = artifacts.bpf->name();
    return enforcer_.Apply(artifacts);
  }

  bool Enrols() const override { return true; }
  absl::Status Enrol(const Container& container,
                     const std::vector<std::string>& addresses) override {
    VARMOR_ASSIGN_OR_RETURN(const std::string path, CgroupOfProcess(container.pid()));
    if (path == "/") {
      return absl::FailedPreconditionError("the container has no cgroup of its own");
    }
    BpfSubject subject;
    VARMOR_ASSIGN_OR_RETURN(const std::string mount, FindCgroupMount());
    VARMOR_ASSIGN_OR_RETURN(subject.cgroup, CgroupIdOfPath(mount + path));
    subject.profile = profile_;
    subject.addresses = addresses;
    cgroup_ = subject.cgroup;
    return enforcer_.Enroll(subject);
  }

  bool Reports(const Event&, const std::string&, bool /*observe*/) const override { return true; }

  absl::StatusOr<std::vector<Violation>> Violations() override {
    read_.clear();
    VARMOR_RETURN_IF_ERROR(reader_->Poll(kWaitMs).status());
    return read_;
  }

  absl::Status Unload() override {
    // The programs forget a cgroup that is gone by themselves.
    if (const absl::Status gone = enforcer_.Withdraw(cgroup_); !absl::IsNotFound(gone)) {
      VARMOR_RETURN_IF_ERROR(gone);
    }
    return enforcer_.Remove(profile_);
  }

 private:
  absl::Status StartOnce() {
    if (reader_.has_value()) return absl::OkStatus();
    const absl::Time begin = absl::Now();
    VARMOR_ASSIGN_OR_RETURN(const BpfStartReport report, enforcer_.Start());
    const absl::Duration taken = absl::Now() - begin;
    VARMOR_RETURN_IF_ERROR(enforcer_.SelfTest());
    VARMOR_ASSIGN_OR_RETURN(const std::vector<BpfProgramFacts> programs, enforcer_.ProgramFacts());
    uint64_t verified = 0;
    for (const BpfProgramFacts& program : programs) verified += program.verified_instructions;
    std::cout << "BPF: " << programs.size() << " programs (" << report.variant << "), loaded in "
              << absl::ToInt64Seconds(taken)
              << " s, self-test passed, verified instructions: " << verified << "\n";
    VARMOR_ASSIGN_OR_RETURN(
        BpfEventReader reader,
        BpfEventReader::Open(enforcer_, [this](const BpfViolation& violation) {
          read_.push_back({violation.subject == cgroup_ ? violation.profile : "",
                           violation.origin.has_value() ? violation.origin->rule() : "none",
                           BpfViolationText(violation),
                           violation.event_class == VARMOR_EVENT_CAPABILITY});
        }));
    reader_.emplace(std::move(reader));
    return absl::OkStatus();
  }

  BpfEnforcer enforcer_;
  std::optional<BpfEventReader> reader_;
  std::vector<Violation> read_;
  std::string profile_;
  uint64_t cgroup_ = 0;
};

}  // namespace

std::unique_ptr<Enforcement> BpfEnforcement() { return absl::make_unique<Bpf>(); }

}  // namespace varmor
