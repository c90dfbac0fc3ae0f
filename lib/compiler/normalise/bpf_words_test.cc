#include "lib/compiler/normalise/bpf_words.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::IsEmpty;

constexpr uint64_t kAll = ~uint64_t{0};
// Bits above the kernel's flags; ir/bpf_rules.h.
constexpr uint64_t kNew = uint64_t{1} << 32;
constexpr uint64_t kUmount = uint64_t{1} << 33;
constexpr uint64_t kRecBind = uint64_t{1} << 34;
constexpr uint64_t kRecUnbindable = uint64_t{1} << 35;
constexpr uint64_t kRecPrivate = uint64_t{1} << 36;
constexpr uint64_t kRecSlave = uint64_t{1} << 37;
constexpr uint64_t kRecShared = uint64_t{1} << 38;
constexpr uint64_t kPivotRoot = uint64_t{1} << 39;

struct WordCase {
  const char* word;
  uint64_t bits;
  uint64_t none_bits = 0;
};

// The table says what the cases say, and has no word that the cases do not know.
void ExpectWords(absl::Span<const BpfWord> words, const std::vector<WordCase>& cases) {
  std::set<std::string> left;
  for (const std::string& name : BpfWordNames(words)) left.insert(name);
  EXPECT_EQ(left.size(), words.size()) << "a word is there twice";
  for (const WordCase& c : cases) {
    SCOPED_TRACE(c.word);
    left.erase(c.word);
    const BpfWord* found = FindBpfWord(words, c.word);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->word, c.word);
    EXPECT_EQ(found->bits, c.bits);
    EXPECT_EQ(found->none_bits, c.none_bits);
  }
  EXPECT_THAT(left, IsEmpty());
}

TEST(BpfWordsTest, FilePermissionsHaveVarmorsBits) {
  ExpectWords(kFilePermissionWords, {{"all", 0xF},
                                     {"*", 0xF},
                                     {"exec", 0x1},
                                     {"x", 0x1},
                                     {"e", 0x1},
                                     {"read", 0x4},
                                     {"r", 0x4},
                                     {"append", 0x8},
                                     {"a", 0x8},
                                     // Who may write may append.
                                     {"write", 0xA},
                                     {"w", 0xA}});
}

// "tracedby" is what vArmor's own texts say; the schema has "traceby" (W-08).
TEST(BpfWordsTest, PtracePermissionsHaveVarmorsBits) {
  ExpectWords(kPtracePermissionWords, {{"all", 0x1E},
                                       {"*", 0x1E},
                                       {"trace", 0x2},
                                       {"read", 0x4},
                                       {"traceby", 0x8},
                                       {"tracedby", 0x8},
                                       {"readby", 0x10}});
}

// Numbers: include/uapi/linux/mount.h.
TEST(BpfWordsTest, MountFlagsHaveTheKernelsBits) {
  ExpectWords(kMountFlagWords, {{"all", kAll, kAll},
                                {"*", kAll, kAll},
                                {"ro", 0x1},
                                {"r", 0x1},
                                {"read-only", 0x1},
                                {"rw", 0, 0x1},
                                {"w", 0, 0x1},
                                {"nosuid", 0x2},
                                {"suid", 0, 0x2},
                                {"nodev", 0x4},
                                {"dev", 0, 0x4},
                                {"noexec", 0x8},
                                {"exec", 0, 0x8},
                                {"sync", 0x10},
                                {"async", 0, 0x10},
                                {"remount", 0x20},
                                {"mand", 0x40},
                                {"nomand", 0, 0x40},
                                {"dirsync", 0x80},
                                {"nosymfollow", 0x100},
                                {"symfollow", 0, 0x100},
                                {"noatime", 0x400},
                                {"atime", 0, 0x400},
                                {"nodiratime", 0x800},
                                {"diratime", 0, 0x800},
                                {"bind", 0x1000},
                                {"B", 0x1000},
                                {"move", 0x2000},
                                {"M", 0x2000},
                                {"silent", 0x8000},
                                {"loud", 0, 0x8000},
                                {"unbindable", 0x20000},
                                {"make-unbindable", 0x20000},
                                {"private", 0x40000},
                                {"make-private", 0x40000},
                                {"slave", 0x80000},
                                {"make-slave", 0x80000},
                                {"shared", 0x100000},
                                {"make-shared", 0x100000},
                                {"relatime", 0x200000},
                                {"norelatime", 0, 0x200000},
                                {"iversion", 0x800000},
                                {"noiversion", 0, 0x800000},
                                {"strictatime", 0x1000000},
                                {"nostrictatime", 0, 0x1000000},
                                {"new", kNew},
                                {"umount", kUmount},
                                {"pivot-root", kPivotRoot},
                                {"rbind", kRecBind},
                                {"R", kRecBind},
                                {"runbindable", kRecUnbindable},
                                {"make-runbindable", kRecUnbindable},
                                {"rprivate", kRecPrivate},
                                {"make-rprivate", kRecPrivate},
                                {"rslave", kRecSlave},
                                {"make-rslave", kRecSlave},
                                {"rshared", kRecShared},
                                {"make-rshared", kRecShared}});
}

// vArmor lowered the words first: B and M were lost, and R made a rule about read-only mounts.
TEST(BpfWordsTest, W22_OneLetterWordsKeepTheirCase) {
  EXPECT_EQ(FindBpfWord(kMountFlagWords, "R")->bits, kRecBind);
  EXPECT_EQ(FindBpfWord(kMountFlagWords, "r")->bits, 0x1u);
  EXPECT_EQ(FindBpfWord(kMountFlagWords, "B")->bits, 0x1000u);
  EXPECT_EQ(FindBpfWord(kMountFlagWords, "M")->bits, 0x2000u);
}

// W-23: a propagation change is no bind mount, and a plain bind is no recursive one.
TEST(BpfWordsTest, W23_RecursiveWordsHaveABitOfTheirOwn) {
  for (const char* word : {"rbind", "runbindable", "rprivate", "rslave", "rshared"}) {
    EXPECT_EQ(FindBpfWord(kMountFlagWords, word)->bits & 0xFFFFFFFFu, 0u) << word;
  }
}

// Numbers: include/linux/socket.h.
TEST(BpfWordsTest, SocketDomainsHaveTheBitsOfTheirNumbers) {
  const std::map<std::string, int> numbers = {
      {"unix", 1},     {"inet", 2},     {"ax25", 3},      {"ipx", 4},      {"appletalk", 5},
      {"netrom", 6},   {"bridge", 7},   {"atmpvc", 8},    {"x25", 9},      {"inet6", 10},
      {"rose", 11},    {"netbeui", 13}, {"security", 14}, {"key", 15},     {"netlink", 16},
      {"packet", 17},  {"ash", 18},     {"econet", 19},   {"atmsvc", 20},  {"rds", 21},
      {"sna", 22},     {"irda", 23},    {"pppox", 24},    {"wanpipe", 25}, {"llc", 26},
      {"ib", 27},      {"mpls", 28},    {"can", 29},      {"tipc", 30},    {"bluetooth", 31},
      {"iucv", 32},    {"rxrpc", 33},   {"isdn", 34},     {"phonet", 35},  {"ieee802154", 36},
      {"caif", 37},    {"alg", 38},     {"nfc", 39},      {"vsock", 40},   {"kcm", 41},
      {"qipcrtr", 42}, {"smc", 43},     {"xdp", 44},      {"mctp", 45}};
  std::vector<WordCase> cases = {{"all", kAll}, {"*", kAll}};
  for (const auto& [word, number] : numbers) cases.push_back({word.c_str(), uint64_t{1} << number});
  ExpectWords(kSocketDomainWords, cases);
}

TEST(BpfWordsTest, SocketTypesHaveTheBitsOfTheirNumbers) {
  ExpectWords(kSocketTypeWords, {{"all", kAll},
                                 {"*", kAll},
                                 {"stream", 1 << 1},
                                 {"dgram", 1 << 2},
                                 {"raw", 1 << 3},
                                 {"rdm", 1 << 4},
                                 {"seqpacket", 1 << 5},
                                 {"dccp", 1 << 6},
                                 {"packet", 1 << 10}});
}

TEST(BpfWordsTest, SocketProtocolsHaveTheBitsOfTheirNumbers) {
  ExpectWords(kSocketProtocolWords, {{"all", kAll},
                                     {"*", kAll},
                                     {"tcp", 1 << 6},
                                     {"udp", 1 << 17},
                                     // Both versions.
                                     {"icmp", uint64_t{1} << 58 | 1 << 1}});
}

TEST(BpfWordsTest, LongWordsAreFoundWithoutRegardToCase) {
  for (const absl::Span<const BpfWord> words :
       {kFilePermissionWords, kPtracePermissionWords, kMountFlagWords, kSocketDomainWords,
        kSocketTypeWords, kSocketProtocolWords}) {
    for (const BpfWord& word : words) {
      if (word.word.size() == 1) continue;
      const BpfWord* upper = FindBpfWord(words, absl::AsciiStrToUpper(word.word));
      ASSERT_NE(upper, nullptr) << word.word;
      EXPECT_EQ(upper->word, word.word);
    }
  }
}

TEST(BpfWordsTest, OtherWordsAreUnknown) {
  EXPECT_EQ(FindBpfWord(kFilePermissionWords, ""), nullptr);
  EXPECT_EQ(FindBpfWord(kFilePermissionWords, "rw"), nullptr);
  EXPECT_EQ(FindBpfWord(kFilePermissionWords, " read"), nullptr);
  EXPECT_EQ(FindBpfWord(kMountFlagWords, "rec"), nullptr);
  EXPECT_EQ(FindBpfWord(kSocketDomainWords, "decnet"), nullptr);
  EXPECT_EQ(FindBpfWord(kSocketProtocolWords, "icmpv6"), nullptr);
}

}  // namespace
}  // namespace varmor
