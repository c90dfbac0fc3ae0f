// libFuzzer: any bytes as a custom seccomp profile are parsed, checked and lowered without a fault;
// places lie inside the text; what is accepted is printed, read back and lowered to the same bytes.
//   bazel build --config=fuzz //lib/compiler/lower:lower_seccomp_fuzzer
//   tools/fuzz.sh bazel-bin/lib/compiler/lower/lower_seccomp_fuzzer
//   lib/compiler/lower/corpus 60
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "lib/compiler/emit/emit_seccomp.h"
#include "lib/compiler/lower/lower_seccomp.h"

namespace varmor {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckPlaces(const Diagnostics& diagnostics, const std::string& text) {
  const auto lines = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const Diagnostic& d : diagnostics.list()) {
    Require(!d.code.empty() && !d.problem.empty());
    Require(d.inside.line >= 0 && d.inside.line <= lines);
    Require(d.inside.column >= 0 && d.inside.column <= static_cast<int>(text.size()) + 1);
  }
}

std::string LowerText(const std::string& text, Diagnostics& diagnostics) {
  SeccompRules rules;
  rules.base = SeccompRules::Base::kText;
  rules.base_text = text;
  rules.base_origin = {"custom", "f"};
  const absl::StatusOr<SeccompProfile> profile =
      LowerSeccomp(rules, {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}, diagnostics);
  Require(profile.ok());
  return SeccompJson(*profile);
}

}  // namespace
}  // namespace varmor

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  varmor::Diagnostics diagnostics;
  const std::string json = varmor::LowerText(text, diagnostics);
  varmor::CheckPlaces(diagnostics, text);
  if (diagnostics.HasErrors()) return 0;
  varmor::Diagnostics again;
  varmor::Require(varmor::LowerText(json, again) == json);
  varmor::Require(!again.HasErrors());
  return 0;
}
