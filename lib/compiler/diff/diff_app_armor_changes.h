// The changes between two AppArmor profiles, found by asking both about events that stand for all
// others. A detail of diff_app_armor.
#ifndef LIB_COMPILER_DIFF_DIFF_APP_ARMOR_CHANGES_H_
#define LIB_COMPILER_DIFF_DIFF_APP_ARMOR_CHANGES_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/compiler/diff/change.h"
#include "lib/compiler/simulate/decide_app_armor.h"
#include "proto/event.pb.h"

namespace varmor {

// Collects; not thread-safe. The simulators must outlive it.
class AppArmorChanges {
 public:
  // Null: allows everything.
  AppArmorChanges(const AppArmorSimulator* before, const AppArmorSimulator* after)
      : before_(before), after_(after) {}

  // The profile that events are about from now on: "", or a child's name.
  void SetChild(absl::string_view child) { child_ = std::string(child); }

  // Asks both sides about `event`, whose profile is filled in. Where they differ, it is a change:
  // a new one, or one more event of one that has the same kind, class and rules. So the caller asks
  // about short events first. `event_class` is "read", "socket"; `what` names the set: "/etc/**",
  // "inet stream".
  //
  // When one side does not know the answer, that is noted as undecided, once per class and reason.
  // An error only for an event with words that do not exist.
  absl::Status Ask(absl::string_view event_class, absl::string_view what, Event event);

  // `text` without the enforcer; said once.
  void Undecided(absl::string_view text);

  // Appends what was found.
  void MoveTo(DiffResult& result);

 private:
  struct Key {
    std::string child;
    Change::Kind kind;
    std::string event_class;
    std::string rules;
    bool operator<(const Key& other) const;
  };
  struct Found {
    Change change;
    std::set<std::string> whats;
  };

  std::string InChild() const;
  // Appending follows writing in most rules; what says the same again is left out.
  bool RepeatsWriting(const Key& key) const;

  const AppArmorSimulator* before_;
  const AppArmorSimulator* after_;
  std::string child_;
  std::map<Key, Found> found_;
  // In the order of being found.
  std::vector<Key> order_;
  std::vector<std::string> undecided_;
  // Reasons that were told, by class of event.
  std::set<std::string> unknown_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_DIFF_DIFF_APP_ARMOR_CHANGES_H_
