// Every call by which a started enforcer changes something fails once, alone and with all after it.
// What was in force stays, or the new comes: the status says which. Starting:
// start_fault_checks.cc.
#include <cerrno>
#include <climits>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "tools/reliability/failing_calls.h"
#include "tools/reliability/fault_outcome.h"
#include "tools/reliability/installed.h"
#include "tools/reliability/policies.h"
#include "tools/reliability/reliability.h"

namespace varmor {
namespace {

// One kind of operation. `prepare` and `undo` use calls that work.
struct Operation {
  std::string name;
  std::function<absl::Status(BpfEnforcer&)> prepare;
  std::function<absl::Status(BpfEnforcer&)> run;
  // Whether the state is what the status says; "" if so.
  std::function<std::string(BpfEnforcer&, const absl::Status&)> judge;
  std::function<absl::Status(BpfEnforcer&)> undo;
};

bool HasProfile(BpfEnforcer& enforcer, const std::string& name) {
  const auto profiles = enforcer.Profiles();
  if (!profiles.ok()) return false;
  for (const BpfProfileState& profile : *profiles) {
    if (profile.name == name) return true;
  }
  return false;
}

// The profile of a cgroup; "" when it is not confined.
std::string ProfileOfCgroup(BpfEnforcer& enforcer, const std::string& cgroup) {
  const auto subjects = enforcer.Subjects();
  if (!subjects.ok()) return "unknown";
  for (const BpfSubject& subject : *subjects) {
    if (subject.cgroup == SubjectOf(cgroup, "").cgroup) return subject.profile;
  }
  return "";
}

// Lets one call of an operation fail after another; `every`: FailEach.
FaultOutcome InjectInto(const Operation& operation, bool all, bool every) {
  FaultOutcome outcome;
  std::vector<std::string> made;
  const auto fail = [&](int n) {
    FailingCalls calls;
    BpfEnforcer enforcer(BuildOptions(false), &calls);
    absl::Status status = enforcer.Start().status();
    if (status.ok() && operation.prepare) status = operation.prepare(enforcer);
    if (!status.ok()) {
      outcome.Wrong(absl::StrCat("before call ", n, ": ", status.ToString()));
      return false;
    }
    calls.Arm(n, all, n % 2 == 0 ? ENOMEM : ENOSPC);
    status = operation.run(enforcer);
    const std::string kind = calls.failed();
    if (kind.empty()) made = calls.made();
    calls.Disarm();
    const std::string why = operation.judge(enforcer, status);
    if (!why.empty()) {
      outcome.Wrong(absl::StrCat("call ", n, " (", kind, "): ", why, "; status ",
                                 status.ok() ? "OK" : std::string(status.message())));
    }
    if (operation.undo) {
      const absl::Status undone = operation.undo(enforcer);
      if (!undone.ok()) outcome.Wrong(absl::StrCat("undo after call ", n, ": ", undone.ToString()));
    }
    if (!kind.empty()) outcome.Count(kind, !status.ok());
    return !kind.empty();
  };
  fail(INT_MAX);  // tells what calls there are
  FailEach(std::vector<std::string>(made), every, fail);
  return outcome;
}

Operation ApplyOperation(Prober& prober, const BpfArtifact& a, const BpfArtifact& b) {
  Operation op;
  op.name = "an update";
  op.run = [&](BpfEnforcer& e) {
    prober.Move();
    const absl::Status status = e.Apply(Only(b));
    prober.Settle(status.ok() ? 2 : 0);
    return status;
  };
  op.judge = [&](BpfEnforcer& e, const absl::Status& status) -> std::string {
    const auto profiles = e.Profiles();
    if (!profiles.ok() || profiles->size() != 1) return "there is not one profile";
    const std::string want = status.ok() ? b.digest() : a.digest();
    return profiles->front().digest == want ? "" : "the profile has another digest";
  };
  op.undo = [&](BpfEnforcer& e) {
    const bool was_b = prober.page().phase % 4 == 2;
    if (was_b) prober.Move();
    const absl::Status status = e.Apply(Only(a));
    prober.Settle(0);
    return status;
  };
  return op;
}

Operation FirstApplyOperation(const BpfArtifact& extra) {
  Operation op;
  op.name = "a new profile";
  op.run = [&](BpfEnforcer& e) { return e.Apply(Only(extra)); };
  op.judge = [&](BpfEnforcer& e, const absl::Status& status) -> std::string {
    return HasProfile(e, extra.name()) == status.ok() ? "" : "the profile is there, or is not";
  };
  op.undo = [&](BpfEnforcer& e) {
    return HasProfile(e, extra.name()) ? e.Remove(extra.name()) : absl::OkStatus();
  };
  return op;
}

Operation RemoveOperation(const BpfArtifact& extra) {
  Operation op = FirstApplyOperation(extra);
  op.name = "removing a profile";
  op.prepare = op.run;
  op.run = [&](BpfEnforcer& e) { return e.Remove(extra.name()); };
  op.judge = [&](BpfEnforcer& e, const absl::Status& status) -> std::string {
    return HasProfile(e, extra.name()) != status.ok() ? "" : "the profile is there, or is not";
  };
  return op;
}

std::string JudgeCgroup(BpfEnforcer& e, const std::string& cgroup, const std::string& want) {
  const std::string profile = ProfileOfCgroup(e, cgroup);
  if (profile != want) return absl::StrCat("the cgroup has profile '", profile, "'");
  const bool denied = RunConfined(cgroup, {"/bin/cat", "/tmp/relia/secret"}) != 0;
  if (denied != (want == kProberProfile)) return denied ? "reading is denied" : "reading succeeds";
  return "";
}

absl::Status WithdrawIfThere(BpfEnforcer& e, const std::string& cgroup) {
  const absl::Status status = e.Withdraw(SubjectOf(cgroup, "").cgroup);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

Operation EnrollOperation(const std::string& cgroup) {
  Operation op;
  op.name = "confining a cgroup";
  const BpfSubject subject = [&] {
    BpfSubject s = SubjectOf(cgroup, kProberProfile);
    s.addresses = {"10.0.0.1", "fd00::1"};
    return s;
  }();
  op.run = [subject](BpfEnforcer& e) { return e.Enroll(subject); };
  op.judge = [&](BpfEnforcer& e, const absl::Status& status) {
    // When undoing fails as well, the status says what there is.
    const bool has_it = status.ok() || absl::StrContains(status.message(), "has the profile");
    return JudgeCgroup(e, cgroup, has_it ? kProberProfile : "");
  };
  op.undo = [&](BpfEnforcer& e) { return WithdrawIfThere(e, cgroup); };
  return op;
}

Operation WithdrawOperation(const std::string& cgroup) {
  Operation op = EnrollOperation(cgroup);
  op.name = "releasing a cgroup";
  op.prepare = op.run;
  op.run = [&](BpfEnforcer& e) { return e.Withdraw(SubjectOf(cgroup, "").cgroup); };
  op.judge = [&](BpfEnforcer& e, const absl::Status& status) {
    return JudgeCgroup(e, cgroup, status.ok() ? "" : kProberProfile);
  };
  return op;
}

Operation SelfTestOperation() {
  Operation op;
  op.name = "the self-test";
  op.run = [](BpfEnforcer& e) { return e.SelfTest(); };
  op.judge = [](BpfEnforcer&, const absl::Status&) { return ""; };
  // The next one puts in order what the one before could not.
  op.undo = [](BpfEnforcer& e) {
    const absl::Status status = e.SelfTest();
    const auto profiles = e.Profiles();
    if (!status.ok() || !profiles.ok() || profiles->size() == 1) return status;
    return absl::InternalError(absl::StrCat(profiles->size(), " profiles after a self-test"));
  };
  return op;
}

}  // namespace

void CheckFaults(const ReliabilityOptions& options, Checks& checks) {
  Installed installed(checks);
  if (!installed.ready()) return;
  const BpfArtifact a = ProberProfile("relia", 'A'), b = ProberProfile("relia", 'B');
  const BpfArtifact extra = DenyReading("extra", {"/tmp/relia/secret2"});
  const std::string other = CgroupNamed("relia-other");
  const Operation operations[] = {ApplyOperation(installed.prober(), a, b),
                                  FirstApplyOperation(extra),
                                  RemoveOperation(extra),
                                  EnrollOperation(other),
                                  WithdrawOperation(other),
                                  SelfTestOperation()};
  for (const Operation& operation : operations) {
    const bool every = options.every_call || operation.name != "the self-test";
    for (const bool all : {false, true}) {
      InjectInto(operation, all, every)
          .Report(checks,
                  absl::StrCat("faults in ", operation.name, all ? ", one and all after it" : ""));
    }
  }
  installed.prober().Judge(checks, "faults", true);
  installed.CheckResting("faults");
}

}  // namespace varmor
