#include "lib/compiler/automaton/paginate.h"

#include <cstring>

namespace varmor {
namespace {

// Words of a page that the classes of the bytes take, at its beginning.
constexpr uint32_t kClassWords = 256 / sizeof(uint32_t);

}  // namespace

std::vector<std::string> PageBytes(const PathTable& table, uint32_t first_page,
                                   varmor_path_table* header) {
  const uint32_t row_words = table.classes + 1;
  // Where each state's row is. The dead state has none and is 0.
  std::vector<uint32_t> place(table.states + 1, 0);
  uint32_t page = 0;
  uint32_t word = kClassWords;
  for (uint32_t state = 1; state <= table.states; ++state) {
    if (word + row_words > VARMOR_PATH_PAGE_WORDS) {
      ++page;
      word = 0;
    }
    place[state] = ((first_page + page) << VARMOR_PATH_PAGE_SHIFT) | (word * 4);
    word += row_words;
  }

  std::vector<std::string> pages(page + 1, std::string(sizeof(PathPage), '\0'));
  for (int b = 1; b < 256; ++b) pages[0][b] = static_cast<char>(table.byte_class[b] + 1);
  pages[0][0] = static_cast<char>(table.byte_class[0]);
  std::vector<uint32_t> row(row_words);
  for (uint32_t state = 1; state <= table.states; ++state) {
    row[0] = table.accepts[state];
    for (uint32_t c = 0; c < table.classes; ++c) {
      row[1 + c] = place[table.next[state * table.classes + c]];
    }
    std::string& to = pages[(place[state] >> VARMOR_PATH_PAGE_SHIFT) - first_page];
    std::memcpy(&to[place[state] & VARMOR_PATH_OFFSET_MASK], row.data(),
                row_words * sizeof(row[0]));
  }

  *header = varmor_path_table{};
  header->start = place[1];
  header->first_page = first_page;
  header->pages = static_cast<uint32_t>(pages.size());
  header->flags = table.reverse ? VARMOR_PATH_REVERSE : 0;
  return pages;
}

std::vector<PathPage> Paginate(const PathTable& table, uint32_t first_page,
                               varmor_path_table* header) {
  const std::vector<std::string> bytes = PageBytes(table, first_page, header);
  std::vector<PathPage> pages(bytes.size());
  for (size_t i = 0; i < pages.size(); ++i)
    std::memcpy(&pages[i], bytes[i].data(), sizeof(PathPage));
  return pages;
}

}  // namespace varmor
