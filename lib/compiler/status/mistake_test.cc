#include "lib/compiler/status/mistake.h"

#include "gtest/gtest.h"

namespace varmor {
namespace {

TEST(MistakeTest, ProblemAndFixMayHoldTheSeparator) {
  const absl::Status status = MistakeStatus(absl::StatusCode::kInvalidArgument,
                                            "pattern \"/a; b\" is odd", "write \"/a\"; or \"/b\"");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "pattern \"/a; b\" is odd; write \"/a\"; or \"/b\"");
  const Mistake mistake = MistakeOf(status);
  EXPECT_EQ(mistake.problem, "pattern \"/a; b\" is odd");
  EXPECT_EQ(mistake.fix, "write \"/a\"; or \"/b\"");
}

TEST(MistakeTest, AnotherStatusHasNoFix) {
  const Mistake mistake = MistakeOf(absl::InternalError("this; that"));
  EXPECT_EQ(mistake.problem, "this; that");
  EXPECT_EQ(mistake.fix, "");
}

}  // namespace
}  // namespace varmor
