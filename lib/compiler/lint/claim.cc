#include "lib/compiler/lint/claim.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/statement_parts.h"

namespace varmor {
namespace {

// The rule's first word alone, which stands for everything of its kind.
bool IsBare(const AppArmorStatement& statement) { return !absl::StrContains(statement.body, ' '); }

bool CoversStatement(const AppArmorStatement& outer, const AppArmorStatement& inner) {
  if (outer.kind != inner.kind) return false;
  if (outer.body == inner.body || IsBare(outer)) return true;
  if (IsBare(inner)) return false;
  const std::vector<std::string> all = PartsOf(outer).words;
  const std::vector<std::string> some = PartsOf(inner).words;
  if (outer.kind == AppArmorStatement::Kind::kCapability) {
    const std::set<std::string> names(all.begin(), all.end());
    return std::all_of(some.begin(), some.end(),
                       [&](const std::string& name) { return names.count(name) > 0; });
  }
  // "network inet" and "network inet stream": every word narrows.
  return outer.kind == AppArmorStatement::Kind::kNetwork && all.size() < some.size() &&
         std::equal(all.begin(), all.end(), some.begin());
}

bool CoversMask(uint64_t outer, uint64_t inner) {
  return outer == 0 || (inner != 0 && (inner & ~outer) == 0);
}

bool Contains(const BpfPrefix& outer, const BpfPrefix& inner) {
  if (outer.bits > inner.bits) return false;
  for (int bit = 0; bit < outer.bits; ++bit) {
    const int shift = 7 - bit % 8;
    if (((outer.address[bit / 8] ^ inner.address[bit / 8]) >> shift & 1) != 0) return false;
  }
  return true;
}

bool CoversPorts(const std::vector<PortRange>& outer, const std::vector<PortRange>& inner) {
  if (outer.empty()) return true;
  if (inner.empty()) return false;
  return std::all_of(inner.begin(), inner.end(), [&](const PortRange& range) {
    return std::any_of(outer.begin(), outer.end(), [&](const PortRange& o) {
      return o.first <= range.first && range.last <= o.last;
    });
  });
}

bool CoversEgress(const BpfEgress& outer, const BpfEgress& inner) {
  if (inner.prefixes.empty() && !inner.pod_self) return false;  // of addresses not known yet
  if (inner.pod_self && !outer.pod_self) return false;
  if (!CoversPorts(outer.ports, inner.ports)) return false;
  return std::all_of(inner.prefixes.begin(), inner.prefixes.end(), [&](const BpfPrefix& prefix) {
    return std::any_of(outer.prefixes.begin(), outer.prefixes.end(),
                       [&](const BpfPrefix& o) { return Contains(o, prefix); });
  });
}

// Every conjunction of `inner` has to be narrower than one of `outer`.
bool CoversConditions(const std::vector<ArgConjunction>& outer,
                      const std::vector<ArgConjunction>& inner) {
  const auto narrower = [](const ArgConjunction& wide, const ArgConjunction& narrow) {
    return std::all_of(wide.begin(), wide.end(), [&](const SeccompArg& arg) {
      return std::find(narrow.begin(), narrow.end(), arg) != narrow.end();
    });
  };
  return std::all_of(inner.begin(), inner.end(), [&](const ArgConjunction& narrow) {
    return std::any_of(outer.begin(), outer.end(),
                       [&](const ArgConjunction& wide) { return narrower(wide, narrow); });
  });
}

struct Compare {
  LintBudget& budget;

  bool operator()(const PathClaim& outer, const PathClaim& inner) const {
    const bool access =
        outer.access == inner.access || (outer.access == 'w' && inner.access == 'a');
    if (!access || (outer.owner && !inner.owner) || outer.transition != inner.transition) {
      return false;
    }
    return CoversPaths({&outer.paths}, inner.paths, budget);
  }
  bool operator()(const StatementClaim& outer, const StatementClaim& inner) const {
    return CoversStatement(*outer.statement, *inner.statement);
  }
  bool operator()(const MountClaim& outer, const MountClaim& inner) const {
    const BpfMount& a = *outer.rule;
    const BpfMount& b = *inner.rule;
    if (a.fstype != "*" && a.fstype != b.fstype) return false;
    if ((b.any & ~a.any) != 0 || (b.none & ~a.none) != 0) return false;
    return CoversPaths({&outer.source}, inner.source, budget);
  }
  bool operator()(const DiskClaim& outer, const DiskClaim& inner) const {
    return outer.mount == inner.mount && outer.letters == inner.letters &&
           (inner.bits & ~outer.bits) == 0;
  }
  bool operator()(const SyscallClaim& outer, const SyscallClaim& inner) const {
    if (outer.name != inner.name) return false;
    if (!outer.architectures.empty() && outer.architectures != inner.architectures) return false;
    return CoversConditions(outer.conditions, inner.conditions);
  }
  bool operator()(const BpfSocket* outer, const BpfSocket* inner) const {
    return CoversMask(outer->domains, inner->domains) && CoversMask(outer->types, inner->types) &&
           CoversMask(outer->protocols, inner->protocols);
  }
  bool operator()(const BpfEgress* outer, const BpfEgress* inner) const {
    return CoversEgress(*outer, *inner);
  }
  bool operator()(const BpfPtrace* outer, const BpfPtrace* inner) const {
    return (inner->permissions & ~outer->permissions) == 0 && (outer->strict || !inner->strict);
  }
  bool operator()(const BpfCapability* outer, const BpfCapability* inner) const {
    return (inner->mask & ~outer->mask) == 0;
  }
  bool operator()(const BpfOperation* outer, const BpfOperation* inner) const {
    return outer->operation == inner->operation;
  }
  template <typename A, typename B>
  bool operator()(const A&, const B&) const {
    return false;
  }
};

bool SameOutcome(const Claim& outer, const Claim& inner) {
  const auto* a = std::get_if<SyscallClaim>(&outer.what);
  const auto* b = std::get_if<SyscallClaim>(&inner.what);
  return a == nullptr || b == nullptr || a->outcome == b->outcome;
}

// Denials also keep the directories above their paths from being renamed.
bool CoversAncestors(const Claim& outer, const Claim& inner) {
  const auto* wide = std::get_if<PathClaim>(&outer.what);
  const auto* narrow = std::get_if<PathClaim>(&inner.what);
  if (wide == nullptr || narrow == nullptr || narrow->access == 'x' ||
      inner.effect == Claim::Effect::kAllow) {
    return true;
  }
  const std::vector<std::string>& known = wide->paths.ancestors;
  return std::all_of(narrow->paths.ancestors.begin(), narrow->paths.ancestors.end(),
                     [&](const std::string& directory) {
                       return std::find(known.begin(), known.end(), directory) != known.end() ||
                              (wide->access == 'w' && wide->paths.Matches(directory));
                     });
}

}  // namespace

bool CoversEvents(const Claim& outer, const Claim& inner, LintBudget& budget) {
  if (outer.enforcer != inner.enforcer || outer.what.index() != inner.what.index()) return false;
  if (!outer.target.empty() && outer.target != inner.target) return false;
  return std::visit(Compare{budget}, outer.what, inner.what);
}

bool MakesSuperfluous(const Claim& outer, const Claim& inner, LintBudget& budget) {
  if (inner.audit && !outer.audit) return false;
  // AppArmor: a denial without audit also keeps others quiet about the same.
  if (inner.enforcer == Claim::Enforcer::kAppArmor && inner.effect == Claim::Effect::kDeny &&
      inner.audit != outer.audit) {
    return false;
  }
  // A denial that reports makes a rule that only reports superfluous.
  const bool same = outer.effect == inner.effect || (inner.effect == Claim::Effect::kObserve &&
                                                     outer.effect == Claim::Effect::kDeny);
  return same && SameOutcome(outer, inner) && CoversAncestors(outer, inner) &&
         CoversEvents(outer, inner, budget);
}

}  // namespace varmor
