// Runs a paged table in user space, with the very code of the BPF program.
#ifndef LIB_COMPILER_AUTOMATON_PATH_MATCHER_H_
#define LIB_COMPILER_AUTOMATON_PATH_MATCHER_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/compiler/automaton/paginate.h"

namespace varmor {

// The accept id of `path`, 0 for none, VARMOR_PATH_UNRESOLVED when the path is longer than
// VARMOR_PATH_BYTES_MAX, or the pages are not those of the table.
uint32_t MatchPath(absl::Span<const PathPage> pages, const varmor_path_table& table,
                   absl::string_view path);

}  // namespace varmor

#endif  // LIB_COMPILER_AUTOMATON_PATH_MATCHER_H_
