// What libseccomp makes of profiles: the facts that the compiler's rules of combination rest on.
#include "lib/compiler/seccomp/testing/seccomp_filter.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

constexpr char kX86_64[] = "SCMP_ARCH_X86_64";
constexpr char kX86[] = "SCMP_ARCH_X86";
constexpr char kX32[] = "SCMP_ARCH_X32";

// A profile that allows by default.
std::string Profile(const std::string& syscalls, const std::string& members = "") {
  return absl::StrCat(R"({"defaultAction":"SCMP_ACT_ALLOW",)", members, R"("syscalls":[)", syscalls,
                      "]}");
}

std::string Chmod(const std::string& action, const std::string& args) {
  return absl::StrCat(R"({"names":["chmod"],"action":"SCMP_ACT_)", action, R"(","args":[)", args,
                      "]}");
}

constexpr char kA0Is5[] = R"({"index":0,"value":5,"op":"SCMP_CMP_EQ"})";
constexpr char kA1Is1[] = R"({"index":1,"value":1,"op":"SCMP_CMP_EQ"})";
constexpr char kA1Has40[] = R"({"index":1,"value":64,"valueTwo":64,"op":"SCMP_CMP_MASKED_EQ"})";
constexpr char kA1Has8[] = R"({"index":1,"value":8,"valueTwo":8,"op":"SCMP_CMP_MASKED_EQ"})";

std::string DecideChmod(const std::string& syscalls, std::vector<uint64_t> args) {
  const absl::StatusOr<SeccompFilter> filter = SeccompFilter::Build(Profile(syscalls));
  if (!filter.ok()) return std::string(filter.status().message());
  return filter->Decide(kX86_64, "chmod", args);
}

TEST(SeccompFilterTest, TheFirstEntryWithoutArgumentsHidesAllOthers) {
  const std::string log = Chmod("LOG", "");
  EXPECT_EQ(DecideChmod(log + "," + Chmod("ERRNO", ""), {0, 1}), "LOG");
  EXPECT_EQ(DecideChmod(log + "," + Chmod("ERRNO", kA1Is1), {0, 1}), "LOG");
  EXPECT_EQ(DecideChmod(Chmod("ERRNO", kA1Is1) + "," + log, {0, 1}), "LOG");
}

TEST(SeccompFilterTest, TheSameArgumentsWithTwoActionsAreRefused) {
  EXPECT_EQ(DecideChmod(Chmod("LOG", kA1Is1) + "," + Chmod("ERRNO", kA1Is1), {0, 1}),
            "chmod: rule: File exists");
  EXPECT_EQ(DecideChmod(Chmod("ERRNO", kA1Is1) + "," + Chmod("ERRNO", kA1Is1), {0, 1}), "ERRNO(1)");
}

TEST(SeccompFilterTest, ARepeatedIndexMakesAlternatives) {
  const std::string entry = Chmod("ERRNO", absl::StrCat(kA1Has40, ",", kA1Has8, ",", kA0Is5));
  EXPECT_EQ(DecideChmod(entry, {0, 0x40}), "ERRNO(1)");
  EXPECT_EQ(DecideChmod(entry, {0, 8}), "ERRNO(1)");
  EXPECT_EQ(DecideChmod(entry, {5, 0}), "ERRNO(1)");
  EXPECT_EQ(DecideChmod(entry, {0, 0}), "ALLOW");
}

TEST(SeccompFilterTest, DifferentIndexesAllHaveToHold) {
  const std::string entry = Chmod("ERRNO", absl::StrCat(kA1Is1, ",", kA0Is5));
  EXPECT_EQ(DecideChmod(entry, {5, 1}), "ERRNO(1)");
  EXPECT_EQ(DecideChmod(entry, {5, 0}), "ALLOW");
  EXPECT_EQ(DecideChmod(entry, {0, 1}), "ALLOW");
}

TEST(SeccompFilterTest, ValueIsTheMaskAndBitsOutsideItDoNotCount) {
  const std::string entry =
      Chmod("ERRNO", R"({"index":1,"value":8,"valueTwo":255,"op":"SCMP_CMP_MASKED_EQ"})");
  EXPECT_EQ(DecideChmod(entry, {0, 8}), "ERRNO(1)");
  EXPECT_EQ(DecideChmod(entry, {0, 0xf8}), "ERRNO(1)");
  EXPECT_EQ(DecideChmod(entry, {0, 0xf0}), "ALLOW");
}

TEST(SeccompFilterTest, TheLargestErrnoIs4094) {
  const std::string entry = R"({"names":["chmod"],"action":"SCMP_ACT_ERRNO","errnoRet":)";
  EXPECT_EQ(DecideChmod(entry + "4094}", {}), "ERRNO(4094)");
  EXPECT_EQ(DecideChmod(entry + "4095}", {}), "chmod: rule: Invalid argument");
}

TEST(SeccompFilterTest, W31_WithoutArchitecturesOtherOnesAreKilled) {
  const absl::StatusOr<SeccompFilter> native = SeccompFilter::Build(Profile(""));
  ASSERT_TRUE(native.ok()) << native.status();
  EXPECT_EQ(native->Decide(kX86_64, "chmod", {}), "ALLOW");
  EXPECT_EQ(native->Decide(kX86, "chmod", {}), "KILL_THREAD");
  EXPECT_EQ(native->Decide(kX32, "chmod", {}), "KILL_THREAD");

  const absl::StatusOr<SeccompFilter> all = SeccompFilter::Build(
      Profile("", R"("architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"],)"));
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->Decide(kX86, "chmod", {}), "ALLOW");
  EXPECT_EQ(all->Decide(kX32, "chmod", {}), "ALLOW");
}

TEST(SeccompFilterTest, BothByteOrdersInOneProfileAreRefused) {
  EXPECT_EQ(SeccompFilter::Build(Profile("", R"("architectures":["SCMP_ARCH_S390X"],)"))
                .status()
                .message(),
            "architecture: Numerical argument out of domain");
}

TEST(SeccompFilterTest, ArchitecturesOf32BitsCompareTheLowerHalfOnly) {
  const absl::StatusOr<SeccompFilter> filter = SeccompFilter::Build(
      Profile(Chmod("ERRNO", R"({"index":1,"value":4294967296,"op":"SCMP_CMP_GT"})"),
              R"("architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"],)"));
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_EQ(filter->Decide(kX86_64, "chmod", {0, 1}), "ALLOW");
  EXPECT_EQ(filter->Decide(kX86, "chmod", {0, 1}), "ERRNO(1)");
  EXPECT_EQ(filter->Decide(kX32, "chmod", {0, 1}), "ERRNO(1)");
  EXPECT_EQ(filter->Decide(kX86, "chmod", {0, 0}), "ALLOW");
}

TEST(SeccompFilterTest, IpcOfI386HidesArguments) {
  const absl::StatusOr<SeccompFilter> filter =
      SeccompFilter::Build(Profile(R"({"names":["semget"],"action":"SCMP_ACT_ERRNO","args":[
                  {"index":0,"value":38,"op":"SCMP_CMP_EQ"}]})",
                                   R"("architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],)"));
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_EQ(filter->Decide(kX86_64, "semget", {1}), "ALLOW");
  // SEMGET of include/uapi/linux/ipc.h.
  EXPECT_EQ(filter->Decide(kX86, "ipc", {2, 1}), "ERRNO(1)");
}

// The call's arguments lie in memory there, where no filter can look.
TEST(SeccompFilterTest, SocketcallOfI386HidesArguments) {
  const std::string json = Profile(
      R"({"names":["setsockopt"],"action":"SCMP_ACT_ERRNO","args":[
          {"index":1,"value":1,"op":"SCMP_CMP_EQ"},{"index":2,"value":26,"op":"SCMP_CMP_EQ"}]},
         {"names":["socket"],"action":"SCMP_ACT_ERRNO","args":[
          {"index":0,"value":38,"op":"SCMP_CMP_EQ"}]})",
      R"("architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],)");
  const absl::StatusOr<SeccompFilter> filter = SeccompFilter::Build(json);
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_EQ(filter->DecideNumber(kX86, 366, {0, 1, 26}), "ERRNO(1)");
  // SYS_SETSOCKOPT and SYS_SOCKET of include/uapi/linux/net.h, and a pointer.
  EXPECT_EQ(filter->Decide(kX86, "socketcall", {14, 0xffff0000}), "ALLOW");
  EXPECT_EQ(filter->Decide(kX86, "socketcall", {1, 0xffff0000}), "ERRNO(1)");
}

}  // namespace
}  // namespace varmor
