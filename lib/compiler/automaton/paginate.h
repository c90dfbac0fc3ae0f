// Lays a table out in the pages that the BPF program reads; artifact/path_match.h is the format.
#ifndef LIB_COMPILER_AUTOMATON_PAGINATE_H_
#define LIB_COMPILER_AUTOMATON_PAGINATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lib/compiler/artifact/path_match.h"
#include "lib/compiler/automaton/path_tables.h"

namespace varmor {

using PathPage = varmor_path_page;

// The bytes of each page of `table`, to be put at index `first_page` and following of the array
// that all tables share, and its header. States that are near the start share the first pages.
std::vector<std::string> PageBytes(const PathTable& table, uint32_t first_page,
                                   varmor_path_table* header);

// The same as structures, for the matcher in user space.
std::vector<PathPage> Paginate(const PathTable& table, uint32_t first_page,
                               varmor_path_table* header);

}  // namespace varmor

#endif  // LIB_COMPILER_AUTOMATON_PAGINATE_H_
