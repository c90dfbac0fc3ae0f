// What has to be there for an event to reach the check that would refuse it: files, programs,
// sockets, devices, mounts. Made from outside the container, by a process that no policy confines.
#ifndef TOOLS_ATTACK_PREPARE_H_
#define TOOLS_ATTACK_PREPARE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "proto/event.pb.h"
#include "proto/facts.pb.h"
#include "tools/attack/container.h"

namespace varmor {

// One container's; the sockets that it listens on live as long as it does.
class Preparation {
 public:
  // `program` exits at once when its argument is --no-op. The first disk of `node` is the one that
  // events about disks are about, under the name that they have for it.
  Preparation(const Container& container, std::string program, NodeFacts node);
  ~Preparation();

  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;

  // A tmpfs at each of these, one upon the other when a path is named twice.
  absl::Status Stack(const std::vector<std::string>& mounts);

  // For the event in this way of the attacker's. Also undoes what it may have done when it was
  // tried before. UNIMPLEMENTED, with the reason, for what cannot be made here.
  absl::Status For(const Event& event, const std::string& way);

 private:
  absl::Status ForFile(const FileEvent& file, bool exchange);
  absl::Status ForExec(const std::string& path, const std::string& way);
  absl::Status ForMount(const MountEvent& mount);

  absl::Status MakeFile(const std::string& path);
  absl::Status MakeDirectory(const std::string& path);
  absl::Status MakeDisk(const std::string& path);
  absl::Status MakeSocket(const std::string& path);
  absl::Status Remove(const std::string& path);
  // Exactly `count` mounts at `path`.
  absl::Status MakeMounts(const std::string& path, int count);
  std::string Outside(const std::string& path) const;

  const Container& container_;
  std::string program_;
  NodeFacts node_;
  // What was a directory when a case first renamed it.
  std::set<std::string> directories_;
  // Path in the container to the descriptor that listens.
  std::map<std::string, int> sockets_;
};

}  // namespace varmor

#endif  // TOOLS_ATTACK_PREPARE_H_
