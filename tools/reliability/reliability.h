// The parts of the suite. Each begins with nothing installed and leaves nothing behind.
#ifndef TOOLS_RELIABILITY_RELIABILITY_H_
#define TOOLS_RELIABILITY_RELIABILITY_H_

#include <cstdint>
#include <string>

#include "tools/reliability/checks.h"

namespace varmor {

// How much of each; the suite's short counts. --full sets those of the requirements.
struct ReliabilityOptions {
  int kills = 24;
  // Every so many kills, the loader that is killed loads programs of another build.
  int loads = 6;
  int updates = 100;
  int takeovers = 2;
  // Of Start, Uninstall and the self-test: whether every call fails once, or the first and the last
  // of each kind. Every call of everything else.
  bool every_call = false;
  int seconds = 10;
  int hits = 20000;
  uint64_t seed = 1;
};

void CheckKills(const ReliabilityOptions& options, Checks& checks);
void CheckUpdates(const ReliabilityOptions& options, Checks& checks);
void CheckTakeovers(const ReliabilityOptions& options, Checks& checks);
void CheckOtherAbi(const ReliabilityOptions& options, Checks& checks);
void CheckFaults(const ReliabilityOptions& options, Checks& checks);
void CheckTakeoverFaults(const ReliabilityOptions& options, Checks& checks);
void CheckInstallFaults(const ReliabilityOptions& options, Checks& checks);
void CheckRefusals(const ReliabilityOptions& options, Checks& checks);
void CheckConcurrency(const ReliabilityOptions& options, Checks& checks);
void CheckEvents(const ReliabilityOptions& options, Checks& checks);
void CheckReaders(const ReliabilityOptions& options, Checks& checks);
void CheckIdentity(const ReliabilityOptions& options, Checks& checks);
void CheckProtection(const ReliabilityOptions& options, Checks& checks);
// Where bpf is missing from lsm=.
void CheckInactive(const ReliabilityOptions& options, Checks& checks);

}  // namespace varmor

#endif  // TOOLS_RELIABILITY_RELIABILITY_H_
