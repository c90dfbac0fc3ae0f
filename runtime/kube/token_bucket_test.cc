#include "runtime/kube/token_bucket.h"

#include "gtest/gtest.h"

namespace varmor {
namespace {

TEST(TokenBucketTest, LetsABurstThroughAndThenTheRate) {
  TokenBucket bucket(10, 3);
  const absl::Time start = absl::UnixEpoch();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.Take(start), absl::ZeroDuration());
  // Places ahead are given out one after the other.
  EXPECT_EQ(bucket.Take(start), absl::Milliseconds(100));
  EXPECT_EQ(bucket.Take(start), absl::Milliseconds(200));
  EXPECT_EQ(bucket.Take(start + absl::Milliseconds(250)), absl::Milliseconds(50));
}

TEST(TokenBucketTest, SavesNoMoreThanTheBurst) {
  TokenBucket bucket(10, 2);
  const absl::Time later = absl::UnixEpoch() + absl::Hours(1);
  bucket.Take(absl::UnixEpoch());
  EXPECT_EQ(bucket.Take(later), absl::ZeroDuration());
  EXPECT_EQ(bucket.Take(later), absl::ZeroDuration());
  EXPECT_GT(bucket.Take(later), absl::ZeroDuration());
}

}  // namespace
}  // namespace varmor
