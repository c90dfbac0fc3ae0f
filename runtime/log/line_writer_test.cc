#include "runtime/log/line_writer.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "runtime/log/logger.h"

namespace varmor {
namespace {

class LineWriterTest : public ::testing::Test {
 protected:
  LineWriterTest() {
    signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(pipe2(ends_, O_CLOEXEC), 0);
  }
  ~LineWriterTest() override {
    close(ends_[0]);
    close(ends_[1]);
  }
  int in() const { return ends_[1]; }
  std::string ReadLine() {
    std::string line;
    char next = 0;
    while (next != '\n' && read(ends_[0], &next, 1) == 1) line += next;
    return line;
  }

  int ends_[2];
};

TEST_F(LineWriterTest, WritesInOrderBeforeItEnds) {
  {
    LineWriter writer(in());
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(writer.Write(absl::StrCat(i, "\n")));
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ReadLine(), absl::StrCat(i, "\n"));
}

// A pipe holds 64 KiB.
TEST_F(LineWriterTest, NobodyWaitsForAReader) {
  const absl::Time begin = absl::Now();
  {
    LineWriter writer(in(), 10000);
    const std::string line(999, 'x');
    for (int i = 0; i < 1000; ++i) {
      writer.Write(line + "\n");
      absl::SleepFor(absl::Microseconds(100));
    }
    EXPECT_GE(writer.lost(), 1000u - 10 - 66);
  }
  EXPECT_LT(absl::Now() - begin, absl::Seconds(30));
}

TEST_F(LineWriterTest, WhatCannotBeWrittenIsLost) {
  LineWriter writer(ends_[0]);
  writer.Write("a\n");
  for (int i = 0; i < 1000 && writer.lost() == 0; ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(writer.lost(), 1u);
}

TEST_F(LineWriterTest, TheLoggerTellsWhatIsLost) {
  LoggerOptions options;
  options.program = "varmor-test";
  options.fd = in();
  Logger log(options);
  const std::string text(1000, 'x');
  for (int i = 0; i < 5000; ++i) log.Info(text);
  const uint64_t lost = log.lost();
  EXPECT_GT(lost, 0u);
  std::string line;
  uint64_t told = 0;
  int lines = 0;
  const auto read_line = [&] {
    line = ReadLine();
    ++lines;
    uint64_t some = 0;
    const size_t at = line.find("] ");
    if (!absl::StrContains(line, " lines of this log were lost: nobody read them\n")) return;
    ASSERT_EQ(std::sscanf(line.c_str() + at, "] %" SCNu64 " lines", &some), 1) << line;
    told += some;
  };
  while (lines < 500) read_line();
  log.Info("again");
  while (!absl::StrContains(line, "] again\n")) read_line();
  EXPECT_EQ(told, lost);
}

}  // namespace
}  // namespace varmor
