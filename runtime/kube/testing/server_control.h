// What a test does to the API server that tools/kube/run started, besides asking it.
#ifndef RUNTIME_KUBE_TESTING_SERVER_CONTROL_H_
#define RUNTIME_KUBE_TESTING_SERVER_CONTROL_H_

#include <string>

namespace varmor {

// Runs a shell command; its output. Ends the process when the command fails.
std::string RunShell(const std::string& command);

enum class ServerProcess { kApi, kEtcd };
// Sends SIGSTOP, and SIGCONT at the end.
class StoppedProcess {
 public:
  explicit StoppedProcess(ServerProcess process);
  ~StoppedProcess();
  StoppedProcess(const StoppedProcess&) = delete;
  StoppedProcess& operator=(const StoppedProcess&) = delete;

 private:
  const int pid_;
};

// SIGKILL to the API server, not to etcd.
void KillApiServer();
// Starts it again, on the same port, and waits until it is ready.
void StartApiServer();

// Makes etcd forget all versions but the newest.
void CompactEtcd();

}  // namespace varmor

#endif  // RUNTIME_KUBE_TESTING_SERVER_CONTROL_H_
