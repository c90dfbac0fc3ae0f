// What comparing policies came to, and its forms: text, JSON, Markdown.
#ifndef TOOLS_VARMOR_DIFF_REPORT_H_
#define TOOLS_VARMOR_DIFF_REPORT_H_

#include <string>
#include <vector>

#include "lib/compiler/diff/change.h"
#include "tools/varmor/asked_policies.h"

namespace varmor {

// A policy of one side, of both when they are paired.
struct ComparedPolicy {
  // Null when that side has none.
  const AskedPolicy* before = nullptr;
  const AskedPolicy* after = nullptr;
  // Empty unless both are there.
  DiffResult result;

  bool same() const { return before != nullptr && after != nullptr && result.same(); }
  std::string Title() const;
};

std::string DiffAsText(const std::vector<ComparedPolicy>& policies, bool color);
// {same, policies: [{title, state, changes: [{kind, enforcer, what, example, before, after}],
// undecided}]}.
std::string DiffAsJson(const std::vector<ComparedPolicy>& policies);
// For a comment on a change.
std::string DiffAsMarkdown(const std::vector<ComparedPolicy>& policies);

}  // namespace varmor

#endif  // TOOLS_VARMOR_DIFF_REPORT_H_
