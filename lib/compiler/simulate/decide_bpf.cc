#include "lib/compiler/simulate/decide_bpf.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/artifact/check_bpf_image.h"
#include "lib/compiler/ir/bpf_rules.h"
#include "lib/compiler/network/parse_address.h"
#include "lib/compiler/normalise/bpf_words.h"
#include "lib/compiler/policy/capability.h"
#include "lib/compiler/status/status_macros.h"
#include "proto/builtin_rule.pb.h"

namespace varmor {
namespace {

const BpfMap* FindMap(const BpfArtifact& artifact, absl::string_view name) {
  for (const BpfMap& map : artifact.maps()) {
    if (map.name() == name) return &map;
  }
  return nullptr;
}

// Copies an array map; a map that is left out is empty. Sizes are those that CheckBpfImage saw.
template <typename Value>
std::vector<Value> ReadArray(const BpfArtifact& artifact, absl::string_view name) {
  std::vector<Value> values;
  const BpfMap* map = FindMap(artifact, name);
  if (map == nullptr) return values;
  values.resize(map->max_entries());
  for (const BpfMapEntry& entry : map->entries()) {
    uint32_t index = 0;
    std::memcpy(&index, entry.key().data(), sizeof(index));
    std::memcpy(&values[index], entry.value().data(), sizeof(Value));
  }
  return values;
}

std::string Masked(const uint8_t* bytes, size_t size, int bits) {
  std::string out(reinterpret_cast<const char*>(bytes), size);
  for (int bit = bits; bit < static_cast<int>(size) * 8; ++bit) {
    out[bit / 8] = static_cast<char>(out[bit / 8] & ~(0x80 >> (bit % 8)));
  }
  return out;
}

std::string PortKey(uint32_t set, uint16_t port, int bits) {
  const uint8_t bytes[2] = {static_cast<uint8_t>(port >> 8), static_cast<uint8_t>(port)};
  return absl::StrCat(set, "/", bits, "/", Masked(bytes, 2, bits));
}

// The lowest of the rules responsible for the bits of `bits`.
int FirstRule(uint32_t bits, const uint16_t (&rules)[VARMOR_DECISION_BITS]) {
  int first = -1;
  for (int bit = 0; bit < VARMOR_DECISION_BITS; ++bit) {
    if ((bits >> bit & 1) == 0 || rules[bit] == VARMOR_NO_RULE) continue;
    if (first < 0 || rules[bit] < first) first = rules[bit];
  }
  return first;
}

void JoinRules(uint32_t bits, const uint16_t (&from)[VARMOR_DECISION_BITS],
               uint16_t (&to)[VARMOR_DECISION_BITS]) {
  for (int bit = 0; bit < VARMOR_DECISION_BITS; ++bit) {
    if ((bits >> bit & 1) != 0) to[bit] = std::min(to[bit], from[bit]);
  }
}

void JoinDecision(const varmor_decision& from, varmor_decision& to) {
  to.deny |= from.deny;
  to.audit |= from.audit;
  to.allow |= from.allow;
  JoinRules(from.deny, from.deny_rule, to.deny_rule);
  JoinRules(from.audit, from.audit_rule, to.audit_rule);
  JoinRules(from.allow, from.allow_rule, to.allow_rule);
}

void JoinVerdict(const varmor_verdict& from, varmor_verdict& to) {
  to.deny |= from.deny;
  to.audit |= from.audit;
  to.allow |= from.allow;
  to.deny_rule = std::min(to.deny_rule, from.deny_rule);
  to.audit_rule = std::min(to.audit_rule, from.audit_rule);
  to.allow_rule = std::min(to.allow_rule, from.allow_rule);
}

varmor_decision NoDecision() {
  varmor_decision decision{};
  std::memset(decision.deny_rule, 0xFF, sizeof(decision.deny_rule));
  std::memset(decision.audit_rule, 0xFF, sizeof(decision.audit_rule));
  std::memset(decision.allow_rule, 0xFF, sizeof(decision.allow_rule));
  return decision;
}

varmor_verdict NoVerdict() {
  varmor_verdict verdict{};
  verdict.deny_rule = verdict.audit_rule = verdict.allow_rule = VARMOR_NO_RULE;
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

uint32_t AccessOf(FileEvent::Access access) {
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
absl::StatusOr<uint64_t> MountOps(const MountEvent& mount) {
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

}  // namespace

absl::StatusOr<BpfSimulator> BpfSimulator::Load(const BpfArtifact& artifact) {
  VARMOR_RETURN_IF_ERROR(CheckBpfImage(artifact));
  BpfSimulator simulator;
  simulator.profile_ = ReadArray<varmor_profile>(artifact, "profile")[0];
  simulator.pages_ = ReadArray<varmor_path_page>(artifact, "pages");
  simulator.accepts_ = ReadArray<varmor_decision>(artifact, "accepts");
  simulator.mount_accepts_ = ReadArray<varmor_mount_accept>(artifact, "mount_accepts");
  simulator.mount_rules_ = ReadArray<varmor_mount_rule>(artifact, "mount_rules");
  simulator.sockets_ = ReadArray<varmor_socket_domain>(artifact, "sockets");
  simulator.socket_verdicts_ = ReadArray<varmor_verdict>(artifact, "socket_verdicts");
  simulator.ReadTries(artifact);
  return simulator;
}

void BpfSimulator::ReadTries(const BpfArtifact& artifact) {
  if (const BpfMap* map = FindMap(artifact, "addresses"); map != nullptr) {
    for (const BpfMapEntry& entry : map->entries()) {
      varmor_address_key key;
      uint32_t set = 0;
      std::memcpy(&key, entry.key().data(), sizeof(key));
      std::memcpy(&set, entry.value().data(), sizeof(set));
      const auto bits = static_cast<int>(key.prefixlen);
      addresses_[bits][Masked(key.address, sizeof(key.address), bits)] = set;
    }
  }
  if (const BpfMap* map = FindMap(artifact, "ports"); map != nullptr) {
    for (const BpfMapEntry& entry : map->entries()) {
      varmor_port_key key;
      varmor_verdict verdict;
      std::memcpy(&key, entry.key().data(), sizeof(key));
      std::memcpy(&verdict, entry.value().data(), sizeof(verdict));
      uint32_t set = 0;
      for (const uint8_t byte : key.set) set = set << 8 | byte;
      const auto port = static_cast<uint16_t>(key.port[0] << 8 | key.port[1]);
      ports_[PortKey(set, port, static_cast<int>(key.prefixlen) - 32)] = verdict;
    }
  }
}

BpfVerdict BpfSimulator::Finish(uint32_t want, const varmor_decision& decision,
                                uint32_t default_class) const {
  BpfVerdict verdict;
  const uint32_t denied = decision.deny & want;
  const uint32_t audited = decision.audit & want;
  const uint32_t allowed = decision.allow & want;
  const bool by_default = (profile_.default_deny & default_class) != 0 && allowed != want;
  verdict.would_deny = denied != 0 || by_default;
  verdict.audit = audited != 0 || (by_default && denied == 0);
  if (denied != 0) {
    verdict.rule = FirstRule(denied, decision.deny_rule);
  } else if (!by_default && audited != 0) {
    verdict.rule = FirstRule(audited, decision.audit_rule);
  } else if (!by_default && allowed != 0) {
    verdict.rule = FirstRule(allowed, decision.allow_rule);
  }
  verdict.deny = verdict.would_deny && (profile_.flags & VARMOR_PROFILE_COMPLAIN) == 0;
  return verdict;
}

BpfVerdict BpfSimulator::Finish(const varmor_verdict& verdict, uint32_t default_class) const {
  varmor_decision decision = NoDecision();
  decision.deny = verdict.deny;
  decision.audit = verdict.audit;
  decision.allow = verdict.allow;
  decision.deny_rule[0] = verdict.deny_rule;
  decision.audit_rule[0] = verdict.audit_rule;
  decision.allow_rule[0] = verdict.allow_rule;
  return Finish(1, decision, default_class);
}

bool BpfSimulator::MatchTables(const varmor_path_table* tables, uint32_t count,
                               absl::string_view path, size_t records,
                               std::vector<uint32_t>& accepts) const {
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t id = MatchPath(pages_, tables[i], path);
    if (id >= records && id != 0) return false;  // unresolved, or a damaged table
    if (id != 0) accepts.push_back(id);
  }
  return true;
}

BpfVerdict BpfSimulator::DecidePath(const varmor_path_table* tables, uint32_t count,
                                    absl::string_view path, uint32_t access, uint32_t default_class,
                                    const varmor_decision* more) const {
  varmor_decision decision = NoDecision();
  std::vector<uint32_t> accepts;
  if (!MatchTables(tables, count, path, accepts_.size(), accepts)) {
    // Fail closed: what cannot be judged is denied.
    BpfVerdict verdict;
    verdict.would_deny = verdict.audit = true;
    verdict.deny = (profile_.flags & VARMOR_PROFILE_COMPLAIN) == 0;
    return verdict;
  }
  for (const uint32_t id : accepts) {
    JoinDecision(accepts_[id], decision);
  }
  if (more != nullptr) JoinDecision(*more, decision);
  return Finish(access, decision, default_class);
}

BpfVerdict BpfSimulator::DecideFile(absl::string_view path, uint32_t access,
                                    bool disk_device) const {
  return DecidePath(profile_.file, profile_.file_tables, path, access, VARMOR_CLASS_FILE,
                    disk_device ? &profile_.disk_file : nullptr);
}

BpfVerdict BpfSimulator::DecideAncestor(absl::string_view path) const {
  return DecidePath(profile_.file, profile_.file_tables, path, VARMOR_ACCESS_ANCESTOR, 0, nullptr);
}

BpfVerdict BpfSimulator::DecideExec(absl::string_view path) const {
  return DecidePath(profile_.exec, profile_.exec_tables, path, VARMOR_ACCESS_EXEC,
                    VARMOR_CLASS_EXEC, nullptr);
}

BpfVerdict BpfSimulator::DecideCapability(int number) const {
  varmor_verdict verdict = NoVerdict();
  if (number < 0 || number >= VARMOR_CAPABILITIES_MAX) {
    return Finish(verdict, VARMOR_CLASS_CAPABILITY);
  }
  verdict.deny = profile_.capability_deny >> number & 1;
  verdict.audit = profile_.capability_audit >> number & 1;
  verdict.allow = profile_.capability_allow >> number & 1;
  verdict.deny_rule = profile_.capability_deny_rule[number];
  verdict.audit_rule = profile_.capability_audit_rule[number];
  verdict.allow_rule = profile_.capability_allow_rule[number];
  return Finish(verdict, VARMOR_CLASS_CAPABILITY);
}

BpfVerdict BpfSimulator::DecideSocket(uint32_t domain, uint32_t type, uint32_t protocol) const {
  varmor_verdict verdict = NoVerdict();
  if (!sockets_.empty() && type < VARMOR_SOCKET_TYPES) {
    const uint32_t row = std::min<uint32_t>(domain, VARMOR_SOCKET_DOMAINS - 1);
    const uint16_t id = sockets_[row].verdict[type][varmor_protocol_class(domain, type, protocol)];
    if (id != 0) verdict = socket_verdicts_[id];
  }
  return Finish(verdict, VARMOR_CLASS_SOCKET);
}

varmor_verdict BpfSimulator::PortVerdict(uint32_t set, uint16_t port) const {
  for (int bits = 16; bits >= 0; --bits) {
    const auto it = ports_.find(PortKey(set, port, bits));
    if (it != ports_.end()) return it->second;
  }
  return NoVerdict();
}

BpfVerdict BpfSimulator::DecideEgress(const std::array<uint8_t, 16>& address, uint16_t port,
                                      bool own) const {
  varmor_verdict verdict = NoVerdict();
  for (auto it = addresses_.rbegin(); it != addresses_.rend(); ++it) {
    const auto found = it->second.find(Masked(address.data(), address.size(), it->first));
    if (found == it->second.end()) continue;
    verdict = PortVerdict(found->second, port);
    break;  // the longest match says all
  }
  if (own && profile_.pod_self_set != 0) {
    JoinVerdict(PortVerdict(profile_.pod_self_set, port), verdict);
  }
  return Finish(verdict, VARMOR_CLASS_EGRESS);
}

BpfVerdict BpfSimulator::DecidePtrace(uint32_t permissions, bool same_container) const {
  // A container's own processes trace each other freely unless a rule is strict.
  return Finish(permissions, same_container ? profile_.ptrace_same : profile_.ptrace_other,
                same_container ? 0 : VARMOR_CLASS_PTRACE);
}

BpfVerdict BpfSimulator::DecideMount(absl::string_view source, absl::string_view fstype,
                                     uint64_t ops, bool disk_device) const {
  varmor_verdict verdict =
      disk_device && (ops & kMountNew) != 0 ? profile_.disk_mount : NoVerdict();
  std::vector<uint32_t> accepts;
  if (!MatchTables(profile_.mount, profile_.mount_tables, source, mount_accepts_.size(), accepts)) {
    verdict.deny = verdict.audit = 1;
  }
  for (const uint32_t id : accepts) {
    const varmor_mount_accept& range = mount_accepts_[id];
    for (uint32_t i = range.first; i < range.first + range.count; ++i) {
      const varmor_mount_rule& rule = mount_rules_[i];
      const absl::string_view type(rule.fstype, strnlen(rule.fstype, VARMOR_FSTYPE_BYTES));
      if (type != "*" && type != fstype) continue;
      if (varmor_mount_rule_applies(&rule, ops) == 0) continue;
      varmor_verdict one = NoVerdict();
      one.deny = (rule.action & VARMOR_ACTION_DENY) != 0;
      one.audit = (rule.action & VARMOR_ACTION_AUDIT) != 0;
      one.allow = (rule.action & VARMOR_ACTION_ALLOW) != 0;
      if (one.deny != 0) one.deny_rule = rule.rule;
      if (one.audit != 0) one.audit_rule = rule.rule;
      if (one.allow != 0) one.allow_rule = rule.rule;
      JoinVerdict(one, verdict);
    }
  }
  return Finish(verdict, VARMOR_CLASS_MOUNT);
}

BpfVerdict BpfSimulator::DecideOperation(uint32_t number) const {
  if (number >= VARMOR_DECISION_BITS) return BpfVerdict();
  return Finish(uint32_t{1} << number, profile_.operations, 0);
}

absl::StatusOr<BpfVerdict> BpfSimulator::Decide(const Event& event) const {
  switch (event.kind_case()) {
    case Event::kFile:
      return DecideFile(event.file().path(), AccessOf(event.file().access()),
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
      return DecideEgress(address.address, static_cast<uint16_t>(event.connect().port()), false);
    }
    case Event::kPtrace: {
      VARMOR_ASSIGN_OR_RETURN(const uint64_t bits,
                              WordBits(kPtracePermissionWords, event.ptrace().permission()));
      return DecidePtrace(static_cast<uint32_t>(bits), event.ptrace().same_container());
    }
    case Event::kMount: {
      VARMOR_ASSIGN_OR_RETURN(const uint64_t ops, MountOps(event.mount()));
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
