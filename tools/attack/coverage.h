// Which attack is tried where: the list of what an enforcer with BPF has to stand up to, row by
// row, with the part of the matrix or the other suite that does it.
#ifndef TOOLS_ATTACK_COVERAGE_H_
#define TOOLS_ATTACK_COVERAGE_H_

#include <string>
#include <vector>

#include "tools/attack/matrix.h"

namespace varmor {

// Markdown. Counts are those of the rows that were run.
std::string CoverageTable(const std::vector<MatrixRow>& rows);

// The cases that the table counts.
std::vector<std::string> CoveredCases();

}  // namespace varmor

#endif  // TOOLS_ATTACK_COVERAGE_H_
