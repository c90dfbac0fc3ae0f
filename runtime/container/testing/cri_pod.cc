// Makes pods as a kubelet does, for tests of a containerd: NRI is asked about these alone. A pod is
// in the namespace "vm" and has the node's network.
//
//   cri_pod SOCKET run POD [LABEL=VALUE]...               prints the id of the pod
//   cri_pod SOCKET start POD ID CONTAINER,... IMAGE WORD...   prints the ids of containers in it,
//   which
//                                                         run WORD..., one after the other
//   cri_pod SOCKET remove ID                              the pod, with its containers
//
// Exits with 1 and containerd's words when it refuses.
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/container/testing/cri_pods.grpc.pb.h"

namespace {

namespace cri = runtime::v1;
using Words = std::vector<std::string>;

constexpr int kNodeNetwork = 2;

bool Worked(const grpc::Status& status) {
  if (!status.ok()) std::fprintf(stderr, "cri_pod: %s\n", status.error_message().c_str());
  return status.ok();
}

cri::PodSandboxConfig PodConfig(const std::string& name) {
  cri::PodSandboxConfig config;
  config.mutable_metadata()->set_name(name);
  config.mutable_metadata()->set_uid("uid-" + name);
  config.mutable_metadata()->set_namespace_("vm");
  config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_network(
      kNodeNetwork);
  return config;
}

bool Run(cri::RuntimeService::Stub& runtime, const Words& words) {
  cri::RunPodSandboxRequest request;
  *request.mutable_config() = PodConfig(words.at(0));
  for (size_t i = 1; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    (*request.mutable_config()->mutable_labels())[words[i].substr(0, equals)] =
        words[i].substr(equals + 1);
  }
  cri::RunPodSandboxResponse response;
  grpc::ClientContext context;
  if (!Worked(runtime.RunPodSandbox(&context, request, &response))) return false;
  std::puts(response.pod_sandbox_id().c_str());
  return true;
}

bool StartOne(cri::RuntimeService::Stub& runtime, const Words& words, const std::string& name) {
  cri::CreateContainerRequest request;
  *request.mutable_sandbox_config() = PodConfig(words.at(0));
  request.set_pod_sandbox_id(words.at(1));
  request.mutable_config()->mutable_metadata()->set_name(name);
  request.mutable_config()->mutable_image()->set_image(words.at(3));
  for (size_t i = 4; i < words.size(); ++i) request.mutable_config()->add_command(words[i]);
  request.mutable_config()
      ->mutable_linux()
      ->mutable_security_context()
      ->mutable_namespace_options()
      ->set_network(kNodeNetwork);
  cri::CreateContainerResponse created;
  grpc::ClientContext create;
  if (!Worked(runtime.CreateContainer(&create, request, &created))) return false;
  cri::StartContainerRequest start;
  start.set_container_id(created.container_id());
  cri::StartContainerResponse started;
  grpc::ClientContext context;
  if (!Worked(runtime.StartContainer(&context, start, &started))) return false;
  std::puts(created.container_id().c_str());
  return true;
}

bool Start(cri::RuntimeService::Stub& runtime, const Words& words) {
  std::istringstream names(words.at(2));
  for (std::string name; std::getline(names, name, ',');) {
    if (!StartOne(runtime, words, name)) return false;
  }
  return true;
}

bool Remove(cri::RuntimeService::Stub& runtime, const Words& words) {
  cri::StopPodSandboxRequest stop;
  stop.set_pod_sandbox_id(words.at(0));
  cri::StopPodSandboxResponse stopped;
  grpc::ClientContext stopping;
  if (!Worked(runtime.StopPodSandbox(&stopping, stop, &stopped))) return false;
  cri::RemovePodSandboxRequest request;
  request.set_pod_sandbox_id(words.at(0));
  cri::RemovePodSandboxResponse response;
  grpc::ClientContext context;
  return Worked(runtime.RemovePodSandbox(&context, request, &response));
}

}  // namespace

int main(int argc, char** argv) {
  const Words words(argv + 1, argv + argc);
  const std::string command = words.size() < 3 ? "" : words[1];
  const size_t least = command == "start" ? 7 : 3;
  if ((command != "run" && command != "start" && command != "remove") || words.size() < least) {
    std::fputs("usage: cri_pod SOCKET run|start|remove ...; see its source\n", stderr);
    return 2;
  }
  const auto runtime = cri::RuntimeService::NewStub(
      grpc::CreateChannel("unix://" + words[0], grpc::InsecureChannelCredentials()));
  const Words rest(words.begin() + 2, words.end());
  const bool worked = command == "run"     ? Run(*runtime, rest)
                      : command == "start" ? Start(*runtime, rest)
                                           : Remove(*runtime, rest);
  return worked ? 0 : 1;
}
