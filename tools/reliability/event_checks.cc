// Two subjects on one CPU, and a reader that does not keep up.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/enforcers/bpf/bpf_events.h"
#include "tools/reliability/policies.h"
#include "tools/reliability/reliability.h"
#include "tools/reliability/scene.h"

namespace varmor {
namespace {

// Nothing but the enforcer, which is uninstalled at the end.
class Bare {
 public:
  Bare(Checks& checks, BpfEnforcerOptions options) : checks_(checks), enforcer_(options) {
    MakeFiles();
    BpfEnforcer(BpfEnforcerOptions()).Uninstall().IgnoreError();
    ready_ = checks.Need(enforcer_.Start().status(), "start");
  }
  ~Bare() { checks_.Need(enforcer_.Uninstall(), "uninstall"); }

  // Applies the profile and gives it to a cgroup of this name.
  bool Confine(const BpfArtifact& artifact, const std::string& cgroup) {
    return checks_.Need(enforcer_.Apply(Only(artifact)), "apply") &&
           checks_.Need(enforcer_.Enroll(SubjectOf(CgroupNamed(cgroup), artifact.name())),
                        "confine");
  }

  bool ready() const { return ready_; }
  BpfEnforcer& enforcer() { return enforcer_; }

 private:
  Checks& checks_;
  BpfEnforcer enforcer_;
  bool ready_ = false;
};

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// A directory so deep that walking its path takes long.
std::string DeepFile(const std::string& top) {
  std::string path = absl::StrCat("/tmp/relia/", top);
  for (int i = 0; i < 24; ++i) {
    absl::StrAppend(&path, "/", top, "-component-", i);
    std::filesystem::create_directories(path);
  }
  absl::StrAppend(&path, "/", top, "-file");
  std::ofstream(path) << top << "\n";
  return path;
}

uint64_t DropsOf(BpfEnforcer& enforcer, const std::string& event_class) {
  const auto drops = enforcer.Drops();
  if (!drops.ok()) return 0;
  for (const BpfDrops& one : *drops) {
    if (one.event_class == event_class) return one.events;
  }
  return 0;
}

}  // namespace

void CheckConcurrency(const ReliabilityOptions& options, Checks& checks) {
  BpfEnforcerOptions enforcer_options;
  enforcer_options.events_bytes = 1 << 20;
  Bare bare(checks, enforcer_options);
  if (!bare.ready()) return;
  const std::string one = DeepFile("one"), two = DeepFile("two");
  if (!bare.Confine(DenyReading("one", {"/tmp/relia/one/**"}), "relia-one") ||
      !bare.Confine(DenyReading("two", {"/tmp/relia/two/**"}), "relia-two")) {
    return;
  }
  struct Side {
    const char* cgroup;
    std::string denied, allowed;
    uint64_t id;
  };
  const Side sides[] = {{"relia-one", one, two, SubjectOf(CgroupNamed("relia-one"), "").cgroup},
                        {"relia-two", two, one, SubjectOf(CgroupNamed("relia-two"), "").cgroup}};
  uint64_t events = 0, foreign = 0, bad = 0;
  std::string first_foreign;
  auto reader = BpfEventReader::Open(
      bare.enforcer(),
      [&](const BpfViolation& seen) {
        ++events;
        const Side& side = seen.subject == sides[0].id ? sides[0] : sides[1];
        if (seen.subject == side.id && seen.object == side.denied && seen.command == "opener") {
          return;
        }
        if (foreign++ == 0) first_foreign = BpfViolationText(seen);
      },
      [&](const absl::Status&) { ++bad; });
  if (!checks.Need(reader.status(), "concurrency: reader")) return;

  constexpr int kEach = 3;
  std::vector<std::pair<pid_t, std::string>> running;
  for (int i = 0; i < kEach; ++i) {
    for (const Side& side : sides) {
      const std::string out = absl::StrCat("/tmp/relia/out-", side.cgroup, "-", i);
      running.emplace_back(StartConfined(CgroupNamed(side.cgroup),
                                         {"/bin/sh", "-c",
                                          absl::StrCat("exec opener ", options.seconds, " 0 ",
                                                       side.denied, " ", side.allowed, " >", out)}),
                           out);
    }
  }
  uint64_t turns = 0, wrong = 0;
  int failed = 0;
  for (const auto& [process, out] : running) {
    while (true) {
      reader->Poll(20).status().IgnoreError();
      int status = 0;
      const pid_t ended = waitpid(process, &status, WNOHANG);
      if (ended == 0) continue;
      failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
      break;
    }
    unsigned long this_turns = 0, this_wrong = 0;
    if (sscanf(FirstLine(out).c_str(), "%lu %lu", &this_turns, &this_wrong) != 2) ++failed;
    turns += this_turns;
    wrong += this_wrong;
  }
  while (reader->Poll(100).value_or(0) > 0) {
  }
  const uint64_t dropped = DropsOf(bare.enforcer(), "file");
  const std::string preemption = FirstLine("/sys/kernel/debug/sched/preempt");
  checks.Expect(failed == 0 && wrong == 0 && turns > 0,
                "concurrency: each subject is denied its own and allowed the other's",
                absl::StrCat(2 * kEach, " processes, ", sysconf(_SC_NPROCESSORS_ONLN), " CPU, ",
                             options.seconds, " s, ", 2 * turns, " opens, ", wrong,
                             " wrong; preemption: ", preemption));
  checks.Expect(events > 0 && foreign == 0 && bad == 0,
                "concurrency: events have their own subject and their own text",
                absl::StrCat(events, " events, ", foreign, " foreign, ", bad, " damaged",
                             first_foreign.empty() ? "" : "; first: ", first_foreign));
  checks.Expect(events + dropped == turns, "concurrency: every denial is an event or a drop",
                absl::StrCat(turns, " denials, ", events, " events, ", dropped, " drops"));
  const auto hits_one = bare.enforcer().Hits("varmor-ns-one");
  const auto hits_two = bare.enforcer().Hits("varmor-ns-two");
  const uint64_t hits =
      hits_one.ok() && hits_two.ok() ? (*hits_one)[0].hits + (*hits_two)[0].hits : 0;
  checks.Expect(hits == turns, "concurrency: every denial is a hit of its rule",
                absl::StrCat(turns, " denials, ", hits, " hits"));
}

void CheckEvents(const ReliabilityOptions& options, Checks& checks) {
  BpfEnforcerOptions enforcer_options;
  enforcer_options.events_bytes = 64 << 10;
  Bare bare(checks, enforcer_options);
  if (!bare.ready()) return;
  if (!bare.Confine(DenyReading("loud", {"/tmp/relia/secret"}), "relia-one") ||
      !bare.Confine(CompileRules("quiet", {"capabilities: [{qualifiers: [deny, audit], "
                                           "names: [sys_chroot]}]"}),
                    "relia-two")) {
    return;
  }
  std::map<std::string, uint64_t> received;
  auto reader = BpfEventReader::Open(bare.enforcer(), [&](const BpfViolation& seen) {
    ++received[BpfEventClassName(seen.event_class)];
  });
  if (!checks.Need(reader.status(), "events: reader")) return;
  const auto hit = [&](int times) {
    RunConfined(CgroupNamed("relia-one"),
                {"/bin/sh", "-c",
                 absl::StrCat("exec opener 0 ", times, " /tmp/relia/secret - >/dev/null")});
  };
  hit(options.hits);
  while (reader->Poll(0).value_or(0) > 0) {
  }
  const uint64_t file = received["file"], dropped = DropsOf(bare.enforcer(), "file");
  checks.Expect(file > 0 && dropped > 0 && file + dropped == static_cast<uint64_t>(options.hits),
                "events: with a stalled reader, drops are hits less what is received",
                absl::StrCat(options.hits, " hits, ", file, " received, ", dropped, " dropped"));
  const auto hits = bare.enforcer().Hits("varmor-ns-loud");
  checks.Expect(hits.ok() && (*hits)[0].hits == static_cast<uint64_t>(options.hits),
                "events: the rule's counter has them all",
                absl::StrCat(options.hits, " hits, counter ", hits.ok() ? (*hits)[0].hits : 0));

  // The ring is full again, and another container does something that is denied.
  hit(options.hits / 10);
  constexpr int kOthers = 20;
  for (int i = 0; i < kOthers; ++i) {
    RunConfined(CgroupNamed("relia-two"), {"/bin/sh", "-c", "chroot / true 2>/dev/null"});
  }
  while (reader->Poll(0).value_or(0) > 0) {
  }
  const uint64_t arrived = received["capability"];
  checks.Expect(arrived == kOthers,
                "events: another container's denials of another class arrive though one floods the "
                "ring",
                absl::StrCat(kOthers, " denials, ", arrived, " arrived, ",
                             DropsOf(bare.enforcer(), "capability"), " counted as dropped"));
  checks.Expect(arrived + DropsOf(bare.enforcer(), "capability") == kOthers,
                "events: what of another class is lost is counted for that class",
                absl::StrCat(kOthers, " denials, ", arrived, " arrived"));
}

}  // namespace varmor
