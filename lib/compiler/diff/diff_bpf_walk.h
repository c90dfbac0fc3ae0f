// Walks several path tables at once, over all strings: one string for every combination of what the
// tables accept.
#ifndef LIB_COMPILER_DIFF_DIFF_BPF_WALK_H_
#define LIB_COMPILER_DIFF_DIFF_BPF_WALK_H_

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/compiler/diff/diff_bpf_changes.h"
#include "lib/compiler/simulate/bpf_image.h"

namespace varmor {

// A string and what it is to the tables.
struct PathWitness {
  std::string text;
  // What the kernel calls a path: absolute, without "//", "." and ".." and without a "/" at its
  // end.
  bool is_path = false;
  // The accept id of each table, in the order in which they were added.
  std::vector<uint32_t> accepts;
};

// One table, read from its pages: states are numbered, 0 is the dead one.
class PathAutomaton {
 public:
  // INVALID_ARGUMENT for a table that leads out of the pages, or accepts with an id that is not
  // below `records`. RESOURCE_EXHAUSTED when `work` ends.
  static absl::StatusOr<PathAutomaton> Read(const BpfImage& image, const varmor_path_table& table,
                                            size_t records, BpfDiffWork& work);

  uint8_t column(uint8_t byte) const { return columns_[byte]; }
  uint32_t Start();
  // Of the string so far.
  uint32_t Accept(uint32_t state) const;
  // One byte of column `column` more at the end of the string, also when the table reads from
  // there.
  uint32_t Next(uint32_t state, uint8_t column, BpfDiffWork& work);

 private:
  // What a reversed table makes of a string, by the state that it is in when it comes to it: the
  // accept id in the end. A byte in front of the others is the first that is read, so that
  // the function of a longer string follows from that of the shorter one.
  using Function = std::u32string;

  uint32_t Intern(Function function);

  bool reverse_ = false;
  uint32_t start_ = 0;
  // Dense numbers of the columns.
  std::array<uint8_t, 256> columns_{};
  uint32_t column_count_ = 0;
  std::vector<uint32_t> next_;
  std::vector<uint32_t> accepts_;
  // Reversed tables: functions by number, 0 is the one that never accepts; and where they lead.
  std::vector<Function> functions_;
  std::unordered_map<Function, uint32_t> numbers_;
  std::vector<uint32_t> function_next_;
};

class PathWalk {
 public:
  // Of `count` tables; see PathAutomaton::Read.
  absl::Status Add(const BpfImage& image, const varmor_path_table* tables, uint32_t count,
                   size_t records, BpfDiffWork& work);

  // Tables added so far.
  size_t size() const { return automata_.size(); }

  // One witness for every combination of accept ids (of a path, and with `all_strings` of a string
  // that is none), by length and then by an order of bytes that puts letters first.
  // RESOURCE_EXHAUSTED when `work` ends.
  absl::StatusOr<std::vector<PathWitness>> Run(bool all_strings, BpfDiffWork& work);

 private:
  struct ByteClass {
    uint8_t byte;
    std::vector<uint8_t> columns;
  };
  std::vector<ByteClass> ByteClasses() const;

  std::vector<PathAutomaton> automata_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_DIFF_DIFF_BPF_WALK_H_
