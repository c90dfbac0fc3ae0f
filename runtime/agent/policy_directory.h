// A directory of policies: the source of an agent that works alone.
//
// Files are all or nothing: while something in a file is wrong, what it said before stays in force.
// A file without a policy is wrong, and so is a name that cannot be read, as that of a link that
// leads nowhere; only a file that is no longer in the directory has no policies any more.
#ifndef RUNTIME_AGENT_POLICY_DIRECTORY_H_
#define RUNTIME_AGENT_POLICY_DIRECTORY_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/agent/agent_policy.h"

namespace varmor {

struct PolicyDirectoryOptions {
  std::string directory;
  // See CompileOptions.
  bool lenient = false;
  std::string install_namespace = "varmor";
};

class PolicyDirectory {
 public:
  explicit PolicyDirectory(PolicyDirectoryOptions options) : options_(std::move(options)) {}

  // Looks at the files whose names end with .yaml, .yml or .json and do not begin with a dot; true
  // when something changed. UNAVAILABLE when the directory cannot be read: what was known stays.
  absl::StatusOr<bool> Scan();

  // Sorted by source, then as in the files. Profile names are unique.
  const std::vector<AgentPolicy>& policies() const { return policies_; }
  // What is wrong, by file: the compiler's words.
  const std::map<std::string, std::string>& problems() const { return problems_; }
  // False when a file is wrong whose policies were never known: something that is in force may
  // belong to it.
  bool complete() const { return complete_; }

 private:
  struct File {
    // Of stat(2), to see changes.
    std::string stamp;
    // Of the last content without mistakes.
    std::vector<AgentPolicy> policies;
    bool known = false;
    // What is wrong with its content now.
    std::string problem;
  };

  void Read(const std::string& name, File& file);
  void Collect();

  PolicyDirectoryOptions options_;
  std::map<std::string, File> files_;
  std::vector<AgentPolicy> policies_;
  std::map<std::string, std::string> problems_;
  bool complete_ = false;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_POLICY_DIRECTORY_H_
