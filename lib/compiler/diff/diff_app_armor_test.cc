#include "lib/compiler/diff/diff_app_armor.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "lib/compiler/apparmor/testing/profile_generator.h"
#include "lib/compiler/simulate/decide_app_armor.h"
#include "lib/compiler/simulate/event_text.h"

namespace varmor {
namespace {

AppArmorArtifact Artifact(const std::string& text, const std::string& name = "oracle") {
  AppArmorArtifact artifact;
  artifact.set_name(name);
  artifact.add_pieces()->set_text(text);
  return artifact;
}

AppArmorArtifact WithRules(const std::string& rules, const std::string& name = "oracle") {
  return Artifact(absl::StrCat("profile ", name, " {\n", rules, "\n}\n"), name);
}

DiffResult Compare(const AppArmorArtifact* before, const AppArmorArtifact* after) {
  DiffResult result;
  const absl::Status status = DiffAppArmor(before, after, {}, result);
  EXPECT_TRUE(status.ok()) << status;
  return result;
}

std::string KindName(Change::Kind kind) {
  if (kind == Change::Kind::kNewlyDenied) return "denied";
  return kind == Change::Kind::kNewlyAllowed ? "allowed" : "audit";
}

// "denied read /etc/** (read /etc/a)" per change, then what is undecided.
std::string Text(const DiffResult& result) {
  std::vector<std::string> lines;
  for (const Change& change : result.changes) {
    lines.push_back(absl::StrCat(KindName(change.kind), " ", change.what, " (",
                                 EventText(change.example), ")"));
  }
  for (const std::string& line : result.undecided) lines.push_back(line);
  return absl::StrJoin(lines, "\n");
}

struct DiffCase {
  const char* before;
  const char* after;
  const char* want;
};

constexpr DiffCase kCases[] = {
    // The same, in other words.
    {"/a rw,", "/a w, /a r,", ""},
    {"/{a,b} r,", "/a r, /b r,", ""},
    {"/etc/** r, /etc/x r,", "/etc/** r,", ""},
    {"/a r,", "/a r, deny /b w,", "audit write /b (write /b)"},
    // Of what is decided otherwise, the shortest path.
    {"/etc/** r,", "/etc/* r,", "denied read /etc/** (read /etc/a/)"},
    {"/etc/* r,", "/etc/** r,", "allowed read /etc/** (read /etc/a/)"},
    {"/** rw,", "/** rw, deny /etc/** w,", "denied write /etc/** (write /etc/a)"},
    {"/** rw, deny /etc/** w,", "/** rw, audit deny /etc/** w,",
     "audit write /etc/** (write /etc/a)"},
    {"/a r,", "audit /a r,", "audit read /a (read /a)"},
    {"/[a-c] r,", "/[a-b] r,", "denied read /[a-c] (read /c)"},
    {"capability chown,", "capability kill,",
     "denied capability chown (capability chown)\nallowed capability kill (capability kill)"},
    {"capability,", "capability, deny capability chown, deny capability kill,",
     "denied capability chown (capability chown)\ndenied capability kill (capability kill)"},
    {"network inet stream,", "network inet stream, network inet dgram,",
     "allowed socket inet dgram (socket inet dgram)"},
    {"ptrace read peer=a,", "ptrace read peer=b,",
     "denied ptrace read a (ptrace read of a)\nallowed ptrace read b (ptrace read of b)"},
    {"umount /a/,", "umount /{a,b}/,", "allowed umount /b/ (umount /b/)"},
    {"set rlimit nofile <= 5,", "set rlimit nofile <= 6,",
     "AppArmor: rlimits differ, and how is not compared"},
    {"dbus,", "dbus,", ""},
};

TEST(DiffAppArmorTest, FindsWhatChangesWithTheShortestExample) {
  for (const DiffCase& c : kCases) {
    const AppArmorArtifact before = WithRules(c.before);
    const AppArmorArtifact after = WithRules(c.after);
    EXPECT_EQ(Text(Compare(&before, &after)), c.want) << c.before << "  ->  " << c.after;
  }
}

TEST(DiffAppArmorTest, TakesNoProfileForOneThatAllowsEverything) {
  const AppArmorArtifact all = WithRules(
      "file,\ncapability,\nnetwork,\nmount,\nremount,\numount,\npivot_root,\nptrace,\nsignal,\n"
      "dbus,\nunix,\ndeny /etc/shadow r,");
  // A link must not give more than the file's own name does: that follows from the denial.
  EXPECT_EQ(Text(Compare(nullptr, &all)),
            "denied read /etc/shadow (read /etc/shadow)\n"
            "denied link /a to /etc/shadow (link /etc/shadow to /a own file)");
  EXPECT_EQ(Text(Compare(&all, nullptr)),
            "allowed read /etc/shadow (read /etc/shadow)\n"
            "allowed link /a to /etc/shadow (link /etc/shadow to /a own file)");
}

TEST(DiffAppArmorTest, ComparesProfilesOfOtherNamesAsIfTheyHadOne) {
  const AppArmorArtifact before = WithRules("ptrace peer=web,\nsignal peer=web//x,", "web");
  const AppArmorArtifact after = WithRules("ptrace peer=shop,\nsignal peer=shop//x,", "shop");
  EXPECT_EQ(Text(Compare(&before, &after)), "");
}

TEST(DiffAppArmorTest, ComparesChildrenByName) {
  const AppArmorArtifact before = WithRules("/x cx -> c,\nprofile c { /a r, }");
  const AppArmorArtifact after = WithRules("/x cx -> c,\nprofile c { /a w, }");
  const DiffResult result = Compare(&before, &after);
  ASSERT_EQ(result.changes.size(), 2u) << Text(result);
  EXPECT_EQ(result.changes[0].what, "read /a in c");
  EXPECT_EQ(result.changes[0].example.profile(), "c");
  EXPECT_EQ(result.changes[1].what, "write /a in c");
}

TEST(DiffAppArmorTest, SaysThatAChildExistsOnOneSideOnly) {
  const AppArmorArtifact before = WithRules("/x px,");
  const AppArmorArtifact after = WithRules("/x px,\nprofile c { /a w, }");
  const DiffResult result = Compare(&before, &after);
  EXPECT_FALSE(result.same());
  EXPECT_EQ(result.undecided,
            std::vector<std::string>{"AppArmor: child profile c exists only after, and what runs "
                                     "under it is not compared"});
}

TEST(DiffAppArmorTest, NamesThePatternsThatAreTooMuchWork) {
  // Each doubles the states; all of them live at once.
  const AppArmorArtifact before = WithRules("/**a???????????????????? r,");
  const AppArmorArtifact after = WithRules("/**b???????????????????? r,");
  const DiffResult result = Compare(&before, &after);
  EXPECT_FALSE(result.same());
  ASSERT_FALSE(result.undecided.empty());
  EXPECT_TRUE(absl::StartsWith(result.undecided[0], "AppArmor: file rules: too much work"))
      << result.undecided[0];
}

TEST(DiffAppArmorTest, FindsNoDifferenceBetweenAProfileAndItself) {
  int profiles = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("testdata/compile")) {
    if (entry.path().extension() != ".apparmor") continue;
    ++profiles;
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const AppArmorArtifact artifact = Artifact(text, entry.path().stem());
    EXPECT_EQ(Text(Compare(&artifact, &artifact)), "") << entry.path();
  }
  EXPECT_GT(profiles, 20);
}

// ---- random pairs

// Another profile: a line is gone, comes from elsewhere, or has another qualifier.
std::string Changed(const std::string& text, ProfileGenerator& generator) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (uint32_t n = 1 + generator.Below(2); n > 0; --n) {
    const size_t at = generator.Below(static_cast<uint32_t>(lines.size()));
    const bool rule = absl::StartsWith(lines[at], "  ") && absl::EndsWith(lines[at], ",");
    if (!rule) continue;
    if (generator.OneIn(2)) {
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (absl::StrContains(lines[at], "audit ")) {
      lines[at].erase(lines[at].find("audit "), 6);
    } else {
      lines[at].insert(2, "audit ");
    }
  }
  return absl::StrJoin(lines, "\n");
}

Event RandomEvent(const std::vector<std::string>& patterns, ProfileGenerator& random) {
  Event event;
  const auto ownership = random.OneIn(2) ? FileEvent::OWN : FileEvent::FOREIGN;
  const std::string path = random.PathNear(patterns);
  switch (random.Below(10)) {
    case 0:
      event.mutable_exec()->set_path(path);
      event.mutable_exec()->set_ownership(ownership);
      return event;
    case 1:
      event.mutable_file()->set_access(FileEvent::LINK);
      event.mutable_file()->set_path(path);
      event.mutable_file()->set_old_path(random.PathNear(patterns));
      event.mutable_file()->set_ownership(ownership);
      return event;
    case 2:
      event.mutable_socket()->set_domain(random.Pick({"inet", "inet6", "netlink", "packet"}));
      event.mutable_socket()->set_type(random.Pick({"stream", "dgram", "raw", "seqpacket"}));
      return event;
    // Of processes under the profile itself both sides are asked: two changes in one.
    case 3:
      event.mutable_ptrace()->set_permission(random.Pick({"trace", "read", "traceby", "readby"}));
      event.mutable_ptrace()->set_peer(
          random.Pick({"foo", "bar", "oracle//x", "a b", "/usr/bin/x"}));
      return event;
    case 4:
      event.mutable_signal()->set_signal(random.Pick({"kill", "hup", "exists", "rtmin+3"}));
      event.mutable_signal()->set_access(random.Pick({"send", "receive"}));
      event.mutable_signal()->set_peer(random.Pick({"foo", "unconfined", "oracle//x", "x"}));
      return event;
    case 5: {
      MountEvent& mount = *event.mutable_mount();
      mount.set_target(path);
      const std::string flag = random.Pick({"umount", "bind", "remount", "ro", "nosuid", "move"});
      if (!random.OneIn(4)) mount.add_flags(flag);
      if (flag != "umount") mount.set_source(random.PathNear(patterns));
      mount.set_fstype(random.Pick({"proc", "tmpfs", "ext4"}));
      return event;
    }
    case 6:
      event.set_capability(random.Pick({"chown", "kill", "net_raw", "bpf", "setuid", "mknod"}));
      return event;
    default:
      event.mutable_file()->set_path(path);
      event.mutable_file()->set_ownership(ownership);
      event.mutable_file()->set_access(random.OneIn(2) ? FileEvent::READ : FileEvent::WRITE);
      if (random.OneIn(4)) event.mutable_file()->set_access(FileEvent::MAP_EXECUTABLE);
      return event;
  }
}

bool IsResolved(absl::string_view path) {
  const std::string text = absl::StrCat(path, "/");
  return !absl::StrContains(text, "/./") && !absl::StrContains(text, "/../") &&
         !absl::StrContains(path, "//");
}

// There are no links to directories.
bool IsResolved(const Event& event) {
  const bool link = event.file().access() == FileEvent::LINK;
  if (link &&
      (absl::EndsWith(event.file().path(), "/") || absl::EndsWith(event.file().old_path(), "/"))) {
    return false;
  }
  return IsResolved(event.file().path()) && IsResolved(event.file().old_path()) &&
         IsResolved(event.exec().path()) && IsResolved(event.mount().target()) &&
         IsResolved(event.mount().source());
}

std::string Words(const Verdict& verdict) {
  std::string text = absl::StrCat(VerdictWord(verdict), verdict.would_deny ? " complaining" : "",
                                  " ", verdict.effect, ":");
  for (const ResponsibleRule& rule : verdict.rules) absl::StrAppend(&text, rule.origin.text(), ";");
  return text;
}

bool Differ(const Verdict& a, const Verdict& b) {
  return a.outcome != b.outcome || a.reported != b.reported || a.would_deny != b.would_deny ||
         a.effect != b.effect;
}

TEST(DiffAppArmorTest, MissesNothingThatRandomEventsShow) {
  ProfileGenerator generator(11);
  int differences = 0;
  int changes = 0;
  int undecided = 0;
  for (int round = 0; round < 400; ++round) {
    ProfileOptions options;
    options.max_rules = 8;
    const GeneratedProfile profile = generator.Profile(options);
    const AppArmorArtifact before = Artifact(profile.text);
    const AppArmorArtifact after = Artifact(Changed(profile.text, generator));
    const auto left = AppArmorSimulator::Load(before, {});
    const auto right = AppArmorSimulator::Load(after, {});
    if (!left.ok() || !right.ok()) continue;  // the generator writes what no parser takes
    const DiffResult result = Compare(&before, &after);
    std::set<std::string> told;
    for (const Change& change : result.changes) {
      ++changes;
      const auto a = left->Decide(change.example);
      const auto b = right->Decide(change.example);
      ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
      EXPECT_TRUE(Differ(*a, *b)) << change.what;
      EXPECT_EQ(Words(*a), Words(change.before));
      EXPECT_EQ(Words(*b), Words(change.after));
      told.insert(absl::StrCat(Words(change.before), "->", Words(change.after)));
    }
    if (!result.undecided.empty()) {
      ++undecided;
      continue;
    }
    for (int i = 0; i < 300; ++i) {
      const Event event = RandomEvent(profile.patterns, generator);
      if (!IsResolved(event)) continue;
      const auto a = left->Decide(event);
      const auto b = right->Decide(event);
      ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
      if (!Differ(*a, *b)) continue;
      ++differences;
      EXPECT_EQ(told.count(absl::StrCat(Words(*a), "->", Words(*b))), 1u)
          << event.ShortDebugString() << "\n"
          << Words(*a) << " -> " << Words(*b) << "\n"
          << before.pieces(0).text() << "became\n"
          << after.pieces(0).text() << Text(result);
    }
  }
  std::cout << changes << " changes; " << differences
            << " random events judged otherwise, each told; " << undecided
            << " of 400 pairs undecided in part\n";
  EXPECT_GT(changes, 200);
  EXPECT_GT(differences, 200);
}

}  // namespace
}  // namespace varmor
