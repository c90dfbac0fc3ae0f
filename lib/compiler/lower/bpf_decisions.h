// Joins the actions of rules into the decision records of the image.
#ifndef LIB_COMPILER_LOWER_BPF_DECISIONS_H_
#define LIB_COMPILER_LOWER_BPF_DECISIONS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/compiler/artifact/bpf_map_abi.h"
#include "lib/compiler/ir/origin.h"

namespace varmor {

// Nothing denied, audited or allowed.
varmor_decision EmptyDecision();
varmor_verdict EmptyVerdict();

// Adds one rule's action for the bits of `mask`. Rules have to come in the order of their numbers.
void Join(varmor_decision& decision, uint32_t mask, const Action& action, uint16_t rule);
void Join(varmor_verdict& verdict, const Action& action, uint16_t rule);

// Numbers records; equal bytes get equal numbers, from 1. `Record` has no padding, or zeroed
// padding.
template <typename Record>
class RecordTable {
 public:
  uint32_t Intern(const Record& record) {
    const std::string bytes(reinterpret_cast<const char*>(&record), sizeof(Record));
    const auto [it, inserted] = numbers_.emplace(bytes, static_cast<uint32_t>(records_.size()));
    if (inserted) records_.push_back(record);
    return it->second;
  }
  // Index 0 is unused.
  std::vector<Record> Take() { return std::move(records_); }
  size_t size() const { return records_.size(); }

 private:
  std::vector<Record> records_ = std::vector<Record>(1);
  std::map<std::string, uint32_t> numbers_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_LOWER_BPF_DECISIONS_H_
