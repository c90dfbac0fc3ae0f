#include "lib/compiler/simulate/decide_bpf.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/automaton/path_matcher.h"
#include "lib/compiler/ir/bpf_rules.h"
#include "lib/compiler/network/parse_address.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/policy/capability.h"
#include "lib/compiler/status/status_macros.h"
#include "proto/builtin_rule.pb.h"

namespace varmor {
namespace {

// What several records say together; no record can weaken another.
class BpfTally {
 public:
  void Add(const varmor_decision& decision) { parts_.push_back(decision); }
  void Add(const varmor_verdict& verdict);
  BpfVerdict Finish(const varmor_profile& profile, uint32_t want, uint32_t default_class) const;

 private:
  std::vector<varmor_decision> parts_;
};

void BpfTally::Add(const varmor_verdict& verdict) {
  varmor_decision decision{};
  decision.deny = verdict.deny;
  decision.audit = verdict.audit;
  decision.allow = verdict.allow;
  decision.deny_rule[0] = verdict.deny_rule;
  decision.audit_rule[0] = verdict.audit_rule;
  decision.allow_rule[0] = verdict.allow_rule;
  Add(decision);
}

// Appends the rules responsible for the bits of `bits`.
void AppendRules(uint32_t bits, const uint16_t (&rules)[VARMOR_DECISION_BITS],
                 std::vector<int>& out) {
  for (int bit = 0; bit < VARMOR_DECISION_BITS; ++bit) {
    if ((bits >> bit & 1) != 0 && rules[bit] != VARMOR_NO_RULE) out.push_back(rules[bit]);
  }
}

BpfVerdict BpfTally::Finish(const varmor_profile& profile, uint32_t want,
                            uint32_t default_class) const {
  uint32_t denied = 0, audited = 0, allowed = 0;
  for (const varmor_decision& part : parts_) {
    denied |= part.deny & want;
    audited |= part.audit & want;
    allowed |= part.allow & want;
  }
  const bool by_default = (profile.default_deny & default_class) != 0 && allowed != want;
  BpfVerdict verdict;
  verdict.would_deny = denied != 0 || by_default;
  verdict.audit = audited != 0 || (by_default && denied == 0);
  verdict.deny = verdict.would_deny && (profile.flags & VARMOR_PROFILE_COMPLAIN) == 0;
  for (const varmor_decision& part : parts_) {
    if (denied != 0) {
      AppendRules(part.deny & want, part.deny_rule, verdict.rules);
    } else if (!by_default && audited != 0) {
      AppendRules(part.audit & want, part.audit_rule, verdict.rules);
    } else if (!by_default) {
      AppendRules(part.allow & want, part.allow_rule, verdict.rules);
    }
  }
  std::sort(verdict.rules.begin(), verdict.rules.end());
  verdict.rules.erase(std::unique(verdict.rules.begin(), verdict.rules.end()), verdict.rules.end());
  if (!verdict.rules.empty()) verdict.rule = verdict.rules[0];
  return verdict;
}

// Appends what the tables accept; false when one gives no answer. There are `records` records.
bool MatchTables(const BpfImage& image, const varmor_path_table* tables, uint32_t count,
                 absl::string_view path, size_t records, std::vector<uint32_t>& accepts) {
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t id = MatchPath(image.pages, tables[i], path);
    if (id >= records && id != 0) return false;  // unresolved, or a damaged table
    if (id != 0) accepts.push_back(id);
  }
  return true;
}

bool MountRuleIsAbout(const varmor_mount_rule& rule, absl::string_view fstype, uint64_t ops) {
  const absl::string_view type(rule.fstype, strnlen(rule.fstype, VARMOR_FSTYPE_BYTES));
  return (type == "*" || type == fstype) && varmor_mount_rule_applies(&rule, ops) != 0;
}

varmor_verdict MountRuleVerdict(const varmor_mount_rule& rule) {
  varmor_verdict verdict{};
  verdict.deny = (rule.action & VARMOR_ACTION_DENY) != 0;
  verdict.audit = (rule.action & VARMOR_ACTION_AUDIT) != 0;
  verdict.allow = (rule.action & VARMOR_ACTION_ALLOW) != 0;
  verdict.deny_rule = verdict.audit_rule = verdict.allow_rule = rule.rule;
  return verdict;
}

absl::StatusOr<uint64_t> WordBits(absl::Span<const BpfWord> words, const std::string& word) {
  const BpfWord* entry = FindBpfWord(words, word);
  if (entry == nullptr) return absl::InvalidArgumentError(absl::StrCat("unknown word ", word));
  return entry->bits;
}

// The number whose bit a word stands for.
absl::StatusOr<uint32_t> WordNumber(absl::Span<const BpfWord> words, const std::string& word) {
  VARMOR_ASSIGN_OR_RETURN(const uint64_t bits, WordBits(words, word));
  if (bits == ~uint64_t{0}) {
    return absl::InvalidArgumentError(absl::StrCat("an event cannot be of ", word));
  }
  return static_cast<uint32_t>(__builtin_ctzll(bits));
}

}  // namespace

uint32_t BpfAccessOf(FileEvent::Access access) {
  switch (access) {
    case FileEvent::READ:
      return VARMOR_ACCESS_READ;
    case FileEvent::APPEND:
      return VARMOR_ACCESS_APPEND;
    case FileEvent::CONNECT:
      return VARMOR_ACCESS_READ | VARMOR_ACCESS_WRITE;
    default:
      // Creating, removing and changing the mode all change the file; a link or a renaming changes
      // its new name, which is the event's path.
      return VARMOR_ACCESS_WRITE;
  }
}

// What the enforcer makes of a mount call with these flags: every bit that it sets.
absl::StatusOr<uint64_t> BpfMountOps(const MountEvent& mount) {
  constexpr uint64_t kOperations = kMountRemount | kMountBind | kMountMove | kMountUnbindable |
                                   kMountPrivate | kMountSlave | kMountShared | kMountUmount |
                                   kMountPivotRoot | kMountNew;
  const std::pair<uint64_t, uint64_t> recursive[] = {
      {kMountRecBind, kMountBind},       {kMountRecUnbindable, kMountUnbindable},
      {kMountRecPrivate, kMountPrivate}, {kMountRecSlave, kMountSlave},
      {kMountRecShared, kMountShared},
  };
  uint64_t ops = 0;
  for (const std::string& word : mount.flags()) {
    VARMOR_ASSIGN_OR_RETURN(const uint64_t bits, WordBits(kMountFlagWords, word));
    ops |= bits;
  }
  for (const auto& [recursive_bit, plain_bit] : recursive) {
    if ((ops & recursive_bit) != 0) ops |= plain_bit;
  }
  if ((ops & kOperations) == 0) ops |= kMountNew;
  return ops;
}

absl::StatusOr<BpfSimulator> BpfSimulator::Load(const BpfArtifact& artifact) {
  BpfSimulator simulator;
  VARMOR_ASSIGN_OR_RETURN(simulator.image_, ReadBpfImage(artifact));
  return simulator;
}

BpfVerdict BpfSimulator::DecidePath(const varmor_path_table* tables, uint32_t count,
                                    absl::string_view path, uint32_t access, uint32_t default_class,
                                    const varmor_decision* more) const {
  std::vector<uint32_t> accepts;
  if (!MatchTables(image_, tables, count, path, image_.accepts.size(), accepts)) {
    // Fail closed: what cannot be judged is denied.
    BpfVerdict verdict;
    verdict.would_deny = verdict.audit = true;
    verdict.deny = (image_.profile.flags & VARMOR_PROFILE_COMPLAIN) == 0;
    return verdict;
  }
  BpfTally tally;
  for (const uint32_t id : accepts) tally.Add(image_.accepts[id]);
  if (more != nullptr) tally.Add(*more);
  return tally.Finish(image_.profile, access, default_class);
}

BpfVerdict BpfSimulator::DecideFile(absl::string_view path, uint32_t access,
                                    bool disk_device) const {
  return DecidePath(image_.profile.file, image_.profile.file_tables, path, access,
                    VARMOR_CLASS_FILE, disk_device ? &image_.profile.disk_file : nullptr);
}

BpfVerdict BpfSimulator::DecideAncestor(absl::string_view path) const {
  return DecidePath(image_.profile.file, image_.profile.file_tables, path, VARMOR_ACCESS_ANCESTOR,
                    0, nullptr);
}

BpfVerdict BpfSimulator::DecideExec(absl::string_view path) const {
  return DecidePath(image_.profile.exec, image_.profile.exec_tables, path, VARMOR_ACCESS_EXEC,
                    VARMOR_CLASS_EXEC, nullptr);
}

BpfVerdict BpfSimulator::DecideCapability(int number) const {
  BpfTally tally;
  if (number < 0 || number >= VARMOR_CAPABILITIES_MAX) {
    return tally.Finish(image_.profile, 1, VARMOR_CLASS_CAPABILITY);
  }
  varmor_verdict verdict{};
  verdict.deny = image_.profile.capability_deny >> number & 1;
  verdict.audit = image_.profile.capability_audit >> number & 1;
  verdict.allow = image_.profile.capability_allow >> number & 1;
  verdict.deny_rule = image_.profile.capability_deny_rule[number];
  verdict.audit_rule = image_.profile.capability_audit_rule[number];
  verdict.allow_rule = image_.profile.capability_allow_rule[number];
  tally.Add(verdict);
  return tally.Finish(image_.profile, 1, VARMOR_CLASS_CAPABILITY);
}

BpfVerdict BpfSimulator::DecideSocket(uint32_t domain, uint32_t type, uint32_t protocol) const {
  BpfTally tally;
  if (!image_.sockets.empty() && type < VARMOR_SOCKET_TYPES) {
    const varmor_socket_domain& row =
        image_.sockets[std::min<uint32_t>(domain, VARMOR_SOCKET_DOMAINS - 1)];
    const uint16_t id = row.verdict[type][varmor_protocol_class(domain, type, protocol)];
    if (id != 0) tally.Add(image_.socket_verdicts[id]);
  }
  return tally.Finish(image_.profile, 1, VARMOR_CLASS_SOCKET);
}

BpfVerdict BpfSimulator::DecideEgress(const std::array<uint8_t, 16>& address, uint16_t port,
                                      bool own) const {
  BpfTally tally;
  const auto add = [&](uint32_t set) {
    const varmor_verdict* found = FindPortVerdict(image_, set, port);
    if (found != nullptr) tally.Add(*found);
  };
  uint32_t set = 0;
  if (FindAddressSet(image_, address, set)) add(set);
  if (own && image_.profile.pod_self_set != 0) add(image_.profile.pod_self_set);
  return tally.Finish(image_.profile, 1, VARMOR_CLASS_EGRESS);
}

BpfVerdict BpfSimulator::DecidePtrace(uint32_t permissions, bool same_container) const {
  BpfTally tally;
  tally.Add(same_container ? image_.profile.ptrace_same : image_.profile.ptrace_other);
  // A container's own processes trace each other freely unless a rule is strict.
  return tally.Finish(image_.profile, permissions, same_container ? 0 : VARMOR_CLASS_PTRACE);
}

BpfVerdict BpfSimulator::DecideMount(absl::string_view source, absl::string_view fstype,
                                     uint64_t ops, bool disk_device) const {
  BpfTally tally;
  if (disk_device && (ops & kMountNew) != 0) tally.Add(image_.profile.disk_mount);
  std::vector<uint32_t> accepts;
  if (!MatchTables(image_, image_.profile.mount, image_.profile.mount_tables, source,
                   image_.mount_accepts.size(), accepts)) {
    varmor_verdict unresolved{};
    unresolved.deny = unresolved.audit = 1;
    unresolved.deny_rule = unresolved.audit_rule = VARMOR_NO_RULE;
    tally.Add(unresolved);
  }
  for (const uint32_t id : accepts) {
    const varmor_mount_accept& range = image_.mount_accepts[id];
    for (uint32_t i = range.first; i < range.first + range.count; ++i) {
      const varmor_mount_rule& rule = image_.mount_rules[i];
      if (MountRuleIsAbout(rule, fstype, ops)) tally.Add(MountRuleVerdict(rule));
    }
  }
  return tally.Finish(image_.profile, 1, VARMOR_CLASS_MOUNT);
}

BpfVerdict BpfSimulator::DecideOperation(uint32_t number) const {
  if (number >= VARMOR_DECISION_BITS) return BpfVerdict();
  BpfTally tally;
  tally.Add(image_.profile.operations);
  return tally.Finish(image_.profile, uint32_t{1} << number, 0);
}

absl::StatusOr<BpfVerdict> BpfSimulator::Decide(const Event& event) const {
  switch (event.kind_case()) {
    case Event::kFile:
      return DecideFile(event.file().path(), BpfAccessOf(event.file().access()),
                        event.file().disk_device());
    case Event::kExec:
      return DecideExec(event.exec().path());
    case Event::kCapability: {
      const int number = CapabilityNumber(event.capability());
      if (number < 0) {
        return absl::InvalidArgumentError(absl::StrCat("unknown capability ", event.capability()));
      }
      return DecideCapability(number);
    }
    case Event::kSocket: {
      VARMOR_ASSIGN_OR_RETURN(const uint32_t domain,
                              WordNumber(kSocketDomainWords, event.socket().domain()));
      VARMOR_ASSIGN_OR_RETURN(const uint32_t type,
                              WordNumber(kSocketTypeWords, event.socket().type()));
      uint32_t protocol = 0;
      const bool inet6 = event.socket().domain() == "inet6";
      // Protocols without a word are numbers.
      if (absl::SimpleAtoi(event.socket().protocol(), &protocol)) {
        return DecideSocket(domain, type, protocol);
      }
      if (event.socket().protocol() == "icmpv6" || (inet6 && event.socket().protocol() == "icmp")) {
        protocol = 58;
      } else if (!event.socket().protocol().empty()) {
        VARMOR_ASSIGN_OR_RETURN(protocol,
                                WordNumber(kSocketProtocolWords, event.socket().protocol()));
      }
      return DecideSocket(domain, type, protocol);
    }
    case Event::kConnect: {
      VARMOR_ASSIGN_OR_RETURN(const BpfPrefix address, ParseAddress(event.connect().ip()));
      return DecideEgress(address.address, static_cast<uint16_t>(event.connect().port()),
                          event.connect().own_address());
    }
    case Event::kPtrace: {
      VARMOR_ASSIGN_OR_RETURN(const uint64_t bits,
                              WordBits(kPtracePermissionWords, event.ptrace().permission()));
      return DecidePtrace(static_cast<uint32_t>(bits), event.ptrace().same_container());
    }
    case Event::kMount: {
      VARMOR_ASSIGN_OR_RETURN(const uint64_t ops, BpfMountOps(event.mount()));
      return DecideMount(event.mount().source(), event.mount().fstype(), ops,
                         event.mount().disk_device());
    }
    case Event::kOperation: {
      BpfEffects::Operation operation = BpfEffects::OPERATION_UNSPECIFIED;
      if (!BpfEffects::Operation_Parse(event.operation().name(), &operation)) {
        return absl::InvalidArgumentError(
            absl::StrCat("unknown operation ", event.operation().name()));
      }
      return DecideOperation(static_cast<uint32_t>(operation));
    }
    case Event::kSyscall:
    case Event::kSignal:
    case Event::KIND_NOT_SET:
      break;
  }
  return absl::UnimplementedError("no BPF program sees this kind of event");
}

absl::StatusOr<BpfVerdict> DecideBpf(const BpfArtifact& artifact, const Event& event) {
  VARMOR_ASSIGN_OR_RETURN(const BpfSimulator simulator, BpfSimulator::Load(artifact));
  return simulator.Decide(event);
}

}  // namespace varmor
