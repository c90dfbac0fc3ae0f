// The rows of the attack matrix as a page for people, with what was proven and every hole.
#ifndef TOOLS_ATTACK_REPORT_H_
#define TOOLS_ATTACK_REPORT_H_

#include <string>
#include <vector>

#include "tools/attack/cases.h"
#include "tools/attack/matrix.h"

namespace varmor {

struct MatrixReport {
  // "Linux 6.1.0-49-amd64, runc".
  std::string machine;
  std::vector<MatrixRow> enforced;
  std::vector<MatrixRow> observed;
  // Of the cases that were run: what their enforcer does not mediate.
  std::vector<AttackCase> cases;
  // Enforcers that were not to be had, with the reason.
  std::vector<std::string> missing;
  // What the others say that they lack on this kernel: "BPF: user namespaces: needs Linux 6.1".
  std::vector<std::string> limits;
};

// Markdown; the same rows give the same bytes.
std::string MatrixPage(const MatrixReport& report);

// "12 passed, 0 failed, 3 holes".
std::string MatrixTotals(const std::vector<MatrixRow>& rows);

}  // namespace varmor

#endif  // TOOLS_ATTACK_REPORT_H_
