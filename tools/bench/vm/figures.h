// What was measured: a table, and the comparison with bars and with what was recorded.
#ifndef TOOLS_BENCH_VM_FIGURES_H_
#define TOOLS_BENCH_VM_FIGURES_H_

#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace varmor {

struct Figure {
  // "file_open/suffix/64/no match"
  std::string name;
  // One for each repetition.
  std::vector<double> values;
  // At most this is promised; 0: nothing is.
  double bar = 0;
  std::string unit;

  double least() const;
  // From the least to the greatest, in percent of the least.
  double spread() const;
};

// Lines "FIGURE NAME"; the rest of a line after "#" is a comment. Empty when there is no such file.
std::map<std::string, double> ReadRecorded(const std::string& path);

// A table in Markdown.
void PrintTable(const std::vector<Figure>& figures, const std::map<std::string, double>& recorded,
                std::ostream& out);

// In the form that ReadRecorded reads.
void PrintRecord(const std::vector<Figure>& figures, std::ostream& out);

struct Checks {
  int passed = 0;
  int failed = 0;
};

// One check for each bar and for each recorded figure; complains on
// `out` about those that fail.
Checks Check(const std::vector<Figure>& figures, const std::map<std::string, double>& recorded,
             std::ostream& out);

}  // namespace varmor

#endif  // TOOLS_BENCH_VM_FIGURES_H_
