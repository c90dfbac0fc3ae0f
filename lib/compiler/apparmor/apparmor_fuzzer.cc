// libFuzzer's entry:
//   bazel build --config=fuzz //lib/compiler/apparmor:apparmor_fuzzer
//   bazel-bin/lib/compiler/apparmor/apparmor_fuzzer lib/compiler/apparmor/corpus
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "lib/compiler/apparmor/apparmor_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string problem =
      varmor::CheckAppArmorText({reinterpret_cast<const char*>(data), size});
  if (problem.empty()) return 0;
  std::fprintf(stderr, "%s\n", problem.c_str());
  std::abort();
}
