// A container of a real OCI runtime with the attacker as its only program.
#ifndef TOOLS_ATTACK_CONTAINER_H_
#define TOOLS_ATTACK_CONTAINER_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace varmor {

struct ContainerOptions {
  // "runc", "crun".
  std::string runtime = "runc";
  // The program //tools/attack:attacker.
  std::string attacker;
  // An existing directory; the container's own below it is removed with it.
  std::string scratch;
  // JSON of linux.seccomp; "" for no filter.
  std::string seccomp_json;
  // Name of a loaded profile; "" for none.
  std::string app_armor_profile;
  // The container sees the processes of the machine.
  bool host_pids = false;
  // The root is an overlay, as containers of images have it; these files are in its lower layer.
  bool overlay = false;
  std::vector<std::string> lower_files;
  // sysfs is mounted at /sys and the cgroups, all of them and writable, at /sys/fs/cgroup, as in
  // privileged containers.
  bool system_mounts = false;
};

// Root with every capability, in namespaces of its own, devices allowed: what is refused is refused
// by a policy. Needs root.
class Container {
 public:
  using BeforeStart = std::function<absl::Status(const Container&)>;

  // The attacker waits for its first line. FAILED_PRECONDITION with the runtime's own words when it
  // does not run the container. `before_start` (or nothing) is called when the container is
  // complete and its process has not executed the attacker yet; pid() is known then.
  static absl::StatusOr<std::unique_ptr<Container>> Start(const ContainerOptions& options,
                                                          const BeforeStart& before_start);
  // Ends it.
  ~Container();

  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  // One line for the attacker, and its answer (attacker/main.c).
  absl::StatusOr<std::string> Perform(const std::string& line);

  // "varmor-attack-12-0".
  const std::string& id() const { return id_; }
  // The attacker's, as the machine has it.
  pid_t pid() const { return pid_; }
  // The container's root directory, from outside: "/proc/17/root".
  std::string root() const;

 private:
  Container() = default;

  absl::Status WriteBundle(const ContainerOptions& options);
  // What the root directory holds.
  absl::Status FillRoot(const ContainerOptions& options, const std::string& root);
  absl::Status MountOverlay();
  absl::Status Run(const char* command);
  // A further command of the runtime about this container, run to its end.
  absl::Status Command(const std::vector<std::string>& words);
  absl::Status CreateAndStart(const BeforeStart& before_start);
  absl::Status ReadPid();
  absl::Status AwaitReady();
  // A line of its output, without the end. DEADLINE_EXCEEDED, or FAILED_PRECONDITION at its end.
  absl::StatusOr<std::string> ReadLine(int timeout_seconds);
  std::string RuntimeErrors() const;

  std::string id_;
  std::string runtime_;
  std::string scratch_;
  std::string bundle_;
  bool overlay_ = false;
  // "run", until it has ended.
  pid_t runtime_pid_ = -1;
  bool created_ = false;
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string pending_;
};

}  // namespace varmor

#endif  // TOOLS_ATTACK_CONTAINER_H_
