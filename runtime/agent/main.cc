// varmor-agent: reads flags and environment, makes the parts, and connects them.
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/compiler/version.h"
#include "lib/enforcers/files.h"
#include "runtime/agent/agent.h"
#include "runtime/agent/agent_flags.h"
#include "runtime/agent/agent_lock.h"
#include "runtime/agent/agent_loop.h"
#include "runtime/agent/audit_file.h"
#include "runtime/agent/cluster.h"
#include "runtime/agent/control_socket.h"
#include "runtime/agent/give_back_memory.h"
#include "runtime/agent/host_namespaces.h"
#include "runtime/agent/node_kernel.h"
#include "runtime/agent/policy_directory.h"
#include "runtime/agent/start_gate.h"
#include "runtime/agent/violation_auditor.h"
#include "runtime/container/containerd/containerd_runtime.h"
#include "runtime/container/nri/nri_plugin.h"
#include "runtime/http/http_server.h"
#include "runtime/log/logger.h"
#include "runtime/metrics/metrics.h"

namespace varmor {
namespace {

// Longer than the one question to containerd for which the loop may be waiting.
constexpr absl::Duration kAskLimit = absl::Seconds(8);
constexpr absl::Duration kOpenAgain = absl::Seconds(10);
constexpr int64_t kLargestPid = 1 << 22;  // PID_MAX_LIMIT, include/linux/threads.h

NodeKernelOptions KernelOptions(const AgentFlags& flags) {
  NodeKernelOptions options;
  options.app_armor = flags.UsesEnforcer("AppArmor");
  options.bpf = flags.UsesEnforcer("BPF");
  options.seccomp = flags.UsesEnforcer("Seccomp");
  options.app_armor_options.state_directory = flags.state_directory + "/apparmor";
  options.seccomp_options.state_directory = flags.state_directory + "/seccomp";
  options.seccomp_options.directory = flags.seccomp_directory;
  options.bpf_options.directory = flags.bpf_directory;
  options.bpf_options.cgroup_mount = flags.cgroup_mount;
  options.bpf_options.protected_process = getpid();
  // It is mapped twice, and all of it counts as memory of this process.
  options.bpf_options.events_bytes = 2 << 20;
  return options;
}

AgentLockOptions LockOptions(const AgentFlags& flags) {
  AgentLockOptions options;
  options.state_directory = flags.state_directory;
  if (flags.UsesEnforcer("BPF")) options.bpf_directory = flags.bpf_directory;
  return options;
}

ViolationLogOptions LogOptions(const AgentFlags& flags) {
  ViolationLogOptions options;
  options.path = flags.violation_log == "-" ? "" : flags.violation_log;
  options.standard_output = flags.violation_log == "-";
  return options;
}

ViolationAuditorOptions AuditorOptions(const AgentFlags& flags, Logger& log) {
  ViolationAuditorOptions options;
  options.warn = [&log](const std::string& message) { log.Warning(message); };
  options.settings.node_name = flags.node_name;
  options.settings.metadata = flags.metadata;
  options.settings.v08 = flags.violation_format == "v0.8";
  return options;
}

ContainerdOptions RuntimeOptions(const AgentFlags& flags) {
  ContainerdOptions options;
  options.socket = flags.runtime_socket;
  options.namespaces = absl::StrSplit(flags.runtime_namespaces, ',', absl::SkipEmpty());
  return options;
}

AgentOptions OptionsOfAgent(const AgentFlags& flags) {
  AgentOptions options;
  options.node = flags.node_name;
  options.in_cluster = !flags.Alone();
  options.fail_closed = flags.fail_mode == "closed";
  if (options.in_cluster) options.seen_profiles = flags.state_directory + "/seen-profiles";
  return options;
}

class Daemon {
 public:
  Daemon(AgentFlags flags, Logger& log)
      : flags_(std::move(flags)),
        log_(log),
        kernel_(KernelOptions(flags_)),
        runtime_(MakeContainerdRuntime(RuntimeOptions(flags_))),
        violation_log_(LogOptions(flags_)),
        auditor_(AuditorOptions(flags_, log_), violation_log_),
        agent_(OptionsOfAgent(flags_), *runtime_, kernel_, auditor_, log_),
        loop_(LoopOptions(), agent_, *runtime_, log_),
        start_gate_(
            flags_.fail_mode == "closed",
            [this](const ContainerId& id, pid_t pid, absl::Duration limit) {
              return Enroll(id, pid, limit);
            },
            log_),
        policies_({flags_.policy_directory, flags_.lenient, flags_.install_namespace}),
        audit_files_(flags_.daemon.audit_log_paths) {}

  // Until a signal ends it.
  absl::Status Run();

 private:
  AgentLoopOptions LoopOptions() const {
    AgentLoopOptions options;
    options.check_every = flags_.check_interval;
    return options;
  }

  absl::Status Listen();
  void OpenAudit();
  void FollowAuditFile();
  void WaitForSignals();
  void ReadPolicies();
  void AfterStep();
  void FollowBpf();
  void Leave();
  AgentStatus Status();
  void StartNri();
  void TakeNriState(const NriState& state);
  // Agent::EnrollNow, asked in another thread; UNAVAILABLE as well while the loop has no time.
  absl::Status Enroll(const ContainerId& id, pid_t pid, absl::Duration limit);
  ControlJson Answer(const ControlJson& request);
  HttpResponse AnswerHttp(const HttpRequest& request);

  const AgentFlags flags_;
  Logger& log_;
  EnforcersKernel kernel_;
  std::unique_ptr<ContainerRuntime> runtime_;
  ViolationLog violation_log_;
  ViolationAuditor auditor_;
  Agent agent_;
  AgentLoop loop_;
  StartGate start_gate_;
  // Of the loop's thread.
  NriState nri_state_;
  PolicyDirectory policies_;
  bool policies_read_ = false;
  int bpf_starts_ = 0;
  // Why BPF's events are not read, and when to try again.
  std::string bpf_problem_;
  absl::Time next_bpf_open_ = absl::InfinitePast();
  // Why the kernel's audit records cannot be had; "": they are read.
  std::string no_audit_;
  AuditFileFinder audit_files_;
  std::string audit_problem_;
  absl::Time next_audit_open_ = absl::InfinitePast();
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<HttpServer> health_;
  std::unique_ptr<HttpServer> metrics_;
  std::unique_ptr<NriPlugin> nri_;
};

// What the kernel and the rights of this process allow does not change while it runs.
void Daemon::OpenAudit() {
  auto audit = absl::make_unique<AuditLog>();
  const absl::Status opened = InHostNetwork([&] { return audit->Open(); });
  if (opened.ok()) {
    auditor_.SetAudit(std::move(audit));
    return;
  }
  no_audit_ = std::string(opened.message());
  FollowAuditFile();
}

// Logs come and go.
void Daemon::FollowAuditFile() {
  if (no_audit_.empty() || absl::Now() < next_audit_open_) return;
  next_audit_open_ = absl::Now() + kOpenAgain;
  if (std::unique_ptr<AuditFile> file = audit_files_.Find(); file != nullptr) {
    log_.Warning(absl::StrCat("violations of AppArmor and seccomp are read from ", file->path(),
                              ": ", no_audit_));
    auditor_.SetAuditFile(std::move(file));
    agent_.SetAuditProblem("");
    return;
  }
  if (audit_files_.status().ok()) return;
  const std::string problem = absl::StrCat(no_audit_, "; ", audit_files_.status().message());
  agent_.SetAuditProblem(problem);
  if (std::exchange(audit_problem_, problem) == problem) return;
  log_.Warning(absl::StrCat("violations of AppArmor and seccomp are not seen: ", problem));
}

// A directory that cannot be read changes nothing, and is said once.
void Daemon::ReadPolicies() {
  const absl::StatusOr<bool> changed = policies_.Scan();
  agent_.SetSourceProblem(flags_.policy_directory, std::string(changed.status().message()));
  if (!changed.ok()) return;
  if (!*changed && policies_read_) return;
  policies_read_ = true;
  for (const AgentPolicy& policy : policies_.policies()) {
    for (const std::string& warning : policy.warnings) log_.Warning(warning);
  }
  agent_.SetPolicies(policies_.policies(), policies_.problems(), policies_.complete());
  GiveBackMemory();  // compiling needs much more than what is kept
}

void Daemon::FollowBpf() {
  if (bpf_starts_ == agent_.bpf_starts() || kernel_.bpf() == nullptr) return;
  // Before containers are known, nobody could say whose events those are that wait in the ring.
  if (bpf_starts_ == 0 && !agent_.ready()) return;
  if (absl::Now() < next_bpf_open_) return;
  absl::StatusOr<BpfEventReader> reader = BpfEventReader::Open(
      *kernel_.bpf(),
      [this](const BpfViolation& violation) { auditor_.Handle(violation, absl::Now()); },
      [this](const absl::Status& bad) {
        // Of what is lost the auditor counts the bytes.
        if (!absl::IsDataLoss(bad)) auditor_.HandleBadRecord();
      });
  const std::string problem(reader.status().message());
  if (!reader.ok()) {
    if (problem != bpf_problem_) {
      log_.Error(absl::StrCat("violations of BPF profiles are not seen: ", problem));
    }
    auditor_.SetBpf(nullptr);
    next_bpf_open_ = absl::Now() + kOpenAgain;
  } else {
    if (!bpf_problem_.empty()) log_.Info("violations of BPF profiles are seen again");
    auditor_.SetBpf(absl::make_unique<BpfEventReader>(*std::move(reader)));
    bpf_starts_ = agent_.bpf_starts();
  }
  bpf_problem_ = problem;
  GiveBackMemory();
}

void Daemon::AfterStep() {
  FollowBpf();
  FollowAuditFile();
  if (cluster_ != nullptr) cluster_->AfterStep();
}

AgentStatus Daemon::Status() {
  // Shared, since the loop may come to it after this has given up.
  const auto status = std::make_shared<AgentStatus>();
  const bool answered = loop_.PostAndWait(
      [this, status] {
        *status = agent_.Status();
        status->bpf_problem = bpf_problem_;
        status->nri = nri_state_;
        if (kernel_.bpf() == nullptr) return;
        const absl::StatusOr<std::vector<BpfDrops>> drops = kernel_.bpf()->Drops();
        if (!drops.ok()) return;
        for (const BpfDrops& one : *drops) status->bpf_drops[one.event_class] = one.events;
      },
      kAskLimit);
  if (!answered) {
    AgentStatus late;
    late.node = flags_.node_name;
    late.version = kVersion;
    late.busy = true;
    late.not_ready = "the agent is busy";
    return late;
  }
  AgentStatus out = *status;
  out.nri_used = !flags_.nri_socket.empty();
  out.starts = start_gate_.counts();
  out.violations = auditor_.Counts();
  if (out.bpf_problem.empty()) out.bpf_problem = out.violations.bpf_problem;
  out.log_lines_lost = log_.lost();
  if (cluster_ != nullptr) out.reports_pending = cluster_->pending();
  return out;
}

absl::Status Daemon::Enroll(const ContainerId& id, pid_t pid, absl::Duration limit) {
  // Shared, since the loop may come to it after this has given up.
  const auto enrolled = std::make_shared<absl::Status>();
  if (!loop_.PostAndWait([this, id, pid, enrolled] { *enrolled = agent_.EnrollNow(id, pid); },
                         limit)) {
    return absl::UnavailableError("the agent is busy");
  }
  return *enrolled;
}

ControlJson Daemon::Answer(const ControlJson& request) {
  const auto text = [&](const char* key) {
    const auto found = request.find(key);
    return found != request.end() && found->is_string() ? found->get<std::string>() : "";
  };
  const std::string command = text("command");
  if (command == "status") return AgentStatusJson(Status());
  if (command != "enroll") return {{"error", absl::StrCat("unknown command \"", command, "\"")}};
  const ContainerId id{text("namespace"), text("id")};
  const auto number = request.find("pid");
  const int64_t asked =
      number != request.end() && number->is_number_integer() ? number->get<int64_t>() : 0;
  const pid_t pid = asked > 0 && asked <= kLargestPid ? static_cast<pid_t>(asked) : 0;
  if (id.id.empty() || pid <= 0) return {{"error", "enroll needs id and pid"}};
  const absl::Status enrolled = Enroll(id, pid, kAskLimit);
  if (enrolled.ok()) return {{"ok", true}};
  return {{"error", std::string(enrolled.message())}, {"wait", !absl::IsNotFound(enrolled)}};
}

// Liveness is that the loop answers; readiness, that it knows policies and containers, and hears of
// new ones.
HttpResponse Daemon::AnswerHttp(const HttpRequest& request) {
  HttpResponse response;
  if (request.path == "/health/readiness" || request.path == "/health/liveness" ||
      request.path == "/healthz") {
    const auto not_ready = std::make_shared<std::string>();
    if (!loop_.PostAndWait([this, not_ready] { *not_ready = agent_.NotReady(); }, kAskLimit)) {
      response.status = 503;
      response.body = "the agent is busy\n";
    } else if (request.path == "/health/readiness" && !not_ready->empty()) {
      response.status = 503;
      response.body = *not_ready + "\n";
    } else {
      response.body = "ok";
    }
    return response;
  }
  if (flags_.daemon.enable_metrics && (request.path == "/metrics" || request.path == "/metric")) {
    const AgentStatus status = Status();
    if (status.busy) {
      response.status = 503;
      response.body = status.not_ready + "\n";
      return response;
    }
    response.content_type = Metrics::kContentType;
    response.body = AgentMetricsText(status);
    return response;
  }
  response.status = 404;
  response.body = "not found\n";
  return response;
}

absl::Status Daemon::Listen() {
  if (!flags_.socket.empty()) {
    VARMOR_ASSIGN_OR_RETURN(
        control_,
        ControlServer::Start(flags_.socket, [this](const ControlJson& r) { return Answer(r); }));
  }
  HttpServerOptions options;
  options.address = flags_.listen_address;
  const auto handler = [this](const HttpRequest& request) { return AnswerHttp(request); };
  if (flags_.readiness_port != 0) {
    options.port = static_cast<uint16_t>(flags_.readiness_port);
    VARMOR_ASSIGN_OR_RETURN(health_, HttpServer::Start(options, handler));
  }
  if (flags_.daemon.enable_metrics && flags_.metrics_port != flags_.readiness_port) {
    options.port = static_cast<uint16_t>(flags_.metrics_port);
    VARMOR_ASSIGN_OR_RETURN(metrics_, HttpServer::Start(options, handler));
  }
  return absl::OkStatus();
}

// Before policies are known too: what has to wait for them is held.
void Daemon::StartNri() {
  if (flags_.nri_socket.empty()) return;
  NriPluginOptions options;
  options.socket = flags_.nri_socket;
  nri_ = absl::make_unique<NriPlugin>(
      std::move(options), [this](const NriStart& start) { return start_gate_.Hold(start); },
      [this](const NriState& state) { TakeNriState(state); });
}

// A runtime without NRI is none of the agent's troubles; one that no longer asks is.
void Daemon::TakeNriState(const NriState& state) {
  loop_.Post([this, state] {
    if (state.registered) {
      log_.Info(absl::StrCat("NRI: ", state.runtime, " asks before containers of pods start"));
    } else if (nri_state_.registered) {
      log_.Warning(
          absl::StrCat("NRI: containers start without being asked about: ", state.problem));
    } else {
      log_.Info(absl::StrCat("NRI is not used: ", state.problem,
                             state.fix.empty() ? "" : absl::StrCat(" (", state.fix, ")")));
    }
    nri_state_ = state;
    agent_.SetStartsHeld(state.registered);
  });
}

void Daemon::WaitForSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  int signal = 0;
  sigwait(&signals, &signal);
  log_.Info(absl::StrCat("ending because of signal ", signal));
  loop_.Stop();
}

// What is in force stays in force, unless flags say otherwise.
void Daemon::Leave() {
  if (flags_.daemon.unload_all_aa_profiles) agent_.UnloadAll(EnforcerKind::kAppArmor);
  if (flags_.daemon.remove_all_seccomp_profiles) agent_.UnloadAll(EnforcerKind::kSeccomp);
  if (!flags_.unload_bpf || kernel_.bpf() == nullptr) return;
  const absl::Status removed = kernel_.bpf()->Uninstall();
  if (!removed.ok()) log_.Error(absl::StrCat("BPF stays in force: ", removed.message()));
}

absl::Status Daemon::Run() {
  const absl::Status cgroups = EnterHostCgroupNamespace();
  if (!cgroups.ok()) log_.Warning(cgroups.message());
  // In a cluster the directory is the kubelet's, and has to be there.
  if (flags_.Alone()) VARMOR_RETURN_IF_ERROR(EnsureDirectory(flags_.seccomp_directory));
  VARMOR_ASSIGN_OR_RETURN(const AgentLock lock, AgentLock::Take(LockOptions(flags_)));
  VARMOR_RETURN_IF_ERROR(violation_log_.Open());
  VARMOR_RETURN_IF_ERROR(agent_.Start());
  OpenAudit();
  auditor_.Start();
  if (flags_.Alone()) {
    loop_.tick = [this] { ReadPolicies(); };
  } else {
    VARMOR_ASSIGN_OR_RETURN(
        cluster_, Cluster::Connect(flags_, agent_, loop_, log_, [this] { return Status(); }));
    cluster_->Start();
  }
  loop_.after_step = [this] { AfterStep(); };
  VARMOR_RETURN_IF_ERROR(Listen());
  StartNri();
  std::thread signals([this] { WaitForSignals(); });
  loop_.Post([] { GiveBackMemory(); });
  loop_.Run();
  signals.join();
  nri_.reset();
  if (cluster_ != nullptr) cluster_->Stop();
  control_.reset();
  health_.reset();
  metrics_.reset();
  auditor_.Stop();
  Leave();
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  // Threads are few; one heap for each would be more memory than they need.
  mallopt(M_ARENA_MAX, 2);
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  AgentFlags flags;
  std::string usage;
  const absl::Status read = ReadAgentFlags({argv + 1, argv + argc}, getenv, flags, usage);
  if (absl::IsCancelled(read)) {
    std::fputs(usage.c_str(), stdout);
    return 0;
  }
  if (!read.ok()) {
    std::fprintf(stderr, "varmor-agent: %s\n", std::string(read.message()).c_str());
    return 2;
  }
  if (flags.daemon.version) {
    std::printf("varmor-agent %s\ncompiler: %s\n", kVersion, __VERSION__);
    return 0;
  }
  LoggerOptions log_options;
  log_options.program = "varmor-agent";
  log_options.json = flags.daemon.log_format == "json";
  log_options.debug = flags.daemon.verbosity >= 2 || flags.daemon.debug;
  log_options.common = flags.metadata;
  Logger log(std::move(log_options));
  for (const std::string& note : flags.notes) log.Warning(note);
  Daemon daemon(std::move(flags), log);
  const absl::Status ended = daemon.Run();
  if (ended.ok()) return 0;
  log.Error(geteuid() == 0 ? std::string(ended.message())
                           : absl::StrCat(ended.message(), "\nfix: run varmor-agent as root"));
  return 1;
}

}  // namespace
}  // namespace varmor

int main(int argc, char** argv) { return varmor::Main(argc, argv); }
