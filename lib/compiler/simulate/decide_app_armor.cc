#include "lib/compiler/simulate/decide_app_armor.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "lib/compiler/apparmor/rule_words.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/simulate/app_armor_model.h"
#include "lib/compiler/simulate/app_armor_rule_reader.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;
using Outcome = Verdict::Outcome;
using Transition = AppArmorExec::Transition;

// Rules that are about an event.
struct Matched {
  std::vector<const AppArmorRuleModel*> allow;
  std::vector<const AppArmorRuleModel*> deny;
  // Those of which nobody knows, with the reason.
  bool maybe_allow = false;
  bool maybe_deny = false;
  std::string doubt;

  void Add(const AppArmorRuleModel& rule) { (rule.statement.deny ? deny : allow).push_back(&rule); }
  void AddDoubt(const AppArmorRuleModel& rule, const std::string& reason) {
    (rule.statement.deny ? maybe_deny : maybe_allow) = true;
    if (doubt.empty()) doubt = absl::StrCat("rule \"", ToString(rule.statement), "\": ", reason);
  }
};

// Adds the rule when every pattern matches its text; a doubt when that cannot be known.
void AddIfMatching(const AppArmorRuleModel& rule,
                   const std::vector<std::pair<const AppArmorPattern*, std::string>>& parts,
                   bool disk, Matched& matched) {
  std::string doubt;
  for (const auto& [pattern, text] : parts) {
    if (!pattern->undecidable.empty()) {
      doubt = pattern->undecidable;
    } else if (!Matches(*pattern, text, disk)) {
      return;
    }
  }
  if (doubt.empty()) {
    matched.Add(rule);
  } else {
    matched.AddDoubt(rule, doubt);
  }
}

uint32_t BitOf(FileEvent::Access access) {
  switch (access) {
    case FileEvent::READ:
      return kAppArmorRead;
    case FileEvent::APPEND:
      return kAppArmorAppend;
    case FileEvent::LINK:
      return kAppArmorLink;
    case FileEvent::LOCK:
      return kAppArmorLock;
    case FileEvent::MAP_EXECUTABLE:
      return kAppArmorMap;
    default:
      // Creating, removing, renaming and changing attributes ask for it.
      return kAppArmorWrite;
  }
}

Verdict Unknown(std::string reason) {
  Verdict verdict;
  verdict.outcome = Outcome::kUnknown;
  verdict.reason = std::move(reason);
  return verdict;
}

Verdict NotMediated(std::string reason) {
  Verdict verdict;
  verdict.outcome = Outcome::kNotMediated;
  verdict.reason = std::move(reason);
  return verdict;
}

bool SameVerdict(const Verdict& a, const Verdict& b) {
  return a.outcome == b.outcome && a.reported == b.reported && a.would_deny == b.would_deny &&
         a.effect == b.effect;
}

// Decides for one profile.
class ProfileDecision {
 public:
  ProfileDecision(const AppArmorModel& model, const AppArmorProfileModel& profile)
      : model_(model), profile_(profile) {}

  Verdict File(const FileEvent& event) const {
    return ForOwnership(event.ownership(), [&](bool own) {
      if (event.access() == FileEvent::LINK) return Link(event, own);
      const uint32_t bit = BitOf(event.access());
      return Judge(FileRules(event.path(), event.disk_device(), own, bit), "EACCES", bit);
    });
  }

  Verdict Exec(const ExecEvent& event) const {
    return ForOwnership(event.ownership(), [&](bool own) {
      const Matched matched = FileRules(event.path(), false, own, kAppArmorExec);
      Verdict verdict = Judge(matched, "EACCES", kAppArmorExec);
      const AppArmorExec* exec = ExecOf(matched);
      if (verdict.outcome == Outcome::kAllow && exec != nullptr) verdict.effect = EffectOf(*exec);
      return verdict;
    });
  }

  Verdict Capability(int number) const {
    Matched matched;
    for (const AppArmorRuleModel* rule : Rules({Kind::kCapability})) {
      if ((rule->capability.mask >> number & 1) != 0) matched.Add(*rule);
    }
    return Judge(matched, "EPERM");
  }

  Verdict Socket(const std::string& family, int type) const {
    Matched matched;
    for (const AppArmorRuleModel* rule : Rules({Kind::kNetwork, Kind::kUnix})) {
      if (rule->statement.kind == Kind::kUnix && rule->statement.deny) continue;
      const auto types = rule->network.types.find(family);
      if (types == rule->network.types.end() || (types->second >> type & 1) == 0) continue;
      matched.Add(*rule);
    }
    return Judge(matched, "EACCES");
  }

  Verdict Ptrace(uint32_t bit, const std::string& peer) const {
    if (const auto doubt = LosesMediation(false)) return Unknown(*doubt);
    Matched matched;
    for (const AppArmorRuleModel* rule : Rules({Kind::kPtrace})) {
      if ((rule->ptrace.access & bit) != 0) AddPeer(*rule, rule->ptrace.peer, peer, matched);
    }
    return Judge(matched, "EACCES");
  }

  Verdict Signal(const SignalEvent& event) const {
    Matched matched;
    const bool receive = event.access() == "receive";
    for (const AppArmorRuleModel* rule : Rules({Kind::kSignal})) {
      const AppArmorSignalRule& signal = rule->signal;
      if (!(receive ? signal.receive : signal.send)) continue;
      if (!signal.signals.empty() && signal.signals.count(event.signal()) == 0) continue;
      AddPeer(*rule, signal.peer, event.peer(), matched);
    }
    return Judge(matched, "EACCES");
  }

  Verdict Mount(const MountEvent& event) const {
    if (const auto doubt = LosesMediation(true)) return Unknown(*doubt);
    for (const std::string& word : event.flags()) {
      if (word == "umount") return Umount(event);
      if (word == "pivot-root") return PivotRoot(event);
    }
    return MountNew(event);
  }

  const std::string& name() const { return profile_.name; }
  bool unconfined() const { return profile_.unconfined; }

 private:
  std::vector<const AppArmorRuleModel*> Rules(const std::vector<Kind>& kinds) const {
    std::vector<const AppArmorRuleModel*> rules;
    for (const AppArmorRuleModel& rule : profile_.rules) {
      if (std::find(kinds.begin(), kinds.end(), rule.statement.kind) != kinds.end()) {
        rules.push_back(&rule);
      }
    }
    return rules;
  }

  template <typename Decision>
  static Verdict ForOwnership(FileEvent::Ownership ownership, const Decision& decide) {
    if (ownership == FileEvent::OWN) return decide(true);
    Verdict foreign = decide(false);
    if (ownership == FileEvent::FOREIGN || SameVerdict(foreign, decide(true))) return foreign;
    return Unknown("it depends on whether the process owns the file");
  }

  Matched FileRules(const std::string& path, bool disk, bool own, uint32_t bit) const {
    Matched matched;
    for (const AppArmorRuleModel* rule : Rules({Kind::kFile})) {
      if ((rule->file.permissions & bit) == 0 || (rule->statement.owner && !own)) continue;
      AddIfMatching(*rule, {{&rule->file.path, path}}, disk, matched);
    }
    return matched;
  }

  // The transition that holds: an exact path's, if there is one. The parser refuses others that
  // differ.
  static const AppArmorExec* ExecOf(const Matched& matched) {
    const AppArmorExec* exec = nullptr;
    for (const AppArmorRuleModel* rule : matched.allow) {
      if (exec == nullptr || rule->file.path.exact) exec = &rule->file.exec;
    }
    return exec;
  }

  // What the parser puts in front of the name of a child. In a child it takes that one's own name,
  // without its parent's.
  std::string ParentOfChildren() const {
    const size_t last = profile_.child.rfind("//");
    if (profile_.child.empty()) return profile_.name;
    return last == std::string::npos ? profile_.child : profile_.child.substr(last + 2);
  }

  std::string EffectOf(const AppArmorExec& exec) const {
    std::string effect;
    switch (exec.transition) {
      case Transition::kNone:
        return "";
      case Transition::kInherit:
        return "runs under the same profile";
      case Transition::kUnconfined:
        return "runs unconfined";
      case Transition::kProfile:
        effect = exec.target.empty() ? "runs under the profile that attaches to it"
                                     : absl::StrCat("runs under ", exec.target);
        break;
      case Transition::kChild:
        effect = exec.target.empty()
                     ? "runs under the child that attaches to it"
                     : absl::StrCat("runs under ", ParentOfChildren(), "//", exec.target);
        break;
    }
    if (exec.fallback == Transition::kInherit) effect += ", else the same profile";
    if (exec.fallback == Transition::kUnconfined) effect += ", else unconfined";
    return effect;
  }

  // Permissions but l, denials taken off.
  uint32_t Permissions(const std::string& path, bool own) const {
    uint32_t allowed = 0;
    uint32_t denied = 0;
    const Matched matched = FileRules(path, false, own, ~uint32_t{kAppArmorLink});
    for (const AppArmorRuleModel* rule : matched.allow) allowed |= rule->file.permissions;
    for (const AppArmorRuleModel* rule : matched.deny) denied |= rule->file.permissions;
    return allowed & ~denied & ~uint32_t{kAppArmorLink};
  }

  Verdict Link(const FileEvent& event, bool own) const {
    const Matched named = FileRules(event.path(), false, own, kAppArmorLink);
    // Denials of l are part of pairs: where no rule allows any, none is looked at.
    if (named.allow.empty() && !named.maybe_allow) return Judge({}, "EACCES");
    if (event.old_path().empty())
      return Unknown("it depends on the name that the file has already");
    Matched pairs;
    bool subset = false;
    for (const AppArmorRuleModel* rule : Rules({Kind::kFile})) {
      const bool about = (rule->file.permissions & kAppArmorLink) != 0;
      if (!about || (rule->statement.owner && !own)) continue;
      const size_t before = pairs.allow.size();
      AddIfMatching(*rule,
                    {{&rule->file.path, event.path()}, {&rule->file.link_target, event.old_path()}},
                    false, pairs);
      subset |= pairs.allow.size() > before && rule->file.link_subset;
    }
    const Verdict verdict = Judge(pairs, "EACCES");
    // The parser asks for the subset test in the half of the file's owner only.
    if (verdict.outcome != Outcome::kAllow || verdict.would_deny || !subset || !own) return verdict;
    if (IsSubset(event.path(), event.old_path())) return verdict;
    Verdict denied = Judge({}, "EACCES");
    denied.reason = "the new name would have permissions that the old one has not";
    return denied;
  }

  bool IsSubset(const std::string& new_name, const std::string& old_name) const {
    const uint32_t permissions = Permissions(new_name, true);
    if ((permissions & ~Permissions(old_name, true)) != 0) return false;
    if ((permissions & kAppArmorExec) == 0) return true;
    const Matched new_rules = FileRules(new_name, false, true, kAppArmorExec);
    const Matched old_rules = FileRules(old_name, false, true, kAppArmorExec);
    const AppArmorExec* a = ExecOf(new_rules);
    const AppArmorExec* b = ExecOf(old_rules);
    return a != nullptr && b != nullptr && *a == *b;
  }

  // "": the peer is not known.
  static void AddPeer(const AppArmorRuleModel& rule, const AppArmorPattern& pattern,
                      const std::string& peer, Matched& matched) {
    if (peer.empty() && !pattern.any) {
      matched.AddDoubt(rule, "the other process's profile is not given");
    } else {
      AddIfMatching(rule, {{&pattern, peer}}, false, matched);
    }
  }

  Verdict Umount(const MountEvent& event) const {
    Matched matched;
    for (const AppArmorRuleModel* rule : Rules({Kind::kUmount})) {
      AddIfMatching(*rule, {{&rule->umount.target, event.target()}}, false, matched);
    }
    return Judge(matched, "EACCES");
  }

  Verdict PivotRoot(const MountEvent& event) const {
    Matched matched;
    for (const AppArmorRuleModel* rule : Rules({Kind::kPivotRoot})) {
      AddIfMatching(*rule,
                    {{&rule->pivot_root.new_root, event.target()},
                     {&rule->pivot_root.old_root, event.source()}},
                    false, matched);
    }
    return Judge(matched, "EACCES");
  }

  // The kernel looks at some flags to find the operation, and then only at what belongs to it
  // (apparmor_sb_mount in security/apparmor/lsm.c).
  Verdict MountNew(const MountEvent& event) const {
    constexpr uint32_t kRemount = 1u << 5;
    constexpr uint32_t kBind = 1u << 12;
    constexpr uint32_t kMove = 1u << 13;
    constexpr uint32_t kRec = 1u << 14;
    constexpr uint32_t kSilent = 1u << 15;
    constexpr uint32_t kPropagation = 0xfu << 17;
    uint32_t flags = 0;
    for (absl::string_view word : event.flags()) {
      const MountFlag* flag = FindMountFlag(word);
      flags |= AppArmorMountFlagBits(flag != nullptr ? flag->canonical : word).set;
      if (word == "nosymfollow") flags |= 1u << 8;
    }
    std::string source = event.source();
    std::string fstype = event.fstype();
    if ((flags & kRemount) != 0) {
      source.clear();
      fstype.clear();
    } else if ((flags & kBind) != 0) {
      flags &= kBind | kRec;
      fstype.clear();
    } else if ((flags & kPropagation) != 0) {
      flags &= kPropagation | kRec | kSilent;
      source.clear();
      fstype.clear();
    } else if ((flags & kMove) != 0) {
      flags = kMove;
      fstype.clear();
    }
    Matched matched;
    for (const AppArmorRuleModel* rule : Rules({Kind::kMount, Kind::kRemount})) {
      AddMount(*rule, event, source, fstype, flags, matched);
    }
    return Judge(matched, "EACCES");
  }

  static void AddMount(const AppArmorRuleModel& rule, const MountEvent& event,
                       const std::string& source, const std::string& fstype, uint32_t flags,
                       Matched& matched) {
    static const AppArmorPattern& any = *[] {
      auto* pattern = new AppArmorPattern;
      pattern->any = true;
      return pattern;
    }();
    for (const AppArmorMountForm& form : rule.mount.forms) {
      const bool flags_match = form.any_flags || ((flags & form.required) == form.required &&
                                                  (flags & ~(form.required | form.optional)) == 0);
      if (!flags_match) continue;
      std::vector<const AppArmorPattern*> types;
      for (const AppArmorPattern& type : form.fstypes) types.push_back(&type);
      if (types.empty()) types.push_back(&any);
      for (const AppArmorPattern* type : types) {
        const size_t before = matched.allow.size() + matched.deny.size();
        AddIfMatching(rule,
                      {{&form.target, event.target()}, {&form.source, source}, {type, fstype}},
                      event.disk_device(), matched);
        if (matched.allow.size() + matched.deny.size() > before) return;
      }
    }
  }

  // A denial with "audit" whose pattern matches nothing at all takes away the mark by which the
  // kernel sees that a class of rules is there; without other rules, all of it is allowed.
  // Quiet denials and allowed permissions leave other marks.
  std::optional<std::string> LosesMediation(bool mount) const {
    const AppArmorRuleModel* culprit = nullptr;
    for (const AppArmorRuleModel& rule : profile_.rules) {
      const Kind kind = rule.statement.kind;
      const bool about = mount ? kind == Kind::kMount || kind == Kind::kRemount ||
                                     kind == Kind::kUmount || kind == Kind::kPivotRoot
                               : kind == Kind::kPtrace;
      if (!about) continue;
      if (rule.statement.deny && !rule.statement.audit) return std::nullopt;
      if (!rule.statement.deny && !MayBeSwallowed(rule)) return std::nullopt;
      if (rule.statement.deny && ClearsMark(rule)) culprit = &rule;
    }
    if (culprit == nullptr) return std::nullopt;
    return absl::StrCat("\"", ToString(culprit->statement),
                        "\" without further rules of its kind can make the AppArmor parser leave "
                        "all of them out");
  }

  static bool ClearsMark(const AppArmorRuleModel& rule) {
    if (rule.statement.kind == Kind::kUmount) {
      return rule.umount.target.any || Matches(rule.umount.target, "");
    }
    return rule.statement.kind == Kind::kPtrace && !rule.ptrace.peer.any &&
           (rule.ptrace.access & kAppArmorPtraceRead) != 0 && Matches(rule.ptrace.peer, "");
  }

  // Whether denials could take away all that the rule allows.
  bool MayBeSwallowed(const AppArmorRuleModel& rule) const {
    return rule.statement.kind == Kind::kUmount || rule.statement.kind == Kind::kPtrace;
  }

  bool Audits(const AppArmorRuleModel& rule, uint32_t bit) const {
    if (profile_.audit_all) return true;
    if (!rule.statement.audit) return false;
    // The m that comes with ix is not audited; one that is written is.
    const bool implied_map = bit == kAppArmorMap && !rule.statement.path.empty() &&
                             !absl::StrContains(rule.statement.permissions, 'm');
    return !implied_map;
  }

  Verdict Judge(const Matched& matched, absl::string_view error, uint32_t bit = 0) const {
    Verdict verdict = Decided(matched, error, bit);
    const bool denied = verdict.outcome == Outcome::kDeny || verdict.would_deny;
    const bool explicitly = !matched.deny.empty();
    if (!denied && profile_.missing_more_than_base) return Unknown(MissingReason());
    if (denied && !explicitly && (!profile_.missing.empty() || profile_.missing_more_than_base)) {
      return Unknown(MissingReason());
    }
    if (!denied && matched.maybe_deny) return Unknown(matched.doubt);
    if (denied && !explicitly && (matched.maybe_allow || matched.maybe_deny)) {
      return Unknown(matched.doubt);
    }
    return verdict;
  }

  std::string MissingReason() const {
    return absl::StrCat("it depends on what is included: ", absl::StrJoin(profile_.missing, ", "));
  }

  Verdict Decided(const Matched& matched, absl::string_view error, uint32_t bit) const {
    Verdict verdict;
    bool quiet = false;
    if (!matched.deny.empty()) {
      verdict.outcome = Outcome::kDeny;
      for (const AppArmorRuleModel* rule : matched.deny) {
        quiet |= !rule->statement.audit && !profile_.audit_all;
        AddRule(*rule, verdict);
      }
      verdict.reported = !quiet;
    } else if (matched.allow.empty()) {
      verdict.outcome = Outcome::kDeny;
      verdict.reported = true;
      verdict.reason = "no rule is about it, and the profile denies by default";
    } else {
      for (const AppArmorRuleModel* rule : matched.allow) verdict.reported |= Audits(*rule, bit);
      for (const AppArmorRuleModel* rule : matched.allow) {
        if (Audits(*rule, bit) == verdict.reported) AddRule(*rule, verdict);
      }
    }
    // The kernel looks at quiet denials before it looks at the mode: they hold in complain mode.
    if (verdict.outcome == Outcome::kDeny && profile_.complain && !quiet) {
      verdict.outcome = Outcome::kAllow;
      verdict.would_deny = true;
    }
    if (verdict.outcome == Outcome::kDeny) {
      verdict.effect = profile_.kill && !quiet ? "killed" : std::string(error);
    }
    return verdict;
  }

  void AddRule(const AppArmorRuleModel& rule, Verdict& verdict) const {
    for (ResponsibleRule& responsible : model_.Responsible(rule)) {
      const bool known = std::any_of(verdict.rules.begin(), verdict.rules.end(),
                                     [&](const ResponsibleRule& other) {
                                       return other.index == responsible.index &&
                                              other.origin.text() == responsible.origin.text();
                                     });
      if (!known) verdict.rules.push_back(std::move(responsible));
    }
  }

  const AppArmorModel& model_;
  const AppArmorProfileModel& profile_;
};

absl::Status UnknownWord(absl::string_view what, absl::string_view word) {
  return absl::InvalidArgumentError(absl::StrCat("unknown ", what, " ", Quoted(word)));
}

// SOCK_* of include/linux/net.h.
std::optional<int> SocketType(absl::string_view word) {
  static const auto& types = *new std::map<absl::string_view, int>{
      {"stream", 1},    {"dgram", 2}, {"raw", 3},    {"rdm", 4},
      {"seqpacket", 5}, {"dccp", 6},  {"packet", 10}};
  const auto found = types.find(word);
  if (found == types.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<Verdict> DecideConnect(const ProfileDecision& profile, const ConnectEvent& event) {
  const std::string family = absl::StrContains(event.ip(), ':') ? "inet6" : "inet";
  const Verdict stream = profile.Socket(family, 1);
  const Verdict dgram = profile.Socket(family, 2);
  if (event.protocol() == "tcp") return stream;
  if (event.protocol() == "udp") return dgram;
  if (SameVerdict(stream, dgram)) return stream;
  return Unknown("it depends on the protocol");
}

absl::StatusOr<Verdict> DecidePtrace(const ProfileDecision& profile, const PtraceEvent& event) {
  static const auto& bits =
      *new std::map<absl::string_view, uint32_t>{{"trace", kAppArmorPtraceTrace},
                                                 {"read", kAppArmorPtraceRead},
                                                 {"traceby", kAppArmorPtraceTracedBy},
                                                 {"tracedby", kAppArmorPtraceTracedBy},
                                                 {"readby", kAppArmorPtraceReadBy}};
  const auto bit = bits.find(event.permission());
  if (bit == bits.end()) return UnknownWord("ptrace permission", event.permission());
  std::string peer = event.peer();
  if (peer.empty() && event.same_container()) peer = profile.name();
  return profile.Ptrace(bit->second, peer);
}

absl::StatusOr<Verdict> DecideIn(const ProfileDecision& profile, const Event& event) {
  switch (event.kind_case()) {
    case Event::kFile:
      return profile.File(event.file());
    case Event::kExec:
      return profile.Exec(event.exec());
    case Event::kCapability: {
      const RuleWords& names = AppArmorCapabilities();
      const auto name = std::find(names.begin(), names.end(), event.capability());
      if (name == names.end()) return UnknownWord("capability", event.capability());
      return profile.Capability(static_cast<int>(name - names.begin()));
    }
    case Event::kSocket: {
      const std::optional<int> type = SocketType(event.socket().type());
      if (!type.has_value()) return UnknownWord("socket type", event.socket().type());
      return profile.Socket(event.socket().domain(), *type);
    }
    case Event::kConnect:
      return DecideConnect(profile, event.connect());
    case Event::kPtrace:
      return DecidePtrace(profile, event.ptrace());
    case Event::kMount:
      return profile.Mount(event.mount());
    case Event::kSignal:
      return profile.Signal(event.signal());
    case Event::kSyscall:
      return NotMediated("AppArmor does not see system calls as such");
    case Event::kOperation:
      return NotMediated("AppArmor 3.0 has no rules about this operation");
    case Event::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("event without a kind");
}

}  // namespace

absl::StatusOr<AppArmorSimulator> AppArmorSimulator::Load(const AppArmorArtifact& artifact,
                                                          const SimulateOptions& options) {
  absl::StatusOr<AppArmorModel> model = AppArmorModel::Load(artifact, options);
  if (!model.ok()) return model.status();
  return AppArmorSimulator(std::make_shared<const AppArmorModel>(*std::move(model)));
}

absl::StatusOr<Verdict> AppArmorSimulator::Decide(const Event& event) const {
  const AppArmorProfileModel* profile = model_->Find(event.profile());
  if (profile == nullptr) return UnknownWord("child profile", event.profile());
  const ProfileDecision decision(*model_, *profile);
  if (!decision.unconfined()) return DecideIn(decision, event);
  Verdict verdict;
  verdict.reason = "the profile has the flag unconfined";
  return verdict;
}

}  // namespace varmor
