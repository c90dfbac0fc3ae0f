#include "lib/compiler/simulate/app_armor_decide_process.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/compiler/apparmor/rule_words.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "lib/compiler/network/parse_address.h"
#include "lib/compiler/simulate/app_armor_judge.h"

namespace varmor {
namespace {

using Kind = AppArmorStatement::Kind;

constexpr uint32_t kIt = 1;
constexpr char kUnconfined[] = "unconfined";

absl::Status UnknownWord(absl::string_view what, absl::string_view word) {
  return absl::InvalidArgumentError(absl::StrCat("unknown ", what, " ", Quoted(word)));
}

// ---- sockets

struct SocketType {
  absl::string_view word;
  // SOCK_* of include/linux/net.h.
  int number;
};

constexpr SocketType kSocketTypes[] = {{"stream", 1},    {"dgram", 2}, {"raw", 3},    {"rdm", 4},
                                       {"seqpacket", 5}, {"dccp", 6},  {"packet", 10}};

std::optional<int> SocketTypeNumber(absl::string_view word) {
  for (const SocketType& type : kSocketTypes) {
    if (word == type.word) return type.number;
  }
  return std::nullopt;
}

Verdict DecideSocket(const AppArmorModel& model, const AppArmorProfileModel& profile,
                     const std::string& family, int type) {
  std::vector<AppArmorHit> hits;
  for (const AppArmorRuleModel& rule : profile.rules) {
    const bool about = rule.statement.kind == Kind::kNetwork ||
                       (rule.statement.kind == Kind::kUnix && !rule.statement.deny);
    if (!about) continue;
    const auto types = rule.network.types.find(family);
    const bool named = types != rule.network.types.end() && (types->second >> type & 1) != 0;
    AddAppArmorHit(rule, kIt, AppArmorMatch::Of(named), hits);
  }
  return VerdictOf(model, profile, JudgeAppArmor(profile, hits, kIt), "EACCES");
}

// ---- other processes

// Whether the rule's peer is `name`; "": nobody knows the name.
AppArmorMatch MatchPeer(const AppArmorPattern& pattern, const std::string& name) {
  if (!name.empty() || pattern.any) return MatchAppArmorPattern(pattern, name);
  return AppArmorMatch::Perhaps("the other process's profile is not given");
}

// What `profile` says about a process under `peer`.
using OneSide =
    std::function<AppArmorJudgment(const AppArmorProfileModel& profile, const std::string& peer)>;

Verdict DecideBothSides(const AppArmorModel& model, const AppArmorProfileModel& profile,
                        const std::string& peer, const OneSide& here, const OneSide& there) {
  AppArmorJudgment judgment = here(profile, peer);
  for (const AppArmorProfileModel& other : model.profiles()) {
    if (other.name != peer || other.unconfined) continue;
    judgment = BothOf(judgment, there(other, profile.name));
  }
  return VerdictOf(model, profile, judgment, "EACCES");
}

AppArmorJudgment JudgePtrace(const AppArmorProfileModel& profile, uint32_t bit,
                             const std::string& peer) {
  if (const std::optional<std::string> lost = AppArmorClassMayBeLost(profile, false)) {
    AppArmorJudgment unknown;
    unknown.outcome = Verdict::Outcome::kUnknown;
    unknown.reason = *lost;
    return unknown;
  }
  std::vector<AppArmorHit> hits;
  for (const AppArmorRuleModel& rule : profile.rules) {
    if (rule.statement.kind != Kind::kPtrace || (rule.ptrace.access & bit) == 0) continue;
    AddAppArmorHit(rule, bit, MatchPeer(rule.ptrace.peer, peer), hits);
  }
  return JudgeAppArmor(profile, hits, bit);
}

AppArmorJudgment JudgeSignal(const AppArmorProfileModel& profile, bool receive,
                             const std::string& signal, const std::string& peer) {
  std::vector<AppArmorHit> hits;
  for (const AppArmorRuleModel& rule : profile.rules) {
    if (rule.statement.kind != Kind::kSignal) continue;
    if (!(receive ? rule.signal.receive : rule.signal.send)) continue;
    if (!rule.signal.signals.empty() && rule.signal.signals.count(signal) == 0) continue;
    AddAppArmorHit(rule, kIt, MatchPeer(rule.signal.peer, peer), hits);
  }
  return JudgeAppArmor(profile, hits, kIt);
}

struct PtraceWord {
  absl::string_view word;
  uint32_t here;
  uint32_t there;
};

constexpr PtraceWord kPtraceWords[] = {
    {"trace", kAppArmorPtraceTrace, kAppArmorPtraceTracedBy},
    {"read", kAppArmorPtraceRead, kAppArmorPtraceReadBy},
    {"traceby", kAppArmorPtraceTracedBy, kAppArmorPtraceTrace},
    {"tracedby", kAppArmorPtraceTracedBy, kAppArmorPtraceTrace},
    {"readby", kAppArmorPtraceReadBy, kAppArmorPtraceRead},
};

bool IsSignal(absl::string_view name) {
  if (Contains(AppArmorSignals(), name)) return true;
  int number = 0;
  return absl::StartsWith(name, "rtmin+") && absl::SimpleAtoi(name.substr(6), &number) &&
         number >= 0 && number <= 32 && name == absl::StrCat("rtmin+", number);
}

}  // namespace

absl::StatusOr<Verdict> DecideAppArmorCapability(const AppArmorModel& model,
                                                 const AppArmorProfileModel& profile,
                                                 const std::string& name) {
  const RuleWords& names = AppArmorCapabilities();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return UnknownWord("capability", name);
  std::vector<AppArmorHit> hits;
  for (const AppArmorRuleModel& rule : profile.rules) {
    if (rule.statement.kind != Kind::kCapability) continue;
    const bool named = (rule.capability.mask >> (found - names.begin()) & 1) != 0;
    AddAppArmorHit(rule, kIt, AppArmorMatch::Of(named), hits);
  }
  return VerdictOf(model, profile, JudgeAppArmor(profile, hits, kIt), "EPERM");
}

absl::StatusOr<Verdict> DecideAppArmorSocket(const AppArmorModel& model,
                                             const AppArmorProfileModel& profile,
                                             const SocketEvent& event) {
  const std::optional<int> type = SocketTypeNumber(event.type());
  if (!type.has_value()) return UnknownWord("socket type", event.type());
  if (!Contains(AppArmorNetworkFamilies(), event.domain())) {
    return UnknownWord("address family", event.domain());
  }
  return DecideSocket(model, profile, event.domain(), *type);
}

absl::StatusOr<Verdict> DecideAppArmorConnect(const AppArmorModel& model,
                                              const AppArmorProfileModel& profile,
                                              const ConnectEvent& event) {
  if (const auto address = ParseAddress(event.ip()); !address.ok()) return address.status();
  const std::string family = absl::StrContains(event.ip(), ':') ? "inet6" : "inet";
  const Verdict stream = DecideSocket(model, profile, family, *SocketTypeNumber("stream"));
  if (event.protocol() == "tcp") return stream;
  const Verdict dgram = DecideSocket(model, profile, family, *SocketTypeNumber("dgram"));
  if (event.protocol() == "udp") return dgram;
  if (!event.protocol().empty()) return UnknownWord("protocol", event.protocol());
  if (SameAnswer(stream, dgram)) return stream;
  return UnknownVerdict(absl::StrCat("it depends on the protocol: ", VerdictWord(stream),
                                     " for tcp, ", VerdictWord(dgram), " for udp"));
}

absl::StatusOr<Verdict> DecideAppArmorPtrace(const AppArmorModel& model,
                                             const AppArmorProfileModel& profile,
                                             const PtraceEvent& event) {
  const PtraceWord* word = nullptr;
  for (const PtraceWord& one : kPtraceWords) {
    if (event.permission() == one.word) word = &one;
  }
  if (word == nullptr) return UnknownWord("ptrace permission", event.permission());
  std::string peer = event.peer();
  if (peer.empty() && event.same_container()) peer = profile.name;
  if (peer == kUnconfined &&
      (word->here & (kAppArmorPtraceTracedBy | kAppArmorPtraceReadBy)) != 0) {
    Verdict verdict;
    verdict.reason =
        "the kernel does not ask the profile of a process that an unconfined one traces";
    return verdict;
  }
  return DecideBothSides(
      model, profile, peer,
      [&](const AppArmorProfileModel& one, const std::string& other) {
        return JudgePtrace(one, word->here, other);
      },
      [&](const AppArmorProfileModel& one, const std::string& other) {
        return JudgePtrace(one, word->there, other);
      });
}

absl::StatusOr<Verdict> DecideAppArmorSignal(const AppArmorModel& model,
                                             const AppArmorProfileModel& profile,
                                             const SignalEvent& event) {
  if (!IsSignal(event.signal())) return UnknownWord("signal", event.signal());
  const bool receive = event.access() == "receive";
  if (!receive && !event.access().empty() && event.access() != "send") {
    return UnknownWord("signal permission", event.access());
  }
  auto side = [&](bool receives) {
    return [&event, receives](const AppArmorProfileModel& one, const std::string& other) {
      return JudgeSignal(one, receives, event.signal(), other);
    };
  };
  return DecideBothSides(model, profile, event.peer(), side(receive), side(!receive));
}

}  // namespace varmor
