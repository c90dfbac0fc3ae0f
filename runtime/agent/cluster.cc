#include "runtime/agent/cluster.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "lib/compiler/status/status_macros.h"
#include "lib/compiler/version.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

absl::StatusOr<KubeConfig> ConfigOf(const AgentFlags& flags) {
  if (!flags.daemon.kubeconfig.empty()) return LoadKubeConfig(flags.daemon.kubeconfig);
  return InClusterKubeConfig(flags.api_host, flags.api_port);
}

std::string BootId() {
  const absl::StatusOr<std::string> text = ReadFileWhole("/proc/sys/kernel/random/boot_id", 4096);
  return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Connect(const AgentFlags& flags, Agent& agent,
                                                          AgentLoop& loop, Logger& log,
                                                          std::function<AgentStatus()> status) {
  std::unique_ptr<Cluster> cluster = absl::WrapUnique(new Cluster(agent, loop, log));
  KubeHttpClientOptions options;
  VARMOR_ASSIGN_OR_RETURN(options.config, ConfigOf(flags));
  options.user_agent = absl::StrCat("varmor-agent/", kVersion);
  options.qps = flags.daemon.client_rate_limit_qps;
  options.burst = static_cast<int>(flags.daemon.client_rate_limit_burst);
  VARMOR_ASSIGN_OR_RETURN(cluster->client_, KubeHttpClient::Create(options));
  InformerOptions informer;
  // Whatever the server has at hand: many agents start at once.
  informer.list.resource_version = "0";
  informer.on_error = [&log](const absl::Status& error, int in_a_row) {
    if (in_a_row == 1) log.Warning(absl::StrCat("ArmorProfiles: ", error.message()));
  };
  Cluster* self = cluster.get();
  cluster->informer_ =
      absl::make_unique<Informer>(*cluster->client_, kArmorProfiles, std::move(informer),
                                  [self](InformerEvent event) { self->Take(std::move(event)); });

  ManagerClientOptions manager;
  manager.url = flags.manager_url;
  manager.token_file = flags.token_file;
  manager.ca_file = flags.manager_ca;
  cluster->manager_ = absl::make_unique<ManagerClient>(std::move(manager));
  ManagerReporterOptions reporter;
  reporter.node = flags.node_name;
  cluster->reporter_ = absl::make_unique<ManagerReporter>(
      std::move(reporter),
      [self](const std::string& path, const std::string& body, absl::Duration& retry_after) {
        return self->manager_->Post(path, body, retry_after);
      },
      [status = std::move(status), boot_id = BootId()]() -> absl::optional<NodeReport> {
        const AgentStatus now = status();
        // It lists no profiles then, which the manager would take for their loss.
        if (!now.complete) return absl::nullopt;
        return NodeReportOf(now, boot_id);
      },
      [self](const std::vector<std::string>& keys) {
        self->loop_.Post([self, keys] {
          for (const std::string& key : keys) self->agent_.Reapply(key);
        });
      },
      log);
  return cluster;
}

Cluster::~Cluster() { Stop(); }

void Cluster::Take(InformerEvent event) {
  loop_.Post([this, event = std::move(event)] {
    const ArmorProfileStore::Change change = store_.Take(event);
    changed_ |= change.policies;
    if (change.reapply.empty()) return;
    agent_.Reapply(change.reapply);
    reporter_->Again(change.reapply);
  });
}

void Cluster::Start() {
  informer_->Start();
  reporter_->Start();
}

void Cluster::AfterStep() {
  if (changed_ && store_.synced()) {
    changed_ = false;
    agent_.SetPolicies(store_.Policies(), {}, true);
  }
  const uint64_t changes = agent_.changes();
  if (std::exchange(reported_, changes) == changes) return;
  // Before all containers are known, nothing is said about who still uses a profile.
  if (agent_.ready()) reporter_->SetPolicies(agent_.Policies());
}

// Also of one that Connect could not finish.
void Cluster::Stop() {
  if (client_ != nullptr) client_->Cancel();
  if (informer_ != nullptr) informer_->Stop();
  if (manager_ != nullptr) manager_->Cancel();
  if (reporter_ != nullptr) reporter_->Stop();
}

}  // namespace varmor
