#include "lib/compiler/lint/lint_superfluous.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "lib/compiler/lint/lint_table.h"

namespace varmor {
namespace {

using Effect = Claim::Effect;

// One rule as a person sees it: a built-in rule under all enforcers, a raw rule, or what stands
// behind them.
struct Unit {
  std::vector<const Claim*> claims;
  // Superfluous; what stands in others' reports is not.
  bool dropped = false;

  const Claim& first() const { return *claims.front(); }
};

// In the order in which they first occur.
std::vector<Unit> UnitsOf(const Claims& claims) {
  std::vector<Unit> units;
  std::map<std::tuple<bool, int, std::string, std::string, int, int>, size_t> index;
  for (const Claim& claim : claims.list) {
    const int enforcer = claim.builtin ? 0 : static_cast<int>(claim.enforcer);
    const auto key = std::make_tuple(claim.base, enforcer, claim.origin.rule, claim.origin.field,
                                     claim.place.line, claim.place.column);
    const auto [entry, is_new] = index.emplace(key, units.size());
    if (is_new) units.emplace_back();
    units[entry->second].claims.push_back(&claim);
  }
  return units;
}

// How reports call a rule.
std::string NameOf(const Unit& unit) {
  const Claim& claim = unit.first();
  if (claim.builtin) return absl::StrCat("built-in rule ", Quoted(claim.origin.rule));
  if (claim.origin.rule == "runtime-default") return "the runtime's default profile";
  if (claim.origin.rule == "model") return "the behaviour model";
  if (claim.text.empty()) return claim.origin.field;
  return absl::StrCat(Quoted(claim.text), " in ", claim.origin.field);
}

std::string NamesOf(const std::vector<const Unit*>& units) {
  std::vector<std::string> names;
  for (const Unit* unit : units) {
    const std::string name = NameOf(*unit);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  const size_t count = names.size();
  if (count > 3) {
    names.resize(2);
    names.push_back(absl::StrCat(count - 2, " more rules"));
  }
  if (names.size() == 1) return names[0];
  const std::string last = names.back();
  names.pop_back();
  return absl::StrCat(absl::StrJoin(names, ", "), " and ", last);
}

// By whom a raw rule may be made superfluous: anybody. A built-in rule: other built-in rules and
// the default, but not by raw rules, which often exist to go further.
bool MayCover(const Unit& outer, const Unit& inner) {
  if (&outer == &inner || outer.dropped) return false;
  return !inner.first().builtin || outer.first().builtin || outer.first().base;
}

// Finds the few claims that can cover another one, so that long lists are not compared pair by
// pair.
class ClaimIndex {
 public:
  struct Entry {
    size_t unit = 0;
    const Claim* claim = nullptr;
  };

  explicit ClaimIndex(const std::vector<Unit>& units) {
    for (size_t i = 0; i < units.size(); ++i) {
      for (const Claim* claim : units[i].claims) {
        by_key_[KeyOf(*claim, PrefixOf(*claim))].push_back({i, claim});
      }
    }
  }

  // In the order of the units.
  std::vector<Entry> Candidates(const Claim& inner) const {
    std::vector<Entry> found;
    const std::string& prefix = PrefixOf(inner);
    for (size_t length = 0; length <= prefix.size(); ++length) {
      const auto entries = by_key_.find(KeyOf(inner, prefix.substr(0, length)));
      if (entries == by_key_.end()) continue;
      found.insert(found.end(), entries->second.begin(), entries->second.end());
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Entry& a, const Entry& b) { return a.unit < b.unit; });
    return found;
  }

 private:
  static const std::string& PrefixOf(const Claim& claim) {
    static const std::string& none = *new std::string();
    const auto* path = std::get_if<PathClaim>(&claim.what);
    return path == nullptr ? none : path->paths.prefix;
  }

  // Two claims with different keys never cover each other, but for prefixes.
  static std::string KeyOf(const Claim& claim, absl::string_view prefix) {
    std::string key = absl::StrCat(static_cast<int>(claim.enforcer), " ", claim.what.index(), " ");
    if (const auto* syscall = std::get_if<SyscallClaim>(&claim.what)) {
      return absl::StrCat(key, syscall->name);
    }
    if (const auto* path = std::get_if<PathClaim>(&claim.what)) {
      // AppArmor's w covers a.
      key += path->access == 'a' ? 'w' : path->access;
    }
    return absl::StrCat(key, prefix);
  }

  std::unordered_map<std::string, std::vector<Entry>> by_key_;
};

// The unit that makes `claim` superfluous, or null.
const Unit* CovererOf(const Claim& claim, const Unit& inner, const std::vector<Unit>& units,
                      const ClaimIndex& index, LintBudget& budget) {
  for (const ClaimIndex::Entry& entry : index.Candidates(claim)) {
    const Unit& outer = units[entry.unit];
    if (MayCover(outer, inner) && MakesSuperfluous(*entry.claim, claim, budget)) return &outer;
  }
  return nullptr;
}

// Those that together make the unit superfluous; empty when they do not. One unit that does it
// alone is preferred.
std::vector<const Unit*> CoverersOf(const Unit& inner, const std::vector<Unit>& units,
                                    const ClaimIndex& index, LintBudget& budget) {
  std::vector<const Unit*> coverers;
  for (const Claim* claim : inner.claims) {
    const Unit* coverer = CovererOf(*claim, inner, units, index, budget);
    if (coverer == nullptr) return {};
    if (std::find(coverers.begin(), coverers.end(), coverer) == coverers.end()) {
      coverers.push_back(coverer);
    }
  }
  for (const Unit* alone : coverers) {
    if (coverers.size() == 1) break;
    const bool all = std::all_of(inner.claims.begin(), inner.claims.end(), [&](const Claim* claim) {
      return std::any_of(alone->claims.begin(), alone->claims.end(), [&](const Claim* other) {
        return MakesSuperfluous(*other, *claim, budget);
      });
    });
    if (all) return {alone};
  }
  return coverers;
}

void ReportSuperfluous(const Unit& inner, const std::vector<const Unit*>& coverers,
                       Diagnostics& findings) {
  const Claim& claim = inner.first();
  const std::string names = NamesOf(coverers);
  const bool by_default = std::all_of(coverers.begin(), coverers.end(), [](const Unit* coverer) {
    return coverer->first().origin.rule == "runtime-default";
  });
  const std::string subject = claim.builtin        ? NameOf(inner)
                              : claim.text.empty() ? "the rule"
                                                   : Quoted(claim.text);
  if (by_default) {
    AddFinding("covered-by-default", claim.origin.field,
               absl::StrCat(subject, " changes nothing: ", names, " forbids the same already"),
               "remove it, or keep it for the day when the policy becomes privileged", findings,
               claim.place);
  } else if (claim.builtin) {
    AddFinding("implied-rule", claim.origin.field,
               absl::StrCat(subject, " adds nothing to ", names), "remove it", findings);
  } else {
    AddFinding(
        "shadowed-rule", claim.origin.field,
        absl::StrCat(subject, " changes nothing: ", names,
                     coverers.size() == 1 ? " decides" : " decide", " all of it in the same way"),
        "remove it", findings, claim.place);
  }
}

void FindSuperfluous(std::vector<Unit>& units, LintBudget& budget, Diagnostics& findings) {
  const ClaimIndex index(units);
  for (size_t i = units.size(); i-- > 0;) {
    Unit& inner = units[i];
    if (inner.first().base) continue;
    const std::vector<const Unit*> coverers = CoverersOf(inner, units, index, budget);
    if (coverers.empty()) continue;
    inner.dropped = true;
    ReportSuperfluous(inner, coverers, findings);
  }
}

// Built-in rules of which BPF has nothing to do unless the policy is privileged: resolving left
// them out.
void FindLeftOut(const CompileResult& result, const std::vector<Unit>& units,
                 const Catalogue& catalogue, Diagnostics& findings) {
  for (const Coverage& coverage : result.coverage) {
    const BuiltinRule* rule = catalogue.Find(coverage.rule);
    if (coverage.enforcer != "BPF" || rule == nullptr || !rule->bpf().has_rules_when_privileged() ||
        (coverage.state != "enforced" && coverage.state != "observed")) {
      continue;
    }
    const bool has_claims = std::any_of(units.begin(), units.end(), [&](const Unit& unit) {
      return unit.first().origin.field == coverage.field;
    });
    if (has_claims) continue;
    AddFinding("covered-by-default", coverage.field,
               absl::StrCat("built-in rule ", Quoted(coverage.rule),
                            " changes nothing: the runtime's default profile forbids the same "
                            "already"),
               "remove it, or keep it for the day when the policy becomes privileged", findings);
  }
}

// ---- denials and permissions of BPF's allow lists

bool Overlap(const Claim& a, const Claim& b, LintBudget& budget) {
  const auto* left = std::get_if<PathClaim>(&a.what);
  const auto* right = std::get_if<PathClaim>(&b.what);
  if (left == nullptr || right == nullptr) return false;
  return left->access == right->access && SharePaths(left->paths, right->paths, budget);
}

// Whether all of `allow` is denied by `denials` together.
bool IsSwallowed(const Claim& allow, const std::vector<const Claim*>& denials, LintBudget& budget) {
  const auto* path = std::get_if<PathClaim>(&allow.what);
  if (path == nullptr) {
    return std::any_of(denials.begin(), denials.end(),
                       [&](const Claim* deny) { return CoversEvents(*deny, allow, budget); });
  }
  std::vector<const PathSet*> cover;
  for (const Claim* deny : denials) {
    const auto* denied = std::get_if<PathClaim>(&deny->what);
    if (denied != nullptr && Overlap(*deny, allow, budget)) cover.push_back(&denied->paths);
  }
  return !cover.empty() && CoversPaths(cover, path->paths, budget);
}

// Denials that take away a part of `allow` and more than that. One inside of it is an exception,
// written so on purpose.
std::vector<std::string> Crossing(const Claim& allow, const std::vector<const Claim*>& denials,
                                  LintBudget& budget) {
  std::vector<std::string> fields;
  for (const Claim* deny : denials) {
    if (!Overlap(*deny, allow, budget) || CoversEvents(allow, *deny, budget)) continue;
    if (std::find(fields.begin(), fields.end(), deny->origin.field) == fields.end()) {
      fields.push_back(deny->origin.field);
    }
  }
  return fields;
}

void FindSwallowed(const std::vector<Unit>& units, LintBudget& budget, Diagnostics& findings) {
  std::vector<const Claim*> denials;
  for (const Unit& unit : units) {
    for (const Claim* claim : unit.claims) {
      const bool bpf = claim->enforcer == Claim::Enforcer::kBpf;
      if (bpf && claim->effect == Effect::kDeny) denials.push_back(claim);
    }
  }
  if (denials.empty()) return;
  for (const Unit& unit : units) {
    const Claim& first = unit.first();
    if (first.enforcer != Claim::Enforcer::kBpf || first.effect != Effect::kAllow || first.base ||
        unit.dropped) {
      continue;
    }
    size_t swallowed = 0;
    std::set<std::string> crossing;
    for (const Claim* claim : unit.claims) {
      if (IsSwallowed(*claim, denials, budget)) {
        ++swallowed;
        continue;
      }
      for (std::string& field : Crossing(*claim, denials, budget)) crossing.insert(field);
    }
    const bool audits = std::any_of(unit.claims.begin(), unit.claims.end(),
                                    [](const Claim* claim) { return claim->audit; });
    if (swallowed == unit.claims.size() && audits) {
      AddFinding("deny-swallows-allow", first.origin.field,
                 "the rule allows nothing: denials take away all of it, and it only makes them "
                 "report",
                 "remove it and let the denials report, or narrow them", findings);
    } else if (swallowed == unit.claims.size()) {
      AddFinding("deny-swallows-allow", first.origin.field,
                 "the rule allows nothing: denials take away all of it",
                 "remove it, or narrow the rules that deny", findings);
    } else if (swallowed > 0) {
      AddFinding("deny-narrows-allow", first.origin.field,
                 "denials take away some of the permissions that the rule gives",
                 "remove these permissions, or narrow the rules that deny", findings);
    } else if (!crossing.empty()) {
      AddFinding("deny-narrows-allow", first.origin.field,
                 absl::StrCat("the rule allows less than it says: ", absl::StrJoin(crossing, ", "),
                              " denies a part of it"),
                 "check that the denial is meant for these paths too", findings);
    }
  }
}

// Whether some built-in rule is for the enforcer, though it may do nothing now: the switches, or
// addresses that are not known, take its claims away.
bool IsAskedFor(const CompileResult& result, absl::string_view enforcer) {
  return std::any_of(result.coverage.begin(), result.coverage.end(), [&](const Coverage& c) {
    return c.enforcer == enforcer && c.state != "not enforceable";
  });
}

}  // namespace

void LintSuperfluousRules(const CompileResult& result, const Claims& claims,
                          const Catalogue& catalogue, LintBudget& budget, Diagnostics& findings) {
  std::vector<Unit> units = UnitsOf(claims);
  FindSuperfluous(units, budget, findings);
  FindLeftOut(result, units, catalogue, findings);
  FindSwallowed(units, budget, findings);
}

void LintIdleEnforcers(const CompileResult& result, const Claims& claims, Diagnostics& findings) {
  const RuleSet& rules = *result.rules;
  const auto has_claims = [&](Claim::Enforcer enforcer) {
    return std::any_of(claims.list.begin(), claims.list.end(),
                       [&](const Claim& claim) { return claim.enforcer == enforcer; });
  };
  const struct {
    bool applies;
    Claim::Enforcer enforcer;
    absl::string_view name;
  } cases[] = {
      {rules.app_armor.has_value() && rules.app_armor->base == AppArmorRules::Base::kAllowAll,
       Claim::Enforcer::kAppArmor, "AppArmor"},
      {rules.bpf.has_value() && !rules.bpf->default_deny, Claim::Enforcer::kBpf, "BPF"},
      {rules.seccomp.has_value() && rules.seccomp->base == SeccompRules::Base::kBlockList,
       Claim::Enforcer::kSeccomp, "Seccomp"},
  };
  for (const auto& idle : cases) {
    if (!idle.applies || has_claims(idle.enforcer) || IsAskedFor(result, idle.name)) continue;
    AddFinding("enforcer-without-rules", "spec.policy.enforcer",
               absl::StrCat("no rule of the policy is for ", idle.name, ", which forbids nothing"),
               absl::StrCat("leave ", idle.name, " out, or add rules that it can carry out"),
               findings);
  }
}

}  // namespace varmor
