#include "runtime/agent/agent.h"

#include <malloc.h>

#include <memory>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "lib/enforcers/testing/temporary_directory.h"
#include "runtime/agent/testing/fake_node_kernel.h"
#include "runtime/container/testing/fake_container_runtime.h"

namespace varmor {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr char kWeb[] = "varmor-shop-web";

// A policy about containers named "web".
AgentPolicy Policy(const std::string& content, const std::set<EnforcerKind>& enforcers,
                   const std::string& profile = kWeb) {
  AgentPolicy policy;
  policy.source = "web.yaml";
  policy.identity = {"VarmorPolicy", "web", "shop"};
  policy.profile_namespace = "shop";
  policy.profile = profile;
  policy.target.set_kind("Pod");
  policy.target.set_name("web");
  ArmorProfileArtifacts artifacts;
  if (enforcers.count(EnforcerKind::kAppArmor) > 0) {
    artifacts.mutable_app_armor()->set_name(profile);
    artifacts.mutable_app_armor()->add_pieces()->set_text(content);
  }
  if (enforcers.count(EnforcerKind::kBpf) > 0) {
    artifacts.mutable_bpf()->set_name(profile);
    artifacts.mutable_bpf()->set_digest(content);
  }
  if (enforcers.count(EnforcerKind::kSeccomp) > 0) {
    artifacts.mutable_seccomp()->set_name(profile);
    artifacts.mutable_seccomp()->set_json(content);
  }
  policy.artifacts = PackedArtifacts(artifacts);
  return policy;
}

const std::set<EnforcerKind> kAll(std::begin(kEnforcerKinds), std::end(kEnforcerKinds));

class AgentTest : public ::testing::Test {
 protected:
  AgentTest() { Restart(); }

  // Another agent on the same node.
  void Restart() { agent_ = absl::make_unique<Agent>(options_, runtime_, kernel_, auditor_, log_); }
  void StartWith(std::vector<AgentPolicy> policies) {
    ASSERT_EQ(agent_->Start(), absl::OkStatus());
    agent_->SetPolicies(std::move(policies), {}, true);
    ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  }

  Container Web(const std::string& id, pid_t pid, bool waits = false) {
    Container container;
    container.id = {"default", id};
    container.name = "web";
    container.pid = pid;
    ProcessFacts facts;
    facts.cgroup = static_cast<uint64_t>(pid) + 1000;
    facts.cgroup_path = "/default/" + id;
    facts.mount_namespace = 1;
    facts.waits = waits;
    facts.app_armor_label = "unconfined";
    kernel_.processes[pid] = facts;
    return container;
  }
  // A container that is started while the agent runs.
  void Run(const std::string& id, pid_t pid, bool late = false) {
    runtime_.PutSilently(Web(id, pid, !late));
    Event(ContainerEvent::Kind::kCreated, id, pid);
  }
  void Event(ContainerEvent::Kind kind, const std::string& id, pid_t pid = 0) {
    ContainerEvent event;
    event.kind = kind;
    event.id = {"default", id};
    event.pid = pid;
    event.time = absl::Now();
    agent_->OnEvent(event);
  }
  void Exit(const std::string& id, pid_t pid) {
    kernel_.processes.erase(pid);
    Event(ContainerEvent::Kind::kExited, id, pid);
  }
  std::vector<std::string> Done() { return std::exchange(kernel_.done, {}); }
  PolicyStatus TheStatus() { return agent_->Policies().at(0); }
  ContainerStatus StatusOf(const std::string& id) {
    for (const ContainerStatus& one : agent_->Status().containers) {
      if (one.id.id == id) return one;
    }
    return {};
  }

  TemporaryDirectory directory_;
  AgentOptions options_;
  FakeContainerRuntime runtime_;
  FakeNodeKernel kernel_;
  ViolationLogOptions NoFile() {
    ViolationLogOptions options;
    options.path.clear();
    return options;
  }
  ViolationLog violation_log_{NoFile()};
  ViolationAuditor auditor_{{}, violation_log_};
  // The first lines of the log.
  std::vector<std::string> said_;
  Logger log_{LoggerOptions(), [this](const std::string& line) {
                if (said_.size() < 50) said_.push_back(line);
              }};
  std::unique_ptr<Agent> agent_;
};

TEST_F(AgentTest, NoEnforcerIsARefusal) {
  kernel_.missing = kAll;
  const absl::Status status = agent_->Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(HasSubstr("AppArmor: this kernel has none"),
                               HasSubstr("BPF: this kernel has none")));
}

TEST_F(AgentTest, AContainerFromBeforeAndOneFromAfter) {
  runtime_.PutSilently(Web("old", 10));
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  EXPECT_THAT(Done(), ElementsAre("start AppArmor", "start BPF", "start Seccomp",
                                  "apply BPF varmor-shop-web", "enroll 1010 in varmor-shop-web"));
  EXPECT_EQ(StatusOf("old").enrolled, "found running");
  Run("new", 11);
  EXPECT_THAT(Done(), ElementsAre("enroll 1011 in varmor-shop-web"));
  EXPECT_EQ(StatusOf("new").enrolled, "before its program");
  EXPECT_EQ(agent_->Status().enrolled_in_time, 1u);
  EXPECT_TRUE(agent_->ready());
}

// What is known when the program waits need not be asked for then.
TEST_F(AgentTest, ADefinedContainerIsConfinedWithoutAskingAgain) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Container container = Web("c", 11, true);
  container.pid = 0;
  runtime_.PutSilently(container);
  Event(ContainerEvent::Kind::kDefined, "c");
  Done();
  runtime_.Break();
  Event(ContainerEvent::Kind::kCreated, "c", 11);
  EXPECT_THAT(Done(), ElementsAre("enroll 1011 in varmor-shop-web"));
  EXPECT_EQ(StatusOf("c").enrolled, "before its program");
}

TEST_F(AgentTest, ALateEnrolmentIsMeasuredAndTold) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Run("late", 11, true);
  EXPECT_THAT(StatusOf("late").enrolled, HasSubstr("after its creation"));
  EXPECT_EQ(agent_->Status().enrolled_late, 1u);
  EXPECT_EQ(agent_->Status().enrol_seconds.count(), 1u);
}

TEST_F(AgentTest, ContainersWaitForTheirPolicy) {
  StartWith({});
  Run("early", 11);
  Done();
  agent_->SetPolicies({Policy("1", {EnforcerKind::kBpf})}, {}, true);
  EXPECT_THAT(Done(), ElementsAre("apply BPF varmor-shop-web", "enroll 1011 in varmor-shop-web"));
}

TEST_F(AgentTest, AContainerThatEndsIsWithdrawn) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Run("c", 11);
  Done();
  Exit("c", 11);
  EXPECT_THAT(Done(), ElementsAre("withdraw 1011"));
  Event(ContainerEvent::Kind::kDeleted, "c");
  EXPECT_THAT(agent_->Status().containers, IsEmpty());
  Run("c", 12);
  EXPECT_THAT(Done(), ElementsAre("enroll 1012 in varmor-shop-web"));
}

TEST_F(AgentTest, AChangedPolicyIsReplacedForRunningContainers) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Run("c", 11);
  Done();
  agent_->SetPolicies({Policy("2", {EnforcerKind::kBpf})}, {}, true);
  EXPECT_THAT(Done(), ElementsAre("apply BPF varmor-shop-web"));
  EXPECT_EQ(TheStatus().state, "enforced");
}

TEST_F(AgentTest, APolicyThatGoesIsRetiredAndThenRemoved) {
  StartWith({Policy("1", kAll)});
  Run("c", 11);
  Done();
  agent_->SetPolicies({}, {}, true);
  EXPECT_THAT(Done(), ElementsAre("withdraw 1011", "retire AppArmor varmor-shop-web",
                                  "retire Seccomp varmor-shop-web", "remove BPF varmor-shop-web"));
  Exit("c", 11);
  EXPECT_THAT(Done(), IsEmpty());
  Event(ContainerEvent::Kind::kDeleted, "c");
  EXPECT_THAT(Done(),
              ElementsAre("remove AppArmor varmor-shop-web", "remove Seccomp varmor-shop-web"));
}

TEST_F(AgentTest, NothingGoesWhileSomethingIsNotKnown) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Run("c", 11);
  Done();
  Restart();
  ASSERT_EQ(agent_->Start(), absl::OkStatus());
  EXPECT_FALSE(agent_->ready());
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_THAT(Done(), Not(Contains(HasSubstr("withdraw"))));
  agent_->SetPolicies({}, {{"web.yaml", "web.yaml: nonsense"}}, false);
  EXPECT_THAT(Done(), IsEmpty());
  EXPECT_EQ(kernel_.subjects.count(1011), 1u);
  agent_->SetPolicies({}, {}, true);
  EXPECT_THAT(Done(), ElementsAre("withdraw 1011", "remove BPF varmor-shop-web"));
}

TEST_F(AgentTest, ARestartTakesOverWhatIsThere) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Run("stays", 11);
  Run("goes", 12);
  Done();
  runtime_.DeleteSilently({"default", "goes"});
  kernel_.processes.erase(12);
  kernel_.subjects[1012].cgroup_exists = false;
  for (auto& [key, profile] : kernel_.profiles) profile.digest.clear();  // another process
  Restart();
  ASSERT_EQ(agent_->Start(), absl::OkStatus());
  agent_->SetPolicies({Policy("1", {EnforcerKind::kBpf})}, {}, true);
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_THAT(Done(), ElementsAre("start AppArmor", "start BPF", "start Seccomp",
                                  "apply BPF varmor-shop-web", "withdraw 1012"));
  EXPECT_EQ(kernel_.subjects.at(1011).profile, kWeb);
}

TEST_F(AgentTest, TamperingIsRepairedAndCounted) {
  StartWith({Policy("1", {EnforcerKind::kAppArmor})});
  Done();
  LoadedProfile& loaded = kernel_.profiles[{EnforcerKind::kAppArmor, kWeb}];
  loaded.intact = false;
  loaded.problem = "the kernel's hash is another";
  agent_->Check();
  EXPECT_THAT(Done(), ElementsAre("apply AppArmor varmor-shop-web"));
  EXPECT_EQ(agent_->Status().tampered[EnforcerKind::kAppArmor], 1u);
  kernel_.profiles.clear();
  agent_->Check();
  EXPECT_THAT(Done(), ElementsAre("apply AppArmor varmor-shop-web"));
  EXPECT_EQ(agent_->Status().tampered[EnforcerKind::kAppArmor], 2u);
  agent_->Check();
  EXPECT_THAT(Done(), IsEmpty());
}

TEST_F(AgentTest, DetachedProgramsAreStartedAgain) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Run("c", 11);
  Done();
  kernel_.detached = absl::FailedPreconditionError("program file_open is not attached any more");
  kernel_.profiles.clear();
  kernel_.subjects.clear();
  agent_->Check();
  EXPECT_THAT(Done(), ElementsAre("start BPF", "apply BPF varmor-shop-web",
                                  "enroll 1011 in varmor-shop-web"));
  EXPECT_EQ(agent_->bpf_starts(), 2);
  EXPECT_GE(agent_->Status().tampered[EnforcerKind::kBpf], 1u);
}

TEST_F(AgentTest, WhatIsMissingIsSaidAndTheRestIsApplied) {
  kernel_.missing = {EnforcerKind::kBpf};
  StartWith({Policy("1", kAll)});
  const PolicyStatus status = TheStatus();
  EXPECT_EQ(status.state, "failed");
  EXPECT_EQ(status.message, "unsupported: BPF: this kernel has none");
  EXPECT_EQ(status.enforcers.at("AppArmor"), "ok");
  EXPECT_EQ(status.enforcers.at("Seccomp"), "ok");
}

// Each enforcer gets what there is for it in as few calls as the bound on memory allows; what is
// wrong with one profile is that one's problem.
TEST_F(AgentTest, ManyProfilesAreGivenAtOnce) {
  std::vector<AgentPolicy> policies;
  for (int i = 0; i < 20; ++i) {
    policies.push_back(Policy("1", kAll, absl::StrCat("varmor-shop-p", i)));
  }
  kernel_.refusals[{EnforcerKind::kAppArmor, "varmor-shop-p7"}] =
      absl::InvalidArgumentError("line 7 is wrong");
  StartWith(policies);
  for (const EnforcerKind kind : kEnforcerKinds) {
    EXPECT_EQ(kernel_.apply_calls[kind], 2) << EnforcerName(kind);
    EXPECT_EQ(agent_->Status().apply_seconds[kind].count(), 2u) << EnforcerName(kind);
  }
  EXPECT_THAT(kernel_.profiles, SizeIs(59));
  for (const PolicyStatus& status : agent_->Policies()) {
    EXPECT_EQ(status.message,
              status.profile == "varmor-shop-p7" ? "AppArmor: line 7 is wrong" : "Ready");
  }
  agent_->Check();
  EXPECT_EQ(kernel_.apply_calls[EnforcerKind::kBpf], 2);
}

// A kernel that gets what it lacked.
TEST_F(AgentTest, AnEnforcerThatBecomesAvailableIsUsed) {
  kernel_.missing = {EnforcerKind::kBpf};
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Run("c", 11);
  kernel_.missing.clear();
  Done();
  agent_->Check();
  EXPECT_THAT(Done(), ElementsAre("start BPF", "apply BPF varmor-shop-web",
                                  "enroll 1011 in varmor-shop-web"));
}

TEST_F(AgentTest, FailuresAreToldAndTriedAgain) {
  kernel_.refusals[{EnforcerKind::kAppArmor, kWeb}] = absl::InvalidArgumentError("line 7 is wrong");
  StartWith({Policy("1", {EnforcerKind::kAppArmor, EnforcerKind::kSeccomp})});
  EXPECT_EQ(TheStatus().state, "failed");
  EXPECT_EQ(TheStatus().message, "AppArmor: line 7 is wrong");
  EXPECT_EQ(TheStatus().enforcers.at("Seccomp"), "ok");
  EXPECT_LT(agent_->next_retry(), absl::Now() + absl::Seconds(2));
  kernel_.refusals.clear();
  absl::SleepFor(absl::Milliseconds(1100));
  agent_->Check();
  EXPECT_EQ(TheStatus().state, "enforced");
  EXPECT_EQ(agent_->next_retry(), absl::InfiniteFuture());
}

TEST_F(AgentTest, ContainersWithoutTheirProfilesAreTold) {
  StartWith({Policy("1", kAll)});
  Run("c", 11);
  kernel_.processes[11].waits = false;
  kernel_.processes[11].app_armor_label = "cri-containerd.apparmor.d (enforce)";
  Event(ContainerEvent::Kind::kStarted, "c", 11);
  const std::map<std::string, std::string> enforcers = StatusOf("c").enforcers;
  EXPECT_EQ(enforcers.at("AppArmor"), "it was started under cri-containerd.apparmor.d (enforce)");
  EXPECT_EQ(enforcers.at("Seccomp"), "it was started without a seccomp profile");
  EXPECT_EQ(enforcers.at("BPF"), "ok");
  kernel_.processes[11].app_armor_label = "varmor-shop-web//child_0 (enforce)";
  kernel_.processes[11].seccomp_filter = true;
  Event(ContainerEvent::Kind::kStarted, "c", 11);
  EXPECT_EQ(StatusOf("c").enforcers.at("AppArmor"), "ok");
  EXPECT_EQ(StatusOf("c").enforcers.at("Seccomp"), "ok");
}

// A program can call itself as a runtime's process is called; the runtime says that it runs.
TEST_F(AgentTest, AProgramThatLooksLikeTheRuntimeIsNoWaitingOne) {
  Container container = Web("c", 11, true);
  container.started = true;
  runtime_.PutSilently(container);
  StartWith({Policy("1", kAll)});
  const std::map<std::string, std::string> enforcers = StatusOf("c").enforcers;
  EXPECT_EQ(enforcers.at("AppArmor"), "it was started under unconfined");
  EXPECT_EQ(enforcers.at("Seccomp"), "it was started without a seccomp profile");
  // One that the list shows before it was started waits; its event is lost.
  runtime_.PutSilently(Web("d", 12, true));
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_EQ(StatusOf("d").enforcers.at("AppArmor"), "ok");
  Container started = Web("d", 12, true);
  started.started = true;
  runtime_.PutSilently(started);
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_EQ(StatusOf("d").enforcers.at("AppArmor"), "it was started under unconfined");
}

TEST_F(AgentTest, FailClosedKillsNewContainersOnly) {
  options_.fail_closed = true;
  Restart();
  kernel_.missing = {EnforcerKind::kBpf};
  runtime_.PutSilently(Web("old", 10));
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  EXPECT_THAT(kernel_.killed, IsEmpty());
  Run("new", 11);
  EXPECT_THAT(kernel_.killed, ElementsAre(11));
  EXPECT_EQ(agent_->Status().killed, 1u);
  EXPECT_THAT(StatusOf("new").problems, Contains(HasSubstr("killed")));
}

TEST_F(AgentTest, FailOpenTells) {
  kernel_.refusals[{EnforcerKind::kBpf, kWeb}] = absl::FailedPreconditionError("no room");
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Run("c", 11);
  EXPECT_THAT(kernel_.killed, IsEmpty());
  EXPECT_EQ(StatusOf("c").enforcers.at("BPF"), "no room");
}

TEST_F(AgentTest, HooksWaitForTheEnrolment) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  runtime_.PutSilently(Web("c", 11, true));
  EXPECT_EQ(agent_->EnrollNow({"default", "c"}, 11), absl::OkStatus());
  EXPECT_EQ(kernel_.subjects.count(1011), 1u);
  EXPECT_EQ(StatusOf("c").enrolled, "before its program");
  Container other = Web("o", 12);
  other.name = "other";
  runtime_.PutSilently(other);
  EXPECT_EQ(agent_->EnrollNow({"default", "o"}, 12), absl::OkStatus());
  EXPECT_EQ(agent_->EnrollNow({"default", "none"}, 13).code(), absl::StatusCode::kNotFound);
  kernel_.refusals[{EnforcerKind::kBpf, kWeb}] = absl::FailedPreconditionError("no room");
  runtime_.PutSilently(Web("d", 14, true));
  EXPECT_EQ(agent_->EnrollNow({"default", "d"}, 14).message(), "BPF: no room");
}

TEST_F(AgentTest, ARuntimeThatDoesNotTellTheProcess) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Container container = Web("c", 0);
  kernel_.processes.clear();
  runtime_.PutSilently(container);
  Event(ContainerEvent::Kind::kDefined, "c");
  EXPECT_EQ(agent_->EnrollNow({"default", "c"}, 0),
            absl::UnavailableError("its process is not known yet"));
  Run("c", 11);
  EXPECT_EQ(agent_->EnrollNow({"default", "c"}, 0), absl::OkStatus());
  EXPECT_EQ(kernel_.subjects.count(1011), 1u);
}

// What the cluster's network needs starts without policies; what names a profile waits for them.
TEST_F(AgentTest, InTheClusterOnlyContainersWithAProfileWaitForPolicies) {
  options_.in_cluster = true;
  Restart();
  Container container = Web("c", 11, true);
  container.pod.annotations["container.bpf.security.beta.varmor.org/web"] =
      "localhost/varmor-shop-web";
  runtime_.PutSilently(container);
  runtime_.PutSilently(Web("network", 12, true));
  ASSERT_EQ(agent_->Start(), absl::OkStatus());
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_EQ(agent_->EnrollNow({"default", "network"}, 12), absl::OkStatus());
  EXPECT_EQ(agent_->EnrollNow({"default", "c"}, 11),
            absl::UnavailableError("policies are not known yet"));
  options_.in_cluster = false;
  Restart();
  ASSERT_EQ(agent_->Start(), absl::OkStatus());
  EXPECT_EQ(agent_->EnrollNow({"default", "network"}, 12),
            absl::UnavailableError("policies are not known yet"));
}

// The runtime asks whether a container of a pod may start: it is refused, not killed. When it
// starts all the same, it is.
TEST_F(AgentTest, FailClosedLeavesHeldStartsToWhoHoldsThem) {
  options_.fail_closed = true;
  Restart();
  kernel_.missing = {EnforcerKind::kBpf};
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  agent_->SetStartsHeld(true);
  Run("outside", 10);
  EXPECT_THAT(kernel_.killed, ElementsAre(10)) << "nobody is asked about it";
  Container container = Web("c", 11, true);
  container.in_pod = true;
  container.pod.name_space = "shop";
  container.pod.name = "web";
  runtime_.PutSilently(container);
  Event(ContainerEvent::Kind::kCreated, "c", 11);
  EXPECT_EQ(agent_->EnrollNow({"default", "c"}, 11).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(kernel_.killed.count(11), 0u);
  Event(ContainerEvent::Kind::kStarted, "c", 11);
  EXPECT_EQ(kernel_.killed.count(11), 1u);
}

// Nobody holds it any more.
TEST_F(AgentTest, FailClosedKillsWhatWaitsWhenStartsAreNotHeld) {
  options_.fail_closed = true;
  Restart();
  kernel_.missing = {EnforcerKind::kBpf};
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  agent_->SetStartsHeld(true);
  Container container = Web("c", 11, true);
  container.in_pod = true;
  container.pod.name_space = "shop";
  container.pod.name = "web";
  runtime_.PutSilently(container);
  Event(ContainerEvent::Kind::kCreated, "c", 11);
  EXPECT_THAT(kernel_.killed, IsEmpty());
  agent_->SetStartsHeld(false);
  agent_->Check();
  EXPECT_THAT(kernel_.killed, ElementsAre(11));
}

TEST_F(AgentTest, InTheClusterAnnotationsDecide) {
  options_.in_cluster = true;
  Restart();
  Container container = Web("c", 11, true);
  container.in_pod = true;
  container.pod.name_space = "shop";
  container.pod.addresses = {"10.0.0.9", "10.0.0.1"};
  container.pod.annotations["container.bpf.security.beta.varmor.org/web"] =
      "localhost/varmor-shop-web";
  Container plain = Web("p", 12);
  StartWith({});
  runtime_.PutSilently(container);
  runtime_.PutSilently(plain);
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_THAT(StatusOf("c").problems, ElementsAre("profile varmor-shop-web is not on this node"));
  EXPECT_EQ(agent_->EnrollNow({"default", "c"}, 11).code(), absl::StatusCode::kUnavailable);
  agent_->SetPolicies({Policy("1", {EnforcerKind::kBpf})}, {}, true);
  EXPECT_THAT(kernel_.subjects, SizeIs(1));
  EXPECT_THAT(kernel_.subjects.at(1011).addresses, ElementsAre("10.0.0.1", "10.0.0.9"));
  EXPECT_EQ(agent_->EnrollNow({"default", "c"}, 11), absl::OkStatus());
}

// A program that may write to its cgroup file system moves its processes below the container's
// cgroup; all that is there stays confined.
TEST_F(AgentTest, AProcessThatMovesTakesNoConfinementAway) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Run("c", 11);
  Done();
  kernel_.processes[11].cgroup = 4711;
  kernel_.processes[11].cgroup_path = "/default/c/init";
  agent_->Check();
  EXPECT_THAT(Done(), IsEmpty());
  Event(ContainerEvent::Kind::kStarted, "c", 11);
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_THAT(Done(), IsEmpty());
  EXPECT_EQ(StatusOf("c").enforcers.at("BPF"), "ok");
  Exit("c", 11);
  EXPECT_THAT(Done(), ElementsAre("withdraw 1011"));
}

// A process that was seen before the runtime moved it into the container's cgroup.
TEST_F(AgentTest, TheCgroupOfTheContainersNameIsTheOne) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Run("c", 11);
  Done();
  kernel_.processes[11].cgroup = 4711;
  kernel_.processes[11].cgroup_named = true;
  agent_->Check();
  EXPECT_THAT(Done(), ElementsAre("enroll 4711 in varmor-shop-web", "withdraw 1011"));
  kernel_.processes[11].cgroup = 4712;
  agent_->Check();
  EXPECT_THAT(Done(), IsEmpty());
}

TEST_F(AgentTest, WhatCannotBeReadTakesNoConfinementAway) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Run("c", 11);
  Done();
  kernel_.process_failure = absl::InternalError("too many open files");
  agent_->Check();
  EXPECT_THAT(Done(), IsEmpty());
  EXPECT_EQ(StatusOf("c").enforcers.at("BPF"), "too many open files");
  kernel_.process_failure = absl::OkStatus();
  agent_->Check();
  EXPECT_EQ(StatusOf("c").enforcers.at("BPF"), "ok");
  EXPECT_FALSE(agent_->TakeResyncRequest());
  // The pid of another one now: the runtime is asked, and nothing is taken from it.
  kernel_.processes[11].start = 5;
  agent_->Check();
  EXPECT_THAT(Done(), IsEmpty());
  EXPECT_EQ(StatusOf("c").enforcers.at("BPF"), "its process has ended");
  EXPECT_TRUE(agent_->TakeResyncRequest());
}

TEST_F(AgentTest, ADamagedPolicyTakesNothingAway) {
  StartWith({Policy("1", kAll)});
  Run("c", 11);
  Done();
  AgentPolicy damaged = Policy("1", kAll);
  damaged.problem = "spec.profile is missing";
  damaged.damaged = true;
  agent_->SetPolicies({damaged}, {}, true);
  EXPECT_THAT(Done(), IsEmpty());
  EXPECT_EQ(TheStatus().state, "failed");
  EXPECT_EQ(TheStatus().message, "spec.profile is missing; what it said before stays in force");
  Run("new", 12);
  EXPECT_THAT(Done(), ElementsAre("enroll 1012 in varmor-shop-web"));
  // Another agent does not know what it said, but something is in force.
  damaged.artifacts = PackedArtifacts();
  Restart();
  StartWith({damaged});
  EXPECT_THAT(Done(), ElementsAre("start AppArmor", "start BPF", "start Seccomp"));
  EXPECT_EQ(TheStatus().message, "spec.profile is missing");
}

// The agent leaves profiles of such names alone, so it cannot keep one.
TEST_F(AgentTest, ANameOfARunIsRefused) {
  AgentPolicy policy = Policy("1", kAll);
  policy.profile = "varmor-shop-x-run-0123abcd";
  StartWith({policy});
  EXPECT_THAT(Done(), ElementsAre("start AppArmor", "start BPF", "start Seccomp"));
  EXPECT_EQ(TheStatus().state, "failed");
  EXPECT_THAT(TheStatus().message, HasSubstr("give the policy another name"));
}

TEST_F(AgentTest, HooksWaitForThePolicies) {
  ASSERT_EQ(agent_->Start(), absl::OkStatus());
  runtime_.PutSilently(Web("c", 11, true));
  EXPECT_EQ(agent_->EnrollNow({"default", "c"}, 11).code(), absl::StatusCode::kUnavailable);
  agent_->SetPolicies({Policy("1", {EnforcerKind::kBpf})}, {}, true);
  EXPECT_EQ(agent_->EnrollNow({"default", "c"}, 11), absl::OkStatus());
  EXPECT_EQ(kernel_.subjects.count(1011), 1u);
}

// The hook is faster than events and lists.
TEST_F(AgentTest, WhatTheHookKnewIsNotUndoneByOlderNews) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Container container = Web("c", 11, true);
  container.pid = 0;
  runtime_.PutSilently(container);
  ASSERT_EQ(agent_->EnrollNow({"default", "c"}, 11), absl::OkStatus());
  Done();
  Event(ContainerEvent::Kind::kDeleted, "c");
  Event(ContainerEvent::Kind::kDefined, "c");
  Event(ContainerEvent::Kind::kCreated, "c", 9);
  Event(ContainerEvent::Kind::kStarted, "c", 9);
  Event(ContainerEvent::Kind::kExited, "c", 9);
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_THAT(Done(), IsEmpty());
  EXPECT_EQ(kernel_.subjects.count(1011), 1u);
  // A list after the end, of which no event told.
  kernel_.processes.erase(11);
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_THAT(Done(), ElementsAre("withdraw 1011"));
}

TEST_F(AgentTest, ARuntimeThatFailsOnceIsAskedAgain) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  runtime_.Break();
  Run("c", 11);
  EXPECT_FALSE(agent_->ready());
  runtime_.Recover();
  ASSERT_TRUE(agent_->TakeResyncRequest());
  EXPECT_FALSE(agent_->TakeResyncRequest());
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_TRUE(agent_->ready());
  EXPECT_EQ(kernel_.subjects.count(1011), 1u);
}

TEST_F(AgentTest, AContainerThatCannotBeDescribedIsTold) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Run("known", 10);
  Container bad = Web("bad", 11);
  bad.problem = "its configuration is no JSON object";
  runtime_.PutSilently(bad);
  Event(ContainerEvent::Kind::kCreated, "bad", 11);
  EXPECT_TRUE(agent_->ready());
  EXPECT_THAT(StatusOf("bad").problems, ElementsAre("its configuration is no JSON object"));
  EXPECT_EQ(agent_->EnrollNow({"default", "bad"}, 11),
            absl::InvalidArgumentError("its configuration is no JSON object"));
  Container known = Web("known", 10);
  known.name = "known";
  known.problem = "its pod is gone";
  runtime_.PutSilently(known);
  Done();
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_THAT(Done(), IsEmpty());  // what was known of it stays
  EXPECT_THAT(StatusOf("known").problems, ElementsAre("its pod is gone"));
  runtime_.PutSilently(Web("bad", 11));
  agent_->Check();
  ASSERT_TRUE(agent_->TakeResyncRequest());
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_THAT(Done(), ElementsAre("enroll 1011 in varmor-shop-web"));
}

// Events were lost: the list is the first to show the container.
TEST_F(AgentTest, FailClosedJudgesWhatALaterListShows) {
  options_.fail_closed = true;
  Restart();
  kernel_.missing = {EnforcerKind::kBpf};
  runtime_.PutSilently(Web("old", 10));
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  runtime_.PutSilently(Web("new", 11));
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_THAT(kernel_.killed, ElementsAre(11));
}

TEST_F(AgentTest, FailClosedJudgesWhenTheContainerIsDescribed) {
  options_.fail_closed = true;
  Restart();
  kernel_.missing = {EnforcerKind::kBpf};
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Container container = Web("new", 11);
  container.problem = "its pod is gone";
  runtime_.PutSilently(container);
  Event(ContainerEvent::Kind::kCreated, "new", 11);
  EXPECT_THAT(kernel_.killed, IsEmpty());
  runtime_.PutSilently(Web("new", 11));
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_THAT(kernel_.killed, ElementsAre(11));
}

// Without policies nobody can say who needs one.
TEST_F(AgentTest, FailClosedJudgesWhenPoliciesAreKnown) {
  options_.fail_closed = true;
  Restart();
  kernel_.missing = {EnforcerKind::kBpf};
  ASSERT_EQ(agent_->Start(), absl::OkStatus());
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  Run("early", 11);
  EXPECT_THAT(kernel_.killed, IsEmpty());
  agent_->SetPolicies({Policy("1", {EnforcerKind::kBpf})}, {}, true);
  EXPECT_THAT(kernel_.killed, ElementsAre(11));
}

TEST_F(AgentTest, FailClosedKillsNobodyOverAPolicyThatIsGone) {
  options_.in_cluster = true;
  options_.fail_closed = true;
  options_.seen_profiles = directory_ / "state/seen-profiles";
  Restart();
  const auto pod = [this](const std::string& id, pid_t pid) {
    Container container = Web(id, pid, true);
    container.in_pod = true;
    container.pod.annotations["container.bpf.security.beta.varmor.org/web"] =
        "localhost/varmor-shop-web";
    runtime_.PutSilently(container);
  };
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  AgentPolicy going = Policy("1", {EnforcerKind::kBpf});
  going.retiring = true;
  agent_->SetPolicies({going}, {}, true);
  pod("during", 11);
  EXPECT_EQ(agent_->EnrollNow({"default", "during"}, 11), absl::OkStatus());
  agent_->SetPolicies({}, {}, true);
  pod("after", 12);
  Event(ContainerEvent::Kind::kCreated, "after", 12);
  EXPECT_THAT(kernel_.killed, IsEmpty());
  EXPECT_THAT(StatusOf("after").problems,
              ElementsAre("profile varmor-shop-web is gone: no policy has it any more"));
  // Another agent, which never had the policy itself.
  Restart();
  StartWith({});
  pod("again", 13);
  Event(ContainerEvent::Kind::kCreated, "again", 13);
  EXPECT_THAT(kernel_.killed, IsEmpty());
  agent_->SetPolicies({Policy("1", {EnforcerKind::kBpf})}, {}, true);
  EXPECT_EQ(kernel_.subjects.count(1013), 1u);
}

// The first agent of a node finds a pod that runs without its profile: that is on its way, and what
// is started until it is there is stopped.
TEST_F(AgentTest, FailClosedTakesAProfileThatWasNeverHereForOneOnItsWay) {
  options_.in_cluster = true;
  options_.fail_closed = true;
  options_.seen_profiles = directory_ / "state/seen-profiles";
  Restart();
  const auto pod = [this](const std::string& id, pid_t pid) {
    Container container = Web(id, pid, true);
    container.in_pod = true;
    container.pod.annotations["container.bpf.security.beta.varmor.org/web"] =
        "localhost/varmor-shop-web";
    runtime_.PutSilently(container);
  };
  pod("before", 10);
  StartWith({});
  EXPECT_THAT(kernel_.killed, IsEmpty());
  pod("hooked", 11);
  EXPECT_EQ(agent_->EnrollNow({"default", "hooked"}, 11).code(), absl::StatusCode::kUnavailable);
  pod("second", 12);
  Event(ContainerEvent::Kind::kCreated, "second", 12);
  EXPECT_THAT(kernel_.killed, Contains(12));
  EXPECT_EQ(kernel_.killed.count(10), 0u);
  EXPECT_EQ(FileContent(options_.seen_profiles), "(no such file)");
  agent_->SetPolicies({Policy("1", {EnforcerKind::kBpf})}, {}, true);
  EXPECT_EQ(kernel_.subjects.count(1010), 1u);
  EXPECT_EQ(FileContent(options_.seen_profiles), "varmor-shop-web\n");
  // Gone, and nobody names it any more: there is no reason to remember it.
  agent_->SetPolicies({}, {}, true);
  EXPECT_EQ(FileContent(options_.seen_profiles), "varmor-shop-web\n");
  for (const char* id : {"before", "hooked", "second"}) {
    runtime_.DeleteSilently({"default", id});
    kernel_.processes.clear();
    Event(ContainerEvent::Kind::kDeleted, id);
  }
  EXPECT_EQ(FileContent(options_.seen_profiles), "");
}

// An agent without that file, as from before there was one: what the kernel holds was here.
TEST_F(AgentTest, FailClosedKnowsAProfileThatTheKernelHolds) {
  options_.in_cluster = true;
  options_.fail_closed = true;
  Restart();
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Container container = Web("before", 10, true);
  container.in_pod = true;
  container.pod.annotations["container.bpf.security.beta.varmor.org/web"] =
      "localhost/varmor-shop-web";
  runtime_.PutSilently(container);
  Restart();
  StartWith({});
  container.id.id = "after";
  container.pid = 11;
  kernel_.processes[11] = kernel_.processes[10];
  runtime_.PutSilently(container);
  Event(ContainerEvent::Kind::kCreated, "after", 11);
  EXPECT_THAT(kernel_.killed, IsEmpty());
}

// A failure of something that is not wanted any more is not tried again for ever.
TEST_F(AgentTest, FailuresEndWithWhatTheyAreAbout) {
  kernel_.refusals[{EnforcerKind::kBpf, kWeb}] = absl::FailedPreconditionError("no room");
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  EXPECT_NE(agent_->next_retry(), absl::InfiniteFuture());
  agent_->SetPolicies({}, {}, true);
  EXPECT_EQ(agent_->next_retry(), absl::InfiniteFuture());
}

TEST_F(AgentTest, FailClosedInTheClusterNeedsTheProfile) {
  options_.in_cluster = true;
  options_.fail_closed = true;
  Restart();
  StartWith({});
  Container container = Web("c", 11, true);
  container.in_pod = true;
  container.pod.annotations["container.bpf.security.beta.varmor.org/web"] =
      "localhost/varmor-shop-web";
  runtime_.PutSilently(container);
  Event(ContainerEvent::Kind::kCreated, "c", 11);
  EXPECT_THAT(kernel_.killed, ElementsAre(11));
}

TEST_F(AgentTest, RetiringPoliciesReportWhenTheyAreGone) {
  options_.in_cluster = true;
  Restart();
  Container container = Web("c", 11);
  container.in_pod = true;
  container.pod.annotations["container.seccomp.security.beta.varmor.org/web"] =
      "localhost/varmor-shop-web";
  runtime_.PutSilently(container);
  StartWith({Policy("1", {EnforcerKind::kSeccomp})});
  AgentPolicy going = Policy("1", {EnforcerKind::kSeccomp});
  going.retiring = true;
  Done();
  agent_->SetPolicies({going}, {}, true);
  EXPECT_THAT(Done(), ElementsAre("retire Seccomp varmor-shop-web"));
  EXPECT_EQ(TheStatus().state, "retiring");
  // What is left of a pod's container is never started again.
  Exit("c", 11);
  EXPECT_THAT(Done(), ElementsAre("remove Seccomp varmor-shop-web"));
  EXPECT_EQ(TheStatus().state, "retired");
}

TEST_F(AgentTest, ReapplyGivesTheEnforcersEverythingAgain) {
  StartWith({Policy("1", kAll)});
  Done();
  agent_->Reapply("shop/varmor-shop-web");
  EXPECT_THAT(Done(), SizeIs(3));
  agent_->Reapply("shop/varmor-shop-other");
  EXPECT_THAT(Done(), IsEmpty());
}

// Nothing of a policy that goes is to be in force again, nor is what allows everything in its place
// to be given once more.
TEST_F(AgentTest, ReapplyPassesOverWhatIsGoing) {
  StartWith({Policy("1", {EnforcerKind::kSeccomp})});
  Run("c", 11);
  AgentPolicy going = Policy("1", {EnforcerKind::kSeccomp});
  going.retiring = true;
  agent_->SetPolicies({going}, {}, true);
  ASSERT_EQ(TheStatus().state, "retiring");
  Done();
  agent_->Reapply("shop/varmor-shop-web");
  EXPECT_THAT(Done(), IsEmpty());
}

TEST_F(AgentTest, ALostRuntimeForgetsNothing) {
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  Run("c", 11);
  Done();
  runtime_.Break();
  EXPECT_EQ(agent_->Resync().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Done(), IsEmpty());
  EXPECT_EQ(kernel_.subjects.count(1011), 1u);
}

// 2,000 containers start and end, twice; then nothing of them is left, and the second 2,000 need no
// memory that the first did not.
TEST_F(AgentTest, ManyContainersLeaveNothingBehind) {
  StartWith({Policy("1", kAll)});
  const auto start_and_end = [&](int round) {
    for (int i = 0; i < 2000; ++i) {
      const std::string id = absl::StrCat("round", round, "-", i);
      const pid_t pid = 10000 + i;
      Run(id, pid);
      Event(ContainerEvent::Kind::kStarted, id, pid);
      if (i % 3 == 0) Exit(id, pid);
      kernel_.processes.erase(pid);
      runtime_.DeleteSilently({"default", id});
      Event(ContainerEvent::Kind::kDeleted, id);
      if (i % 100 == 0) kernel_.done.clear();
    }
    Done();
    auditor_.Summarise(absl::Now() + absl::Minutes(2));
    EXPECT_THAT(kernel_.subjects, IsEmpty());
    EXPECT_THAT(agent_->Status().containers, IsEmpty());
    EXPECT_EQ(auditor_.containers(), 0u);
  };
  start_and_end(1);
  const size_t after_the_first = mallinfo2().uordblks;
  start_and_end(2);
  EXPECT_LT(mallinfo2().uordblks, after_the_first + (64 << 10));
  EXPECT_EQ(agent_->Status().containers_seen, 4000u);
  EXPECT_EQ(agent_->Status().enrol_seconds.count(), 4000u);
}

TEST_F(AgentTest, StatusIsReadable) {
  kernel_.missing = {EnforcerKind::kAppArmor};
  runtime_.PutSilently(Web("c", 11));
  StartWith({Policy("1", kAll)});
  const AgentStatus status = agent_->Status();
  const std::string text = AgentStatusText(AgentStatusJson(status));
  EXPECT_THAT(text, HasSubstr("AppArmor: NOT AVAILABLE: this kernel has none\n"));
  EXPECT_THAT(text, HasSubstr("  varmor-shop-web (web.yaml): failed, 1 containers,"));
  EXPECT_THAT(text, HasSubstr("  default/c web: varmor-shop-web AppArmor=unsupported"));
  const std::string metrics = AgentMetricsText(status);
  EXPECT_THAT(metrics, HasSubstr("varmor_profiles{enforcer=\"BPF\",state=\"ok\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("varmor_profile_apply_seconds_count{enforcer=\"BPF\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("varmor_protected_containers{enforcer=\"BPF\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("varmor_agent_memory_bytes{part=\"all\"} "));
}

TEST_F(AgentTest, StatusSaysHowNriIsTaken) {
  AgentStatus status = agent_->Status();
  const auto text = [&] { return AgentStatusText(AgentStatusJson(status)); };
  EXPECT_THAT(text(), HasSubstr("\nNRI: not used\n"));
  status.nri_used = true;
  EXPECT_THAT(text(), HasSubstr("\nNRI: not registered; starts: 0 ready, 0 unconfined, 0 refused"));
  status.nri.problem = "cannot reach it";
  status.nri.fix = "switch it on";
  EXPECT_THAT(text(), HasSubstr("\nNRI: not registered: cannot reach it; starts: 0 ready, 0 "
                                "unconfined, 0 refused\n  fix: switch it on\n"));
  EXPECT_THAT(AgentMetricsText(status), HasSubstr("\nvarmor_nri_registered 0\n"));
  status.nri = NriState();
  status.nri.registered = true;
  status.nri.runtime = "containerd 1.7.24";
  status.starts = {3, 2, 1};
  EXPECT_THAT(text(), HasSubstr("\nNRI: registered with containerd 1.7.24; starts: 3 ready, 2 "
                                "unconfined, 1 refused\n"));
  const std::string metrics = AgentMetricsText(status);
  EXPECT_THAT(metrics, HasSubstr("\nvarmor_nri_registered 1\n"));
  EXPECT_THAT(metrics, HasSubstr("varmor_nri_starts_total{result=\"ready\"} 3\n"));
  EXPECT_THAT(metrics, HasSubstr("varmor_nri_starts_total{result=\"unconfined\"} 2\n"));
  EXPECT_THAT(metrics, HasSubstr("varmor_nri_starts_total{result=\"refused\"} 1\n"));
  EXPECT_THAT(AgentTroubles(AgentStatusJson(status)), ElementsAre(HasSubstr("not known")))
      << "an agent that has only begun";
}

TEST_F(AgentTest, StatusTellsFirstWhatIsWrong) {
  runtime_.PutSilently(Web("c", 11));
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  const auto second_line = [&](const AgentStatus& status) {
    const std::vector<std::string> lines =
        absl::StrSplit(AgentStatusText(AgentStatusJson(status)), '\n');
    return lines[1];
  };
  EXPECT_EQ(second_line(agent_->Status()), "NOT READY: the container runtime is not watched");
  agent_->SetWatching(true, "");
  EXPECT_EQ(second_line(agent_->Status()), "ready");
  EXPECT_THAT(AgentTroubles(AgentStatusJson(agent_->Status())), IsEmpty());

  // An enforcer that is missing, and a file that is rejected.
  kernel_.missing = {EnforcerKind::kAppArmor};
  Restart();
  StartWith({Policy("1", {EnforcerKind::kAppArmor, EnforcerKind::kBpf})});
  agent_->SetPolicies({Policy("1", {EnforcerKind::kAppArmor, EnforcerKind::kBpf})},
                      {{"b.yaml", "b.yaml:1:1: error: no"}}, true);
  agent_->SetWatching(false, "gone");
  AgentStatus status = agent_->Status();
  EXPECT_EQ(second_line(status),
            "NOT READY: the container runtime is not watched: gone; 1 source of policies has a "
            "problem; 1 policy has failed; 1 container is not as its policy says");
  EXPECT_THAT(AgentMetricsText(status), HasSubstr("varmor_policy_problems 1\n"));
  agent_->SetWatching(true, "");
  status = agent_->Status();
  status.violations.log_problem = "disk full";
  status.violations.unwritten = 7;
  EXPECT_THAT(second_line(status), HasSubstr("says; violations are not written"));
  EXPECT_THAT(AgentStatusText(AgentStatusJson(status)),
              HasSubstr(" were too many, 7 for want of a log\n  PROBLEM: disk full\n"));
  status.bpf_problem = "no ring";
  EXPECT_THAT(second_line(status), HasSubstr("violations are not seen"));
}

TEST_F(AgentTest, ABusyAgentKnowsNothing) {
  AgentStatus status;
  status.node = "n";
  status.version = "1";
  status.busy = true;
  status.not_ready = "the agent is busy";
  EXPECT_EQ(AgentStatusText(AgentStatusJson(status)),
            "varmor-agent 1 on n, Linux unknown, since unknown\nNOT READY: the agent is busy\n");
}

TEST_F(AgentTest, ADirectoryThatCannotBeReadIsAProblem) {
  ASSERT_EQ(agent_->Start(), absl::OkStatus());
  agent_->SetSourceProblem("/p", "policies: cannot read \"/p\"");
  EXPECT_EQ(agent_->NotReady(), "policies are not known yet: policies: cannot read \"/p\"");
  agent_->SetPolicies({}, {{"a.yaml", "wrong"}}, true);
  EXPECT_THAT(agent_->Status().problems, SizeIs(2));
  agent_->SetSourceProblem("/p", "");
  agent_->SetSourceProblem("/p", "");
  EXPECT_THAT(agent_->Status().problems, SizeIs(1));
}

// Who asks for the status of policies after each step of the loop asks only then.
TEST_F(AgentTest, ChangesAreCountedWhereThereAreAny) {
  runtime_.PutSilently(Web("c", 11));
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  const uint64_t before = agent_->changes();
  agent_->Status();
  agent_->SetWatching(true, "");
  EXPECT_EQ(agent_->changes(), before);
  agent_->Check();
  EXPECT_NE(agent_->changes(), before);
}

// ---- rules that this kernel does not enforce ---------------------------------------------------

// With rules of these names for BPF and seccomp.
AgentPolicy PolicyWithRules(const std::vector<std::string>& bpf,
                            const std::vector<std::string>& seccomp) {
  AgentPolicy policy = Policy("1", kAll);
  ArmorProfileArtifacts artifacts = policy.artifacts.Unpack();
  const auto add = [](RuleOrigin& rule, const std::string& name) {
    rule.set_rule(name);
    rule.set_field("spec.rules");
    rule.set_text(name);
    rule.set_action("deny");
  };
  for (const std::string& name : bpf) add(*artifacts.mutable_bpf()->add_rules(), name);
  for (const std::string& name : seccomp) add(*artifacts.mutable_seccomp()->add_rules(), name);
  policy.artifacts = PackedArtifacts(artifacts);
  return policy;
}

TEST_F(AgentTest, RulesThatThisKernelDoesNotEnforceAreTold) {
  kernel_.unenforced[EnforcerKind::kBpf] = {"no-userns", "mount-no-proc"};
  StartWith({PolicyWithRules({"no-userns", "mount-no-proc", "no-shadow"}, {})});
  const PolicyStatus status = TheStatus();
  EXPECT_EQ(status.state, "enforced");
  EXPECT_EQ(status.message, "Ready");
  EXPECT_THAT(status.unenforced.whole, ElementsAre("BPF: no-userns (this kernel is too old)"));
  EXPECT_THAT(status.unenforced.in_part,
              ElementsAre("BPF: mount-no-proc (this kernel is too old)"));
  EXPECT_THAT(said_,
              Contains(HasSubstr("varmor-shop-web: this kernel does NOT ENFORCE BPF: "
                                 "no-userns (this kernel is too old); in part: BPF: mount")));
  agent_->SetWatching(true, "");
  const auto json = AgentStatusJson(agent_->Status());
  EXPECT_EQ(json["policies"][0]["unenforced"].dump(),
            "[\"BPF: no-userns (this kernel is too old)\"]");
  EXPECT_EQ(json["policies"][0]["enforcedInPart"].size(), 1u);
  EXPECT_THAT(AgentTroubles(json),
              ElementsAre("1 policy has rules that this kernel does not enforce"));
  EXPECT_THAT(AgentStatusText(json),
              HasSubstr("    NOT ENFORCED by this kernel: BPF: no-userns (this kernel is too old)\n"
                        "    enforced in part by this kernel: BPF: mount-no-proc"));
  EXPECT_THAT(AgentMetricsText(agent_->Status()), HasSubstr("\nvarmor_policies_unenforced 1\n"));
  // Said once.
  const size_t lines = said_.size();
  agent_->Check();
  EXPECT_THAT(said_, SizeIs(lines));
}

TEST_F(AgentTest, WhatIsToldFollowsThePolicyAndTheEnforcers) {
  kernel_.unenforced[EnforcerKind::kBpf] = {"no-userns"};
  StartWith({PolicyWithRules({"no-userns"}, {"no-userns"})});
  EXPECT_TRUE(TheStatus().unenforced.empty());
  agent_->SetPolicies({PolicyWithRules({"no-userns"}, {})}, {}, true);
  EXPECT_THAT(TheStatus().unenforced.whole, SizeIs(1));
  agent_->SetPolicies({PolicyWithRules({"no-shadow"}, {})}, {}, true);
  EXPECT_TRUE(TheStatus().unenforced.empty());
  // Seccomp becomes available.
  kernel_.missing = {EnforcerKind::kSeccomp};
  Restart();
  StartWith({PolicyWithRules({"no-userns"}, {"no-userns"})});
  EXPECT_THAT(TheStatus().unenforced.whole, SizeIs(1));
  kernel_.missing.clear();
  agent_->Check();
  EXPECT_TRUE(TheStatus().unenforced.empty());
}

// ---- builds of the BPF programs with another ABI -----------------------------------------------

TEST_F(AgentTest, AnotherBuildIsDroppedWhenThisOneDoesWhatItDid) {
  kernel_.other_builds = {"v0-00000000000f"};
  runtime_.PutSilently(Web("old", 10));
  ASSERT_EQ(agent_->Start(), absl::OkStatus());
  agent_->SetPolicies({Policy("1", {EnforcerKind::kBpf})}, {}, true);
  EXPECT_THAT(Done(), Not(Contains("drop other builds")));
  EXPECT_EQ(agent_->Status().takeover_problem, "policies and containers are not known yet");
  EXPECT_THAT(said_, Not(Contains(HasSubstr("stays in force"))));
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_THAT(Done(), ElementsAre("enroll 1010 in varmor-shop-web", "drop other builds"));
  EXPECT_THAT(agent_->Status().other_builds, IsEmpty());
  EXPECT_THAT(said_, Contains(HasSubstr("done: take out BPF build v0-00000000000f")));
}

TEST_F(AgentTest, AnotherBuildStaysWhileAProfileCannotBeApplied) {
  kernel_.other_builds = {"v0-00000000000f"};
  kernel_.refusals[{EnforcerKind::kBpf, "varmor-shop-other"}] =
      absl::FailedPreconditionError("no room");
  StartWith(
      {Policy("1", {EnforcerKind::kBpf}), Policy("1", {EnforcerKind::kBpf}, "varmor-shop-other")});
  EXPECT_THAT(Done(), Not(Contains("drop other builds")));
  EXPECT_THAT(said_, Contains(HasSubstr("BPF build v0-00000000000f stays in force beside this one: "
                                        "cannot apply BPF varmor-shop-other (new): no room")));
  agent_->SetWatching(true, "");
  const auto json = AgentStatusJson(agent_->Status());
  EXPECT_THAT(AgentTroubles(json), Contains("another build of the BPF programs is still in force"));
  EXPECT_THAT(AgentStatusText(json),
              HasSubstr("  build v0-00000000000f is still in force too: cannot apply BPF"));
  EXPECT_THAT(AgentMetricsText(agent_->Status()), HasSubstr("\nvarmor_bpf_other_builds 1\n"));
  kernel_.refusals.clear();
  agent_->SetPolicies({Policy("1", {EnforcerKind::kBpf})}, {}, true);
  EXPECT_THAT(Done(), Contains("drop other builds"));
}

TEST_F(AgentTest, AnotherBuildStaysWhileAContainerIsNotConfinedByThisOne) {
  kernel_.other_builds = {"v0-00000000000f"};
  runtime_.PutSilently(Web("old", 10));
  kernel_.process_failure = absl::UnavailableError("no memory");
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  EXPECT_EQ(agent_->Status().takeover_problem,
            "container default/old (web): its cgroup is not known: no memory");
  kernel_.process_failure = absl::OkStatus();
  Container damaged = Web("damaged", 11);
  damaged.problem = "its configuration is damaged";
  runtime_.PutSilently(damaged);
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  agent_->Check();
  EXPECT_EQ(agent_->Status().takeover_problem,
            "container default/damaged (web): its configuration is damaged");
  EXPECT_THAT(Done(), Not(Contains("drop other builds")));
  runtime_.PutSilently(Web("damaged", 11));
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_THAT(Done(), Contains("drop other builds"));
}

TEST_F(AgentTest, AnotherBuildStaysWhilePoliciesAreNotAllKnown) {
  kernel_.other_builds = {"v0-00000000000f"};
  ASSERT_EQ(agent_->Start(), absl::OkStatus());
  agent_->SetPolicies({}, {{"web.yaml", "web.yaml: nonsense"}}, false);
  ASSERT_EQ(agent_->Resync(), absl::OkStatus());
  EXPECT_EQ(agent_->Status().takeover_problem, "a source of policies cannot be read");
  AgentPolicy damaged = Policy("1", {EnforcerKind::kBpf});
  damaged.artifacts = PackedArtifacts();
  damaged.problem = "it is damaged";
  damaged.damaged = true;
  agent_->SetPolicies({damaged}, {}, true);
  EXPECT_EQ(agent_->Status().takeover_problem,
            "what profile varmor-shop-web should be cannot be read");
  EXPECT_THAT(Done(), Not(Contains("drop other builds")));
  // In the cluster: a pod names a profile that may be on its way.
  options_.in_cluster = true;
  Restart();
  Container pod = Web("c", 11);
  pod.in_pod = true;
  pod.pod.annotations["container.bpf.security.beta.varmor.org/web"] = "localhost/varmor-shop-web";
  runtime_.PutSilently(pod);
  StartWith({});
  EXPECT_EQ(agent_->Status().takeover_problem,
            "container default/c (web): profile varmor-shop-web is not here");
  EXPECT_THAT(Done(), Not(Contains("drop other builds")));
}

TEST_F(AgentTest, ARefusalToDropAnotherBuildIsToldAndTriedAgain) {
  kernel_.other_builds = {"v0-00000000000f"};
  kernel_.drop_refusal = absl::FailedPreconditionError("a `varmor run` may be confined by it");
  StartWith({Policy("1", {EnforcerKind::kBpf})});
  EXPECT_EQ(agent_->Status().takeover_problem, "a `varmor run` may be confined by it");
  EXPECT_LT(agent_->next_retry(), absl::Now() + absl::Seconds(2));
  kernel_.drop_refusal = absl::OkStatus();
  absl::SleepFor(absl::Milliseconds(1100));
  agent_->Check();
  EXPECT_THAT(Done(), Contains("drop other builds"));
  EXPECT_EQ(agent_->next_retry(), absl::InfiniteFuture());
}

}  // namespace
}  // namespace varmor
