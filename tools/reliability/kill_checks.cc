// kill -9 of a process that starts, applies, enrols and removes, at random moments.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/enforcers/bpf/cgroups.h"
#include "tools/reliability/installed.h"
#include "tools/reliability/policies.h"
#include "tools/reliability/reliability.h"

namespace varmor {
namespace {

enum Step { kStart, kApply, kEnroll, kWithdraw, kRemove, kSteps };
constexpr const char* kStepNames[] = {"Start", "Apply", "Enroll", "Withdraw", "Remove"};

// What the process that is to be killed does, and says in `at` what it is doing.
struct Progress {
  volatile int at;
  volatile int errors;
  volatile int cycles;
};

class Victim {
 public:
  Victim()
      : a_(ProberProfile("relia", 'A')),
        b_(ProberProfile("relia", 'B')),
        extra_(DenyReading("extra", {"/tmp/relia/secret2"})),
        other_(CgroupNamed("relia-other")) {
    progress_ = static_cast<Progress*>(SharedMemory(sizeof(Progress)));
  }

  // Runs `cycles` times everything; never returns an error, but counts it.
  void Work(bool second_build, int cycles) {
    BpfEnforcer enforcer(BuildOptions(second_build));
    Do(kStart, [&] { return enforcer.Start().status(); });
    for (int i = 0; i < cycles; ++i) {
      Do(kApply, [&] { return enforcer.Apply(Only(i % 2 == 0 ? b_ : a_)); });
      Do(kApply, [&] { return enforcer.Apply(Only(extra_)); });
      Do(kEnroll, [&] { return enforcer.Enroll(SubjectOf(other_, extra_.name())); });
      Do(kEnroll, [&] { return enforcer.Enroll(SubjectOf(other_, kProberProfile)); });
      Do(kWithdraw, [&] { return enforcer.Withdraw(SubjectOf(other_, "").cgroup); });
      Do(kRemove, [&] { return enforcer.Remove(extra_.name()); });
      progress_->cycles = progress_->cycles + 1;
    }
  }

  // In another process, killed after `microseconds`. Where it was.
  int KillAfter(bool second_build, int64_t microseconds) {
    progress_->at = kStart;
    const pid_t child = fork();
    if (child == 0) {
      Work(second_build, 1 << 20);
      _exit(0);
    }
    usleep(static_cast<useconds_t>(microseconds));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    return progress_->at;
  }

  int errors() const { return progress_->errors; }
  int cycles() const { return progress_->cycles; }

 private:
  template <typename Call>
  void Do(Step step, Call call) {
    progress_->at = step;
    const absl::Status status = call();
    if (status.ok()) return;
    if (progress_->errors < 3)
      fprintf(stderr, "%s: %s\n", kStepNames[step], status.ToString().c_str());
    progress_->errors = progress_->errors + 1;
  }

  const BpfArtifact a_, b_, extra_;
  const std::string other_;
  Progress* progress_ = nullptr;
};

// How long the victim takes, in microseconds.
int64_t TimeOf(Victim& victim, bool second_build, int cycles) {
  const auto begin = std::chrono::steady_clock::now();
  victim.Work(second_build, cycles);
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                               begin)
      .count();
}

}  // namespace

void CheckKills(const ReliabilityOptions& options, Checks& checks) {
  Installed installed(checks);
  if (!installed.ready()) return;
  Prober& prober = installed.prober();
  prober.SetUnannounced(true);
  std::string first_build;
  {
    BpfEnforcer enforcer(BuildOptions(false));
    const absl::StatusOr<BpfStartReport> report = enforcer.Start();
    if (!checks.Need(report.status(), "kills: start")) return;
    first_build = report->version;
  }
  Victim victim;
  const int64_t loading = TimeOf(victim, true, 1);
  const int64_t adopting = TimeOf(victim, true, 1);
  std::mt19937_64 random(options.seed);
  std::array<int, kSteps> where{};
  int loads = 0, slow = 0;
  for (int i = 0; i < options.kills; ++i) {
    const bool load = i % options.loads == 0;
    const bool second_is_in_force = WholeVersions().count(first_build) == 0;
    const int64_t most = (load ? loading : adopting) * 11 / 10;
    const auto wait = static_cast<int64_t>(random() % static_cast<uint64_t>(most));
    where[static_cast<size_t>(victim.KillAfter(load != second_is_in_force, wait))]++;
    loads += load;
    slow += !prober.AwaitRounds(2);
  }
  std::string counts = absl::StrCat(options.kills, " kills, ", loads,
                                    " of processes that load another build; during");
  for (size_t i = 0; i < where.size(); ++i) {
    absl::StrAppend(&counts, " ", kStepNames[i], " ", where[i], i + 1 < where.size() ? "," : "");
  }
  absl::StrAppend(&counts, "; ", victim.errors(), " errors of those that came after, ",
                  victim.cycles(), " rounds completed, seed ", options.seed);
  checks.Expect(victim.errors() == 0 && slow == 0, "kills: whoever comes next goes on", counts);
  prober.Judge(checks, "kills", false);
  installed.CheckResting("kills");
}

}  // namespace varmor
