#include "lib/compiler/seccomp/errno_name.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace varmor {
namespace {

TEST(ErrnoNameTest, NamesAreThoseOfTheKernel) {
  EXPECT_EQ(ErrnoName(EPERM), "EPERM");
  EXPECT_EQ(ErrnoName(ENOSYS), "ENOSYS");
  EXPECT_EQ(ErrnoName(ENOTEMPTY), "ENOTEMPTY");
  EXPECT_EQ(ErrnoName(ENOMSG), "ENOMSG");
  EXPECT_EQ(ErrnoName(EBFONT), "EBFONT");
  EXPECT_EQ(ErrnoName(ESTRPIPE), "ESTRPIPE");
  EXPECT_EQ(ErrnoName(EAFNOSUPPORT), "EAFNOSUPPORT");
  EXPECT_EQ(ErrnoName(EHWPOISON), "EHWPOISON");
}

TEST(ErrnoNameTest, NumbersWithoutNameStayNumbers) {
  // 41 and 58 are second names of others (EWOULDBLOCK, EDEADLOCK) elsewhere, and free here.
  for (const uint32_t number : {0u, 41u, 58u, 134u, 4094u, ~0u}) {
    EXPECT_EQ(ErrnoName(number), "errno " + std::to_string(number));
  }
}

}  // namespace
}  // namespace varmor
