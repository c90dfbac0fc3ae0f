// A process that takes part in a leader election and prints "leads" and "ends", for tests. Ends at
// the end of its input, after it gave up the Lease.
//
// usage: leader_candidate NAMESPACE IDENTITY
#include <iostream>
#include <string>

#include "runtime/kube/leader_elector.h"
#include "runtime/kube/testing/server_environment.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  varmor::KubeHttpClientOptions client_options;
  client_options.call_limit = absl::Seconds(1);
  const auto client = varmor::ServerClient(client_options);
  varmor::LeaderElectorOptions options;
  options.name_space = argv[1];
  options.name = "leader";
  options.identity = argv[2];
  options.durations = {absl::Seconds(4), absl::Seconds(3), absl::Milliseconds(250)};
  varmor::LeaderElector elector(*client, options);
  const absl::Status started =
      elector.Start([](bool leads) { std::cout << (leads ? "leads" : "ends") << std::endl; });
  if (!started.ok()) {
    std::cerr << started << "\n";
    return 2;
  }
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  elector.Stop();
  return 0;
}
