// The numbers that the image shares with the compiler's own types, and the protocol classes. Sizes
// and offsets are asserted in the header itself.
#include "lib/compiler/artifact/bpf_map_abi.h"

#include "gtest/gtest.h"
#include "lib/compiler/ir/bpf_rules.h"
#include "proto/builtin_rule.pb.h"

namespace varmor {
namespace {

TEST(BpfMapAbiTest, AccessAndPermissionsHaveTheNumbersOfTheRules) {
  EXPECT_EQ(VARMOR_ACCESS_EXEC, kAccessExec);
  EXPECT_EQ(VARMOR_ACCESS_WRITE, kAccessWrite);
  EXPECT_EQ(VARMOR_ACCESS_READ, kAccessRead);
  EXPECT_EQ(VARMOR_ACCESS_APPEND, kAccessAppend);
  EXPECT_EQ(VARMOR_PTRACE_TRACE, kPtraceTrace);
  EXPECT_EQ(VARMOR_PTRACE_READ, kPtraceRead);
  EXPECT_EQ(VARMOR_PTRACE_TRACED_BY, kPtraceTracedBy);
  EXPECT_EQ(VARMOR_PTRACE_READ_BY, kPtraceReadBy);
}

TEST(BpfMapAbiTest, OperationsAreBitsOfTheirNumbers) {
  EXPECT_EQ(VARMOR_OPERATION_CREATE_USER_NAMESPACE, 1u << BpfEffects::CREATE_USER_NAMESPACE);
  EXPECT_EQ(VARMOR_OPERATION_LOAD_BPF_PROGRAM, 1u << BpfEffects::LOAD_BPF_PROGRAM);
  EXPECT_EQ(VARMOR_OPERATION_ATTACH_SOCKET_FILTER, 1u << BpfEffects::ATTACH_SOCKET_FILTER);
  EXPECT_LT(BpfEffects::Operation_MAX, VARMOR_DECISION_BITS);
}

TEST(BpfMapAbiTest, AbsentFlagsCountInMountCallsOnly) {
  EXPECT_EQ(VARMOR_MOUNT_UMOUNT, kMountUmount);
  EXPECT_EQ(VARMOR_MOUNT_PIVOT_ROOT, kMountPivotRoot);
  varmor_mount_rule rule{};
  rule.any = kMountBind;
  rule.none = kMountReadOnly;
  EXPECT_TRUE(varmor_mount_rule_applies(&rule, kMountNew));
  EXPECT_FALSE(varmor_mount_rule_applies(&rule, kMountNew | kMountReadOnly));
  EXPECT_TRUE(varmor_mount_rule_applies(&rule, kMountBind | kMountReadOnly));
  EXPECT_FALSE(varmor_mount_rule_applies(&rule, kMountUmount));
  EXPECT_FALSE(varmor_mount_rule_applies(&rule, kMountPivotRoot));
  rule.any = kMountUmount;
  EXPECT_TRUE(varmor_mount_rule_applies(&rule, kMountUmount));
}

struct ProtocolCase {
  uint32_t domain;
  uint32_t type;
  uint32_t protocol;
  uint32_t want;
};

// W25: what a socket of protocol 0 becomes counts; numbers wrap around nowhere.
TEST(BpfMapAbiTest, W25_ProtocolsCountAsTheyTakeEffect) {
  constexpr uint32_t kUnix = 1, kInet = 2, kInet6 = 10, kStream = 1, kDgram = 2, kRaw = 3;
  const ProtocolCase cases[] = {
      {kInet, kStream, 0, VARMOR_PROTOCOL_TCP},     {kInet6, kStream, 0, VARMOR_PROTOCOL_TCP},
      {kInet, kStream, 6, VARMOR_PROTOCOL_TCP},     {kInet, kStream, 262, VARMOR_PROTOCOL_TCP},
      {kInet, kRaw, 6, VARMOR_PROTOCOL_TCP},        {kInet, kDgram, 0, VARMOR_PROTOCOL_UDP},
      {kInet6, kDgram, 17, VARMOR_PROTOCOL_UDP},    {kInet, kDgram, 136, VARMOR_PROTOCOL_UDP},
      {kInet, kDgram, 1, VARMOR_PROTOCOL_ICMP},     {kInet, kRaw, 1, VARMOR_PROTOCOL_ICMP},
      {kInet6, kRaw, 58, VARMOR_PROTOCOL_ICMPV6},   {kInet6, kDgram, 58, VARMOR_PROTOCOL_ICMPV6},
      {kInet, kStream, 132, VARMOR_PROTOCOL_OTHER}, {kInet, kRaw, 255, VARMOR_PROTOCOL_OTHER},
      {kInet, kRaw, 0, VARMOR_PROTOCOL_OTHER},      {kInet, kStream, 70, VARMOR_PROTOCOL_OTHER},
      {kUnix, kStream, 0, VARMOR_PROTOCOL_OTHER},   {kUnix, kStream, 6, VARMOR_PROTOCOL_OTHER},
  };
  for (const ProtocolCase& c : cases) {
    EXPECT_EQ(varmor_protocol_class(c.domain, c.type, c.protocol), c.want)
        << c.domain << " " << c.type << " " << c.protocol;
  }
}

}  // namespace
}  // namespace varmor
