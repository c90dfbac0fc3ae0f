#include "lib/enforcers/bpf/parallel.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>

namespace varmor {
namespace {

// They wait most of the time.
constexpr size_t kMostThreads = 64;

}  // namespace

std::vector<absl::Status> RunParallel(const std::vector<std::function<absl::Status()>>& calls) {
  std::vector<absl::Status> results(calls.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < calls.size(); i = next++) results[i] = calls[i]();
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(calls.size(), kMostThreads); ++i) {
    try {
      threads.emplace_back(work);
    } catch (const std::system_error&) {
      break;  // those that there are do all of it
    }
  }
  work();
  for (std::thread& thread : threads) thread.join();
  return results;
}

}  // namespace varmor
