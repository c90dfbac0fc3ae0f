#include "lib/compiler/policy/enforcer_set.h"

#include <string>

#include "gtest/gtest.h"

namespace varmor {
namespace {

struct EnforcerCase {
  const char* text;
  // Under strict reading; "" when the text is fine.
  const char* diagnostics;
  // What a lenient reader gets.
  const char* set;
};

constexpr EnforcerCase kCases[] = {
    {"AppArmor", "", "AppArmor"},
    {"bpfAPPARMORseccomp", "", "AppArmorBPFSeccomp"},
    {"BPFNetworkProxy", "", "BPFNetworkProxy"},
    {"AppArmr+BPF",
     "error: f: enforcer \"AppArmr+BPF\" is not a plain concatenation of enforcer names; only BPF "
     "is "
     "recognised in it [enforcer-spelling]\n  fix: did you mean \"AppArmorBPF\"?\n",
     "BPF"},
    {"BPFBPF",
     "error: f: enforcer \"BPFBPF\" is not a plain concatenation of enforcer names; only BPF is "
     "recognised in it [enforcer-spelling]\n"
     "  fix: write AppArmor, BPF, Seccomp or NetworkProxy, or several of them in one word\n",
     "BPF"},
    {"SELinux",
     "error: f: unknown enforcer \"SELinux\" [unknown-enforcer]\n"
     "  fix: write AppArmor, BPF, Seccomp or NetworkProxy, or several of them in one word\n",
     ""},
    {"",
     "error: f: unknown enforcer \"\" [unknown-enforcer]\n"
     "  fix: write AppArmor, BPF, Seccomp or NetworkProxy, or several of them in one word\n",
     ""},
};

TEST(EnforcerSetTest, W06_ReadsExactWordsAndReportsTheRest) {
  for (const EnforcerCase& c : kCases) {
    SCOPED_TRACE(c.text);
    Diagnostics strict;
    EXPECT_EQ(EnforcerSetName(ParseEnforcers(c.text, "f", strict)), c.set);
    std::string rendered;
    for (const Diagnostic& d : strict.list()) rendered += FormatDiagnostic(d);
    EXPECT_EQ(rendered, c.diagnostics);

    Diagnostics lenient(/*lenient=*/true);
    ParseEnforcers(c.text, "f", lenient);
    EXPECT_EQ(lenient.HasErrors(), *c.set == '\0');
  }
}

}  // namespace
}  // namespace varmor
