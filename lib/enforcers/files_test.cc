#include "lib/enforcers/files.h"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/failing_file_calls.h"
#include "lib/enforcers/testing/temporary_directory.h"

namespace varmor {
namespace {

using Names = std::vector<std::string>;

TEST(FilesTest, AWrittenFileHasContentAndMode) {
  const TemporaryDirectory directory;
  FileCalls calls;
  ASSERT_EQ(WriteFileWhole(calls, directory / "a", "first", 0640), absl::OkStatus());
  ASSERT_EQ(WriteFileWhole(calls, directory / "a", "second", 0644), absl::OkStatus());
  EXPECT_EQ(FileContent(directory / "a"), "second");
  struct stat status = {};
  ASSERT_EQ(stat((directory / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0644u);
  EXPECT_EQ(directory.Files(), Names{"a"});
}

// Every call fails in turn: the old content or the new, and nothing beside it.
TEST(FilesTest, AFailureAtAnyStepLeavesTheOldFileOrTheNew) {
  const TemporaryDirectory directory;
  FailingFileCalls calls;
  int failed = 0;
  for (int call = 0;; ++call) {
    PutFile(directory / "a", "old");
    calls.FailAt(call, ENOSPC);
    const absl::Status status = WriteFileWhole(calls, directory / "a", "new content", 0644);
    EXPECT_EQ(directory.Files(), Names{"a"}) << "call " << call;
    const std::string content = FileContent(directory / "a");
    if (status.ok()) {
      EXPECT_EQ(content, "new content") << "call " << call;
      if (calls.calls() <= call) break;  // that was all of them
      continue;
    }
    ++failed;
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    const bool durable_only = absl::StrContains(status.message(), "be sure to keep");
    EXPECT_EQ(content, durable_only ? "new content" : "old") << "call " << call;
    EXPECT_EQ(status.message(),
              absl::StrCat("cannot ", durable_only ? "be sure to keep" : "write", " \"",
                           directory / "a", "\": No space left on device"));
  }
  // Open, fchmod, write, fsync, close, rename; open and fsync of the directory.
  EXPECT_EQ(failed, 8);
}

TEST(FilesTest, AnInterruptedWriteGoesOn) {
  const TemporaryDirectory directory;
  FailingFileCalls calls;
  calls.FailAt(2, EINTR);  // the write; of one byte, half is nothing
  EXPECT_EQ(WriteFileWhole(calls, directory / "a", "x", 0644), absl::OkStatus());
  EXPECT_EQ(FileContent(directory / "a"), "x");
}

TEST(FilesTest, ALeftoverOfACrashIsOverwritten) {
  const TemporaryDirectory directory;
  FileCalls calls;
  PutFile(directory / ".a.tmp", "half of something much longer");
  ASSERT_EQ(WriteFileWhole(calls, directory / "a", "new", 0644), absl::OkStatus());
  EXPECT_EQ(directory.Files(), Names{"a"});
  EXPECT_EQ(FileContent(directory / "a"), "new");
}

TEST(FilesTest, RemovingSaysWhetherThereWasAFile) {
  const TemporaryDirectory directory;
  FileCalls calls;
  PutFile(directory / "a", "x");
  EXPECT_EQ(RemoveFile(calls, directory / "a"), absl::OkStatus());
  EXPECT_EQ(RemoveFile(calls, directory / "a"),
            absl::NotFoundError(absl::StrCat("cannot remove \"", directory / "a",
                                             "\": No such file or directory")));
}

TEST(FilesTest, ReadingHasALimit) {
  const TemporaryDirectory directory;
  PutFile(directory / "a", "12345");
  EXPECT_EQ(ReadFileWhole(directory / "a", 5).value(), "12345");
  EXPECT_EQ(ReadFileWhole(directory / "a", 4).status(),
            absl::ResourceExhaustedError(
                absl::StrCat("cannot read \"", directory / "a", "\": it has more than 4 bytes")));
  EXPECT_EQ(ReadFileWhole(directory / "b").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadFileWhole(directory.path()).status().code(), absl::StatusCode::kFailedPrecondition);
}

// Nobody writes to it, so whoever reads would wait for ever.
TEST(FilesTest, AFifoIsNoFile) {
  const TemporaryDirectory directory;
  const std::string path = directory / "a.yaml";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(ReadFileWhole(path).status(),
            absl::FailedPreconditionError(
                absl::StrCat("cannot read \"", path, "\": it is no regular file")));
}

TEST(FilesTest, DirectoriesAreListedInOrder) {
  const TemporaryDirectory directory;
  EXPECT_EQ(EnsureDirectory(directory / "x/y"), absl::OkStatus());
  PutFile(directory / "x/b", "");
  PutFile(directory / "x/a", "");
  EXPECT_EQ(ListDirectory(directory / "x").value(), (Names{"a", "b", "y"}));
  EXPECT_EQ(ListDirectory(directory / "z").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(EnsureDirectory(directory / "x/a"),
            absl::FailedPreconditionError(
                absl::StrCat("cannot make \"", directory / "x/a", "\": Not a directory")));
}

TEST(FilesTest, ALockThatNobodyGivesBackIsSaid) {
  const TemporaryDirectory directory;
  const absl::StatusOr<FileLock> first = FileLock::Take(directory / "lock");
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string path = directory / "lock";
  EXPECT_EQ(FileLock::Take(path, std::chrono::milliseconds(50)).status(),
            absl::DeadlineExceededError(absl::StrCat("another process has had the lock of \"", path,
                                                     "\" for 0 seconds; `lsof ", path,
                                                     "` shows it: continue it or end it")));
}

TEST(FilesTest, ALockExcludesThreads) {
  const TemporaryDirectory directory;
  int counter = 0;  // TSan would tell
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        const absl::StatusOr<FileLock> lock = FileLock::Take(directory / "lock");
        ASSERT_TRUE(lock.ok()) << lock.status();
        const int before = counter;
        std::this_thread::yield();
        counter = before + 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter, 200);
}

}  // namespace
}  // namespace varmor
