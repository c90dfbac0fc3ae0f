#include "runtime/manager/manager_flags.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "runtime/flags/go_flags.h"

namespace varmor {
namespace {

using Environment = std::function<const char*(const char*)>;

void AddFlags(GoFlags& parser, ManagerFlags& flags) {
  AddDaemonFlags(parser, flags.daemon);
  parser.String("serviceAccountDirectory", "token, ca.crt and namespace of this pod",
                flags.service_account_directory);
  parser.Bool("lenient", "warn of what vArmor accepts and ignores, instead of refusing it",
              flags.lenient);
  parser.Bool("clusterPoliciesOptOut",
              "containers may say \"unconfined\" against cluster policies too",
              flags.cluster_policies_opt_out);
  parser.String("webhookFailurePolicy", "Ignore or Fail: workloads when no manager answers",
                flags.mutating_failure_policy);
  parser.String("policyFailurePolicy", "Fail or Ignore: policies when no manager answers",
                flags.validating_failure_policy);
  parser.Duration("settleTime", "for how long a new leader waits for silent nodes",
                  flags.settle_time);
  parser.Duration("retireTimeout", "for how long a deleted policy waits for its nodes",
                  flags.retire_timeout);
}

std::string Variable(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? "" : value;
}

void ReadEnvironment(const Environment& environment, ManagerFlags& flags,
                     std::vector<std::string>& mistakes) {
  flags.pod_name = Variable(environment, "POD_NAME");
  if (flags.pod_name.empty()) flags.pod_name = Variable(environment, "HOSTNAME");
  if (flags.pod_name.empty()) {
    mistakes.push_back("set POD_NAME: the election needs a name for this replica");
  }
  flags.name_space = Variable(environment, "POD_NAMESPACE");
  flags.api_host = Variable(environment, "KUBERNETES_SERVICE_HOST");
  flags.api_port = Variable(environment, "KUBERNETES_SERVICE_PORT");
  const struct {
    const char* name;
    uint16_t* port;
  } ports[] = {{"WEBHOOK_SERVICE_PORT", &flags.webhook_port},
               {"STATUS_SERVICE_PORT", &flags.status_port},
               {"METRICS_SERVICE_PORT", &flags.metrics_port}};
  for (const auto& [name, port] : ports) {
    const std::string text = Variable(environment, name);
    int number = 0;
    if (text.empty()) continue;
    if (absl::SimpleAtoi(text, &number) && number >= 1025 && number <= 65535) {
      *port = static_cast<uint16_t>(number);
    } else {
      mistakes.push_back(absl::StrCat(name, "=", Quoted(text), " is no port from 1025 to 65535"));
    }
  }
}

void Check(const GoFlags& parser, const ManagerFlags& flags, std::vector<std::string>& mistakes) {
  if (!parser.operands().empty()) {
    mistakes.push_back(
        absl::StrCat(Quoted(parser.operands()[0]), " is no flag; write -NAME=VALUE"));
  }
  for (const auto& [name, word] :
       {std::make_pair("-webhookFailurePolicy", flags.mutating_failure_policy),
        std::make_pair("-policyFailurePolicy", flags.validating_failure_policy)}) {
    if (word != "Ignore" && word != "Fail") {
      mistakes.push_back(absl::StrCat("flag ", name, ": ", Quoted(word), " is not Ignore or Fail"));
    }
  }
  for (const auto& [name, time] : {std::make_pair("-settleTime", flags.settle_time),
                                   std::make_pair("-retireTimeout", flags.retire_timeout)}) {
    if (time < absl::ZeroDuration() || time > kLongestInterval) {
      mistakes.push_back(absl::StrCat("flag ", name, ": ", absl::FormatDuration(time),
                                      " is not from 0 to ",
                                      absl::FormatDuration(kLongestInterval)));
    }
  }
  if (!flags.InCluster() &&
      access(absl::StrCat(flags.service_account_directory, "/token").c_str(), F_OK) == 0) {
    mistakes.push_back(
        "flag -kubeconfig is for use outside of a cluster; this is a pod of one, leave it out");
  }
  // What would make this another program is not passed over.
  if (flags.daemon.agent) {
    mistakes.push_back("flag -agent: the agent is a program of its own, varmor-agent");
  }
  if (flags.daemon.pre_delete) {
    mistakes.push_back(
        "flag -preDelete: delete the policies with kubectl before the manager "
        "(docs/operations.md)");
  }
}

}  // namespace

absl::Status ReadManagerFlags(const std::vector<std::string>& words, const Environment& environment,
                              ManagerFlags& flags, std::string& usage) {
  GoFlags parser("varmor-manager");
  AddFlags(parser, flags);
  usage = parser.Usage();
  const absl::Status parsed = parser.Parse(words);
  if (absl::IsCancelled(parsed) || (parsed.ok() && flags.daemon.version)) return parsed;
  std::vector<std::string> mistakes;
  for (const absl::Status& status : {parsed, FinishDaemonFlags(flags.daemon)}) {
    if (!status.ok()) mistakes.emplace_back(status.message());
  }
  ReadEnvironment(environment, flags, mistakes);
  Check(parser, flags, mistakes);
  if (mistakes.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(mistakes, "\n"));
}

}  // namespace varmor
