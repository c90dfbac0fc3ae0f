#include "runtime/manager/status.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace varmor {
namespace {

// Bytes of a condition's message, at most: a status is read often.
constexpr size_t kMaxMessageBytes = 8 << 10;

// Of an ArmorProfile, which has a condition for each node that failed: 100 KiB of the 1.5 MiB that
// the API server stores, most of which is the profile's.
constexpr size_t kMaxNodeConditions = 100;
constexpr size_t kMaxNodeMessageBytes = 1 << 10;

constexpr char kFullyEnforced[] = "FullyEnforced";
constexpr char kKernelLimits[] = "KernelLimits";

std::string Cut(absl::string_view text, size_t limit = kMaxMessageBytes) {
  if (text.size() <= limit) return std::string(text);
  // Not within a character of several bytes.
  size_t end = limit;
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  return absl::StrCat(text.substr(0, end), " ... (", text.size() - end, " more bytes)");
}

std::string TextAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// lastTransitionTime of the condition in `old` that is about the same and has the same status; else
// `now`.
std::string TransitionTime(const Json& old, const std::string& type, const std::string& node,
                           const std::string& status, absl::Time now) {
  if (old.is_array()) {
    for (const Json& condition : old) {
      if (!condition.is_object()) continue;
      if (TextAt(condition, "type") == type && TextAt(condition, "nodeName") == node &&
          TextAt(condition, "status") == status) {
        const std::string time = TextAt(condition, "lastTransitionTime");
        if (!time.empty()) return time;
      }
    }
  }
  return TimeText(now);
}

}  // namespace

NodeCounts CountNodes(const ProfileReports& reports, absl::string_view revision,
                      const AgentNodes& agents) {
  NodeCounts counts;
  counts.desired = std::max(agents.desired, static_cast<int>(agents.running.size()));
  for (const auto& [node, report] : reports) {
    if (agents.running.count(node) == 0) continue;
    if (!report.revision.empty() && report.revision != revision) continue;
    if (!report.unenforced.empty() && report.state != ProfileState::kRetired) {
      counts.limits.push_back({node, report.unenforced});
    }
    switch (report.state) {
      case ProfileState::kSucceeded:
        ++counts.loaded;
        break;
      case ProfileState::kRetired:
        ++counts.retired;
        break;
      case ProfileState::kFailed:
        counts.failures.push_back({node, report.message});
        if (absl::StartsWith(report.message, "unsupported:")) ++counts.unsupported;
        break;
    }
  }
  counts.pending = counts.desired - counts.loaded - counts.retired - counts.failed();
  return counts;
}

Json MergeConditions(const Json& old, const std::vector<Condition>& wanted, absl::Time now) {
  Json merged = Json::array();
  std::set<std::string> kept;
  const auto find = [&](const std::string& type) {
    return std::find_if(wanted.begin(), wanted.end(),
                        [&](const Condition& condition) { return condition.type == type; });
  };
  const auto add = [&](const Condition& condition) {
    if (!kept.insert(condition.type).second) return;
    Json entry = {
        {"type", condition.type},
        {"status", condition.status},
        {"lastTransitionTime", TransitionTime(old, condition.type, "", condition.status, now)}};
    if (!condition.reason.empty()) entry["reason"] = condition.reason;
    if (!condition.message.empty()) entry["message"] = Cut(condition.message);
    merged.push_back(std::move(entry));
  };
  if (old.is_array()) {
    for (const Json& condition : old) {
      if (!condition.is_object()) continue;
      const std::string type = TextAt(condition, "type");
      const auto replacement = find(type);
      if (replacement != wanted.end()) {
        add(*replacement);
      } else if (kept.insert(type).second) {
        merged.push_back(condition);
      }
    }
  }
  for (const Condition& condition : wanted) add(condition);
  return merged;
}

Json ArmorProfileStatusJson(const NodeCounts& counts, const Json& old, absl::Time now) {
  const Json old_conditions =
      old.is_object() && old.contains("conditions") ? old["conditions"] : Json::array();
  Json status = {{"desiredNumberLoaded", counts.desired}, {"currentNumberLoaded", counts.loaded}};
  const auto add = [&](const char* type, const std::string& node, const char* reason,
                       const std::string& message) {
    Json entry = {{"type", type},
                  {"status", "False"},
                  {"nodeName", node},
                  {"lastTransitionTime", TransitionTime(old_conditions, type, node, "False", now)}};
    if (*reason != '\0') entry["reason"] = reason;
    if (!message.empty()) entry["message"] = Cut(message, kMaxNodeMessageBytes);
    status["conditions"].push_back(std::move(entry));
  };
  const auto more_nodes = [](size_t count) { return absl::StrCat("and ", count, " more nodes"); };
  const size_t failures = std::min(counts.failures.size(), kMaxNodeConditions);
  for (size_t i = 0; i < failures; ++i) {
    add("Ready", counts.failures[i].node, "", counts.failures[i].message);
  }
  if (counts.failures.size() > failures) {
    add("Ready", "", "", more_nodes(counts.failures.size() - failures));
  }
  const size_t limits = std::min(counts.limits.size(), kMaxNodeConditions - failures);
  for (size_t i = 0; i < limits; ++i) {
    add(kFullyEnforced, counts.limits[i].node, kKernelLimits,
        absl::StrCat("this kernel does not enforce ", absl::StrJoin(counts.limits[i].rules, "; ")));
  }
  if (counts.limits.size() > limits) {
    add(kFullyEnforced, "", kKernelLimits, more_nodes(counts.limits.size() - limits));
  }
  return status;
}

Condition ReadyCondition(const NodeCounts& counts, absl::string_view profile,
                         absl::string_view remarks) {
  Condition ready{"Ready", "False", "Processing", ""};
  std::string text;
  if (counts.failed() > 0) {
    ready.reason = "Error";
    text = absl::StrCat(counts.failed(), " of ", counts.desired, " nodes failed");
    if (counts.unsupported > 0) {
      absl::StrAppend(&text, ", ", counts.unsupported, " of them for want of an enforcer");
    }
    absl::StrAppend(&text, "; see ArmorProfile ", profile);
  } else if (counts.all_loaded()) {
    ready.status = "True";
    ready.reason = "AllAgentsReady";
  } else if (counts.desired == 0) {
    text = "no node runs an agent";
  } else {
    text = absl::StrCat("waiting for ", counts.pending, " of ", counts.desired, " nodes");
  }
  std::vector<std::string> lines;
  if (!text.empty()) lines.push_back(std::move(text));
  if (!counts.limits.empty()) {
    lines.push_back(absl::StrCat(counts.limits.size(), " of ", counts.desired,
                                 " nodes do not enforce every rule; see ArmorProfile ", profile));
  }
  if (!remarks.empty()) lines.emplace_back(remarks);
  ready.message = absl::StrJoin(lines, "\n");
  return ready;
}

std::string PhaseOf(const NodeCounts& counts) {
  if (counts.failed() > 0) return "Error";
  return counts.all_loaded() ? "Protecting" : "Pending";
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", time, absl::UTCTimeZone());
}

}  // namespace varmor
