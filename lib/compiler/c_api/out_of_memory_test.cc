// Every call reports that memory ran out, wherever that happens. (What Protocol Buffers was about
// to link into a message may leak then.)
#include <cstdlib>
#include <new>

#include "gtest/gtest.h"
#include "lib/compiler/c_api/varmor.h"

namespace {

// Allocations of this thread until one fails; negative: none does.
thread_local long left_until_failure = -1;

void* Allocate(std::size_t size) {
  if (left_until_failure == 0) throw std::bad_alloc();
  if (left_until_failure > 0) --left_until_failure;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace varmor {
namespace {

constexpr char kPolicy[] =
    "apiVersion: crd.varmor.org/v1beta1\n"
    "kind: VarmorPolicy\n"
    "metadata: {name: web, namespace: shop}\n"
    "spec:\n"
    "  target: {kind: Deployment, name: web}\n"
    "  policy:\n"
    "    enforcer: BPFSeccomp\n"
    "    mode: EnhanceProtect\n"
    "    enhanceProtect: {hardeningRules: [disallow-write-core-pattern]}\n";

// Runs `call`, which returns a status and cleans up, with the first failure at every allocation, or
// at every `step`-th. Returns how often memory ran out.
template <typename Call>
long FailEverywhere(long step, Call call) {
  call();  // what is made once and stays
  long failures = 0;
  for (long at = 0;; at += step) {
    left_until_failure = at;
    const varmor_status status = call();
    left_until_failure = -1;
    if (status == VARMOR_OK) return failures;
    EXPECT_EQ(status, VARMOR_OUT_OF_MEMORY) << at;
    ++failures;
    if (testing::Test::HasFailure()) return failures;
  }
}

TEST(OutOfMemoryTest, CompileSaysSo) {
  const long failures = FailEverywhere(7, [] {
    varmor_result* result = nullptr;
    const varmor_status status = varmor_compile(kPolicy, sizeof kPolicy - 1, nullptr, &result);
    if (status != VARMOR_OK) {
      left_until_failure = -1;
      EXPECT_EQ(result, nullptr);
    }
    varmor_result_free(result);
    return status;
  });
  EXPECT_GT(failures, 100);
}

TEST(OutOfMemoryTest, SimulatorAndDecideSaySo) {
  varmor_result* result = nullptr;
  ASSERT_EQ(varmor_compile(kPolicy, sizeof kPolicy - 1, nullptr, &result), VARMOR_OK);
  const varmor_policy* policy = varmor_result_policy(result, 0);
  FailEverywhere(3, [&] {
    varmor_simulator* simulator = nullptr;
    const varmor_status status = varmor_simulator_load(policy, &simulator);
    varmor_simulator_free(simulator);
    return status;
  });
  varmor_simulator* simulator = nullptr;
  ASSERT_EQ(varmor_simulator_load(policy, &simulator), VARMOR_OK);
  const long failures = FailEverywhere(1, [&] {
    varmor_answer* answer = nullptr;
    const varmor_status status = varmor_decide(simulator, "write /etc/passwd", &answer);
    varmor_answer_free(answer);
    return status;
  });
  EXPECT_GT(failures, 3);
  varmor_simulator_free(simulator);
  varmor_result_free(result);
}

}  // namespace
}  // namespace varmor
