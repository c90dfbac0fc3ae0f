// Texts that a list of AppArmor patterns cannot tell apart, found by running all patterns at once.
// A detail of diff_app_armor.
#ifndef LIB_COMPILER_DIFF_DIFF_APP_ARMOR_CLASSES_H_
#define LIB_COMPILER_DIFF_DIFF_APP_ARMOR_CLASSES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/compiler/apparmor/aare_automaton.h"

namespace varmor {

enum class TextDomain {
  // Absolute and resolved: no "//", no component "." or ".."; a slash at the end for directories.
  kPath,
  // Those without a slash at the end.
  kFilePath,
  // Those below /dev.
  kDevicePath,
  // Labels, names, kinds of filesystems: anything but nothing.
  kText,
};

struct ClassifiedPattern {
  // Null: matches everything.
  const AareNfa* automaton = nullptr;
  // Whether it matters that the pattern matches; see ClassifyTexts.
  bool changed = false;
};

// All texts that exactly these patterns match.
struct TextClass {
  // The shortest; of those, letters come before digits, these before other printable characters.
  std::string example;
  // Indexes of the patterns, ascending.
  std::vector<int> matched;
};

// What a comparison may cost, in transitions of single states.
struct DiffBudget {
  uint64_t left = 0;
  // True when it was used up.
  bool Spend(uint64_t steps) {
    left = steps < left ? left - steps : 0;
    return left == 0;
  }
};

// Every class that some text of the domain belongs to and one changed pattern matches, shortest
// example first. Only what can still be matched by a changed pattern is looked at. Nothing when the
// budget is used up; `culprits` then holds the patterns that were at work.
std::optional<std::vector<TextClass>> ClassifyTexts(const std::vector<ClassifiedPattern>& patterns,
                                                    TextDomain domain, DiffBudget& budget,
                                                    std::vector<int>& culprits);

// The same with those that no changed pattern matches, also that of no pattern at all.
std::optional<std::vector<TextClass>> ClassifyAllTexts(
    const std::vector<ClassifiedPattern>& patterns, TextDomain domain, DiffBudget& budget,
    std::vector<int>& culprits);

}  // namespace varmor

#endif  // LIB_COMPILER_DIFF_DIFF_APP_ARMOR_CLASSES_H_
