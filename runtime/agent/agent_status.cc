#include "runtime/agent/agent_status.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "lib/enforcers/files.h"

namespace varmor {
namespace {

using Json = nlohmann::ordered_json;

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

Json EnforcersJson(const AgentStatus& status) {
  Json out = Json::object();
  for (const auto& [kind, support] : status.enforcers) {
    Json& one = out[std::string(EnforcerName(kind))];
    one["available"] = support.available;
    if (!support.available) {
      one["problem"] = support.problem;
      one["fix"] = support.fix;
    }
    if (!support.limits.empty()) one["limits"] = support.limits;
    const auto profiles = status.profiles.find(kind);
    one["profiles"] = profiles == status.profiles.end() ? 0 : profiles->second;
    const auto tampered = status.tampered.find(kind);
    one["tampered"] = tampered == status.tampered.end() ? 0 : tampered->second;
    if (kind == EnforcerKind::kBpf && !status.other_builds.empty()) {
      one["otherBuilds"] = status.other_builds;
      one["otherBuildsProblem"] = status.takeover_problem;
    }
  }
  return out;
}

Json PolicyJson(const PolicyStatus& policy) {
  Json out;
  out["source"] = policy.source;
  out["kind"] = policy.identity.kind;
  out["namespace"] = policy.identity.name_space;
  out["name"] = policy.identity.name;
  out["profile"] = policy.profile;
  out["state"] = policy.state;
  out["message"] = policy.message;
  out["enforcers"] = policy.enforcers;
  out["containers"] = policy.containers;
  if (!policy.warnings.empty()) out["warnings"] = policy.warnings;
  if (!policy.unenforced.whole.empty()) out["unenforced"] = policy.unenforced.whole;
  if (!policy.unenforced.in_part.empty()) out["enforcedInPart"] = policy.unenforced.in_part;
  return out;
}

Json ContainerJson(const ContainerStatus& container) {
  Json out;
  out["namespace"] = container.id.name_space;
  out["id"] = container.id.id;
  out["name"] = container.name;
  out["image"] = container.image;
  if (!container.pod.empty()) out["pod"] = container.pod;
  out["running"] = container.running;
  out["profile"] = container.profile;
  out["enforcers"] = container.enforcers;
  out["enrolled"] = container.enrolled;
  if (!container.problems.empty()) out["problems"] = container.problems;
  return out;
}

Json NriJson(const AgentStatus& status) {
  Json out;
  out["used"] = status.nri_used;
  out["registered"] = status.nri.registered;
  if (status.nri.registered) out["runtime"] = status.nri.runtime;
  if (!status.nri.problem.empty()) out["problem"] = status.nri.problem;
  if (!status.nri.fix.empty()) out["fix"] = status.nri.fix;
  out["starts"] = {{"ready", status.starts.ready},
                   {"unconfined", status.starts.unconfined},
                   {"refused", status.starts.refused}};
  return out;
}

std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string Indented(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\n", "\n      "}});
}

void AddNri(const Json& nri, std::string& out) {
  if (!nri.value("used", false)) {
    absl::StrAppend(&out, "NRI: not used\n");
    return;
  }
  const Json starts = nri.value("starts", Json::object());
  absl::StrAppend(&out, "NRI: ",
                  nri.value("registered", false)
                      ? absl::StrCat("registered with ", Text(nri, "runtime"))
                      : absl::StrCat("not registered", Text(nri, "problem").empty() ? "" : ": ",
                                     Text(nri, "problem")),
                  "; starts: ", starts.value("ready", 0), " ready, ", starts.value("unconfined", 0),
                  " unconfined, ", starts.value("refused", 0), " refused\n");
  if (!Text(nri, "fix").empty()) absl::StrAppend(&out, "  fix: ", Text(nri, "fix"), "\n");
}

void AddEnforcers(const Json& enforcers, std::string& out) {
  for (const auto& [name, value] : enforcers.items()) {
    absl::StrAppend(&out, " ", name, "=", value.get<std::string>());
  }
}

// Resident memory of this process: total and the part that is no file, in bytes.
void Memory(double& resident, double& anonymous) {
  const absl::StatusOr<std::string> text = ReadFileWhole("/proc/self/statm");
  long long size = 0;
  long long total = 0;
  long long shared = 0;
  resident = anonymous = 0;
  if (!text.ok() || std::sscanf(text->c_str(), "%lld %lld %lld", &size, &total, &shared) != 3) {
    return;
  }
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  resident = static_cast<double>(total) * page;
  anonymous = static_cast<double>(total - shared) * page;
}

void AddViolationMetrics(const AgentStatus& status, Metrics& metrics) {
  Counter& violations = metrics.AddCounter(
      "varmor_violations_total", "Violations, written or not.",
      {"enforcer", "action", "policy_kind", "policy_namespace", "policy_name", "rule"});
  for (const auto& [key, count] : status.violations.violations) {
    violations.Add({key.enforcer, key.action, key.policy.kind, key.policy.name_space,
                    key.policy.name, key.rule},
                   static_cast<double>(count));
  }
  Counter& dropped = metrics.AddCounter("varmor_violation_events_dropped_total",
                                        "Violations that were not written.", {"reason"});
  dropped.Add({"rate_limit"}, static_cast<double>(status.violations.suppressed));
  dropped.Add({"log_not_writable"}, static_cast<double>(status.violations.unwritten));
  dropped.Add({"bad_record"}, static_cast<double>(status.violations.bad_records));
  dropped.Add({"policies_not_known"}, static_cast<double>(status.violations.early));
  dropped.Add({"process_ended"}, static_cast<double>(status.violations.unattributed));
  dropped.Add({"audit_overrun"}, static_cast<double>(status.violations.audit_overruns));
  Counter& unnamed =
      metrics.AddCounter("varmor_violations_without_container_total",
                         "Violations whose container was not known; written without.", {"reason"});
  unnamed.Add({"unknown"}, static_cast<double>(status.violations.container_unknown));
  unnamed.Add({"too_many"}, static_cast<double>(status.violations.too_many_waiting));
  metrics
      .AddCounter("varmor_bpf_events_lost_bytes_total",
                  "Bytes of BPF events that were overwritten before they were read.")
      .Add({}, static_cast<double>(status.violations.bpf_lost_bytes));
  uint64_t ring = 0;
  for (const auto& [name, count] : status.bpf_drops) ring += count;
  dropped.Add({"bpf_ring_full"}, static_cast<double>(ring));
}

void AddProfileMetrics(const AgentStatus& status, Metrics& metrics) {
  Gauge& profiles =
      metrics.AddGauge("varmor_profiles", "Policies by enforcer and state.", {"enforcer", "state"});
  Gauge& containers = metrics.AddGauge(
      "varmor_protected_containers", "Running containers that an enforcer confines.", {"enforcer"});
  for (const EnforcerKind kind : kEnforcerKinds) {
    const std::string name(EnforcerName(kind));
    for (const char* state : {"ok", "pending", "failed"}) profiles.Set({name, state}, 0);
    for (const PolicyStatus& policy : status.policies) {
      const auto found = policy.enforcers.find(name);
      if (found == policy.enforcers.end()) continue;
      const std::string state =
          found->second == "ok" || found->second == "pending" ? found->second : "failed";
      profiles.Add({name, state}, 1);
    }
    containers.Set({name}, 0);
    for (const ContainerStatus& container : status.containers) {
      const auto found = container.enforcers.find(name);
      if (found != container.enforcers.end() && found->second == "ok") containers.Add({name}, 1);
    }
  }
  Gauge& unenforced = metrics.AddGauge("varmor_policies_unenforced",
                                       "Policies with rules that this kernel does not enforce.");
  unenforced.Set({}, 0);
  for (const PolicyStatus& policy : status.policies) {
    if (!policy.unenforced.whole.empty()) unenforced.Add({}, 1);
  }
  Histogram& applying = metrics.AddHistogram(
      "varmor_profile_apply_seconds",
      "How long an enforcer took to put profiles into force; each call may be about several.",
      {"enforcer"}, RequestSeconds());
  for (const auto& [kind, seen] : status.apply_seconds) {
    applying.Set({std::string(EnforcerName(kind))}, seen);
  }
  Counter& tampered = metrics.AddCounter(
      "varmor_tampering_total", "Profiles that somebody else changed in the kernel.", {"enforcer"});
  Counter& failures = metrics.AddCounter("varmor_enforcer_failures_total",
                                         "Changes that an enforcer refused.", {"enforcer"});
  for (const auto& [kind, support] : status.enforcers) {
    const std::string name(EnforcerName(kind));
    const auto changed = status.tampered.find(kind);
    tampered.Add({name},
                 changed == status.tampered.end() ? 0 : static_cast<double>(changed->second));
    const auto failed = status.failures.find(kind);
    failures.Add({name}, failed == status.failures.end() ? 0 : static_cast<double>(failed->second));
  }
}

void AddAgentMetrics(const AgentStatus& status, Metrics& metrics) {
  const std::pair<std::pair<const char*, const char*>, double> gauges[] = {
      {{"varmor_agent_ready", "1 when the agent is ready."}, status.ready ? 1.0 : 0.0},
      {{"varmor_runtime_connected", "1 while events of the container runtime are read."},
       status.watching ? 1.0 : 0.0},
      {{"varmor_nri_registered", "1 while the container runtime asks before containers start."},
       status.nri.registered ? 1.0 : 0.0},
      {{"varmor_bpf_subjects", "Cgroups that BPF confines."}, static_cast<double>(status.subjects)},
      {{"varmor_reports_pending", "Reports that the manager has not got yet."},
       static_cast<double>(status.reports_pending)},
      {{"varmor_containers", "Containers that are known."},
       static_cast<double>(status.containers.size())},
      {{"varmor_bpf_other_builds", "Builds of the BPF programs in force beside the agent's."},
       static_cast<double>(status.other_builds.size())},
      {{"varmor_policy_problems", "Files or directories of policies with something wrong."},
       static_cast<double>(status.problems.size())},
  };
  for (const auto& [name, value] : gauges) metrics.AddGauge(name.first, name.second).Set({}, value);
  const std::pair<std::pair<const char*, const char*>, uint64_t> counters[] = {
      {{"varmor_containers_seen_total", "Containers that were started or found."},
       status.containers_seen},
      {{"varmor_runtime_resyncs_total", "How often all containers were listed."}, status.resyncs},
      {{"varmor_queue_overflows_total", "How often events were too many, and all was listed."},
       status.queue_overflows},
      {{"varmor_containers_killed_total",
        "Containers that were killed because they could not be "
        "confined (failMode closed)."},
       status.killed},
      {{"varmor_log_lines_lost_total", "Lines of the agent's log that nobody read."},
       status.log_lines_lost},
  };
  for (const auto& [name, value] : counters) {
    metrics.AddCounter(name.first, name.second).Add({}, static_cast<double>(value));
  }
  Counter& starts = metrics.AddCounter("varmor_nri_starts_total",
                                       "Starts that the container runtime asked about by NRI, by "
                                       "what became of them.",
                                       {"result"});
  starts.Add({"ready"}, static_cast<double>(status.starts.ready));
  starts.Add({"unconfined"}, static_cast<double>(status.starts.unconfined));
  starts.Add({"refused"}, static_cast<double>(status.starts.refused));
  Counter& enrolled = metrics.AddCounter("varmor_containers_enrolled_total",
                                         "New containers that were confined by BPF, by whether "
                                         "before their program was executed.",
                                         {"in_time"});
  enrolled.Add({"true"}, static_cast<double>(status.enrolled_in_time));
  enrolled.Add({"false"}, static_cast<double>(status.enrolled_late));
  metrics
      .AddHistogram("varmor_container_attach_seconds",
                    "From the creation of a container to its confinement by BPF.", {},
                    RequestSeconds())
      .Set({}, status.enrol_seconds);
  double resident = 0;
  double anonymous = 0;
  Memory(resident, anonymous);
  Gauge& memory =
      metrics.AddGauge("varmor_agent_memory_bytes", "Resident memory of the agent.", {"part"});
  memory.Set({"all"}, resident);
  memory.Set({"anonymous"}, anonymous);
}

}  // namespace

Json AgentStatusJson(const AgentStatus& status) {
  Json out;
  out["node"] = status.node;
  out["version"] = status.version;
  out["ready"] = status.ready;
  if (!status.ready) out["notReady"] = status.not_ready;
  if (status.busy) return out;
  out["kernel"] = status.kernel;
  out["started"] = TimeText(status.started);
  Json& runtime = out["runtime"];
  runtime["name"] = status.runtime;
  runtime["watching"] = status.watching;
  if (!status.runtime_problem.empty()) runtime["problem"] = status.runtime_problem;
  out["nri"] = NriJson(status);
  out["enforcers"] = EnforcersJson(status);
  if (!status.audit_problem.empty()) out["auditProblem"] = status.audit_problem;
  if (!status.bpf_problem.empty()) out["bpfEventsProblem"] = status.bpf_problem;
  out["policies"] = Json::array();
  for (const PolicyStatus& policy : status.policies) out["policies"].push_back(PolicyJson(policy));
  out["problems"] = status.problems;
  out["containers"] = Json::array();
  for (const ContainerStatus& container : status.containers) {
    out["containers"].push_back(ContainerJson(container));
  }
  uint64_t denied = 0;
  uint64_t others = 0;
  for (const auto& [key, count] : status.violations.violations) {
    (key.action == "DENIED" ? denied : others) += count;
  }
  out["violations"] = {{"denied", denied},
                       {"allowed", others},
                       {"suppressed", status.violations.suppressed},
                       {"unwritten", status.violations.unwritten}};
  if (!status.violations.log_problem.empty()) {
    out["violations"]["problem"] = status.violations.log_problem;
  }
  out["enrolled"] = {{"inTime", status.enrolled_in_time}, {"late", status.enrolled_late}};
  return out;
}

std::vector<std::string> AgentTroubles(const Json& status) {
  std::vector<std::string> out;
  if (!status.value("ready", false)) out.push_back(Text(status, "notReady"));
  const auto list = [&](const char* key) {
    const auto found = status.find(key);
    return found == status.end() ? Json::array() : *found;
  };
  const auto add = [&](size_t count, absl::string_view one, absl::string_view several) {
    if (count > 0) out.push_back(absl::StrCat(count, " ", count == 1 ? one : several));
  };
  add(list("problems").size(), "source of policies has a problem",
      "sources of policies have problems");
  size_t failed = 0;
  for (const Json& policy : list("policies")) failed += Text(policy, "state") == "failed" ? 1 : 0;
  add(failed, "policy has failed", "policies have failed");
  size_t unenforced = 0;
  for (const Json& policy : list("policies")) unenforced += policy.contains("unenforced") ? 1 : 0;
  add(unenforced, "policy has rules that this kernel does not enforce",
      "policies have rules that this kernel does not enforce");
  size_t unconfined = 0;
  for (const Json& container : list("containers")) {
    bool lacks = container.contains("problems");
    for (const auto& [name, state] : container["enforcers"].items()) {
      lacks |= state != "ok" && state != "pending";
    }
    unconfined += lacks ? 1 : 0;
  }
  const auto enforcers = status.find("enforcers");
  if (enforcers != status.end() && enforcers->contains("BPF")) {
    const Json& bpf = (*enforcers)["BPF"];
    if (bpf.contains("otherBuilds")) {
      out.push_back("another build of the BPF programs is still in force");
    }
  }
  add(unconfined, "container is not as its policy says",
      "containers are not as their policies say");
  if (status.contains("auditProblem") || status.contains("bpfEventsProblem")) {
    out.push_back("violations are not seen");
  }
  const auto violations = status.find("violations");
  if (violations != status.end() && violations->contains("problem")) {
    out.push_back("violations are not written");
  }
  return out;
}

std::string AgentStatusText(const Json& status) {
  const auto known = [&](const char* key) {
    const std::string text = Text(status, key);
    return text.empty() ? "unknown" : text;
  };
  const std::vector<std::string> troubles = AgentTroubles(status);
  std::string out = absl::StrCat("varmor-agent ", known("version"), " on ", known("node"),
                                 ", Linux ", known("kernel"), ", since ", known("started"), "\n",
                                 status.value("ready", false) ? "ready" : "NOT READY",
                                 troubles.empty() ? "" : ": ", absl::StrJoin(troubles, "; "), "\n");
  if (!status.contains("runtime")) return out;
  const Json& runtime = status["runtime"];
  absl::StrAppend(&out, "runtime: ", Text(runtime, "name"),
                  runtime.value("watching", false)
                      ? ""
                      : absl::StrCat(", NOT WATCHED: ", Text(runtime, "problem")),
                  "\n");
  AddNri(status.value("nri", Json::object()), out);
  for (const auto& [name, one] : status["enforcers"].items()) {
    absl::StrAppend(
        &out, name, ": ",
        one.value("available", false)
            ? absl::StrCat(one.value("profiles", 0), " profiles")
            : absl::StrCat(
                  "NOT AVAILABLE: ", Text(one, "problem"),
                  Text(one, "fix").empty() ? "" : absl::StrCat("\n  fix: ", Text(one, "fix"))),
        one.value("tampered", 0) > 0
            ? absl::StrCat(", TAMPERED with ", one.value("tampered", 0), " times")
            : "",
        "\n");
    if (!one.contains("otherBuilds")) continue;
    for (const Json& build : one["otherBuilds"]) {
      absl::StrAppend(&out, "  build ", build.get<std::string>(),
                      " is still in force too: ", Text(one, "otherBuildsProblem"), "\n");
    }
  }
  if (status.contains("auditProblem")) {
    absl::StrAppend(&out, "violations of AppArmor and seccomp are NOT SEEN: ",
                    Text(status, "auditProblem"), "\n");
  }
  if (status.contains("bpfEventsProblem")) {
    absl::StrAppend(&out, "violations of BPF are NOT SEEN: ", Text(status, "bpfEventsProblem"),
                    "\n");
  }
  absl::StrAppend(&out, status["policies"].size(), " policies\n");
  for (const Json& policy : status["policies"]) {
    absl::StrAppend(&out, "  ", Text(policy, "profile"), " (", Text(policy, "source"),
                    "): ", Text(policy, "state"), ", ", policy.value("containers", 0),
                    " containers,");
    AddEnforcers(policy["enforcers"], out);
    absl::StrAppend(&out, "\n");
    const std::pair<const char*, const char*> lists[] = {
        {"unenforced", "NOT ENFORCED by this kernel"},
        {"enforcedInPart", "enforced in part by this kernel"},
        {"warnings", "warning"}};
    for (const auto& [key, what] : lists) {
      if (!policy.contains(key)) continue;
      for (const Json& text : policy[key]) {
        absl::StrAppend(&out, "    ", what, ": ", Indented(text.get<std::string>()), "\n");
      }
    }
  }
  for (const auto& [source, problem] : status["problems"].items()) {
    absl::StrAppend(&out, "  PROBLEM: ", Indented(problem.get<std::string>()), "\n");
  }
  absl::StrAppend(&out, status["containers"].size(), " containers\n");
  for (const Json& container : status["containers"]) {
    absl::StrAppend(&out, "  ", Text(container, "namespace"), "/", Text(container, "id"), " ",
                    Text(container, "name"), container.value("running", false) ? "" : ", stopped",
                    ": ",
                    Text(container, "profile").empty() ? "no policy" : Text(container, "profile"));
    AddEnforcers(container["enforcers"], out);
    if (!Text(container, "enrolled").empty()) {
      absl::StrAppend(&out, ", confined ", Text(container, "enrolled"));
    }
    absl::StrAppend(&out, "\n");
    if (!container.contains("problems")) continue;
    for (const Json& problem : container["problems"]) {
      absl::StrAppend(&out, "    PROBLEM: ", Indented(problem.get<std::string>()), "\n");
    }
  }
  const Json& violations = status["violations"];
  absl::StrAppend(&out, "violations: ", violations.value("denied", 0), " denied, ",
                  violations.value("allowed", 0),
                  " allowed; not written: ", violations.value("suppressed", 0), " were too many, ",
                  violations.value("unwritten", 0), " for want of a log\n");
  if (violations.contains("problem")) {
    absl::StrAppend(&out, "  PROBLEM: ", Text(violations, "problem"), "\n");
  }
  return out;
}

std::string AgentMetricsText(const AgentStatus& status) {
  Metrics metrics;
  AddViolationMetrics(status, metrics);
  AddProfileMetrics(status, metrics);
  AddAgentMetrics(status, metrics);
  return metrics.Text();
}

}  // namespace varmor
