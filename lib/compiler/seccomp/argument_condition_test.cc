#include "lib/compiler/seccomp/argument_condition.h"

#include <limits>
#include <random>

#include "gtest/gtest.h"

namespace varmor {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

SeccompArg Arg(uint32_t index, const char* op, uint64_t value, uint64_t value_two = 0) {
  return {index, value, value_two, op};
}

constexpr const char* kOperators[] = {"SCMP_CMP_NE",       "SCMP_CMP_LT", "SCMP_CMP_LE",
                                      "SCMP_CMP_EQ",       "SCMP_CMP_GE", "SCMP_CMP_GT",
                                      "SCMP_CMP_MASKED_EQ"};

TEST(ArgumentConditionTest, KnowsWhatNeverAndAlwaysHolds) {
  const struct {
    SeccompArg arg;
    bool can;
    bool always;
  } kCases[] = {
      {Arg(0, "SCMP_CMP_LT", 0), false, false},
      {Arg(0, "SCMP_CMP_LT", 1), true, false},
      {Arg(0, "SCMP_CMP_GT", kMax), false, false},
      {Arg(0, "SCMP_CMP_GT", kMax - 1), true, false},
      {Arg(0, "SCMP_CMP_GE", 0), true, true},
      {Arg(0, "SCMP_CMP_GE", 1), true, false},
      {Arg(0, "SCMP_CMP_LE", kMax), true, true},
      {Arg(0, "SCMP_CMP_LE", kMax - 1), true, false},
      {Arg(0, "SCMP_CMP_EQ", 0), true, false},
      {Arg(0, "SCMP_CMP_NE", 0), true, false},
      {Arg(0, "SCMP_CMP_MASKED_EQ", 0, 7), true, true},
      {Arg(0, "SCMP_CMP_MASKED_EQ", 8, 7), true, false},
      {Arg(0, "SCMP_CMP_MASKED_EQ", kMax, 7), true, false},
      {Arg(0, "unknown", 0), false, false},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(CanHold(c.arg), c.can) << c.arg.op << c.arg.value;
    EXPECT_EQ(AlwaysHolds(c.arg), c.always) << c.arg.op << c.arg.value;
  }
}

// The same question asked for every value of 0 to 63 and for the ends of the range, as a model of
// 64 bits: constants are small or near the maximum, so whatever can hold can hold for one of these.
TEST(ArgumentConditionTest, OverlapAgreesWithTryingEveryValue) {
  std::vector<uint64_t> values;
  for (uint64_t i = 0; i < 64; ++i) {
    values.push_back(i);
    values.push_back(kMax - i);
  }
  std::mt19937 random(1);
  const auto constant = [&random]() {
    const uint64_t small = random() % 16;
    return random() % 4 == 0 ? kMax - small : small;
  };
  int overlapping = 0;
  for (int round = 0; round < 20000; ++round) {
    SeccompArg a = Arg(0, kOperators[random() % 7], constant(), constant());
    SeccompArg b = Arg(0, kOperators[random() % 7], constant(), constant());
    bool want = false;
    bool a_holds = false;
    for (const uint64_t value : values) {
      a_holds |= ConditionHolds(a, value);
      want |= ConditionHolds(a, value) && ConditionHolds(b, value);
    }
    EXPECT_EQ(CanHold(a), a_holds) << a.op << " " << a.value << " " << a.value_two;
    EXPECT_EQ(CanBothHold({a}, {b}), want) << a.op << " " << a.value << " " << a.value_two << " / "
                                           << b.op << " " << b.value << " " << b.value_two;
    overlapping += want ? 1 : 0;
  }
  // The comparison saw both answers.
  EXPECT_GT(overlapping, 1000);
  EXPECT_LT(overlapping, 19000);
}

TEST(ArgumentConditionTest, ConditionsOnDifferentIndexesCanBothHold) {
  EXPECT_TRUE(CanBothHold({Arg(0, "SCMP_CMP_EQ", 1)}, {Arg(1, "SCMP_CMP_EQ", 2)}));
  EXPECT_TRUE(CanBothHold({}, {Arg(1, "SCMP_CMP_EQ", 2)}));
  EXPECT_FALSE(CanBothHold({Arg(0, "SCMP_CMP_EQ", 1), Arg(1, "SCMP_CMP_EQ", 2)},
                           {Arg(1, "SCMP_CMP_NE", 2), Arg(0, "SCMP_CMP_EQ", 1)}));
}

TEST(ArgumentConditionTest, AlternativesAreInNormalForm) {
  using List = std::vector<ArgConjunction>;
  EXPECT_EQ(Alternatives({}), List({{}}));
  // Sorted by index; the datum is cut to the mask; what always holds is left out.
  EXPECT_EQ(Alternatives({Arg(2, "SCMP_CMP_EQ", 1, 9), Arg(0, "SCMP_CMP_MASKED_EQ", 8, 255),
                          Arg(1, "SCMP_CMP_GE", 0)}),
            List({{Arg(0, "SCMP_CMP_MASKED_EQ", 8, 8), Arg(2, "SCMP_CMP_EQ", 1)}}));
  // An index twice: each alone, once.
  EXPECT_EQ(
      Alternatives({Arg(1, "SCMP_CMP_EQ", 1), Arg(0, "SCMP_CMP_EQ", 2), Arg(1, "SCMP_CMP_EQ", 3),
                    Arg(1, "SCMP_CMP_EQ", 1)}),
      List({{Arg(1, "SCMP_CMP_EQ", 1)}, {Arg(0, "SCMP_CMP_EQ", 2)}, {Arg(1, "SCMP_CMP_EQ", 3)}}));
  // One that cannot hold takes its conjunction with it, but no other alternative.
  EXPECT_EQ(Alternatives({Arg(0, "SCMP_CMP_LT", 0), Arg(1, "SCMP_CMP_EQ", 1)}), List());
  EXPECT_EQ(Alternatives({Arg(0, "SCMP_CMP_LT", 0), Arg(0, "SCMP_CMP_EQ", 1)}),
            List({{Arg(0, "SCMP_CMP_EQ", 1)}}));
}

}  // namespace
}  // namespace varmor
