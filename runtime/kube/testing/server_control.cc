#include "runtime/kube/testing/server_control.h"

#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "runtime/kube/testing/server_environment.h"

namespace varmor {
namespace {

int PidOf(ServerProcess process) {
  const char* file = process == ServerProcess::kApi ? "apiserver.pid" : "etcd.pid";
  return std::stoi(RunShell(absl::StrCat("cat ", ServerVariable("KUBE_DIR"), "/", file)));
}

}  // namespace

std::string RunShell(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  char buffer[4096];
  size_t count = 0;
  while (pipe != nullptr && (count = fread(buffer, 1, sizeof(buffer), pipe)) > 0) {
    output.append(buffer, count);
  }
  if (pipe == nullptr || pclose(pipe) != 0) {
    std::cerr << "failed: " << command << "\n" << output << "\n";
    std::exit(2);
  }
  return output;
}

StoppedProcess::StoppedProcess(ServerProcess process) : pid_(PidOf(process)) {
  kill(pid_, SIGSTOP);
  // On a busy machine some threads go on for a while.
  RunShell(absl::StrCat("while grep -L '^State:.T' /proc/", pid_,
                        "/task/*/status | grep -q .; do sleep 0.01; done"));
}

StoppedProcess::~StoppedProcess() { kill(pid_, SIGCONT); }

void KillApiServer() {
  const int pid = PidOf(ServerProcess::kApi);
  kill(pid, SIGKILL);
  // Its socket is gone when the process is, or is a zombie that nobody waits for.
  RunShell(
      absl::StrCat("while grep -qs '^State:.[^Z]' /proc/", pid, "/status; do sleep 0.05; done"));
}

void StartApiServer() {
  RunShell(absl::StrCat(ServerVariable("KUBE_UP"), " ", ServerVariable("KUBE_DIR")));
}

void CompactEtcd() {
  const std::string etcd = absl::StrCat("curl -sf --noproxy '*' ", ServerVariable("KUBE_ETCD"));
  const std::string revision = std::string(absl::StripAsciiWhitespace(RunShell(absl::StrCat(
      etcd,
      "/v3/kv/range -d '{\"key\":\"AA==\"}' | sed -E 's/.*\"revision\":\"([0-9]+)\".*/\\1/'"))));
  RunShell(absl::StrCat(etcd, "/v3/kv/compaction -d '{\"revision\":\"", revision,
                        "\",\"physical\":true}'"));
}

}  // namespace varmor
