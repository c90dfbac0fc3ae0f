#include "lib/compiler/network/address_sets.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace varmor {

bool Contains(const BpfPrefix& outer, const BpfPrefix& inner) {
  if (outer.bits > inner.bits) return false;
  const int whole = outer.bits / 8;
  if (!std::equal(outer.address.begin(), outer.address.begin() + whole, inner.address.begin())) {
    return false;
  }
  const int rest = outer.bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<uint8_t>(0xFF << (8 - rest));
  return (outer.address[whole] & mask) == (inner.address[whole] & mask);
}

std::optional<std::vector<AddressSet>> CloseAddresses(std::vector<AddressRule> rules,
                                                      size_t most_members) {
  std::sort(rules.begin(), rules.end(), [](const AddressRule& a, const AddressRule& b) {
    if (a.prefix == b.prefix) return a.rule < b.rule;
    return a.prefix < b.prefix;
  });
  std::vector<AddressSet> sets;
  // Indexes into `sets` of the prefixes around the current one, outermost first: sorted prefixes
  // nest like brackets.
  std::vector<size_t> around;
  size_t members = 0;
  for (size_t i = 0; i < rules.size();) {
    AddressSet set;
    set.prefix = rules[i].prefix;
    std::vector<uint32_t> own;
    for (; i < rules.size() && rules[i].prefix == set.prefix; ++i) own.push_back(rules[i].rule);
    own.erase(std::unique(own.begin(), own.end()), own.end());
    while (!around.empty() && !Contains(sets[around.back()].prefix, set.prefix)) around.pop_back();
    if (around.empty()) {
      set.rules = std::move(own);
    } else {
      const std::vector<uint32_t>& outer = sets[around.back()].rules;
      std::set_union(outer.begin(), outer.end(), own.begin(), own.end(),
                     std::back_inserter(set.rules));
      if (set.rules == outer) continue;
    }
    members += set.rules.size();
    if (members > most_members) return std::nullopt;
    around.push_back(sets.size());
    sets.push_back(std::move(set));
  }
  return sets;
}

}  // namespace varmor
