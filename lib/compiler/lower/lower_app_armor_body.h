// The lines of one AppArmor profile while it grows: no line twice.
#ifndef LIB_COMPILER_LOWER_LOWER_APP_ARMOR_BODY_H_
#define LIB_COMPILER_LOWER_LOWER_APP_ARMOR_BODY_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/compiler/ir/app_armor_profile.h"

namespace varmor {

class AppArmorBody {
 public:
  // Lines added from now on stand under `heading`.
  void BeginSection(std::string heading);

  // Adds a line to the last section. If any section has a line of the same text, that one gets the
  // origins of `line` instead.
  void Add(AppArmorLine line);
  void AddAll(std::vector<AppArmorLine> lines);

  const std::vector<AppArmorSection>& sections() const { return sections_; }
  // The sections, moved out.
  std::vector<AppArmorSection> Take() && { return std::move(sections_); }

 private:
  std::vector<AppArmorSection> sections_;
  // Text -> indexes of section and line.
  std::map<std::string, std::pair<size_t, size_t>> place_of_;
};

}  // namespace varmor

#endif  // LIB_COMPILER_LOWER_LOWER_APP_ARMOR_BODY_H_
