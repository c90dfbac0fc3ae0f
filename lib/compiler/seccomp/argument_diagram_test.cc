#include "lib/compiler/seccomp/argument_diagram.h"

#include <iterator>
#include <random>

#include "gtest/gtest.h"

namespace varmor {
namespace {

constexpr size_t kBudget = 1 << 16;
constexpr const char* kOperators[] = {"SCMP_CMP_EQ",       "SCMP_CMP_NE", "SCMP_CMP_LT",
                                      "SCMP_CMP_LE",       "SCMP_CMP_GT", "SCMP_CMP_GE",
                                      "SCMP_CMP_MASKED_EQ"};

TEST(ArgumentDiagramsTest, ConditionsHoldWhereTheyAreSaidTo) {
  std::mt19937 random(1);
  const uint64_t values[] = {0, 1, 2, 64, 0xffffffff, uint64_t{1} << 32, ~uint64_t{0}};
  const auto pick = [&] { return values[random() % std::size(values)]; };
  for (int round = 0; round < 3000; ++round) {
    ArgConjunction args;
    for (uint32_t index = 0; index < 6; index += 1 + random() % 5) {
      args.push_back({index, pick(), pick(), kOperators[random() % std::size(kOperators)]});
    }
    ArgumentDiagrams diagrams(kBudget);
    const ArgumentDiagrams::Node node = diagrams.Conjunction(args, false);
    SyscallArguments call{};
    for (uint64_t& value : call) value = pick();
    bool holds = true;
    for (const SeccompArg& arg : args) holds &= ConditionHolds(arg, call[arg.index]);
    ASSERT_EQ(diagrams.At(node, call), holds ? 1u : 0u) << round;
    ASSERT_FALSE(diagrams.exhausted());
  }
}

TEST(ArgumentDiagramsTest, NarrowComparesLowerHalves) {
  const ArgConjunction is_one = {{2, (uint64_t{7} << 32) | 1, 0, "SCMP_CMP_EQ"}};
  ArgumentDiagrams diagrams(kBudget);
  const ArgumentDiagrams::Node node = diagrams.Conjunction(is_one, true);
  EXPECT_EQ(diagrams.At(node, {0, 0, 1, 0, 0, 0}), 1u);
  EXPECT_EQ(diagrams.At(node, {0, 0, (uint64_t{9} << 32) | 1, 0, 0, 0}), 1u);
  EXPECT_EQ(diagrams.At(node, {0, 0, 2, 0, 0, 0}), 0u);
}

TEST(ArgumentDiagramsTest, EqualFunctionsAreOneNode) {
  ArgumentDiagrams diagrams(kBudget);
  const auto node = [&](uint64_t value, const char* op, uint64_t value_two = 0) {
    return diagrams.Conjunction({{1, value, value_two, op}}, false);
  };
  EXPECT_EQ(node(5, "SCMP_CMP_LT"), node(4, "SCMP_CMP_LE"));
  EXPECT_EQ(node(0, "SCMP_CMP_LE"), node(0, "SCMP_CMP_EQ"));
  EXPECT_EQ(node(~uint64_t{0}, "SCMP_CMP_MASKED_EQ", 9), node(9, "SCMP_CMP_EQ"));
  EXPECT_EQ(node(0, "SCMP_CMP_GE"), ArgumentDiagrams::Constant(1));
  EXPECT_EQ(node(0, "SCMP_CMP_LT"), ArgumentDiagrams::Constant(0));
  EXPECT_NE(node(5, "SCMP_CMP_LT"), node(5, "SCMP_CMP_LE"));
  const auto either = [](uint32_t a, uint32_t b) { return a | b; };
  EXPECT_EQ(diagrams.Combine(node(5, "SCMP_CMP_LT"), node(5, "SCMP_CMP_GE"), either),
            ArgumentDiagrams::Constant(1));
}

TEST(ArgumentDiagramsTest, ValuesHaveTheirSmallestArguments) {
  ArgumentDiagrams diagrams(kBudget);
  const ArgumentDiagrams::Node node = diagrams.Combine(
      diagrams.Conjunction({{0, 3, 0, "SCMP_CMP_GT"}, {5, 64, 64, "SCMP_CMP_MASKED_EQ"}}, false),
      diagrams.Conjunction({{1, 7, 0, "SCMP_CMP_EQ"}}, false),
      [](uint32_t a, uint32_t b) { return 2 * a + b; });
  const std::map<uint32_t, SyscallArguments> want = {{0, {0, 0, 0, 0, 0, 0}},
                                                     {1, {0, 7, 0, 0, 0, 0}},
                                                     {2, {4, 0, 0, 0, 0, 64}},
                                                     {3, {4, 7, 0, 0, 0, 64}}};
  EXPECT_EQ(diagrams.Values(node), want);
}

TEST(ArgumentDiagramsTest, AnEmptyBudgetIsTold) {
  ArgumentDiagrams diagrams(3);
  diagrams.Conjunction({{0, 7, 0, "SCMP_CMP_EQ"}}, false);
  EXPECT_TRUE(diagrams.exhausted());
}

}  // namespace
}  // namespace varmor
