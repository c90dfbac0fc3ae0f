// Every seccomp profile among the goldens, three ways: what libseccomp's filter for it says, and
// what a live process is told under runc and under crun.
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/seccomp/testing/seccomp_filter.h"
#include "tools/oci/run_confined.h"

namespace varmor {
namespace {

namespace fs = std::filesystem;

struct Call {
  const char* name;
  std::vector<uint64_t> args;
};

// Calls that goldens are about, and near misses; harmless when they are allowed.
const std::vector<Call>& Calls() {
  static const auto* const calls = new std::vector<Call>{
      {"chmod", {0, 0x40}},
      {"chmod", {0, 0x800}},
      {"chmod", {0, 0x1b6}},
      {"fchmodat", {99, 0, 8}},
      {"fchmodat", {99, 0, 0x180}},
      {"fchmodat2", {99, 0, 1, 0}},
      {"unshare", {0x10000000}},
      {"unshare", {0}},
      {"mount", {0, 0, 0, 0, 0}},
      {"ptrace", {99, 0, 0, 0}},
      {"mknod", {0, 0, 0}},
      {"acct", {0}},
      {"socket", {38, 5, 0}},
      {"socket", {1, 1, 0}},
      {"bpf", {5, 0, 0}},
      {"bpf", {2, 0, 201}},
      {"bpf", {2, 0, 200}},
      {"splice", {99, 0, 99, 0, 0, 0}},
      {"getpid", {}},
      {"getuid", {}},
      {"umask", {022}},
  };
  return *calls;
}

std::string Text(const Call& call) {
  std::string text = absl::StrCat(call.name, "(");
  for (size_t i = 0; i < call.args.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", call.args[i]);
  }
  return text + ")";
}

std::vector<std::string> Texts() {
  std::vector<std::string> texts;
  for (const Call& call : Calls()) texts.push_back(Text(call));
  return texts;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> Goldens() {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator("testdata/compile")) {
    const std::string path = entry.path().string();
    if (path.size() > 13 && path.substr(path.size() - 13) == ".seccomp.json") files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string HelperPath() {
  return absl::StrCat(std::getenv("TEST_SRCDIR"), "/", std::getenv("TEST_WORKSPACE"),
                      "/tools/oci/make_syscalls");
}

absl::StatusOr<std::vector<std::string>> RunCalls(const std::string& runtime,
                                                  const std::string& json) {
  ConfinedRun run;
  run.runtime = runtime;
  run.seccomp_json = json;
  run.calls = Texts();
  run.make_syscalls = HelperPath();
  run.scratch = testing::TempDir();
  return RunConfined(run);
}

// What the live process has to see, given the filter's word and the kernel's own answer.
std::string Expected(const std::string& decision, const std::string& unconfined) {
  if (decision == "ALLOW" || decision == "LOG") return unconfined;
  if (decision.substr(0, 6) == "ERRNO(") {
    return absl::StrCat("errno ", decision.substr(6, decision.size() - 7));
  }
  return "signal 31";
}

// A container's start needs these after the filter is on; without them there is no live process.
bool CanStart(const SeccompFilter& filter) {
  for (const char* name : {"execve", "prctl", "capset", "setgroups", "clone", "wait4"}) {
    const std::string decision = filter.Decide("SCMP_ARCH_X86_64", name, {});
    if (decision != "ALLOW" && decision != "LOG") return false;
  }
  return true;
}

using GoldenOnRuntime = std::tuple<std::string, const char*>;

class GoldenProfilesTest : public testing::TestWithParam<GoldenOnRuntime> {};

TEST_P(GoldenProfilesTest, LiveProcessFilterAndProfileAgree) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "the numbers and architectures of this test are those of x86_64";
#endif
  const auto& [file, runtime] = GetParam();
  const absl::Status probe = ProbeOciRuntime(runtime, HelperPath(), testing::TempDir());
  if (!probe.ok()) GTEST_SKIP() << runtime << " runs no containers here: " << probe.message();

  const std::string json = ReadFile(file);
  const absl::StatusOr<SeccompFilter> filter = SeccompFilter::Build(json);
  ASSERT_TRUE(filter.ok()) << filter.status();
  const auto unconfined = RunCalls(runtime, "");
  ASSERT_TRUE(unconfined.ok()) << unconfined.status();
  const auto confined = RunCalls(runtime, json);
  if (!CanStart(*filter)) {
    EXPECT_FALSE(confined.ok()) << "the profile forbids what a container needs to start";
    return;
  }
  ASSERT_TRUE(confined.ok()) << confined.status();
  for (size_t i = 0; i < Calls().size(); ++i) {
    const Call& call = Calls()[i];
    const std::string decision = filter->Decide("SCMP_ARCH_X86_64", call.name, call.args);
    EXPECT_EQ((*confined)[i], Expected(decision, (*unconfined)[i]))
        << Text(call) << ": the filter says " << decision;
  }
}

std::string TestName(const testing::TestParamInfo<GoldenOnRuntime>& info) {
  const fs::path file = std::get<0>(info.param);
  std::string name;
  for (const char c : file.parent_path().parent_path().filename().string()) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return absl::StrCat(name, "_", std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Goldens, GoldenProfilesTest,
                         testing::Combine(testing::ValuesIn(Goldens()),
                                          testing::ValuesIn(kOciRuntimes)),
                         TestName);

}  // namespace
}  // namespace varmor
