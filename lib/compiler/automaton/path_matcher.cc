#include "lib/compiler/automaton/path_matcher.h"

namespace varmor {
namespace {

using Pages = absl::Span<const PathPage>;

const PathPage* FindPage(const Pages* pages, uint32_t number) {
  return number < pages->size() ? &(*pages)[number] : nullptr;
}

}  // namespace
}  // namespace varmor

#define VARMOR_PATH_PAGES const ::varmor::Pages*
#define VARMOR_PATH_FIND_PAGE(pages, number) ::varmor::FindPage(pages, number)
#include "lib/compiler/artifact/path_match.h"

namespace varmor {

uint32_t MatchPath(absl::Span<const PathPage> pages, const varmor_path_table& table,
                   absl::string_view path) {
  if (path.size() > VARMOR_PATH_BYTES_MAX) return VARMOR_PATH_UNRESOLVED;
  // No name holds a NUL, and the tables have no column for it.
  if (path.find('\0') != absl::string_view::npos) return 0;
  // Only the bytes of the path are read, so it need not lie in a buffer of full size.
  return varmor_path_match(&pages, &table, path.data(), 0, static_cast<uint32_t>(path.size()));
}

}  // namespace varmor
