// Several readers of the events at once, in processes of their own.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/enforcers/bpf/bpf_events.h"
#include "tools/reliability/installed.h"
#include "tools/reliability/policies.h"
#include "tools/reliability/reliability.h"
#include "tools/reliability/scene.h"

namespace varmor {
namespace {

constexpr int kReaders = 3;

// What a reader has seen.
struct Seen {
  volatile int ready;
  volatile uint64_t events;
  volatile uint64_t named;  // with profile and rule
  volatile uint64_t lost;
  volatile int problems;
};

// In a process of its own: reads until `stop` is set and nothing comes any more. A reader that
// sleeps between its turns is behind the others.
pid_t StartReader(Seen& seen, const volatile int& stop, useconds_t sleeps) {
  const pid_t child = fork();
  if (child != 0) return child;
  BpfEnforcer enforcer(BuildOptions(false));
  if (!enforcer.Adopt().ok()) _exit(1);
  auto reader = BpfEventReader::Open(
      enforcer,
      [&](const BpfViolation& violation) {
        seen.events = seen.events + 1;
        if (!violation.profile.empty() && violation.origin.has_value()) {
          seen.named = seen.named + 1;
        }
      },
      [&](const absl::Status& status) {
        if (!absl::IsDataLoss(status)) seen.problems = seen.problems + 1;
      });
  if (!reader.ok()) _exit(2);
  seen.ready = 1;
  while (true) {
    const int last = stop;
    const absl::StatusOr<int> count = reader->Poll(50);
    if (!count.ok()) _exit(3);
    seen.lost = reader->lost_bytes();
    if (last != 0 && *count == 0) _exit(0);
    if (sleeps != 0) usleep(sleeps);
  }
}

std::string Text(const Seen* seen) {
  std::string text;
  for (int i = 0; i < kReaders; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", seen[i].events, " events, ", seen[i].named,
                    " with their rule, ", seen[i].lost, " bytes lost, ", seen[i].problems,
                    " problems");
  }
  return text;
}

}  // namespace

void CheckReaders(const ReliabilityOptions& options, Checks& checks) {
  MakeFiles();
  BpfEnforcer(BpfEnforcerOptions()).Uninstall().IgnoreError();
  BpfEnforcerOptions small = BuildOptions(false);
  small.events_bytes = 256 << 10;
  BpfEnforcer enforcer(small);
  const BpfArtifact before = DenyReading("loud", {"/tmp/relia/secret"});
  const BpfArtifact after = DenyReading("loud", {"/tmp/relia/secret", "/tmp/relia/secret2"});
  const std::string cgroup = CgroupNamed("relia-one");
  if (!checks.Need(enforcer.Start().status(), "readers: start") ||
      !checks.Need(enforcer.Apply(Only(before)), "readers: apply") ||
      !checks.Need(enforcer.Enroll(SubjectOf(cgroup, before.name())), "readers: confine")) {
    return;
  }
  auto* memory = static_cast<Seen*>(SharedMemory(4096));
  auto* stop = reinterpret_cast<volatile int*>(memory + kReaders + 1);
  const auto hit = [&](int times) {
    RunConfined(cgroup, {"/bin/sh", "-c",
                         absl::StrCat("exec opener 0 ", times, " /tmp/relia/secret - >/dev/null")});
  };
  pid_t readers[kReaders];
  for (int i = 0; i < kReaders; ++i) readers[i] = StartReader(memory[i], *stop, 0);
  // One more, which is killed at some moment.
  const pid_t victim = StartReader(memory[kReaders], *stop, 0);
  for (int i = 0; i <= kReaders; ++i) {
    for (int waits = 0; memory[i].ready == 0 && waits < 1000; ++waits) usleep(10000);
  }
  // Less than the ring holds at a time; in between the programs are replaced, and the profile.
  const int each = 1000;
  uint64_t hits = 0;
  for (int turn = 0; turn < 4; ++turn) {
    hit(each);
    hits += each;
    usleep(500000);
    if (turn == 0) kill(victim, SIGKILL);
    if (turn == 1) {
      BpfEnforcer other(BuildOptions(true));
      checks.Need(other.Start().status(), "readers: another build");
      checks.Need(other.Apply(Only(after)), "readers: another version of the profile");
    }
  }
  *stop = 1;
  bool good = waitpid(victim, nullptr, 0) == victim;
  for (const pid_t reader : readers) good &= WaitForExit(reader) == 0;
  for (int i = 0; i < kReaders; ++i) {
    good &= memory[i].events == hits && memory[i].named == hits && memory[i].lost == 0 &&
            memory[i].problems == 0;
  }
  checks.Expect(good,
                "readers: each of them gets every event, also when one of them is killed and "
                "another build takes over",
                absl::StrCat(hits, " hits; ", Text(memory)));

  // The others read what one of them is too slow for.
  for (int i = 0; i <= kReaders; ++i) memory[i] = Seen{};
  *stop = 0;
  for (int i = 0; i < kReaders; ++i)
    readers[i] = StartReader(memory[i], *stop, i == 0 ? 3000000 : 0);
  for (int i = 0; i < kReaders; ++i) {
    for (int waits = 0; memory[i].ready == 0 && waits < 1000; ++waits) usleep(10000);
  }
  usleep(500000);  // the slow one is asleep
  hits = static_cast<uint64_t>(options.hits) / 2;
  hit(static_cast<int>(hits));
  *stop = 1;
  good = true;
  for (const pid_t reader : readers) good &= WaitForExit(reader) == 0;
  const auto all = enforcer.Adopt();
  uint64_t drops = 0;
  const auto dropped = enforcer.Drops();
  if (dropped.ok()) {
    for (const BpfDrops& one : *dropped) drops += one.events;
  }
  const uint64_t size = 96 + 8 + sizeof("/tmp/relia/secret") - 1;
  const uint64_t record = (size + 7) / 8 * 8;
  for (int i = 0; i < kReaders; ++i) {
    good &= memory[i].events + memory[i].lost / record + drops == hits;
  }
  checks.Expect(good && all.ok() && memory[0].lost > 0,
                "readers: a slow one knows what it has missed, and holds up nobody",
                absl::StrCat(hits, " hits, ", drops, " found no room; ", Text(memory)));
  checks.Need(enforcer.Uninstall(), "readers: uninstall");
}

}  // namespace varmor
