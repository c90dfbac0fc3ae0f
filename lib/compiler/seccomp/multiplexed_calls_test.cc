#include "lib/compiler/seccomp/multiplexed_calls.h"

#include <algorithm>
#include <tuple>

#include "gtest/gtest.h"

namespace varmor {
namespace {

TEST(MultiplexedCallsTest, EveryNumberHasOneCall) {
  const std::vector<MultiplexedCall>& calls = MultiplexedCalls();
  const auto key = [](const MultiplexedCall& call) {
    return std::make_tuple(std::string(call.carrier), call.number);
  };
  for (size_t i = 1; i < calls.size(); ++i) EXPECT_LT(key(calls[i - 1]), key(calls[i]));
}

TEST(MultiplexedCallsTest, OnlySomeArchitecturesCarryCalls) {
  const MultiplexedCall* socket = FindMultiplexedCall("SCMP_ARCH_X86", "socket");
  ASSERT_NE(socket, nullptr);
  EXPECT_STREQ(socket->carrier, "socketcall");
  EXPECT_EQ(socket->number, 1u);
  const MultiplexedCall* shmget = FindMultiplexedCall("SCMP_ARCH_X86", "shmget");
  ASSERT_NE(shmget, nullptr);
  EXPECT_STREQ(shmget->carrier, "ipc");
  EXPECT_EQ(shmget->number, 23u);
  for (const char* architecture :
       {"SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "", "x86"}) {
    EXPECT_EQ(FindMultiplexedCall(architecture, "socket"), nullptr) << architecture;
    EXPECT_EQ(FindMultiplexedCall(architecture, "shmget"), nullptr) << architecture;
  }
  EXPECT_EQ(FindMultiplexedCall("SCMP_ARCH_X86", "mount"), nullptr);
  EXPECT_EQ(FindMultiplexedCall("SCMP_ARCH_X86", "socketcall"), nullptr);
}

// arch/x86/entry/syscalls: x86 got numbers for most socket calls in Linux 4.3, never for send.
TEST(MultiplexedCallsTest, CarriedCallsMayHaveANumberAsWell) {
  EXPECT_TRUE(HasOwnNumber("SCMP_ARCH_X86", "socket"));
  EXPECT_TRUE(HasOwnNumber("SCMP_ARCH_X86", "shmget"));
  EXPECT_FALSE(HasOwnNumber("SCMP_ARCH_X86", "send"));
  EXPECT_FALSE(HasOwnNumber("SCMP_ARCH_X86", "accept"));
  EXPECT_TRUE(HasOwnNumber("SCMP_ARCH_X86_64", "socket"));
  EXPECT_FALSE(HasOwnNumber("SCMP_ARCH_X86_64", "socketcall"));
  EXPECT_TRUE(HasOwnNumber("SCMP_ARCH_X86", "mount"));
}

TEST(MultiplexedCallsTest, WhatDoesNotExistHasNoNumber) {
  EXPECT_FALSE(HasOwnNumber("SCMP_ARCH_X86", "no_such_call"));
  EXPECT_FALSE(HasOwnNumber("SCMP_ARCH_X86", std::string("mount\0", 6)));
  EXPECT_FALSE(HasOwnNumber("x86", "mount"));
  EXPECT_FALSE(HasOwnNumber("", "mount"));
}

}  // namespace
}  // namespace varmor
