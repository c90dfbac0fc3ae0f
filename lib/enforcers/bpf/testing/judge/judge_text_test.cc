// What the kernel side makes of words that callers write: sources of mounts, names of programs,
// flags of mount(); against the plainest code that does the same.
#include <sys/mount.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "lib/compiler/simulate/decide_bpf.h"
#include "lib/enforcers/bpf/testing/judge/judge_oracle_loader.h"
#include "proto/event.pb.h"

namespace varmor {
namespace {

struct Variant {
  const char* name;
  const char* object;
  // The longest source of a bind whose components the programs look for.
  size_t source_bytes;
};

constexpr Variant kVariants[] = {
    {"BoundedLoop", "lib/enforcers/bpf/testing/judge/judge_oracle.bpf.o", 255},
    {"BpfLoop", "lib/enforcers/bpf/testing/judge/judge_oracle_loop.bpf.o", VARMOR_PATH_BYTES_MAX},
};

class JudgeTextTest : public testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<JudgeOracle>> oracle = JudgeOracle::Load(GetParam().object);
    if (absl::IsPermissionDenied(oracle.status()) || absl::IsUnimplemented(oracle.status())) {
      GTEST_SKIP() << "NOT COMPARED WITH THE KERNEL, which refuses: " << oracle.status();
    }
    ASSERT_TRUE(oracle.ok()) << oracle.status();
    oracle_ = *std::move(oracle);
  }

  // What a program leaves of a text; none when it gives up.
  std::optional<std::string> Ask(const char* program, const std::string& text) {
    judge_question& question = oracle_->NewQuestion();
    question.length = static_cast<uint32_t>(text.size());
    std::memcpy(question.text, text.data(), std::min<size_t>(text.size(), VARMOR_PATH_BUFFER));
    JudgeEvent event;
    const absl::Status asked = oracle_->Ask(program, event);
    EXPECT_TRUE(asked.ok()) << asked;
    if (question.answer == 0) return {};
    return std::string(question.text, question.length);
  }

  std::string RandomText() {
    static constexpr const char* kParts[] = {"/",  "/",   "..", ".",  "a",  "bc",  "...",
                                             "//", "/./", "a.", ".b", "/.", "/../"};
    std::string text;
    for (uint32_t i = Pick(12); i > 0; --i) text += kParts[Pick(13)];
    const uint32_t how = Pick(40);
    if (how == 0) text += std::string(250 + Pick(10), 'x');
    if (how == 1) text = std::string(Pick(2) == 0 ? 4000 : 250, '/') + text;
    if (how == 2) {
      while (text.size() < 3900) text += "/abc/..";
    }
    return text;
  }
  uint32_t Pick(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  std::unique_ptr<JudgeOracle> oracle_;
  std::mt19937 random_{7};
};

// The path that a source names from the root, "" for the root itself; none when it is not known.
std::optional<std::string> SourceByComponents(const std::string& text) {
  std::vector<std::string> path;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(text, '/'))) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      path.push_back(part);
    } else if (!path.empty()) {
      path.pop_back();
    } else if (text[0] != '/') {
      return {};  // above the working directory
    }
  }
  if (text.empty()) return {};
  for (const std::string& part : path) {
    if (part.size() > 255) return {};
  }
  return path.empty() ? "" : absl::StrCat("/", absl::StrJoin(path, "/"));
}

TEST_P(JudgeTextTest, SourcesOfBindsLoseDotsAndDoubleSlashes) {
  for (int i = 0; i < 10000; ++i) {
    const std::string text = RandomText();
    if (text.size() > VARMOR_PATH_BYTES_MAX) continue;
    std::optional<std::string> want = SourceByComponents(text);
    if (text.size() > GetParam().source_bytes) want.reset();
    ASSERT_EQ(Ask("join_source", text), want) << '"' << absl::CEscape(text) << '"';
  }
}

// A name of a program as the rules see it.
std::optional<std::string> NameByHand(const std::string& text) {
  if (text.empty() || text.size() > VARMOR_PATH_BYTES_MAX) return {};
  if (text[0] == '/') return text;
  const std::string last = text.substr(text.rfind('/') + 1);
  return absl::StrCat("/", last.substr(last.size() - std::min<size_t>(last.size(), 256)));
}

TEST_P(JudgeTextTest, NamesOfProgramsCountByTheirLastComponentUnlessTheyAreAbsolute) {
  for (int i = 0; i < 10000; ++i) {
    const std::string text = RandomText();
    ASSERT_EQ(Ask("join_name", text), NameByHand(text)) << '"' << absl::CEscape(text) << '"';
  }
}

struct FlagCase {
  std::vector<std::string> words;
  uint64_t flags;
};

// The simulator reads words, the kernel flags.
TEST_P(JudgeTextTest, FlagsOfMountMeanWhatTheSimulatorReadsFromWords) {
  const FlagCase cases[] = {
      {{}, 0},
      {{"ro"}, MS_RDONLY},
      {{"ro", "nosuid", "nodev", "noexec"}, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC},
      {{"sync", "mand", "dirsync"}, MS_SYNCHRONOUS | MS_MANDLOCK | MS_DIRSYNC},
      {{"noatime", "nodiratime", "silent"}, MS_NOATIME | MS_NODIRATIME | MS_SILENT},
      {{"relatime", "iversion", "strictatime"}, MS_RELATIME | MS_I_VERSION | MS_STRICTATIME},
      {{"bind"}, MS_BIND},
      {{"rbind"}, MS_BIND | MS_REC},
      {{"bind", "ro"}, MS_BIND | MS_RDONLY},
      {{"remount"}, MS_REMOUNT},
      {{"remount", "ro"}, MS_REMOUNT | MS_RDONLY},
      {{"remount", "bind", "ro"}, MS_REMOUNT | MS_BIND | MS_RDONLY},
      {{"move"}, MS_MOVE},
      {{"make-shared"}, MS_SHARED},
      {{"make-rshared"}, MS_SHARED | MS_REC},
      {{"make-private"}, MS_PRIVATE},
      {{"make-rprivate"}, MS_PRIVATE | MS_REC},
      {{"make-slave"}, MS_SLAVE},
      {{"make-rslave"}, MS_SLAVE | MS_REC},
      {{"make-unbindable"}, MS_UNBINDABLE},
      {{"make-runbindable"}, MS_UNBINDABLE | MS_REC},
      // What the kernel does not honour: MS_REC of a new mount, bit 9, MS_NOUSER.
      {{}, MS_REC | 1 << 9},
      {{}, uint64_t{1} << 31},
  };
  for (const FlagCase& c : cases) {
    MountEvent event;
    for (const std::string& word : c.words) event.add_flags(word);
    const absl::StatusOr<uint64_t> want = BpfMountOps(event);
    ASSERT_TRUE(want.ok()) << want.status();
    judge_question& question = oracle_->NewQuestion();
    question.flags = c.flags;
    JudgeEvent none;
    ASSERT_TRUE(oracle_->Ask("read_mount_flags", none).ok());
    EXPECT_EQ(question.flags, *want) << absl::StrJoin(c.words, ",") << " " << c.flags;
  }
}

// An operation that mount() would do instead of another: the first in the kernel's order.
TEST_P(JudgeTextTest, OneCallOfMountIsOneOperation) {
  const uint64_t in_order[] = {MS_REMOUNT, MS_BIND,       MS_SHARED, MS_PRIVATE,
                               MS_SLAVE,   MS_UNBINDABLE, MS_MOVE};
  for (size_t first = 0; first < std::size(in_order); ++first) {
    uint64_t flags = 0;
    for (size_t i = first; i < std::size(in_order); ++i) flags |= in_order[i];
    uint64_t want = in_order[first];
    if (want == MS_REMOUNT) want |= MS_BIND;
    judge_question& question = oracle_->NewQuestion();
    question.flags = flags;
    JudgeEvent none;
    ASSERT_TRUE(oracle_->Ask("read_mount_flags", none).ok());
    EXPECT_EQ(question.flags, want) << first;
  }
}

INSTANTIATE_TEST_SUITE_P(Objects, JudgeTextTest, testing::ValuesIn(kVariants),
                         [](const testing::TestParamInfo<Variant>& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace varmor
