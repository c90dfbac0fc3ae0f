#include "lib/compiler/seccomp/testing/random_profile.h"

#include <algorithm>
#include <iterator>

namespace varmor {
namespace {

constexpr const char* kOperators[] = {"SCMP_CMP_NE",       "SCMP_CMP_LT", "SCMP_CMP_LE",
                                      "SCMP_CMP_EQ",       "SCMP_CMP_GE", "SCMP_CMP_GT",
                                      "SCMP_CMP_MASKED_EQ"};
// Boundaries of bytes, of the lower half, of 64 bits.
constexpr uint64_t kConstants[] = {0,           1,           5,           8,
                                   0x40,        0x7fffffff,  0x80000000,  0xffffffff,
                                   0x100000000, 0x100000001, 0x100000005, 0x8000000000000000,
                                   ~uint64_t{0}};

}  // namespace

uint64_t RandomProfiles::Constant() { return kConstants[Below(std::size(kConstants))]; }

SeccompEntry RandomProfiles::Entry(Kind kind) {
  SeccompEntry entry;
  entry.names = {options_.names[Below(options_.names.size())]};
  entry.action = options_.actions[Below(options_.actions.size())];
  if (entry.action == "SCMP_ACT_ERRNO" && Below(2) == 0) {
    entry.errno_ret = static_cast<uint32_t>(1 + Below(130));
  }
  const uint64_t count = kind == Kind::kOneArgument ? 1 : Below(5);
  for (uint64_t i = 0; i < count; ++i) {
    SeccompArg arg;
    arg.index = static_cast<uint32_t>(Below(Below(8) == 0 ? 6 : 3));
    arg.value = Constant();
    arg.op = kOperators[Below(std::size(kOperators))];
    if (kind == Kind::kEqualities) arg.op = Below(2) == 0 ? "SCMP_CMP_EQ" : "SCMP_CMP_MASKED_EQ";
    if (kind == Kind::kOneArgument) arg.value &= 0xffffffff;
    if (arg.op == "SCMP_CMP_MASKED_EQ") arg.value_two = Constant();
    // An index twice makes alternatives, and so several rules.
    const bool repeats = std::any_of(entry.args.begin(), entry.args.end(),
                                     [&](const auto& other) { return other.index == arg.index; });
    if (!repeats || kind != Kind::kOneEntryEach) entry.args.push_back(arg);
  }
  return entry;
}

SeccompProfile RandomProfiles::Next() {
  SeccompProfile profile;
  profile.default_action = options_.default_action;
  profile.architectures = options_.architectures;
  const uint64_t pick = Below(8);
  const Kind kind = pick < 3   ? Kind::kOneEntryEach
                    : pick < 5 ? Kind::kEqualities
                    : pick < 7 ? Kind::kOneArgument
                               : Kind::kAnything;
  const uint64_t count = 1 + Below(6);
  for (uint64_t i = 0; i < count; ++i) {
    SeccompEntry entry = Entry(kind);
    const bool taken =
        std::any_of(profile.entries.begin(), profile.entries.end(),
                    [&](const SeccompEntry& other) { return other.names == entry.names; });
    if (taken && kind == Kind::kOneEntryEach) continue;
    profile.entries.push_back(std::move(entry));
  }
  return profile;
}

std::vector<uint64_t> RandomProfiles::Call(const SeccompProfile& profile) {
  std::vector<uint64_t> named[6];
  for (const SeccompEntry& entry : profile.entries) {
    for (const SeccompArg& arg : entry.args) {
      named[arg.index].push_back(arg.op == "SCMP_CMP_MASKED_EQ" ? arg.value_two : arg.value);
    }
  }
  std::vector<uint64_t> args;
  for (const std::vector<uint64_t>& values : named) {
    uint64_t value = values.empty() || Below(4) == 0 ? Constant() : values[Below(values.size())];
    value += Below(3) - 1;
    if (Below(4) == 0) value ^= (1 + Below(5)) << 32;
    args.push_back(value);
  }
  return args;
}

}  // namespace varmor
