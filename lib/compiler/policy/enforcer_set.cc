#include "lib/compiler/policy/enforcer_set.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

struct EnforcerWord {
  absl::string_view lower;
  absl::string_view name;
  bool EnforcerSet::*member;
};

constexpr EnforcerWord kWords[] = {
    {"apparmor", "AppArmor", &EnforcerSet::app_armor},
    {"bpf", "BPF", &EnforcerSet::bpf},
    {"seccomp", "Seccomp", &EnforcerSet::seccomp},
    {"networkproxy", "NetworkProxy", &EnforcerSet::network_proxy},
};

// True when `lower` is nothing but words, each at most once.
bool ParseExactly(absl::string_view lower, EnforcerSet& set) {
  while (!lower.empty()) {
    bool found = false;
    for (const EnforcerWord& word : kWords) {
      if (!absl::StartsWith(lower, word.lower) || set.*word.member) continue;
      set.*word.member = true;
      lower.remove_prefix(word.lower.size());
      found = true;
      break;
    }
    if (!found) return false;
  }
  return !set.empty();
}

// All sets by their usual names, single words first.
std::vector<std::string> AllSetNames() {
  std::vector<std::string> names;
  for (int size = 1; size <= 4; ++size) {
    for (int bits = 1; bits < 16; ++bits) {
      if (__builtin_popcount(bits) != size) continue;
      EnforcerSet set;
      for (int i = 0; i < 4; ++i) set.*kWords[i].member = (bits >> i & 1) != 0;
      names.push_back(EnforcerSetName(set));
    }
  }
  return names;
}

}  // namespace

EnforcerSet ParseEnforcers(absl::string_view text, absl::string_view field,
                           Diagnostics& diagnostics) {
  const std::string lower = absl::AsciiStrToLower(text);
  EnforcerSet exact;
  if (ParseExactly(lower, exact)) return exact;

  EnforcerSet found;
  for (const EnforcerWord& word : kWords) {
    found.*word.member = absl::StrContains(lower, word.lower);
  }
  const std::string nearest = NearestWord(text, AllSetNames());
  const std::string fix =
      nearest.empty()
          ? "write AppArmor, BPF, Seccomp or NetworkProxy, or several of them in one word"
          : absl::StrCat("did you mean \"", nearest, "\"?");
  if (found.empty()) {
    diagnostics.Error("unknown-enforcer", field, absl::StrCat("unknown enforcer ", Quoted(text)),
                      fix);
  } else {
    diagnostics.StrictError(
        "enforcer-spelling", field,
        absl::StrCat("enforcer ", Quoted(text), " is not a plain concatenation of ",
                     "enforcer names; only ", EnforcerSetName(found), " is recognised in it"),
        fix);
  }
  return found;
}

std::string EnforcerSetName(const EnforcerSet& set) {
  std::string name;
  for (const EnforcerWord& word : kWords) {
    if (set.*word.member) absl::StrAppend(&name, word.name);
  }
  return name;
}

}  // namespace varmor
