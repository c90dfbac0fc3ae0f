#include "runtime/container/containerd/containerd_runtime.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/compiler/status/status_macros.h"
#include "nlohmann/json.hpp"
#include "runtime/container/containerd/containers.grpc.pb.h"
#include "runtime/container/containerd/cri.grpc.pb.h"
#include "runtime/container/containerd/events.grpc.pb.h"
#include "runtime/container/containerd/namespaces.grpc.pb.h"
#include "runtime/container/containerd/tasks.grpc.pb.h"

namespace varmor {
namespace {

namespace containers = containerd::services::containers::v1;
namespace events = containerd::services::events::v1;
namespace namespaces = containerd::services::namespaces::v1;
namespace tasks = containerd::services::tasks::v1;
namespace cri = runtime::v1;

// Of containerd's CRI plugin, the kubelet, nerdctl and Docker.
constexpr char kContainerName[] = "io.kubernetes.container.name";
constexpr char kPodName[] = "io.kubernetes.pod.name";
constexpr char kPodNamespace[] = "io.kubernetes.pod.namespace";
constexpr char kPodUid[] = "io.kubernetes.pod.uid";
constexpr char kKubernetesNamespace[] = "k8s.io";
constexpr char kCriKind[] = "io.cri-containerd.kind";
constexpr char kNerdctlName[] = "nerdctl/name";
constexpr char kDockerName[] = "com.docker.compose.service";

// The namespace and topic of the events that only show that a stream works.
constexpr char kOurNamespace[] = "varmor";
constexpr char kOurTopic[] = "/varmor/watching";

constexpr int kCreated = 1;  // Process.status
constexpr int kStopped = 3;
constexpr int kNodeNetwork = 2;  // NamespaceOption.network
constexpr int kMessageLimit = 16 << 20;
constexpr std::chrono::seconds kAskEvery(10);

absl::Status FromGrpc(const grpc::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  absl::StatusCode code = absl::StatusCode::kUnknown;
  switch (status.error_code()) {
    case grpc::StatusCode::NOT_FOUND:
      code = absl::StatusCode::kNotFound;
      break;
    case grpc::StatusCode::UNIMPLEMENTED:
      code = absl::StatusCode::kUnimplemented;
      break;
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
      code = absl::StatusCode::kUnavailable;
      break;
    default:
      break;
  }
  return absl::Status(code, absl::StrCat("containerd: ", what, ": ", status.error_message()));
}

std::string Label(const Container& container, const char* key) {
  const auto found = container.labels.find(key);
  return found == container.labels.end() ? "" : found->second;
}

class Containerd : public ContainerRuntime {
 public:
  explicit Containerd(ContainerdOptions options) : options_(std::move(options)) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMessageLimit);
    // A restarted containerd is found again at once.
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    // Also how long a connection may take to be made.
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    const std::shared_ptr<grpc::Channel> channel = grpc::CreateCustomChannel(
        absl::StrCat("unix://", options_.socket), grpc::InsecureChannelCredentials(), arguments);
    containers_ = containers::Containers::NewStub(channel);
    tasks_ = tasks::Tasks::NewStub(channel);
    namespaces_ = namespaces::Namespaces::NewStub(channel);
    events_ = events::Events::NewStub(channel);
    cri_ = cri::RuntimeService::NewStub(channel);
  }

  std::string name() const override { return absl::StrCat("containerd ", options_.socket); }

  absl::Status List(const std::function<void(Container)>& take) override {
    VARMOR_ASSIGN_OR_RETURN(const std::vector<std::string> names, Namespaces());
    for (const std::string& name : names) VARMOR_RETURN_IF_ERROR(ListIn(name, take));
    return absl::OkStatus();
  }

  absl::StatusOr<Container> Get(const ContainerId& id) override {
    containers::GetContainerRequest request;
    request.set_id(id.id);
    containers::GetContainerResponse response;
    const auto context = Context(id.name_space);
    VARMOR_RETURN_IF_ERROR(
        FromGrpc(containers_->Get(context.get(), request, &response), "Containers.Get"));
    return Describe(id.name_space, response.container());
  }

  absl::Status Watch(const Watcher& watcher, const std::function<bool()>& cancelled) override;

 private:
  std::unique_ptr<grpc::ClientContext> Context(const std::string& name_space) const {
    auto context = absl::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() +
                          absl::ToChronoMilliseconds(options_.time_limit));
    if (!name_space.empty()) context->AddMetadata("containerd-namespace", name_space);
    return context;
  }

  absl::StatusOr<std::vector<std::string>> Namespaces() {
    if (!options_.namespaces.empty()) return options_.namespaces;
    namespaces::ListNamespacesResponse response;
    const auto context = Context("");
    VARMOR_RETURN_IF_ERROR(
        FromGrpc(namespaces_->List(context.get(), {}, &response), "Namespaces.List"));
    std::vector<std::string> names;
    for (const namespaces::Namespace& one : response.namespaces()) names.push_back(one.name());
    return names;
  }

  // One container at a time in memory, with its specification.
  absl::Status ListIn(const std::string& name_space, const std::function<void(Container)>& take) {
    tasks::ListTasksResponse running;
    const auto task_context = Context(name_space);
    VARMOR_RETURN_IF_ERROR(FromGrpc(tasks_->List(task_context.get(), {}, &running), "Tasks.List"));
    std::map<std::string, const tasks::Process*> processes;
    for (const tasks::Process& process : running.tasks()) {
      if (process.status() == kStopped) continue;
      processes[process.container_id().empty() ? process.id() : process.container_id()] = &process;
    }
    const auto context = Context(name_space);
    const auto reader = containers_->ListStream(context.get(), {});
    containers::ListContainerMessage message;
    while (reader->Read(&message)) {
      absl::StatusOr<Container> container = Describe(name_space, message.container());
      if (absl::IsUnavailable(container.status())) return container.status();
      if (!container.ok()) {
        // What is wrong with one says nothing about the others.
        const std::string problem =
            absl::StrCat("container ", name_space, "/", message.container().id(),
                         " cannot be described: ", container.status().message());
        container = Container();
        container->id = {name_space, message.container().id()};
        container->name = container->id.id;
        container->problem = problem;
      }
      const auto process = processes.find(container->id.id);
      if (process != processes.end()) {
        container->pid = static_cast<pid_t>(process->second->pid());
        container->started = process->second->status() != kCreated;
      }
      take(*std::move(container));
    }
    return FromGrpc(reader->Finish(), "Containers.ListStream");
  }

  absl::StatusOr<Container> Describe(const std::string& name_space,
                                     const containers::Container& record) {
    Container container;
    container.id = {name_space, record.id()};
    container.image = record.image();
    container.runtime = record.runtime().name();
    for (const auto& [key, value] : record.labels()) container.labels[key] = value;
    std::string sandbox_id;
    VARMOR_RETURN_IF_ERROR(ReadOciSpec(record.spec().value(), container, sandbox_id));
    if (container.name.empty()) container.name = Label(container, kNerdctlName);
    if (container.name.empty()) container.name = Label(container, kDockerName);
    if (container.name.empty()) container.name = container.id.id;
    if (container.in_pod && !container.sandbox && !sandbox_id.empty()) {
      VARMOR_RETURN_IF_ERROR(AskPod(sandbox_id, container));
    }
    return container;
  }

  absl::Status AskPod(const std::string& sandbox_id, Container& container) {
    cri::PodSandboxStatusRequest request;
    request.set_pod_sandbox_id(sandbox_id);
    cri::PodSandboxStatusResponse response;
    const auto context = Context("");
    const absl::Status asked = FromGrpc(cri_->PodSandboxStatus(context.get(), request, &response),
                                        "RuntimeService.PodSandboxStatus");
    // A containerd without its CRI plugin has no pods of its own; labels say what there is.
    if (absl::IsUnimplemented(asked)) return absl::OkStatus();
    // Its own NOT_FOUND would be that of the container.
    if (absl::IsNotFound(asked)) return absl::FailedPreconditionError(asked.message());
    VARMOR_RETURN_IF_ERROR(asked);
    const cri::PodSandboxStatus& status = response.status();
    container.pod.name = status.metadata().name();
    container.pod.name_space = status.metadata().namespace_();
    container.pod.uid = status.metadata().uid();
    for (const auto& [key, value] : status.annotations()) container.pod.annotations[key] = value;
    for (const auto& [key, value] : status.labels()) {
      container.pod.labels[key] = value;
      container.labels.emplace(key, value);
    }
    if (status.linux().namespaces().options().network() == kNodeNetwork) return absl::OkStatus();
    if (!status.network().ip().empty()) container.pod.addresses.push_back(status.network().ip());
    for (const cri::PodIP& more : status.network().additional_ips()) {
      container.pod.addresses.push_back(more.ip());
    }
    return absl::OkStatus();
  }

  // A stream of a containerd that hangs is one on which nothing happens.
  absl::Status AskWhetherItAnswers() {
    namespaces::ListNamespacesResponse response;
    const auto context = Context("");
    return FromGrpc(namespaces_->List(context.get(), {}, &response), "Namespaces.List");
  }

  // Failures show in the stream.
  void PublishOurs() {
    events::PublishRequest request;
    request.set_topic(kOurTopic);
    request.mutable_event()->set_type_url("varmor.org/watching");
    google::protobuf::Empty response;
    const auto context = Context(kOurNamespace);
    events_->Publish(context.get(), request, &response);
  }

  // False for events that are of no interest.
  bool Translate(const events::Envelope& envelope, ContainerEvent& event) const;

  ContainerdOptions options_;
  std::unique_ptr<containers::Containers::Stub> containers_;
  std::unique_ptr<tasks::Tasks::Stub> tasks_;
  std::unique_ptr<namespaces::Namespaces::Stub> namespaces_;
  std::unique_ptr<events::Events::Stub> events_;
  std::unique_ptr<cri::RuntimeService::Stub> cri_;
};

bool Containerd::Translate(const events::Envelope& envelope, ContainerEvent& event) const {
  if (envelope.topic() == kOurTopic) return false;
  if (!options_.namespaces.empty() &&
      !absl::c_linear_search(options_.namespaces, envelope.namespace_())) {
    return false;
  }
  event.id.name_space = envelope.namespace_();
  event.time = absl::FromUnixSeconds(envelope.timestamp().seconds()) +
               absl::Nanoseconds(envelope.timestamp().nanos());
  const std::string& topic = envelope.topic();
  const std::string& bytes = envelope.event().value();
  if (topic == "/containers/create" || topic == "/containers/delete") {
    events::ContainerChange change;
    if (!change.ParseFromString(bytes)) return false;
    event.kind = topic == "/containers/create" ? ContainerEvent::Kind::kDefined
                                               : ContainerEvent::Kind::kDeleted;
    event.id.id = change.id();
    return true;
  }
  if (topic == "/tasks/exit") {
    events::TaskExit exit;
    if (!exit.ParseFromString(bytes) || exit.id() != exit.container_id()) return false;
    event.kind = ContainerEvent::Kind::kExited;
    event.id.id = exit.container_id();
    event.pid = static_cast<pid_t>(exit.pid());
    return true;
  }
  events::TaskEvent task;
  if (!task.ParseFromString(bytes)) return false;
  event.id.id = task.container_id();
  event.kind =
      topic == "/tasks/create" ? ContainerEvent::Kind::kCreated : ContainerEvent::Kind::kStarted;
  event.pid = static_cast<pid_t>(topic == "/tasks/create" ? task.created_pid() : task.pid());
  return true;
}

// What goes on beside a stream of events: the call is cancelled when that is wanted, and when
// containerd answers nothing else either; and until the stream is known to work, events of ours are
// published, since containerd does not answer a subscription before it has something to tell. The
// first event that comes back is the answer. Keepalive of gRPC would not do: containerd's library
// closes connections of those who ping more than once in five minutes.
class BesideStream {
 public:
  BesideStream(grpc::ClientContext& stream, std::function<bool()> cancelled,
               std::function<void()> publish, std::function<absl::Status()> ask)
      : stream_(stream),
        cancelled_(std::move(cancelled)),
        publish_(std::move(publish)),
        ask_(std::move(ask)),
        thread_([this] { Run(); }) {}
  ~BesideStream() { End().IgnoreError(); }

  void StreamWorks() { works_ = true; }
  // OK, or why the stream was cancelled: nothing else is answered.
  absl::Status End() {
    if (!thread_.joinable()) return answer_;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
    }
    changed_.notify_all();
    thread_.join();
    return answer_;
  }

 private:
  void Run() {
    auto next_question = std::chrono::steady_clock::now() + kAskEvery;
    for (;;) {
      const bool works = works_;
      if (cancelled_()) stream_.TryCancel();
      if (!works) publish_();
      if (works && std::chrono::steady_clock::now() >= next_question) {
        answer_ = ask_();
        if (absl::IsUnavailable(answer_)) stream_.TryCancel();
        next_question = std::chrono::steady_clock::now() + kAskEvery;
      }
      std::unique_lock<std::mutex> lock(mutex_);
      if (changed_.wait_for(lock, std::chrono::milliseconds(works ? 500 : 50),
                            [this] { return done_; })) {
        return;
      }
    }
  }

  grpc::ClientContext& stream_;
  const std::function<bool()> cancelled_;
  const std::function<void()> publish_;
  const std::function<absl::Status()> ask_;
  // Of the thread, until it has ended.
  absl::Status answer_;
  std::atomic<bool> works_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;
};

absl::Status Containerd::Watch(const Watcher& watcher, const std::function<bool()>& cancelled) {
  grpc::ClientContext context;
  events::SubscribeRequest request;
  for (const char* topic : {"/containers/create", "/tasks/create", "/tasks/start", "/tasks/exit",
                            "/containers/delete", kOurTopic}) {
    request.add_filters(absl::StrCat("topic==\"", topic, "\""));
  }
  const auto reader = events_->Subscribe(&context, request);
  BesideStream beside(
      context, cancelled, [this] { PublishOurs(); }, [this] { return AskWhetherItAnswers(); });
  bool watching = false;
  bool wanted = true;
  events::Envelope envelope;
  while (wanted && reader->Read(&envelope)) {
    if (!std::exchange(watching, true)) {
      beside.StreamWorks();
      watcher.on_watching();
    }
    ContainerEvent event;
    if (Translate(envelope, event)) wanted = watcher.on_event(event);
  }
  if (!wanted) context.TryCancel();
  const grpc::Status status = reader->Finish();
  const absl::Status answer = beside.End();
  if (!wanted || cancelled()) return absl::CancelledError("the watch was ended");
  if (absl::IsUnavailable(answer)) return answer;
  if (status.ok()) return absl::UnavailableError("containerd: the stream of events ended");
  return FromGrpc(status, "Events.Subscribe");
}

std::string TextOf(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// "c1" of "/default/c1"; "cri-containerd-c1.scope" of "kubepods-pod7.slice:cri-containerd:c1", as
// runc and crun name systemd's units.
std::string CgroupName(const std::string& path) {
  const std::vector<std::string> parts = absl::StrSplit(path, ':');
  if (parts.size() != 3) return path.substr(path.rfind('/') + 1);
  if (absl::EndsWith(parts[2], ".slice")) return parts[2];
  return absl::StrCat(parts[1], parts[1].empty() ? "" : "-", parts[2], ".scope");
}

}  // namespace

absl::Status ReadOciSpec(absl::string_view json, Container& container, std::string& sandbox_id) {
  const nlohmann::json spec = nlohmann::json::parse(json.begin(), json.end(), nullptr, false);
  if (!spec.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the OCI configuration of container ", container.id.id, " is no JSON object"));
  }
  const auto annotations = spec.find("annotations");
  // An image's labels become the container's: outside of Kubernetes they say nothing about pods.
  const bool of_cri = container.id.name_space == kKubernetesNamespace ||
                      (annotations != spec.end() && annotations->is_object() &&
                       !TextOf(*annotations, "io.kubernetes.cri.container-type").empty());
  if (of_cri) {
    container.name = Label(container, kContainerName);
    container.pod.name = Label(container, kPodName);
    container.pod.name_space = Label(container, kPodNamespace);
    container.pod.uid = Label(container, kPodUid);
    container.sandbox = Label(container, kCriKind) == "sandbox";
  }
  if (annotations != spec.end() && annotations->is_object()) {
    const std::string kind = TextOf(*annotations, "io.kubernetes.cri.container-type");
    container.sandbox |= kind == "sandbox";
    container.in_pod |= !kind.empty();
    sandbox_id = TextOf(*annotations, "io.kubernetes.cri.sandbox-id");
    const std::pair<const char*, std::string*> fields[] = {
        {"io.kubernetes.cri.container-name", &container.name},
        {"io.kubernetes.cri.sandbox-name", &container.pod.name},
        {"io.kubernetes.cri.sandbox-namespace", &container.pod.name_space},
        {"io.kubernetes.cri.sandbox-uid", &container.pod.uid},
    };
    for (const auto& [key, field] : fields) {
      if (field->empty()) *field = TextOf(*annotations, key);
    }
  }
  container.in_pod |= !container.pod.name.empty();
  const auto process = spec.find("process");
  if (process != spec.end() && process->is_object()) {
    container.app_armor_profile = TextOf(*process, "apparmorProfile");
  }
  const auto linux_part = spec.find("linux");
  if (linux_part != spec.end() && linux_part->is_object()) {
    container.cgroup_name = CgroupName(TextOf(*linux_part, "cgroupsPath"));
  }
  container.seccomp = linux_part != spec.end() && linux_part->is_object() &&
                      linux_part->contains("seccomp") && !(*linux_part)["seccomp"].is_null();
  return absl::OkStatus();
}

std::unique_ptr<ContainerRuntime> MakeContainerdRuntime(ContainerdOptions options) {
  return absl::make_unique<Containerd>(std::move(options));
}

}  // namespace varmor
