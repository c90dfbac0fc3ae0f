#include "lib/compiler/simulate/decide_bpf_event.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/ir/bpf_rules.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

constexpr uint32_t kOldName = VARMOR_ACCESS_READ | VARMOR_ACCESS_WRITE;

// What counts most decides: a denial, then what enforcing would deny, then a report.
int Rank(const BpfVerdict& verdict) {
  if (verdict.deny) return 3;
  if (verdict.would_deny) return 2;
  return verdict.audit ? 1 : 0;
}

bool HasOldName(const FileEvent& file) {
  return file.access() == FileEvent::RENAME || file.access() == FileEvent::LINK;
}

bool NamesDisk(const Event& event) {
  return (event.has_file() && event.file().disk_device()) ||
         (event.has_mount() && event.mount().disk_device());
}

// The string that the path tables read, if any.
absl::string_view PathOf(const Event& event) {
  if (event.has_file()) return event.file().path();
  if (event.has_exec()) return event.exec().path();
  if (event.has_mount()) return event.mount().source();
  return "";
}

// The class whose default counts; 0 for what has none.
uint32_t ClassOf(const Event& event) {
  switch (event.kind_case()) {
    case Event::kFile:
      return VARMOR_CLASS_FILE;
    case Event::kExec:
      return VARMOR_CLASS_EXEC;
    case Event::kCapability:
      return VARMOR_CLASS_CAPABILITY;
    case Event::kSocket:
      return VARMOR_CLASS_SOCKET;
    case Event::kConnect:
      return VARMOR_CLASS_EGRESS;
    case Event::kPtrace:
      return event.ptrace().same_container() ? 0 : VARMOR_CLASS_PTRACE;
    case Event::kMount:
      return VARMOR_CLASS_MOUNT;
    default:
      return 0;
  }
}

}  // namespace

absl::StatusOr<BpfEventSimulator> BpfEventSimulator::Load(const BpfArtifact& artifact) {
  BpfEventSimulator simulator;
  VARMOR_ASSIGN_OR_RETURN(simulator.image_, BpfSimulator::Load(artifact));
  simulator.has_artifact_ = true;
  simulator.rules_.assign(artifact.rules().begin(), artifact.rules().end());
  for (const int hole : artifact.holes()) {
    simulator.addresses_missing_ |= hole == CLUSTER_ADDRESSES;
    simulator.disks_missing_ |= hole == DISK_DEVICE_MAP;
  }
  return simulator;
}

BpfEventSimulator BpfEventSimulator::WithoutArtifact() { return BpfEventSimulator(); }

std::vector<BpfEventSimulator::Part> BpfEventSimulator::PartsOf(const Event& event) const {
  std::vector<Part> parts;
  const auto below = [&](const std::string& path) {
    parts.push_back({image_.DecideAncestor(path),
                     absl::StrCat("rules are about what lies below ", Quoted(path))});
  };
  if (event.has_file() && HasOldName(event.file()) && !event.file().old_path().empty()) {
    const std::string& old_path = event.file().old_path();
    parts.push_back({image_.DecideFile(old_path, kOldName, false),
                     absl::StrCat("the old name ", Quoted(old_path), " is read and written")});
    if (event.file().access() == FileEvent::RENAME) below(old_path);
  }
  if (event.has_mount()) {
    const absl::StatusOr<uint64_t> ops = BpfMountOps(event.mount());
    if (ops.ok() && (*ops & (kMountUmount | kMountMove)) != 0) below(event.mount().source());
  }
  return parts;
}

bool BpfEventSimulator::OldNamesMatter(bool directories) const {
  if ((image_.image().profile.default_deny & VARMOR_CLASS_FILE) != 0) return true;
  const uint32_t bits = kOldName | (directories ? VARMOR_ACCESS_ANCESTOR : 0);
  return std::any_of(
      image_.image().accepts.begin(), image_.image().accepts.end(),
      [bits](const varmor_decision& accept) { return ((accept.deny | accept.audit) & bits) != 0; });
}

std::string BpfEventSimulator::UnknownReason(const Event& event) const {
  if (event.has_connect() && addresses_missing_) {
    return "rules name services or pods whose addresses were not known when compiling";
  }
  if (event.has_file() && HasOldName(event.file()) && event.file().old_path().empty() &&
      OldNamesMatter(event.file().access() == FileEvent::RENAME)) {
    return "the file's old name counts as well, and is not given";
  }
  return "";
}

std::string BpfEventSimulator::DefaultReason(const Event& event, const BpfVerdict& verdict) const {
  if (!has_artifact_) return "there is no BPF profile";
  const uint32_t event_class = ClassOf(event);
  if (verdict.rule >= 0) return "a rule that the image does not list decides";
  if (verdict.would_deny) {
    if (PathOf(event).size() > VARMOR_PATH_BYTES_MAX) {
      return absl::StrCat("paths of more than ", VARMOR_PATH_BYTES_MAX,
                          " bytes cannot be compared with the rules");
    }
    return verdict.deny ? "no rule allows it, and the profile denies by default"
                        : "no rule allows it; the profile only observes";
  }
  if ((image_.image().profile.default_deny & ~event_class) != 0 && event_class == 0) {
    return "no rule is about it, and only rules deny such events";
  }
  return "no rule is about it, and the profile allows by default";
}

void BpfEventSimulator::AddRules(const std::vector<int>& numbers, Verdict& out) const {
  for (const int number : numbers) {
    if (number >= static_cast<int>(rules_.size())) continue;  // a damaged record
    const auto same = [number](const ResponsibleRule& rule) { return rule.index == number; };
    if (std::any_of(out.rules.begin(), out.rules.end(), same)) continue;
    out.rules.push_back({number, rules_[number]});
  }
  std::sort(out.rules.begin(), out.rules.end(),
            [](const ResponsibleRule& a, const ResponsibleRule& b) { return a.index < b.index; });
}

absl::StatusOr<Verdict> BpfEventSimulator::Decide(const Event& event) const {
  Verdict out;
  absl::StatusOr<BpfVerdict> own = image_.Decide(event);
  if (absl::IsUnimplemented(own.status())) {
    out.outcome = Verdict::Outcome::kNotMediated;
    out.reason = "no BPF program sees such events";
    return out;
  }
  VARMOR_RETURN_IF_ERROR(own.status());
  std::vector<Part> parts = PartsOf(event);
  parts.insert(parts.begin(), Part{*std::move(own), ""});

  int rank = 0;
  for (const Part& part : parts) rank = std::max(rank, Rank(part.verdict));
  const Part* decisive = nullptr;
  for (const Part& part : parts) {
    out.reported |= part.verdict.audit;
    if (Rank(part.verdict) != rank) continue;
    if (decisive == nullptr) decisive = &part;
    AddRules(part.verdict.rules, out);
  }
  const BpfVerdict& verdict = decisive->verdict;
  out.would_deny = verdict.would_deny && !verdict.deny;
  out.reason = decisive->reason;
  if (out.rules.empty()) {
    absl::StrAppend(&out.reason, out.reason.empty() ? "" : ": ", DefaultReason(event, verdict));
  } else if (NamesDisk(event) && disks_missing_) {
    out.reason = "the image takes effect once it is bound to the node, whose disks it then names";
  }
  if (verdict.deny) {
    out.outcome = Verdict::Outcome::kDeny;
    out.effect = "EPERM";
  } else if (std::string unknown = UnknownReason(event); !unknown.empty()) {
    out.outcome = Verdict::Outcome::kUnknown;
    out.reason = std::move(unknown);
  }
  return out;
}

}  // namespace varmor
