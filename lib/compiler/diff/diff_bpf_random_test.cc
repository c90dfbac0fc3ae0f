// Random pairs of rule lists: every example is judged differently, asking at random finds nothing
// that the comparison missed, the order of rules does not matter, and a rule that denies never
// allows.
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/diff/diff_bpf.h"
#include "lib/compiler/simulate/decide_bpf_event.h"
#include "lib/compiler/simulate/testing/bpf_random_rules.h"

namespace varmor {
namespace {

DiffResult DiffOf(const BpfArtifact& before, const BpfArtifact& after) {
  DiffResult result;
  DiffBpfOptions options;
  options.trust_digests = false;
  const absl::Status status = DiffBpf(&before, &after, result, options);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(result.undecided.empty()) << result.undecided[0];
  return result;
}

bool Same(const Verdict& a, const Verdict& b) {
  return a.outcome == b.outcome && a.reported == b.reported && a.would_deny == b.would_deny;
}

// Rules of two lists that have most in common.
std::pair<BpfRules, BpfRules> Pair(RandomRules& random) {
  BpfRules before = random.Make();
  BpfRules after = before;
  switch (random.Pick(4)) {
    case 0:
      after = random.Make();
      break;
    case 1:
      if (!after.files.empty()) after.files.pop_back();
      if (!after.mounts.empty()) after.mounts.pop_back();
      break;
    case 2: {
      const BpfRules other = random.Make();
      for (const BpfFile& rule : other.files) after.files.push_back(rule);
      for (const BpfEgress& rule : other.egress) after.egress.push_back(rule);
      for (const BpfSocket& rule : other.sockets) after.sockets.push_back(rule);
      break;
    }
    default:
      after.complain = !after.complain;
  }
  return {std::move(before), std::move(after)};
}

bool IsPath(const std::string& text) {
  return text == "/" || (text.find("//") == std::string::npos && text.back() != '/');
}

std::string Path(RandomRules& random) {
  for (;;) {
    std::string path = random.Path();
    if (IsPath(path)) return path;
  }
}

Event FileProbe(RandomRules& random) {
  static constexpr FileEvent::Access kAccesses[] = {
      FileEvent::READ,   FileEvent::WRITE,  FileEvent::APPEND,  FileEvent::CONNECT,
      FileEvent::CREATE, FileEvent::RENAME, FileEvent::RENAME,  FileEvent::LINK,
      FileEvent::LINK,   FileEvent::CHMOD,  FileEvent::TRUNCATE};
  Event event;
  event.mutable_file()->set_path(Path(random));
  event.mutable_file()->set_access(kAccesses[random.Pick(11)]);
  const bool two_names =
      event.file().access() == FileEvent::RENAME || event.file().access() == FileEvent::LINK;
  while (two_names && (event.file().old_path().empty() || event.file().old_path() == "/" ||
                       event.file().old_path() == event.file().path())) {
    event.mutable_file()->set_old_path(Path(random));
  }
  return event;
}

Event MountProbe(RandomRules& random) {
  static constexpr const char* kOperations[] = {
      "new",        "bind",       "rbind", "remount",     "move",           "umount",
      "pivot-root", "make-slave", "new",   "make-rslave", "make-unbindable"};
  static constexpr const char* kFlags[] = {"ro", "nosuid", "nodev", "noexec"};
  Event event;
  MountEvent& mount = *event.mutable_mount();
  const std::string operation = kOperations[random.Pick(11)];
  const bool is_new = operation == "new";
  const bool on_path = !is_new && operation != "remount" && operation.substr(0, 5) != "make-";
  mount.set_source(on_path ? Path(random) : random.Path());
  mount.set_fstype(is_new ? random.Fstype(false) : "none");
  mount.add_flags(operation);
  if (operation != "umount" && operation != "pivot-root") {
    for (const char* flag : kFlags) {
      if (random.Pick(3) == 0) mount.add_flags(flag);
    }
  }
  return event;
}

std::string Ip(const std::array<uint8_t, 16>& a) {
  std::string text;
  for (int i = 0; i < 16; i += 2) {
    absl::StrAppend(&text, i == 0 ? "" : ":", absl::Hex(a[i] << 8 | a[i + 1]));
  }
  return text;
}

Event Probe(RandomRules& random) {
  Event event;
  switch (random.Pick(8)) {
    case 0:
    case 1:
      return FileProbe(random);
    case 2:
      return MountProbe(random);
    case 3:
      event.mutable_exec()->set_path(Path(random));
      return event;
    case 4:
      event.mutable_connect()->set_ip(Ip(random.Address()));
      event.mutable_connect()->set_port(random.Port());
      event.mutable_connect()->set_own_address(random.Pick(3) == 0);
      return event;
    case 5: {
      static constexpr const char* kDomains[] = {"inet", "inet6", "unix", "netlink"};
      static constexpr const char* kTypes[] = {"stream", "dgram", "raw"};
      static constexpr const char* kProtocols[] = {"", "tcp", "udp", "icmp", "132"};
      event.mutable_socket()->set_domain(kDomains[random.Pick(4)]);
      event.mutable_socket()->set_type(kTypes[random.Pick(3)]);
      event.mutable_socket()->set_protocol(kProtocols[random.Pick(5)]);
      return event;
    }
    case 6: {
      static constexpr const char* kCapabilities[] = {"chown", "kill", "sys_admin", "bpf",
                                                      "syslog"};
      event.set_capability(kCapabilities[random.Pick(5)]);
      return event;
    }
    default: {
      static constexpr const char* kPermissions[] = {"trace", "read", "traceby", "readby"};
      event.mutable_ptrace()->set_permission(kPermissions[random.Pick(4)]);
      event.mutable_ptrace()->set_same_container(random.Pick(2) == 0);
      return event;
    }
  }
}

int FirstRule(const Verdict& verdict) {
  return verdict.rules.empty() ? -1 : verdict.rules[0].index;
}

// A change that stands for `event`: with the same outcomes and the same first rules. Where a file
// has two names, each may have its part in the rules, and each by itself is a change.
bool Covers(const DiffResult& result, const Event& event, const Verdict& before,
            const Verdict& after) {
  const bool two_names = event.has_file() && !event.file().old_path().empty();
  return std::any_of(result.changes.begin(), result.changes.end(), [&](const Change& change) {
    if (two_names) return change.example.has_file();
    return change.before.outcome == before.outcome && change.after.outcome == after.outcome &&
           FirstRule(change.before) == FirstRule(before) &&
           FirstRule(change.after) == FirstRule(after);
  });
}

TEST(DiffBpfRandomTest, ExamplesDifferAndProbesFindNothingMore) {
  int changes = 0, probes = 0, differing = 0;
  for (uint32_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    RandomRules random(seed);
    const auto [before_rules, after_rules] = Pair(random);
    const BpfArtifact before = EmitRules(before_rules);
    const BpfArtifact after = EmitRules(after_rules);
    const DiffResult result = DiffOf(before, after);
    const auto a = BpfEventSimulator::Load(before).value();
    const auto b = BpfEventSimulator::Load(after).value();
    for (const Change& change : result.changes) {
      ++changes;
      EXPECT_FALSE(Same(a.Decide(change.example).value(), b.Decide(change.example).value()))
          << change.example.ShortDebugString();
    }
    for (int i = 0; i < 400; ++i) {
      const Event event = Probe(random);
      const Verdict x = a.Decide(event).value();
      const Verdict y = b.Decide(event).value();
      ++probes;
      if (Same(x, y)) continue;
      ++differing;
      EXPECT_TRUE(Covers(result, event, x, y))
          << event.ShortDebugString() << ": " << VerdictWord(x) << ", " << VerdictWord(y);
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(changes, 500);
  EXPECT_GT(differing, 500);
  RecordProperty("probes", probes);
}

TEST(DiffBpfRandomTest, TheOrderOfRulesIsNoDifference) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    RandomRules random(seed);
    const BpfRules rules = random.Make();
    BpfRules shuffled = rules;
    random.Shuffle(shuffled.files);
    random.Shuffle(shuffled.sockets);
    random.Shuffle(shuffled.egress);
    random.Shuffle(shuffled.mounts);
    random.Shuffle(shuffled.capabilities);
    const DiffResult result = DiffOf(EmitRules(rules), EmitRules(shuffled));
    for (const Change& change : result.changes) {
      ADD_FAILURE() << change.example.ShortDebugString() << VerdictWord(change.before)
                    << VerdictWord(change.after);
      return;
    }
  }
}

TEST(DiffBpfRandomTest, ARuleThatDeniesAllowsNothing) {
  int denied = 0;
  for (uint32_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    RandomRules random(seed);
    BpfRules rules = random.Make();
    rules.complain = false;
    BpfRules more = rules;
    const BpfRules other = random.Make();
    const Action deny = {true, random.Pick(2) == 0, false};
    const auto add = [&deny](auto& to, const auto& from) {
      if (from.empty()) return;
      to.push_back(from[0]);
      to.back().action = deny;
    };
    add(more.files, other.files);
    add(more.mounts, other.mounts);
    add(more.egress, other.egress);
    add(more.sockets, other.sockets);
    add(more.capabilities, other.capabilities);
    add(more.ptrace, other.ptrace);
    add(more.operations, other.operations);
    for (const Change& change : DiffOf(EmitRules(rules), EmitRules(more)).changes) {
      EXPECT_NE(change.kind, Change::Kind::kNewlyAllowed) << change.example.ShortDebugString();
      denied += change.kind == Change::Kind::kNewlyDenied;
    }
  }
  EXPECT_GT(denied, 150);
}

}  // namespace
}  // namespace varmor
