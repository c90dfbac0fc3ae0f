// Rings of the kernel, filled by a program in the kernel. What of the rest cannot be had here is
// said in the skip.
#include "lib/enforcers/bpf/event_ring.h"

#include <linux/bpf.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bpf/bpf.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using testing::ElementsAre;

constexpr size_t kSize = 64 << 10;
// Each record: a number of four bytes.
constexpr size_t kRecord = 16;  // with its header
constexpr size_t kRoom = kSize / kRecord;

constexpr bpf_insn Insn(uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t value) {
  bpf_insn insn{};
  insn.code = code;
  insn.dst_reg = to & 15;
  insn.src_reg = from & 15;
  insn.off = offset;
  insn.imm = value;
  return insn;
}

// A program that puts the first four bytes of its packet into the ring; 0, or the error.
UniqueFd LoadWriter(int ring) {
  const bpf_insn kProgram[] = {
      // skb_load_bytes(packet, 0, &number, 4)
      Insn(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0),
      Insn(BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0),
      Insn(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -4),
      Insn(BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 4),
      Insn(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes),
      Insn(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 7, 0),
      // ringbuf_output(ring, &number, 4, 0)
      Insn(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, ring),
      Insn(0, 0, 0, 0, 0),
      Insn(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
      Insn(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
      Insn(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 4),
      Insn(BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0),
      Insn(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_output),
      Insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  return UniqueFd(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "write_number", "GPL", kProgram,
                                std::size(kProgram), nullptr));
}

class EventRingTest : public testing::Test {
 protected:
  void SetUp() override {
    map_ = UniqueFd(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, kSize, nullptr));
    if (!map_.ok()) GTEST_SKIP() << "NO RING BUFFER: " << std::strerror(errno);
    writer_ = LoadWriter(map_.get());
    if (!writer_.ok()) GTEST_SKIP() << "NO PROGRAM TO FILL IT: " << std::strerror(errno);
  }

  // False when the ring has no room.
  bool Write(uint32_t number) {
    char packet[64] = {};
    std::memcpy(packet, &number, sizeof(number));
    LIBBPF_OPTS(bpf_test_run_opts, run);
    run.data_in = packet;
    run.data_size_in = sizeof(packet);
    EXPECT_EQ(bpf_prog_test_run_opts(writer_.get(), &run), 0) << std::strerror(errno);
    return run.retval == 0;
  }

  void WriteMany(uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) ASSERT_TRUE(Write(first + i)) << i;
  }

  EventRing Opened() {
    absl::StatusOr<EventRing> ring = EventRing::Open(map_.get());
    EXPECT_TRUE(ring.ok()) << ring.status();
    return *std::move(ring);
  }

  UniqueFd map_, writer_;
};

std::vector<uint32_t> Take(EventRing& ring) {
  std::vector<uint32_t> out;
  const int count = ring.Read([&](absl::string_view record) {
    uint32_t number = 0;
    ASSERT_EQ(record.size(), sizeof(number));
    std::memcpy(&number, record.data(), sizeof(number));
    out.push_back(number);
  });
  EXPECT_EQ(static_cast<size_t>(count), out.size());
  return out;
}

TEST_F(EventRingTest, EveryReaderGetsEveryRecordInOrder) {
  WriteMany(1, 2);
  EventRing first = Opened(), second = Opened();
  EXPECT_THAT(Take(first), ElementsAre(1, 2));
  WriteMany(3, 2);
  EXPECT_THAT(Take(second), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Take(first), ElementsAre(3, 4));
  EXPECT_THAT(Take(first), ElementsAre());
  EXPECT_EQ(first.lost_bytes() + second.lost_bytes(), 0u);
  EventRing third = Opened();
  EXPECT_THAT(Take(third), ElementsAre()) << "all of it was consumed";
}

TEST_F(EventRingTest, WhatNobodyReadsFillsTheRingAndNothingIsOverwritten) {
  EventRing ring = Opened();
  uint32_t written = 0;
  while (Write(written)) ++written;
  EXPECT_NEAR(written, kRoom, 1);
  const std::vector<uint32_t> taken = Take(ring);
  ASSERT_EQ(taken.size(), written);
  for (uint32_t i = 0; i < written; ++i) EXPECT_EQ(taken[i], i);
  EXPECT_EQ(ring.lost_bytes(), 0u);
  EXPECT_TRUE(Write(7));
}

// Round and round, at every distance between the readers: what comes is right, and what does not
// come is counted.
TEST_F(EventRingTest, ASlowReaderIsToldWhatWasOverwritten) {
  constexpr size_t kMargin = EventRing::kLargestRecord / kRecord + 1;
  for (const size_t behind :
       {size_t{1}, kRoom / 2, kRoom - kMargin - 1, kRoom - 1, kRoom, kRoom + 1, 3 * kRoom}) {
    SCOPED_TRACE(absl::StrCat("behind by ", behind));
    EventRing fast = Opened(), slow = Opened();
    for (uint32_t i = 0; i < behind; ++i) {
      ASSERT_TRUE(Write(i));
      if (i % 100 == 99) Take(fast);
    }
    Take(fast);
    const std::vector<uint32_t> taken = Take(slow);
    ASSERT_EQ(slow.lost_bytes() % kRecord, 0u);
    const size_t lost = slow.lost_bytes() / kRecord;
    EXPECT_EQ(taken.size() + lost, behind);
    EXPECT_EQ(lost > 0, behind + kMargin > kRoom);
    for (size_t i = 0; i < taken.size(); ++i) EXPECT_EQ(taken[i], lost + i);
    EXPECT_EQ(fast.lost_bytes(), 0u);
    WriteMany(77, 1);
    EXPECT_THAT(Take(slow), ElementsAre(77));
    EXPECT_THAT(Take(fast), ElementsAre(77));
  }
}

// Four readers that race with the writer and with each other: whatever one gets is in order and
// whole, and what it misses it knows of.
TEST_F(EventRingTest, RacingReadersAgreeOnEveryRecord) {
  constexpr uint32_t kWritten = 200000;
  constexpr int kReaders = 4;
  std::atomic<bool> done{false};
  std::atomic<int> ready{0};
  struct Seen {
    uint64_t records = 0, lost = 0, wrong = 0;
  };
  std::vector<Seen> seen(kReaders);
  std::vector<std::thread> readers;
  for (int which = 0; which < kReaders; ++which) {
    readers.emplace_back([&, which] {
      EventRing ring = Opened();
      Seen& mine = seen[static_cast<size_t>(which)];
      ++ready;
      for (bool last = false; !last;) {
        last = done.load();
        ring.Read([&](absl::string_view record) {
          uint32_t number = 0;
          std::memcpy(&number, record.data(), std::min(record.size(), sizeof(number)));
          // Each number comes, or is counted as lost before the next comes.
          mine.wrong += record.size() != sizeof(number) ||
                        number != mine.records + ring.lost_bytes() / kRecord;
          ++mine.records;
        });
        if (which == 3) usleep(20000);  // sometimes the ring's whole size behind
      }
      mine.lost = ring.lost_bytes() / kRecord;
    });
  }
  while (ready < kReaders) usleep(1000);
  for (uint32_t i = 0; i < kWritten; ++i) {
    while (!Write(i)) {
    }
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  for (const Seen& one : seen) {
    EXPECT_EQ(one.wrong, 0u);
    EXPECT_EQ(one.records + one.lost, kWritten);
  }
  EXPECT_GT(seen[0].records, 0u);
}

TEST_F(EventRingTest, AKilledReaderTakesNothingWithIt) {
  WriteMany(1, 3);
  const pid_t child = fork();
  if (child == 0) {
    EventRing ring = Opened();
    ring.Read([](absl::string_view record) {
      if (record[0] == 2) _exit(0);
    });
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EventRing next = Opened();
  EXPECT_THAT(Take(next), ElementsAre(2, 3)) << "what it was at comes again";
}

TEST_F(EventRingTest, OnlyRingsAreRead) {
  const UniqueFd array(bpf_map_create(BPF_MAP_TYPE_ARRAY, "array", 4, 4, 1, nullptr));
  EXPECT_EQ(EventRing::Open(array.get()).status().message(), "the map is no ring buffer");
  EXPECT_FALSE(EventRing::Open(-1).ok());
}

}  // namespace
}  // namespace varmor
