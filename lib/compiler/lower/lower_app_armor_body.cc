#include "lib/compiler/lower/lower_app_armor_body.h"

#include <algorithm>

namespace varmor {
namespace {

void MergeOrigins(const std::vector<Origin>& more, std::vector<Origin>& origins) {
  for (const Origin& origin : more) {
    if (std::find(origins.begin(), origins.end(), origin) == origins.end()) {
      origins.push_back(origin);
    }
  }
}

}  // namespace

void AppArmorBody::BeginSection(std::string heading) {
  sections_.push_back({std::move(heading), {}});
}

void AppArmorBody::Add(AppArmorLine line) {
  if (sections_.empty()) BeginSection("");
  std::vector<AppArmorLine>& last = sections_.back().lines;
  const auto [place, is_new] =
      place_of_.emplace(AppArmorLineText(line), std::make_pair(sections_.size() - 1, last.size()));
  if (is_new) {
    last.push_back(std::move(line));
  } else {
    const auto [section, index] = place->second;
    MergeOrigins(line.origins, sections_[section].lines[index].origins);
  }
}

void AppArmorBody::AddAll(std::vector<AppArmorLine> lines) {
  for (AppArmorLine& line : lines) Add(std::move(line));
}

}  // namespace varmor
