#include "tools/attack/matrix.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/artifacts_of.h"
#include "lib/compiler/simulate/event_text.h"
#include "lib/compiler/status/status_macros.h"
#include "tools/attack/attack_way.h"
#include "tools/attack/known_holes.h"
#include "tools/attack/prepare.h"

namespace varmor {
namespace {

// Another process of the machine, which no policy of ours confines.
class Stranger {
 public:
  explicit Stranger(const std::string& attacker) {
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(attacker.c_str(), attacker.c_str(), "--wait", nullptr);
    _exit(127);
  }
  ~Stranger() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

bool AnyMounts(const AttackCase& attack_case) {
  return std::any_of(attack_case.events.begin(), attack_case.events.end(),
                     [](const AttackEvent& event) { return event.event.has_mount(); });
}

bool AnyNeedsStranger(const AttackCase& attack_case) {
  return std::any_of(attack_case.events.begin(), attack_case.events.end(),
                     [](const AttackEvent& event) { return NeedsStranger(event.event); });
}

// A container that others cannot use: it is made for the case, or mounts stay in it.
bool NeedsOwnContainer(const AttackCase& attack_case) {
  return !attack_case.lower_files.empty() || !attack_case.mounts.empty() ||
         !attack_case.addresses.empty() || attack_case.moves || AnyNeedsStranger(attack_case) ||
         AnyMounts(attack_case);
}

std::string KeyOf(const Event& event, const std::string& way) {
  return absl::StrCat(EventText(event), " /", way);
}

// The same operation by a process that lacks the capability: how a refusal shows.
constexpr char kWithout[] = "without";

// The answers that mean the expected refusal.
bool IsRefusal(const AttackEvent& event, const AttackWay& way, const std::string& outcome,
               const std::string& without_capability) {
  if (event.event.has_capability() && way.name.empty()) return outcome == without_capability;
  if (event.verdict.effect == "killed") return outcome == "signal 31";
  // Files of /proc answer EACCES whatever the reason is.
  if (event.event.has_ptrace()) return outcome == "errno 1" || outcome == "errno 13";
  if (event.verdict.effect == "EPERM" && way.name.empty()) return outcome == "errno 1";
  if (event.verdict.effect == "EACCES" && way.name.empty()) return outcome == "errno 13";
  if (event.verdict.effect == "ENOSYS" && way.name.empty()) return outcome == "errno 38";
  // Other ways run into other checks of the same enforcer.
  return outcome == "errno 1" || outcome == "errno 13" || outcome == "errno 38";
}

void Conclude(MatrixRow& row, MatrixRow::Result result, std::string reason) {
  row.result = result;
  row.reason = std::move(reason);
}

// Judges a row whose outcomes are filled in. `violations` are what the enforcer said meanwhile;
// null when it does not report such events.
void Judge(const AttackEvent& event, const AttackWay& way, bool observe,
           const std::string& without_capability, const std::vector<Violation>* violations,
           const AttackCase& attack_case, MatrixRow& row) {
  using Result = MatrixRow::Result;
  // A filter answers before the kernel looks whether it has the call.
  const bool only_filtered = event.event.has_syscall() && event.denied &&
                             attack_case.enforcer == "Seccomp" && row.without == "errno 38";
  if (!only_filtered && !Reached(event.event, row.without)) {
    return Conclude(row, Result::kHole, absl::StrCat("without the policy: ", row.without));
  }
  if (!event.denied && !way.name.empty() && absl::StartsWith(row.with, "unprepared ")) {
    return Conclude(row, Result::kHole, "the policy denies what this way to the near miss needs");
  }
  if (event.denied && !observe) {
    if (!IsRefusal(event, way, row.with, without_capability)) {
      return Conclude(row, Result::kFailed, "not refused as expected");
    }
  } else if (row.with != row.without && !Reached(event.event, row.with)) {
    return Conclude(row, Result::kFailed, observe ? "refused under observation" : "refused");
  }
  if (violations != nullptr) {
    // No rule is about what is refused whatever the object is.
    const bool nameless = RefusedOnPrinciple(attack_case.enforcer, event.event, way.name);
    const auto names = [&](const Violation& violation) {
      return violation.profile == attack_case.compiled->profile_name &&
             (nameless || violation.rule.empty() || violation.rule == attack_case.reported_as);
    };
    const auto found = std::find_if(violations->begin(), violations->end(), names);
    if (event.denied && found == violations->end()) {
      return Conclude(row, Result::kFailed,
                      violations->empty()
                          ? "no event"
                          : absl::StrCat("the event names another rule or profile: ",
                                         violations->front().text));
    }
    // A way to a near miss may need a capability that the policy reports.
    if (!event.denied && found != violations->end() &&
        (event.event.has_capability() || !found->capability)) {
      return Conclude(row, Result::kFailed, absl::StrCat("reported: ", found->text));
    }
  }
  Conclude(row, Result::kPassed, "");
}

}  // namespace

Matrix::Matrix(MatrixOptions options) : options_(std::move(options)) {}

ContainerOptions Matrix::OptionsFor(const AttackCase& attack_case) const {
  ContainerOptions options;
  options.runtime = options_.runtime;
  options.attacker = options_.attacker;
  options.scratch = options_.scratch;
  options.host_pids = AnyNeedsStranger(attack_case);
  options.lower_files = attack_case.lower_files;
  options.overlay = AnyMounts(attack_case) || !attack_case.lower_files.empty();
  options.system_mounts = AnyMounts(attack_case) || attack_case.moves;
  return options;
}

absl::Status Matrix::Attack(const AttackCase& attack_case, const std::string& enforcer,
                            Container& container, const Told& done) {
  std::unique_ptr<Stranger> stranger;
  if (AnyNeedsStranger(attack_case)) stranger = std::make_unique<Stranger>(options_.attacker);
  Preparation preparation(container, options_.attacker, options_.node);
  VARMOR_RETURN_IF_ERROR(preparation.Stack(attack_case.mounts));
  for (const AttackEvent& event : attack_case.events) {
    absl::StatusOr<std::vector<AttackWay>> ways =
        AttackWays(event.event, stranger == nullptr ? 0 : stranger->pid());
    if (!ways.ok()) {
      done(event, {"", ""}, absl::StrCat("unprepared ", ways.status().message()));
      continue;
    }
    for (const std::string& way : attack_case.more_ways) {
      ways->push_back(OtherWay((*ways)[0], way));
    }
    if (!event.denied) {
      ways->erase(std::remove_if(ways->begin(), ways->end(),
                                 [&](const AttackWay& way) {
                                   return RefusedOnPrinciple(enforcer, event.event, way.name);
                                 }),
                  ways->end());
    }
    if (event.event.has_capability()) {
      ways->push_back({kWithout, absl::StrCat("capability/without\t", event.event.capability())});
    }
    for (const AttackWay& way : *ways) {
      const absl::Status prepared = preparation.For(event.event, way.name);
      if (!prepared.ok()) {
        done(event, way, absl::StrCat("unprepared ", prepared.message()));
        continue;
      }
      VARMOR_ASSIGN_OR_RETURN(const std::string outcome, container.Perform(way.line));
      done(event, way, outcome);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Container*> Matrix::FreeContainer(const AttackCase& attack_case,
                                                 std::unique_ptr<Container>& own) {
  std::unique_ptr<Container>& container = NeedsOwnContainer(attack_case) ? own : free_container_;
  if (container == nullptr) {
    VARMOR_ASSIGN_OR_RETURN(container, Container::Start(OptionsFor(attack_case), {}));
  }
  return container.get();
}

absl::Status Matrix::AttackFreely(const AttackCase& attack_case) {
  const bool known = std::all_of(
      attack_case.events.begin(), attack_case.events.end(), [this](const AttackEvent& event) {
        // Ways other than the first are tried for denied events only.
        return free_.count(KeyOf(event.event, event.denied ? "denied" : "near")) > 0;
      });
  if (known) return absl::OkStatus();
  std::unique_ptr<Container> own;
  VARMOR_ASSIGN_OR_RETURN(Container * container, FreeContainer(attack_case, own));
  return Attack(attack_case, "", *container,
                [this](const AttackEvent& event, const AttackWay& way, const std::string& outcome) {
                  free_[KeyOf(event.event, way.name)] = outcome;
                  free_[KeyOf(event.event, event.denied ? "denied" : "near")] = "";
                });
}

absl::StatusOr<MatrixRow> Matrix::RowOf(const AttackCase& attack_case, bool observe,
                                        const AttackEvent& event, const AttackWay& way,
                                        const std::string& outcome,
                                        Enforcement& enforcement) const {
  const auto without = [this, &event](const std::string& name) {
    const auto found = free_.find(KeyOf(event.event, name));
    return found == free_.end() ? std::string() : found->second;
  };
  MatrixRow row;
  row.rule = attack_case.rule;
  row.enforcer = attack_case.enforcer;
  row.event = EventText(event.event);
  row.way = way.name;
  row.denied = event.denied;
  row.without = without(way.name);
  row.with = outcome;
  VARMOR_ASSIGN_OR_RETURN(const std::vector<Violation> violations, enforcement.Violations());
  const bool reports = enforcement.Reports(event.event, way.name, observe);
  Judge(event, way, observe, without(kWithout), reports ? &violations : nullptr, attack_case, row);
  const std::string known = KnownHole(attack_case, event.event, way.name, options_.kernel);
  if (event.denied && row.result == MatrixRow::Result::kFailed && !known.empty()) {
    Conclude(row, MatrixRow::Result::kHole, known);
  }
  return row;
}

absl::Status Matrix::AttackConfined(const AttackCase& attack_case, bool observe,
                                    Enforcement& enforcement, Container& container,
                                    std::vector<MatrixRow>& rows) {
  // What its start has caused.
  VARMOR_RETURN_IF_ERROR(enforcement.Violations().status());
  absl::Status judging;
  VARMOR_RETURN_IF_ERROR(
      Attack(attack_case, attack_case.enforcer, container,
             [&](const AttackEvent& event, const AttackWay& way, const std::string& outcome) {
               if (way.name == kWithout) {
                 judging.Update(enforcement.Violations().status());
                 return;
               }
               absl::StatusOr<MatrixRow> row =
                   RowOf(attack_case, observe, event, way, outcome, enforcement);
               if (row.ok()) rows.push_back(*std::move(row));
               if (!row.ok()) judging = row.status();
             }));
  return judging;
}

absl::Status Matrix::EndConfined(Enforcement& enforcement) {
  const auto found = confined_.find(&enforcement);
  if (found == confined_.end()) return absl::OkStatus();
  confined_.erase(found);
  return enforcement.Unload();
}

Matrix::~Matrix() { EndAll(); }

void Matrix::EndAll() {
  while (!confined_.empty()) EndConfined(*confined_.begin()->first).IgnoreError();
}

absl::StatusOr<std::vector<MatrixRow>> Matrix::Run(const AttackCase& attack_case, bool observe,
                                                   Enforcement& enforcement) {
  VARMOR_RETURN_IF_ERROR(AttackFreely(attack_case));
  const bool shares = enforcement.Replaces() && !NeedsOwnContainer(attack_case);
  if (!shares) VARMOR_RETURN_IF_ERROR(EndConfined(enforcement));
  ContainerOptions options = OptionsFor(attack_case);
  VARMOR_RETURN_IF_ERROR(enforcement.Load(ArtifactsOf(*attack_case.compiled), options));
  std::unique_ptr<Container>& container = confined_[&enforcement];
  std::vector<MatrixRow> rows;
  absl::Status attacked;
  if (container == nullptr) {
    Container::BeforeStart enrol;
    if (enforcement.Enrols()) {
      enrol = [&](const Container& created) {
        return enforcement.Enrol(created, attack_case.addresses);
      };
    }
    absl::StatusOr<std::unique_ptr<Container>> started = Container::Start(options, enrol);
    attacked = started.status();
    if (started.ok()) container = *std::move(started);
  }
  if (attacked.ok()) {
    attacked = AttackConfined(attack_case, observe, enforcement, *container, rows);
  }
  // Also after a fault: the next case starts from nothing.
  if (!shares || !attacked.ok()) attacked.Update(EndConfined(enforcement));
  VARMOR_RETURN_IF_ERROR(attacked);
  return rows;
}

}  // namespace varmor
