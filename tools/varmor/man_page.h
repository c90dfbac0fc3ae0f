// Manual pages, from the tables that help texts and completions come from.
#ifndef TOOLS_VARMOR_MAN_PAGE_H_
#define TOOLS_VARMOR_MAN_PAGE_H_

#include <string>
#include <vector>

#include "tools/varmor/arguments.h"

namespace varmor {

struct ManPage {
  // "varmor-compile.1".
  std::string file;
  // man(7) macros.
  std::string text;
};

// varmor(1), then one page per command, in their order.
std::vector<ManPage> ManPages(const std::vector<CommandSpec>& commands);

}  // namespace varmor

#endif  // TOOLS_VARMOR_MAN_PAGE_H_
