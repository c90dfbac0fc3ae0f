#include "runtime/protocol/gzip.h"

#include "gtest/gtest.h"

namespace varmor {
namespace {

TEST(GzipTest, GivesBackWhatWentIn) {
  std::string noise;
  for (uint32_t i = 1; noise.size() < 300000; i = i * 1664525 + 1013904223) {
    noise.push_back(static_cast<char>(i >> 24));
  }
  for (const std::string& bytes :
       {std::string(), std::string("x"), std::string(1000000, '\0'), noise}) {
    const std::string packed = Gzip(bytes);
    EXPECT_EQ(packed, Gzip(bytes));
    const absl::StatusOr<std::string> unpacked = Gunzip(packed, bytes.size());
    ASSERT_TRUE(unpacked.ok()) << unpacked.status();
    EXPECT_TRUE(*unpacked == bytes) << bytes.size();
  }
}

TEST(GzipTest, StopsAtTheLimit) {
  const std::string packed = Gzip(std::string(10 << 20, 'a'));
  EXPECT_LT(packed.size(), 20000u);
  EXPECT_EQ(Gunzip(packed, (10 << 20) - 1).status(),
            absl::ResourceExhaustedError("unpacks to more than the 10485759 bytes allowed"));
  EXPECT_TRUE(Gunzip(packed, 10 << 20).ok());
}

TEST(GzipTest, RefusesWhatIsDamaged) {
  const std::string packed = Gzip("a text of some length, a text of some length");
  const absl::Status damaged = absl::InvalidArgumentError("is not gzip, or damaged");
  EXPECT_EQ(Gunzip("", 100).status(), damaged);
  EXPECT_EQ(Gunzip("not gzip", 100).status(), damaged);
  EXPECT_EQ(Gunzip(packed + "x", 100).status(), damaged);
  for (size_t i = 1; i < packed.size(); ++i) {
    EXPECT_EQ(Gunzip(packed.substr(0, i), 100).status(), damaged) << i;
  }
  std::string flipped = packed;
  flipped[flipped.size() - 6] ^= 1;  // the checksum
  EXPECT_EQ(Gunzip(flipped, 100).status(), damaged);
}

}  // namespace
}  // namespace varmor
