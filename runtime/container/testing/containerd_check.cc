// For containerd_test.sh: prints what a containerd runtime says.
//
//   containerd_check SOCKET list            one line for each container
//   containerd_check SOCKET watch SECONDS   "watching", then one line for each event; goes on after
//                                           containerd was restarted
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "runtime/container/containerd/containerd_runtime.h"

namespace varmor {
namespace {

void Say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

std::string Describe(const Container& one) {
  return absl::StrCat(one.id.name_space, "/", one.id.id, " name=", one.name, " image=", one.image,
                      " labels=", absl::StrJoin(one.labels, ",", absl::PairFormatter("=")),
                      " runtime=", one.runtime, " pod=", one.pod.name_space, "/", one.pod.name,
                      " sandbox=", one.sandbox, " apparmor=", one.app_armor_profile,
                      " seccomp=", one.seccomp, " running=", one.pid > 0, " started=", one.started);
}

int List(ContainerRuntime& runtime) {
  const absl::Status status = runtime.List([](Container one) { Say(Describe(one)); });
  if (!status.ok()) Say(status.ToString());
  return status.ok() ? 0 : 1;
}

int Watch(ContainerRuntime& runtime, int seconds) {
  const absl::Time end = absl::Now() + absl::Seconds(seconds);
  const auto over = [&] { return absl::Now() >= end; };
  ContainerRuntime::Watcher watcher;
  watcher.on_watching = [] { Say("watching"); };
  watcher.on_event = [&](const ContainerEvent& event) {
    const absl::StatusOr<Container> one = runtime.Get(event.id);
    Say(absl::StrCat(ContainerEventName(event.kind), " ", event.id.name_space, "/", event.id.id,
                     " pid=", event.pid > 0, " ",
                     one.ok()                         ? std::string("known")
                     : absl::IsNotFound(one.status()) ? "gone"
                                                      : one.status().ToString()));
    return true;
  };
  while (!over()) {
    const absl::Status status = runtime.Watch(watcher, over);
    if (absl::IsCancelled(status)) break;
    Say(absl::StrCat("ended: ", absl::StatusCodeToString(status.code())));
    usleep(200000);
  }
  Say("over");
  return 0;
}

int Main(int argc, char** argv) {
  if (argc < 3) return 2;
  ContainerdOptions options;
  options.socket = argv[1];
  const std::unique_ptr<ContainerRuntime> runtime = MakeContainerdRuntime(options);
  if (std::string(argv[2]) == "list") return List(*runtime);
  return argc == 4 ? Watch(*runtime, std::atoi(argv[3])) : 2;
}

}  // namespace
}  // namespace varmor

int main(int argc, char** argv) { return varmor::Main(argc, argv); }
