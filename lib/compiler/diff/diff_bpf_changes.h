// The changes between two BPF profiles, found by asking both about events that stand for all
// others.
#ifndef LIB_COMPILER_DIFF_DIFF_BPF_CHANGES_H_
#define LIB_COMPILER_DIFF_DIFF_BPF_CHANGES_H_

#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/diff/change.h"
#include "lib/compiler/simulate/decide_bpf_event.h"
#include "proto/event.pb.h"

namespace varmor {

// What a comparison may cost, in steps of about a nanosecond to ten.
class BpfDiffWork {
 public:
  explicit BpfDiffWork(uint64_t steps) : left_(steps) {}

  // False, and from then on always, when there is not that much left.
  bool Spend(uint64_t steps) {
    left_ = steps < left_ ? left_ - steps : 0;
    return left_ != 0;
  }

 private:
  uint64_t left_;
};

// Collects; not thread-safe. The simulators must outlive it.
class BpfChanges {
 public:
  BpfChanges(const BpfEventSimulator& before, const BpfEventSimulator& after)
      : before_(before), after_(after) {}

  const BpfSimulator& before_image() const { return before_.image(); }
  const BpfSimulator& after_image() const { return after_.image(); }
  const BpfImage& before() const { return before_.image().image(); }
  const BpfImage& after() const { return after_.image().image(); }

  // Asks both sides. When they differ in the outcome, in what is reported, or in what enforcing
  // would deny, it is a change, unless one of the same kind, class and rules is there: so the
  // caller asks about short events first. Returns whether they differ. What one side does not
  // know is no difference; the caller reports that.
  //
  // An error only for an event with words that do not exist.
  absl::StatusOr<bool> Ask(absl::string_view event_class, const Event& event);

  // "file rules: too much work", without the enforcer.
  void Undecided(absl::string_view text);

  // Appends what was found.
  void MoveTo(DiffResult& result);

 private:
  using Key = std::tuple<Change::Kind, std::string, int, int>;

  const BpfEventSimulator& before_;
  const BpfEventSimulator& after_;
  std::set<Key> seen_;
  DiffResult found_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_DIFF_DIFF_BPF_CHANGES_H_
