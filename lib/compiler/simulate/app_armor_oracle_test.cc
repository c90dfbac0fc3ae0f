// AppArmorSimulator::Decide against what the AppArmor parser compiles: random profiles, questions
// about them, and the answers of a walker over the compiled automata that shares no code with us.
//
// VARMOR_ORACLE_TRIPLES: how many (profile, path, permission) questions; VARMOR_ORACLE_SEED: other
// ones.

#include <sys/mount.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/testing/kernel_policy.h"
#include "lib/compiler/apparmor/testing/parser_oracle.h"
#include "lib/compiler/apparmor/testing/policy_binary.h"
#include "lib/compiler/apparmor/testing/profile_generator.h"
#include "lib/compiler/simulate/decide_app_armor.h"

namespace varmor {
namespace {

int Number(const char* variable, int otherwise) {
  const char* value = std::getenv(variable);
  int number = 0;
  return value != nullptr && absl::SimpleAtoi(value, &number) ? number : otherwise;
}

// A question, and what the kernel says.
struct Question {
  Event event;
  KernelAnswer answer;
  // Of exec: as KernelExec has it.
  std::string exec_mode;
};

struct Tally {
  int asked = 0;
  int differ = 0;
  int unknown = 0;
  // Differ where a negated class may have matched across two names; see MayCross.
  int crossed = 0;
};

// A profile that both sides have.
struct Subject {
  std::string text;
  GeneratedProfile generated;
  std::vector<BinaryProfile> compiled;
  std::unique_ptr<AppArmorSimulator> simulator;
  // Of the profile in question.
  std::string child;

  const BinaryProfile& binary() const {
    const std::string name = child.empty() ? "oracle" : absl::StrCat("oracle//", child);
    for (const BinaryProfile& profile : compiled) {
      if (profile.name == name) return profile;
    }
    return compiled[0];
  }
};

struct NamedAccess {
  FileEvent::Access access;
  uint32_t request;
};

// What the kernel asks for (file.c, lsm.c); old_path's part of a rename is asked apart.
constexpr NamedAccess kAccesses[] = {
    {FileEvent::READ, kFileRead},          {FileEvent::WRITE, kFileWrite},
    {FileEvent::APPEND, kFileAppend},      {FileEvent::LOCK, kFileLock},
    {FileEvent::MAP_EXECUTABLE, kFileMap}, {FileEvent::CREATE, kFileWrite},
    {FileEvent::UNLINK, kFileWrite},       {FileEvent::CHMOD, kFileWrite},
    {FileEvent::MKNOD, kFileWrite},        {FileEvent::TRUNCATE, kFileWrite},
};

class Asker {
 public:
  Asker(const Subject& subject, ProfileGenerator& random)
      : subject_(subject), policy_(subject.binary()), random_(random) {}

  Question File() {
    Question question;
    const bool own = random_.OneIn(2);
    const std::string path = Path();
    if (random_.OneIn(5)) return Exec(path, own);
    if (random_.OneIn(6)) return Link(path, own);
    const NamedAccess& access = kAccesses[random_.Below(std::size(kAccesses))];
    FileEvent& file = *question.event.mutable_file();
    file.set_path(path);
    file.set_access(access.access);
    file.set_ownership(own ? FileEvent::OWN : FileEvent::FOREIGN);
    question.answer = policy_.CheckFile(path, own, access.request);
    return question;
  }

  Question Other() {
    switch (random_.Below(6)) {
      case 0:
        return Capability();
      case 1:
        return Socket();
      case 2:
        return Ptrace();
      case 3:
        return Signal();
      default:
        return Mount();
    }
  }

 private:
  // Resolved: without "." and "..".
  std::string Path() {
    while (true) {
      std::string path = random_.PathNear(subject_.generated.patterns);
      const bool dots = absl::StrContains(path, "/./") || absl::StrContains(path, "/../") ||
                        absl::EndsWith(path, "/.") || absl::EndsWith(path, "/..");
      if (!dots && path.size() < 4096) return path;
    }
  }

  std::string Directory() {
    const std::string path = Path();
    return absl::EndsWith(path, "/") || !absl::StartsWith(path, "/") ? path : path + "/";
  }

  Question Exec(const std::string& path, bool own) {
    Question question;
    question.event.mutable_exec()->set_path(path);
    question.event.mutable_exec()->set_ownership(own ? FileEvent::OWN : FileEvent::FOREIGN);
    const KernelExec exec = policy_.CheckExec(path, own);
    question.answer = exec.answer;
    question.exec_mode = exec.mode;
    return question;
  }

  Question Link(const std::string& path, bool own) {
    Question question;
    FileEvent& file = *question.event.mutable_file();
    file.set_access(FileEvent::LINK);
    file.set_path(path);
    file.set_old_path(Path());
    file.set_ownership(own ? FileEvent::OWN : FileEvent::FOREIGN);
    question.answer = policy_.CheckLink(path, file.old_path(), own);
    return question;
  }

  Question Capability() {
    static constexpr std::pair<const char*, int> kNames[] = {
        {"chown", 0},  {"kill", 5},        {"setuid", 7},   {"net_raw", 13}, {"sys_admin", 21},
        {"mknod", 27}, {"audit_read", 37}, {"perfmon", 38}, {"bpf", 39}};
    const auto& [name, number] = kNames[random_.Below(std::size(kNames))];
    Question question;
    question.event.set_capability(name);
    question.answer = policy_.CheckCapability(number);
    return question;
  }

  Question Socket() {
    static constexpr std::pair<const char*, uint16_t> kFamilies[] = {
        {"inet", AF_INET},     {"inet6", AF_INET6}, {"netlink", AF_NETLINK},
        {"packet", AF_PACKET}, {"vsock", AF_VSOCK}, {"unix", AF_UNIX}};
    static constexpr std::pair<const char*, uint16_t> kTypes[] = {
        {"stream", SOCK_STREAM},       {"dgram", SOCK_DGRAM},   {"raw", SOCK_RAW},
        {"seqpacket", SOCK_SEQPACKET}, {"packet", SOCK_PACKET}, {"rdm", SOCK_RDM}};
    const auto& [family, family_number] = kFamilies[random_.Below(std::size(kFamilies))];
    const auto& [type, type_number] = kTypes[random_.Below(std::size(kTypes))];
    Question question;
    question.event.mutable_socket()->set_domain(family);
    question.event.mutable_socket()->set_type(type);
    question.answer = policy_.CheckSocket(family_number, type_number);
    return question;
  }

  // Not one of the text's own profiles: those would be asked, too.
  std::string Peer() {
    while (true) {
      std::string peer =
          random_.Pick({"foo", "bar", "fx", "unconfined", "oracle//x", "oracle//ch0", "oracle//ch1",
                        "/usr/bin/x", "/usr/bin/x/y", "a b", "other"});
      const bool own = std::any_of(subject_.compiled.begin(), subject_.compiled.end(),
                                   [&](const BinaryProfile& one) { return one.name == peer; });
      if (!own) return peer;
    }
  }

  Question Ptrace() {
    static constexpr std::pair<const char*, KernelPolicy::Ptrace> kWords[] = {
        {"trace", KernelPolicy::kTrace},
        {"read", KernelPolicy::kRead},
        {"traceby", KernelPolicy::kTracedBy},
        {"readby", KernelPolicy::kReadBy}};
    const auto& [word, access] = kWords[random_.Below(std::size(kWords))];
    Question question;
    question.event.mutable_ptrace()->set_permission(word);
    question.event.mutable_ptrace()->set_peer(Peer());
    // Who is traced by an unconfined process is not asked.
    if (question.event.ptrace().peer() == "unconfined" &&
        (access == KernelPolicy::kTracedBy || access == KernelPolicy::kReadBy)) {
      question.event.mutable_ptrace()->set_peer("other");
    }
    question.answer = policy_.CheckPtrace(access, question.event.ptrace().peer());
    return question;
  }

  Question Signal() {
    Question question;
    SignalEvent& signal = *question.event.mutable_signal();
    signal.set_signal(random_.Pick({"kill", "hup", "term", "int", "rtmin+3", "rtmin+0", "exists"}));
    signal.set_peer(Peer());
    const bool send = random_.OneIn(2);
    signal.set_access(send ? "send" : "receive");
    question.answer =
        policy_.CheckSignal(send ? KernelPolicy::kSend : KernelPolicy::kReceive,
                            KernelPolicy::SignalNumber(signal.signal()).value_or(0), signal.peer());
    return question;
  }

  Question Mount() {
    Question question;
    MountEvent& mount = *question.event.mutable_mount();
    mount.set_target(Directory());
    if (random_.OneIn(6)) {
      mount.add_flags("umount");
      question.answer = policy_.CheckUmount(mount.target());
      return question;
    }
    if (random_.OneIn(8)) {
      mount.add_flags("pivot-root");
      mount.set_source(Directory());
      question.answer = policy_.CheckPivotRoot(mount.target(), mount.source());
      return question;
    }
    const uint32_t flags = MountFlags(mount);
    mount.set_source(random_.OneIn(2) ? random_.Pick({"proc", "tmpfs", "none"}) : Path());
    if ((flags & (MS_BIND | MS_MOVE)) != 0) mount.set_source(Directory());
    mount.set_fstype(random_.Pick({"proc", "tmpfs", "ext4", "ext", "sysfs", "overlay"}));
    question.answer = policy_.CheckMount(mount.source(), mount.target(), mount.fstype(), flags);
    return question;
  }

  uint32_t MountFlags(MountEvent& mount) {
    struct Word {
      const char* word;
      uint32_t bits;
    };
    static constexpr Word kOperations[] = {{"bind", MS_BIND},
                                           {"rbind", MS_BIND | MS_REC},
                                           {"move", MS_MOVE},
                                           {"remount", MS_REMOUNT},
                                           {"make-private", MS_PRIVATE},
                                           {"make-rslave", MS_SLAVE | MS_REC},
                                           {"make-shared", MS_SHARED},
                                           {"make-unbindable", MS_UNBINDABLE}};
    static constexpr Word kFlags[] = {
        {"ro", MS_RDONLY},         {"nosuid", MS_NOSUID},           {"nodev", MS_NODEV},
        {"noexec", MS_NOEXEC},     {"sync", MS_SYNCHRONOUS},        {"noatime", MS_NOATIME},
        {"relatime", MS_RELATIME}, {"strictatime", MS_STRICTATIME}, {"silent", MS_SILENT}};
    uint32_t bits = 0;
    bool plain = true;
    if (random_.OneIn(2)) {
      const Word& word = kOperations[random_.Below(std::size(kOperations))];
      mount.add_flags(word.word);
      bits |= word.bits;
      plain = word.bits == MS_REMOUNT;
    }
    if (!plain) return bits;
    for (uint32_t n = random_.Below(3); n > 0; --n) {
      const Word& word = kFlags[random_.Below(std::size(kFlags))];
      if ((bits & word.bits) != 0) continue;
      mount.add_flags(word.word);
      bits |= word.bits;
    }
    return bits;
  }

  const Subject& subject_;
  KernelPolicy policy_;
  ProfileGenerator& random_;
};

// A profile that complains lets through what it reports; a denial that is not reported stays one,
// as the kernel looks at that first. What it may not execute runs under a profile that learns,
// whether that is reported or not (profile_transition in domain.c).
std::string Expected(const Question& question, bool complain) {
  const KernelAnswer& answer = question.answer;
  const bool through = complain && (answer.reported || question.event.has_exec());
  const std::string reported = answer.reported ? ", reported" : "";
  if (!answer.allowed && through) return absl::StrCat("allow", reported, ", would deny");
  return absl::StrCat(answer.allowed ? "allow" : "deny", reported);
}

std::string Got(const Verdict& verdict) {
  std::string text = verdict.outcome == Verdict::Outcome::kDeny ? "deny" : "allow";
  if (verdict.outcome == Verdict::Outcome::kNotMediated) text = "not mediated";
  return absl::StrCat(text, verdict.reported ? ", reported" : "",
                      verdict.would_deny ? ", would deny" : "");
}

// The kernel puts the names of links and mounts behind each other, with a NUL between them. What
// the AppArmor parser makes of a negated class matches this NUL, too: "/a[^/]**" also matches the
// pair of "/a" and "/b". Decide takes each name by itself, as the rules read.
bool MayCross(const Event& event, const std::string& text) {
  const bool pair = event.has_mount() || event.file().access() == FileEvent::LINK;
  return pair && absl::StrContains(text, "[^");
}

bool LacksChild(const Question& question, const Subject& subject);

class AppArmorOracleTest : public testing::Test {
 protected:
  // Profiles that both parsers take.
  std::vector<Subject> Subjects(int count, ProfileGenerator& generator) {
    std::vector<Subject> subjects(count);
    std::vector<std::string> texts;
    for (Subject& subject : subjects) {
      ProfileOptions options;
      options.avoid_conflicts = !generator.OneIn(4);
      subject.generated = generator.Profile(options);
      texts.push_back(subject.generated.text);
    }
    const std::vector<ParserVerdict> verdicts = RunAppArmorParserOnEach(texts, /*compile=*/true);
    std::vector<Subject> good;
    for (int i = 0; i < count; ++i) {
      if (absl::StartsWith(verdicts[i].messages, "MISSING")) {
        ADD_FAILURE() << verdicts[i].messages;
        return {};
      }
      if (!verdicts[i].ok || !LoadSubject(verdicts[i].binary, subjects[i])) continue;
      good.push_back(std::move(subjects[i]));
    }
    return good;
  }

  bool LoadSubject(const std::string& binary, Subject& subject) {
    auto compiled = ParseBinaryPolicy(binary);
    if (!compiled.ok()) {
      ADD_FAILURE() << compiled.status() << "\n" << subject.generated.text;
      return false;
    }
    subject.compiled = *std::move(compiled);
    AppArmorArtifact artifact;
    artifact.set_name("oracle");
    artifact.add_pieces()->set_text(subject.generated.text);
    for (const std::string& child : subject.generated.children) {
      artifact.add_children(absl::StrCat("oracle//", child));
    }
    auto simulator = AppArmorSimulator::Load(artifact, {});
    if (!simulator.ok()) {
      ADD_FAILURE() << simulator.status() << "\n" << subject.generated.text;
      return false;
    }
    subject.simulator = std::make_unique<AppArmorSimulator>(*std::move(simulator));
    return true;
  }

  void Judge(const Subject& subject, Question question, Tally& tally) {
    question.event.set_profile(subject.child);
    ++tally.asked;
    const absl::StatusOr<Verdict> verdict = subject.simulator->Decide(question.event);
    if (verdict.ok() && verdict->outcome == Verdict::Outcome::kUnknown) {
      ++tally.unknown;
      ++unknown_[verdict->reason];
      return;
    }
    std::string expected = Expected(question, subject.binary().mode == 1);
    if (question.answer.allowed && LacksChild(question, subject)) {
      expected = "deny, reported";
      question.exec_mode.clear();
    }
    const std::string got = verdict.ok() ? Got(*verdict) : verdict.status().ToString();
    if (got == expected && (!verdict.ok() || ExecAgrees(question, *verdict))) return;
    if (MayCross(question.event, subject.generated.text)) {
      ++tally.crossed;
      return;
    }
    if (++tally.differ > 10) return;
    ADD_FAILURE() << "the kernel: " << expected << " " << question.exec_mode << "\nDecide: " << got
                  << (verdict.ok() ? absl::StrCat(" (", verdict->effect, ") ", verdict->reason)
                                   : "")
                  << "\n"
                  << question.event.ShortDebugString() << "\n"
                  << subject.generated.text;
  }

  // Whether the effect says what the transition does.
  static bool ExecAgrees(const Question& question, const Verdict& verdict);

  void PrintUnknown() const {
    for (const auto& [reason, count] : unknown_) {
      std::cout << "  unknown " << count << " times: " << reason << "\n";
    }
  }

  std::map<std::string, int> unknown_;
};

// No child of generated profiles attaches to a path.
bool AppArmorOracleTest::ExecAgrees(const Question& question, const Verdict& verdict) {
  const std::string& mode = question.exec_mode;
  if (mode.empty() || verdict.would_deny) return true;
  const std::string lower = absl::AsciiStrToLower(mode.substr(0, mode.find(' ')));
  const size_t arrow = mode.find(" -> ");
  const std::string fallback = lower[1] == 'i' ? "the same profile" : "unconfined";
  if (lower[0] == 'c') {
    return verdict.effect == (lower[1] == 'i' ? "runs under the same profile" : "runs unconfined");
  }
  std::string want = "runs under the same profile";
  if (lower == "ux") want = "runs unconfined";
  if (lower[0] == 'p') want = "runs under the profile that attaches to it";
  if (arrow != std::string::npos) want = absl::StrCat("runs under ", mode.substr(arrow + 4));
  if (lower.size() == 3 && verdict.effect != want) absl::StrAppend(&want, ", else ", fallback);
  return verdict.effect == want;
}

// Where a rule allows an exec whose child does not exist, and says nothing else.
bool LacksChild(const Question& question, const Subject& subject) {
  const std::string& mode = question.exec_mode;
  const std::string lower = absl::AsciiStrToLower(mode.substr(0, mode.find(' ')));
  if (lower == "cx") return true;
  const size_t arrow = mode.find(" -> ");
  if (lower != "px" || arrow == std::string::npos) return false;
  const std::string target = mode.substr(arrow + 4);
  return absl::StartsWith(target, subject.binary().name + "//") &&
         std::none_of(subject.compiled.begin(), subject.compiled.end(),
                      [&](const BinaryProfile& one) { return one.name == target; });
}

TEST_F(AppArmorOracleTest, DecidesAsTheKernelDoes) {
  const int wanted = Number("VARMOR_ORACLE_TRIPLES", 100000);
  constexpr int kPerProfile = 200;
  constexpr int kOthersPerProfile = 60;
  constexpr int kBatch = 100;
  ProfileGenerator generator(Number("VARMOR_ORACLE_SEED", 3));
  Tally files;
  Tally others;
  int profiles = 0;
  while (files.asked < wanted && !HasFatalFailure()) {
    std::vector<Subject> subjects = Subjects(kBatch, generator);
    ASSERT_FALSE(subjects.empty());
    for (Subject& subject : subjects) {
      if (files.asked >= wanted) break;
      ++profiles;
      for (int i = 0; i < kPerProfile + kOthersPerProfile; ++i) {
        const std::vector<std::string>& children = subject.generated.children;
        subject.child = children.empty() || generator.OneIn(2) ? "" : generator.Pick(children);
        Asker asker(subject, generator);
        if (i < kPerProfile) {
          Judge(subject, asker.File(), files);
        } else {
          Judge(subject, asker.Other(), others);
        }
      }
    }
  }
  std::cout << files.asked << " triples over " << profiles << " profiles: " << files.differ
            << " differ, " << files.unknown << " unknown; " << others.asked
            << " other events: " << others.differ << " differ, " << others.unknown << " unknown; "
            << files.crossed + others.crossed
            << " differ where a negated class crosses two names\n";
  PrintUnknown();
  // Rare, or something else is wrong as well.
  EXPECT_LT(files.crossed + others.crossed, 1 + files.asked / 2000);
  EXPECT_EQ(files.differ + others.differ, 0);
}

}  // namespace
}  // namespace varmor
