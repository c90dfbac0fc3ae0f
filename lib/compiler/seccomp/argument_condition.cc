#include "lib/compiler/seccomp/argument_condition.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

namespace varmor {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

// One condition, or the conjunction of two: first <= x <= last, x & mask == datum, x not in
// `holes`.
struct ValueSet {
  bool empty = false;
  uint64_t first = 0;
  uint64_t last = kMax;
  uint64_t mask = 0;
  uint64_t datum = 0;
  std::set<uint64_t> holes;
};

void Narrow(const SeccompArg& arg, ValueSet& set) {
  const uint64_t value = arg.value;
  if (arg.op == "SCMP_CMP_EQ") {
    set.first = std::max(set.first, value);
    set.last = std::min(set.last, value);
  } else if (arg.op == "SCMP_CMP_NE") {
    set.holes.insert(value);
  } else if (arg.op == "SCMP_CMP_LT") {
    set.empty |= value == 0;
    if (value != 0) set.last = std::min(set.last, value - 1);
  } else if (arg.op == "SCMP_CMP_LE") {
    set.last = std::min(set.last, value);
  } else if (arg.op == "SCMP_CMP_GE") {
    set.first = std::max(set.first, value);
  } else if (arg.op == "SCMP_CMP_GT") {
    set.empty |= value == kMax;
    if (value != kMax) set.first = std::max(set.first, value + 1);
  } else if (arg.op == "SCMP_CMP_MASKED_EQ") {
    const uint64_t datum = arg.value_two & value;
    set.empty |= ((datum ^ set.datum) & value & set.mask) != 0;
    set.mask |= value;
    set.datum |= datum;
  } else {
    set.empty = true;
  }
}

// The smallest x >= from with x & mask == datum.
std::optional<uint64_t> NextMasked(uint64_t from, uint64_t mask, uint64_t datum) {
  if ((from & mask) == datum) return from;
  // The answer shares its high bits with `from` down to some bit that is 0 there and 1 in the
  // answer; the lowest possible such bit gives the smallest answer. Below it free bits are 0.
  std::optional<uint64_t> best;
  for (int bit = 0; bit < 64; ++bit) {
    const uint64_t one = uint64_t{1} << bit;
    if ((from & one) != 0) continue;
    if ((mask & one) != 0 && (datum & one) == 0) continue;
    const uint64_t above = bit == 63 ? 0 : kMax << (bit + 1);
    if ((from & mask & above) != (datum & above)) continue;
    const uint64_t candidate = (from & above) | one | (datum & (one - 1));
    if (!best.has_value() || candidate < *best) best = candidate;
  }
  return best;
}

bool HasValue(const ValueSet& set) {
  if (set.empty || set.first > set.last) return false;
  uint64_t from = set.first;
  // Every hole can spoil one candidate.
  for (size_t tries = 0; tries <= set.holes.size(); ++tries) {
    const std::optional<uint64_t> x = NextMasked(from, set.mask, set.datum);
    if (!x.has_value() || *x > set.last) return false;
    if (set.holes.count(*x) == 0) return true;
    if (*x == kMax) return false;
    from = *x + 1;
  }
  return false;
}

SeccompArg Canonical(SeccompArg arg) {
  arg.value_two = arg.op == "SCMP_CMP_MASKED_EQ" ? arg.value_two & arg.value : 0;
  return arg;
}

// Nothing when the conjunction cannot hold.
std::optional<ArgConjunction> Normalise(const std::vector<SeccompArg>& args) {
  ArgConjunction conjunction;
  for (const SeccompArg& arg : args) {
    if (!CanHold(arg)) return std::nullopt;
    if (!AlwaysHolds(arg)) conjunction.push_back(Canonical(arg));
  }
  std::sort(conjunction.begin(), conjunction.end(),
            [](const SeccompArg& a, const SeccompArg& b) { return a.index < b.index; });
  return conjunction;
}

bool RepeatsAnIndex(const std::vector<SeccompArg>& args) {
  std::set<uint32_t> seen;
  for (const SeccompArg& arg : args) {
    if (!seen.insert(arg.index).second) return true;
  }
  return false;
}

}  // namespace

bool ConditionHolds(const SeccompArg& arg, uint64_t value) {
  if (arg.op == "SCMP_CMP_EQ") return value == arg.value;
  if (arg.op == "SCMP_CMP_NE") return value != arg.value;
  if (arg.op == "SCMP_CMP_LT") return value < arg.value;
  if (arg.op == "SCMP_CMP_LE") return value <= arg.value;
  if (arg.op == "SCMP_CMP_GE") return value >= arg.value;
  if (arg.op == "SCMP_CMP_GT") return value > arg.value;
  return arg.op == "SCMP_CMP_MASKED_EQ" && (value & arg.value) == (arg.value_two & arg.value);
}

bool CanHold(const SeccompArg& arg) {
  ValueSet set;
  Narrow(arg, set);
  return HasValue(set);
}

bool AlwaysHolds(const SeccompArg& arg) {
  return (arg.op == "SCMP_CMP_MASKED_EQ" && arg.value == 0) ||
         (arg.op == "SCMP_CMP_GE" && arg.value == 0) ||
         (arg.op == "SCMP_CMP_LE" && arg.value == kMax);
}

std::vector<ArgConjunction> Alternatives(const std::vector<SeccompArg>& args) {
  std::vector<ArgConjunction> alternatives;
  const auto add = [&alternatives](const std::vector<SeccompArg>& list) {
    const std::optional<ArgConjunction> conjunction = Normalise(list);
    if (conjunction.has_value() &&
        std::find(alternatives.begin(), alternatives.end(), *conjunction) == alternatives.end()) {
      alternatives.push_back(*conjunction);
    }
  };
  if (!RepeatsAnIndex(args)) {
    add(args);
  } else {
    for (const SeccompArg& arg : args) add({arg});
  }
  return alternatives;
}

bool CanBothHold(const ArgConjunction& a, const ArgConjunction& b) {
  for (const SeccompArg& x : a) {
    for (const SeccompArg& y : b) {
      if (x.index != y.index) continue;
      ValueSet set;
      Narrow(x, set);
      Narrow(y, set);
      if (!HasValue(set)) return false;
    }
  }
  return true;
}

}  // namespace varmor
