// What came of failing calls, counted.
#ifndef TOOLS_RELIABILITY_FAULT_OUTCOME_H_
#define TOOLS_RELIABILITY_FAULT_OUTCOME_H_

#include <chrono>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "tools/reliability/checks.h"

namespace varmor {

struct FaultOutcome {
  int injected = 0;
  // Faults that the status told.
  int errors = 0;
  int wrong = 0;
  std::string first_wrong;
  // To go on is pointless.
  bool stop = false;
  // How often which call failed.
  std::map<std::string, int> kinds;
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();

  void Count(const std::string& kind, bool error);
  void Wrong(const std::string& why);
  void Stop(const std::string& why);
  // Good when there were faults and nothing was wrong.
  void Report(Checks& checks, absl::string_view name) const;
};

}  // namespace varmor

#endif  // TOOLS_RELIABILITY_FAULT_OUTCOME_H_
