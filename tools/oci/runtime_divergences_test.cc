// Where runc and crun read a profile differently: a table, tried with both, and what the compiler
// does about it. A row that fails says that a runtime has changed.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/seccomp/parse_oci_seccomp.h"
#include "lib/compiler/seccomp/validate_syscalls.h"
#include "tools/oci/run_confined.h"

namespace varmor {
namespace {

struct Divergence {
  const char* name;
  // Members and the only entry of a profile that allows by default; the call that shows it.
  const char* members;
  const char* entry;
  const char* call;
  // runc 1.1.5 and crun 1.8.1.
  const char* runc;
  const char* crun;
  // Code of the error with which the compiler refuses such a profile.
  const char* refused_with;
};

constexpr Divergence kDivergences[] = {
    {"ErrnoBesideLog", "", R"({"names":["getpgrp"],"action":"SCMP_ACT_LOG","errnoRet":5})",
     "getpgrp()", "ok", "does not start", "errno-without-errno-action"},
    {"NotifyWithoutListener", "", R"({"names":["getpgrp"],"action":"SCMP_ACT_NOTIFY"})",
     "getpgrp()", "does not start", "errno 38", "notify-without-listener"},
};

std::string Json(const Divergence& row) {
  return absl::StrCat(R"({"defaultAction":"SCMP_ACT_ALLOW",)", row.members, R"("syscalls":[)",
                      row.entry, "]}");
}

std::string HelperPath() {
  return absl::StrCat(std::getenv("TEST_SRCDIR"), "/", std::getenv("TEST_WORKSPACE"),
                      "/tools/oci/make_syscalls");
}

class RuntimeDivergencesTest : public testing::TestWithParam<const char*> {};

TEST_P(RuntimeDivergencesTest, RuntimesStillDiffer) {
  const std::string runtime = GetParam();
  const absl::Status probe = ProbeOciRuntime(runtime, HelperPath(), testing::TempDir());
  if (!probe.ok()) GTEST_SKIP() << runtime << " runs no containers here: " << probe.message();
  for (const Divergence& row : kDivergences) {
    ConfinedRun run;
    run.runtime = runtime;
    run.seccomp_json = Json(row);
    run.calls = {row.call};
    run.make_syscalls = HelperPath();
    run.scratch = testing::TempDir();
    const auto outcome = RunConfined(run);
    EXPECT_EQ(outcome.ok() ? outcome->front() : "does not start",
              runtime == "runc" ? row.runc : row.crun)
        << row.name << outcome.status();
  }
}

// Not avoided: both refuse. runc answers ENOSYS to calls newer than all that the profile names, so
// that programs fall back on older ones, when the profile lists architectures.
TEST_P(RuntimeDivergencesTest, NewerCallsUnderADenialByDefaultFailDifferently) {
  const std::string runtime = GetParam();
  const absl::Status probe = ProbeOciRuntime(runtime, HelperPath(), testing::TempDir());
  if (!probe.ok()) GTEST_SKIP() << runtime << " runs no containers here: " << probe.message();
  std::ifstream in("docs/seccomp.md", std::ios::binary);
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  const size_t start = page.find("{\n  \"defaultAction\"");
  ASSERT_NE(start, std::string::npos);
  ConfinedRun run;
  run.runtime = runtime;
  run.seccomp_json = absl::StrCat(R"({"architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86"],)",
                                  page.substr(start + 1, page.find("```", start) - start - 1));
  run.calls = {"landlock_create_ruleset(0, 0, 0)", "mount(0, 0, 0, 0, 0)"};
  run.make_syscalls = HelperPath();
  run.scratch = testing::TempDir();
  const auto outcome = RunConfined(run);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ((*outcome)[0], runtime == "runc" ? "errno 38" : "errno 1");
  EXPECT_EQ((*outcome)[1], "errno 1");
}

INSTANTIATE_TEST_SUITE_P(Runtimes, RuntimeDivergencesTest, testing::ValuesIn(kOciRuntimes),
                         [](const auto& info) { return std::string(info.param); });

TEST(RuntimeDivergenceTableTest, TheCompilerRefusesWhatRuntimesReadDifferently) {
  for (const Divergence& row : kDivergences) {
    Diagnostics diagnostics;
    const ParsedSeccomp parsed = ParseOciSeccomp(Json(row), "profile", diagnostics);
    SyscallContext context;
    CheckSyscallEntries(parsed, "profile", context, diagnostics);
    std::string codes;
    for (const Diagnostic& diagnostic : diagnostics.list()) {
      if (diagnostic.severity == Diagnostic::Severity::kError) {
        absl::StrAppend(&codes, diagnostic.code, " ");
      }
    }
    EXPECT_EQ(codes, absl::StrCat(row.refused_with, " ")) << row.name;
  }
}

}  // namespace
}  // namespace varmor
