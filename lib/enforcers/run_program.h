// Another program, run to its end.
#ifndef LIB_ENFORCERS_RUN_PROGRAM_H_
#define LIB_ENFORCERS_RUN_PROGRAM_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace varmor {

struct ProgramRun {
  // The arguments, the program's path first. No shell sees them.
  std::vector<std::string> words;
  // What it reads from standard input.
  absl::string_view input;
  // It and its children are killed afterwards.
  std::chrono::milliseconds time_limit{60000};
  // What is kept of each of its outputs.
  size_t output_limit = 64 << 20;
};

struct ProgramResult {
  // Of a program that ended by itself.
  int exit_status = -1;
  // Otherwise the signal that ended it, or too much time.
  int signal = 0;
  bool timed_out = false;
  std::string output;
  std::string errors;

  bool ok() const { return exit_status == 0 && !timed_out; }
};

// Blocks until the program is done. Messages are in English (LC_ALL=C). UNAVAILABLE when it cannot
// be started or watched.
absl::StatusOr<ProgramResult> RunProgram(const ProgramRun& run);

}  // namespace varmor

#endif  // LIB_ENFORCERS_RUN_PROGRAM_H_
