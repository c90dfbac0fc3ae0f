#include "lib/compiler/lint/path_set.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace varmor {
namespace {

PathSet Bpf(const std::string& text) { return BpfPathSet(*PathPattern::Parse(text)); }

bool Covers(const PathSet& outer, const PathSet& inner) {
  LintBudget budget;
  return CoversPaths({&outer}, inner, budget);
}

TEST(PathSetTest, KnowsBothEndsAndOnePath) {
  const struct {
    PathSet set;
    const char* prefix;
    const char* suffix;
    const char* sample;
    bool exact;
  } cases[] = {
      {Bpf("/etc/passwd"), "/etc/passwd", "/etc/passwd", "/etc/passwd", true},
      {Bpf("/etc/**"), "/etc/", "", "/etc/", false},
      {Bpf("**.key"), "", ".key", ".key", false},
      {Bpf("/srv/{a,b}/x"), "/srv/", "", "/srv/a/x", false},
      {AppArmorPathSet("/etc/passwd"), "/etc/passwd", "/etc/passwd", "/etc/passwd", true},
      {AppArmorPathSet("/etc/*.conf"), "/etc/", ".conf", "/etc/.conf", false},
      {AppArmorPathSet("/srv/{a,b}/x"), "/srv/", "/x", "/srv/b/x", false},
      {AppArmorPathSet("@{PROC}/kcore"), "/proc/kcore", "/proc/kcore", "/proc/kcore", true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.set.text);
    EXPECT_EQ(c.prefix, c.set.prefix);
    EXPECT_EQ(c.suffix, c.set.suffix);
    EXPECT_EQ(c.sample, c.set.sample);
    EXPECT_EQ(c.exact, c.set.exact);
    EXPECT_TRUE(c.set.Matches(c.set.sample));
  }
}

TEST(PathSetTest, CoversWhatItContains) {
  const struct {
    PathSet outer;
    PathSet inner;
    bool covers;
  } cases[] = {
      {Bpf("/etc/**"), Bpf("/etc/*.conf"), true},
      {Bpf("/etc/*.conf"), Bpf("/etc/**"), false},
      {Bpf("**.conf"), Bpf("/etc/*.conf"), true},
      {Bpf("*.conf"), Bpf("/etc/a.conf"), true},
      {Bpf("/etc/a"), Bpf("/etc/a"), true},
      {Bpf("/etc/a"), Bpf("/etc/b"), false},
      {Bpf("/etc/**"), Bpf("/etc"), false},
      {Bpf("/srv/{a,b}"), Bpf("/srv/a"), true},
      {AppArmorPathSet(""), AppArmorPathSet("/etc/**"), true},
      {AppArmorPathSet("/etc/**"), AppArmorPathSet(""), false},
      {AppArmorPathSet("/etc/*"), AppArmorPathSet("/etc/a*"), true},
      {AppArmorPathSet("@{PROC}/**"), AppArmorPathSet("/proc/1/mem"), true},
      {AppArmorPathSet("/**"), AppArmorPathSet("@{UNKNOWN}/a"), false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(c.covers, Covers(c.outer, c.inner)) << c.outer.text << " and " << c.inner.text;
  }
}

TEST(PathSetTest, SeveralSetsCoverTogether) {
  const PathSet a = Bpf("/x/[a-m]*");
  const PathSet b = Bpf("/x/[n-z]*");
  const PathSet all = Bpf("/x/[a-z]");
  LintBudget budget;
  EXPECT_TRUE(CoversPaths({&a, &b}, all, budget));
  EXPECT_FALSE(CoversPaths({&a}, all, budget));
  EXPECT_FALSE(CoversPaths({}, all, budget));
}

TEST(PathSetTest, SharesPaths) {
  LintBudget budget;
  EXPECT_TRUE(SharePaths(Bpf("/srv/**"), Bpf("**.key"), budget));
  EXPECT_FALSE(SharePaths(Bpf("/srv/**"), Bpf("/var/**"), budget));
  EXPECT_FALSE(SharePaths(Bpf("**.pem"), Bpf("**.key"), budget));
}

TEST(PathSetTest, AnEmptyBudgetDecidesNothingAndSaysSo) {
  LintBudget budget;
  budget.comparisons = 0;
  const PathSet outer = Bpf("/etc/**");
  EXPECT_FALSE(CoversPaths({&outer}, Bpf("/etc/*.conf"), budget));
  EXPECT_TRUE(budget.exhausted);
}

}  // namespace
}  // namespace varmor
