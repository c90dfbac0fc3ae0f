#include "lib/compiler/simulate/verdict.h"

namespace varmor {

std::string VerdictWord(const Verdict& verdict) {
  switch (verdict.outcome) {
    case Verdict::Outcome::kAllow:
      return verdict.reported ? "audit" : "allow";
    case Verdict::Outcome::kDeny:
      return verdict.reported ? "audit deny" : "deny";
    case Verdict::Outcome::kUnknown:
      return "unknown";
    case Verdict::Outcome::kNotMediated:
      return "not mediated";
  }
  return "unknown";
}

}  // namespace varmor
