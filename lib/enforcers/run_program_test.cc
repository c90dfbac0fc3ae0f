#include "lib/enforcers/run_program.h"

#include <chrono>
#include <string>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

ProgramRun Shell(const std::string& script) {
  ProgramRun run;
  run.words = {"/bin/sh", "-c", script};
  return run;
}

TEST(RunProgramTest, BothOutputsAndTheStatusComeBack) {
  ProgramRun run = Shell("cat; echo problem >&2; exit 7");
  run.input = "what it reads";
  const absl::StatusOr<ProgramResult> result = RunProgram(run);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_status, 7);
  EXPECT_EQ(result->output, "what it reads");
  EXPECT_EQ(result->errors, "problem\n");
  EXPECT_FALSE(result->ok());
}

TEST(RunProgramTest, WordsReachTheProgramAsTheyAre) {
  ProgramRun run;
  run.words = {"/usr/bin/printf", "%s|", "$HOME", "a b", "; rm", "'"};
  EXPECT_EQ(RunProgram(run)->output, "$HOME|a b|; rm|'|");
}

TEST(RunProgramTest, MessagesAreInEnglish) {
  EXPECT_EQ(RunProgram(Shell("printf %s \"$LC_ALL\""))->output, "C");
}

TEST(RunProgramTest, MoreThanTheLimitIsReadAndForgotten) {
  ProgramRun run = Shell("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; exit 3");
  run.output_limit = 1000;
  const absl::StatusOr<ProgramResult> result = RunProgram(run);
  EXPECT_EQ(result->output.size(), 1000u);
  EXPECT_EQ(result->errors.size(), 1000u);
  EXPECT_EQ(result->exit_status, 3);
}

TEST(RunProgramTest, TooMuchTimeEndsItAndItsChildren) {
  ProgramRun run = Shell("sleep 1000 & echo $!; sleep 1000");
  run.time_limit = std::chrono::milliseconds(1000);
  const absl::StatusOr<ProgramResult> result = RunProgram(run);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->timed_out);
  EXPECT_FALSE(result->ok());
  ASSERT_THAT(result->output, testing::MatchesRegex("[0-9]+\n"));
  const std::string child =
      absl::StrCat("/proc/", absl::StripAsciiWhitespace(result->output), "/stat");
  bool runs = true;
  for (int i = 0; i < 500 && runs; ++i) {
    // Whoever is to wait for it may not have done so yet: state Z, man:proc(5).
    const absl::StatusOr<std::string> state = ReadFileWhole(child);
    runs = state.ok() && !absl::StrContains(*state, ") Z ");
    if (runs) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_FALSE(runs) << child;
}

TEST(RunProgramTest, AProgramThatClosesItsOutputsHasNoMoreTime) {
  ProgramRun run = Shell("exec >&- 2>&-; sleep 1000");
  run.time_limit = std::chrono::milliseconds(100);
  EXPECT_TRUE(RunProgram(run)->timed_out);
}

TEST(RunProgramTest, ASignalIsTold) {
  const absl::StatusOr<ProgramResult> result = RunProgram(Shell("kill -9 $$"));
  EXPECT_EQ(result->signal, 9);
  EXPECT_FALSE(result->timed_out);
  EXPECT_FALSE(result->ok());
}

TEST(RunProgramTest, AMissingProgramIsAnError) {
  ProgramRun run;
  run.words = {"/no/such/program"};
  EXPECT_EQ(RunProgram(run).status(),
            absl::UnavailableError("cannot run /no/such/program: No such file or directory"));
}

}  // namespace
}  // namespace varmor
