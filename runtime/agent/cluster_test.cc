// The pure parts of the agent in a cluster, and the reporter against a manager that does what the
// test says. With the real API server and manager: tools/kube.
#include "runtime/agent/cluster.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/agent/armor_profile_store.h"
#include "runtime/agent/manager_reporter.h"
#include "runtime/agent/testing/fake_node_kernel.h"
#include "runtime/container/testing/fake_container_runtime.h"
#include "runtime/protocol/armor_profile.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Json Object(const std::string& name_space, const std::string& name,
            const std::string& text = "{}") {
  ArmorProfileSpec spec;
  spec.profile_name = name;
  spec.enforcer = "Seccomp";
  spec.mode = "enforce";
  spec.artifacts.mutable_seccomp()->set_name(name);
  spec.artifacts.mutable_seccomp()->set_json(text);
  const absl::StatusOr<Json> json = ArmorProfileSpecJson(spec);
  EXPECT_EQ(json.status(), absl::OkStatus());
  return {{"apiVersion", kPolicyApiVersion},
          {"kind", "ArmorProfile"},
          {"metadata",
           {{"name", name},
            {"namespace", name_space},
            {"uid", "u"},
            {"ownerReferences",
             {{{"apiVersion", kPolicyApiVersion},
               {"kind", "VarmorPolicy"},
               {"name", "web"},
               {"uid", "p"},
               {"controller", true}}}}}},
          {"spec", json.value_or(Json())}};
}

class ArmorProfileStoreTest : public ::testing::Test {
 protected:
  ArmorProfileStore::Change Take(InformerEvent::Type type, Json object) {
    return store_.Take({type, std::move(object)});
  }
  ArmorProfileStore::Change Add(Json object) {
    return Take(InformerEvent::Type::kAdded, std::move(object));
  }
  ArmorProfileStore store_;
};

TEST_F(ArmorProfileStoreTest, ObjectsArePolicies) {
  EXPECT_TRUE(Add(Object("shop", "varmor-shop-web")).policies);
  EXPECT_FALSE(store_.synced());
  EXPECT_TRUE(Take(InformerEvent::Type::kSynced, Json()).policies);
  EXPECT_TRUE(store_.synced());
  const std::vector<AgentPolicy> policies = store_.Policies();
  ASSERT_THAT(policies, SizeIs(1));
  EXPECT_EQ(policies[0].problem, "");
  EXPECT_EQ(policies[0].profile, "varmor-shop-web");
  EXPECT_EQ(policies[0].identity.name, "web");
  EXPECT_EQ(policies[0].identity.name_space, "shop");
  EXPECT_EQ(policies[0].revision, ArmorProfileRevision(Object("shop", "varmor-shop-web")["spec"]));
  EXPECT_THAT(policies[0].artifacts.digests(), SizeIs(1));
}

TEST_F(ArmorProfileStoreTest, OnlyWhatTakesEffectIsAChange) {
  Add(Object("shop", "varmor-shop-web"));
  Json object = Object("shop", "varmor-shop-web");
  object["metadata"]["labels"] = {{"a", "b"}};
  object["status"] = {{"currentNumberLoaded", 1}};
  EXPECT_FALSE(Take(InformerEvent::Type::kModified, object).policies);
  EXPECT_TRUE(Take(InformerEvent::Type::kModified,
                   Object("shop", "varmor-shop-web", R"({"defaultAction":"SCMP_ACT_ALLOW"})"))
                  .policies);
}

TEST_F(ArmorProfileStoreTest, TheCounterAsksForItAgain) {
  Add(Object("shop", "varmor-shop-web"));
  Json object = Object("shop", "varmor-shop-web");
  object["metadata"]["annotations"][kReconcileAnnotation] = "1";
  const ArmorProfileStore::Change change = Take(InformerEvent::Type::kModified, object);
  EXPECT_FALSE(change.policies);
  EXPECT_EQ(change.reapply, "shop/varmor-shop-web");
}

TEST_F(ArmorProfileStoreTest, Retiring) {
  Add(Object("shop", "varmor-shop-web"));
  Json object = Object("shop", "varmor-shop-web");
  object["metadata"]["annotations"][kRetireAnnotation] = "true";
  EXPECT_TRUE(Take(InformerEvent::Type::kModified, object).policies);
  EXPECT_TRUE(store_.Policies()[0].retiring);
  EXPECT_TRUE(Take(InformerEvent::Type::kDeleted, object).policies);
  EXPECT_THAT(store_.Policies(), IsEmpty());
}

TEST_F(ArmorProfileStoreTest, TheFirstOwnerOfANameKeepsIt) {
  Json younger = Object("a", "varmor-a-b-c");
  younger["metadata"]["creationTimestamp"] = "2026-01-01T00:00:10Z";
  Json older = Object("b", "varmor-a-b-c");
  older["metadata"]["creationTimestamp"] = "2026-01-01T00:00:09Z";
  // In whichever order they come: all agents say the same.
  Add(younger);
  Add(older);
  const std::vector<AgentPolicy> policies = store_.Policies();
  ASSERT_THAT(policies, SizeIs(2));
  EXPECT_EQ(policies[0].problem,
            "profile name varmor-a-b-c belongs to ArmorProfile b/varmor-a-b-c on this node");
  EXPECT_EQ(policies[1].problem, "");
}

TEST_F(ArmorProfileStoreTest, WhatCannotBeUsedSaysWhy) {
  Json object = Object("shop", "varmor-shop-web");
  object["spec"]["profile"].erase("artifacts");
  Add(object);
  EXPECT_THAT(store_.Policies()[0].problem, HasSubstr("artifacts"));
  Add(Json{{"metadata", {{"name", "x"}, {"namespace", "y"}}}});
  EXPECT_NE(store_.Policies()[1].problem, "");
}

TEST_F(ArmorProfileStoreTest, WhatWasGoodStaysWhenItIsDamaged) {
  const Json good = Object("shop", "varmor-shop-web");
  Add(good);
  const std::map<EnforcerKind, std::string> digests = store_.Policies()[0].artifacts.digests();
  Json damaged = good;
  damaged["spec"]["profile"].erase("artifacts");
  EXPECT_TRUE(Take(InformerEvent::Type::kModified, damaged).policies);
  const AgentPolicy policy = store_.Policies()[0];
  EXPECT_THAT(policy.problem, HasSubstr("artifacts"));
  EXPECT_TRUE(policy.damaged);
  EXPECT_TRUE(policy.usable());
  EXPECT_EQ(policy.artifacts.digests(), digests);
  EXPECT_EQ(policy.identity.name, "web");
  damaged["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  EXPECT_TRUE(Take(InformerEvent::Type::kModified, damaged).policies);
  EXPECT_FALSE(store_.Policies()[0].usable());
  EXPECT_TRUE(Take(InformerEvent::Type::kModified, good).policies);
  EXPECT_EQ(store_.Policies()[0].problem, "");
}

// ---- without an API server -------------------------------------------------------------------

TEST(ClusterTest, WithoutAccessConnectingSaysWhy) {
  FakeContainerRuntime runtime;
  FakeNodeKernel kernel;
  ViolationLogOptions no_file;
  no_file.path.clear();
  ViolationLog violations(no_file);
  ViolationAuditor auditor({}, violations);
  Logger log(LoggerOptions(), [](const std::string&) {});
  Agent agent({}, runtime, kernel, auditor, log);
  AgentLoop loop({}, agent, runtime, log);
  AgentFlags flags;
  flags.daemon.kubeconfig = "/nowhere/config";
  const auto connect = [&] {
    return Cluster::Connect(flags, agent, loop, log, [] { return AgentStatus(); }).status();
  };
  EXPECT_THAT(std::string(connect().message()), HasSubstr("/nowhere/config"));
  // In a pod without a token; port 1 is nobody's.
  flags.daemon.kubeconfig.clear();
  flags.api_host = "127.0.0.1";
  flags.api_port = "1";
  EXPECT_FALSE(connect().ok());
}

// ---- reports -----------------------------------------------------------------------------------

PolicyStatus Status(const std::string& state, const std::string& revision = "r1") {
  PolicyStatus status;
  status.profile_namespace = "shop";
  status.profile = "varmor-shop-web";
  status.state = state;
  status.message = state == "failed" ? "unsupported: BPF: none" : "Ready";
  status.revision = revision;
  status.enforcers = {{"Seccomp", "ok"}};
  return status;
}

class ManagerReporterTest : public ::testing::Test {
 protected:
  ManagerReporterTest() {
    ManagerReporterOptions options;
    options.node = "node-7";
    options.first_wait = absl::Milliseconds(5);
    options.longest_wait = absl::Milliseconds(20);
    options.node_every = absl::Milliseconds(50);
    reporter_ = std::make_unique<ManagerReporter>(
        options,
        [this](const std::string& path, const std::string& body, absl::Duration& retry_after) {
          return Answer(path, body, retry_after);
        },
        [this]() -> absl::optional<NodeReport> {
          const std::lock_guard<std::mutex> lock(mutex_);
          if (!has_node_report_) return absl::nullopt;
          NodeReport report;
          report.node_name = "node-7";
          return report;
        },
        [this](const std::vector<std::string>& keys) {
          const std::lock_guard<std::mutex> lock(mutex_);
          resync_ = keys;
        },
        log_);
  }

  absl::StatusOr<std::string> Answer(const std::string& path, const std::string& body,
                                     absl::Duration& retry_after) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++asked_;
    if (!failure_.ok()) {
      retry_after = retry_after_;
      return failure_;
    }
    if (path == kNodePath) {
      ++nodes_;
      return JsonText(NodeReportAnswerJson(std::exchange(answer_, {})));
    }
    if (refuses_profiles_) return absl::InvalidArgumentError("400");
    const absl::StatusOr<ProfileStatus> status = ParseProfileStatus(body);
    EXPECT_EQ(status.status(), absl::OkStatus());
    said_.push_back(absl::StrCat(status->name_space, "/", status->armor_profile, " ",
                                 ProfileStateName(status->state), " ", status->message, " ",
                                 status->revision, " ", status->node_name));
    return "";
  }
  void Fail(const absl::Status& failure, absl::Duration retry_after = absl::ZeroDuration()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    failure_ = failure;
    retry_after_ = retry_after;
  }
  bool Eventually(const std::function<bool()>& wanted) {
    for (int i = 0; i < 1000; ++i) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (wanted()) return true;
      }
      absl::SleepFor(absl::Milliseconds(5));
    }
    return false;
  }

  Logger log_{LoggerOptions(), [](const std::string&) {}};
  std::mutex mutex_;
  absl::Status failure_;
  absl::Duration retry_after_;
  std::vector<std::string> said_;
  std::vector<std::string> answer_;
  std::vector<std::string> resync_;
  bool refuses_profiles_ = false;
  bool has_node_report_ = true;
  int asked_ = 0;
  int nodes_ = 0;
  std::unique_ptr<ManagerReporter> reporter_;
};

TEST_F(ManagerReporterTest, SaysWhatIsKnownOnce) {
  reporter_->Start();
  reporter_->SetPolicies({Status("pending")});
  reporter_->SetPolicies({Status("enforced")});
  EXPECT_TRUE(Eventually([&] { return said_.size() == 1 && nodes_ > 0; }));
  reporter_->SetPolicies({Status("enforced")});
  reporter_->SetPolicies({Status("enforced", "r2")});
  reporter_->SetPolicies({Status("failed", "r2")});
  EXPECT_TRUE(Eventually([&] {
    return said_.back() == "shop/varmor-shop-web failed unsupported: BPF: none r2 node-7";
  }));
  EXPECT_EQ(said_[0], "shop/varmor-shop-web succeeded Ready r1 node-7");
  EXPECT_EQ(reporter_->pending(), 0u);
}

// vArmor's agent takes answers of 401 for success, and its report is lost.
TEST_F(ManagerReporterTest, NothingIsLost) {
  for (const absl::Status& failure :
       {absl::UnauthenticatedError("401"), absl::UnavailableError("no route"),
        absl::PermissionDeniedError("403"), absl::InvalidArgumentError("400")}) {
    Fail(failure);
    if (failure.code() == absl::StatusCode::kUnauthenticated) reporter_->Start();
    const std::string revision = std::string(failure.message());
    reporter_->SetPolicies({Status("enforced", revision)});
    const int before = asked_;
    EXPECT_TRUE(Eventually([&] { return asked_ > before + 2; }));
    EXPECT_EQ(reporter_->pending(), 1u);
    Fail(absl::OkStatus());
    EXPECT_TRUE(Eventually(
        [&] { return !said_.empty() && absl::StrContains(said_.back(), " " + revision + " "); }));
  }
}

TEST_F(ManagerReporterTest, ARefusedProfileDoesNotSilenceTheNode) {
  refuses_profiles_ = true;
  reporter_->SetPolicies({Status("enforced")});
  reporter_->Start();
  EXPECT_TRUE(Eventually([&] { return nodes_ > 2; }));
  EXPECT_EQ(reporter_->pending(), 1u);
}

// An agent that has no time to say what it has would seem to have lost everything.
TEST_F(ManagerReporterTest, TheNodeIsReportedWhenItCanBe) {
  has_node_report_ = false;
  reporter_->SetPolicies({Status("enforced")});
  reporter_->Start();
  EXPECT_TRUE(Eventually([&] { return said_.size() == 1; }));
  absl::SleepFor(absl::Milliseconds(100));
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    EXPECT_EQ(nodes_, 0);
    EXPECT_EQ(asked_, 1);
    has_node_report_ = true;
  }
  EXPECT_TRUE(Eventually([&] { return nodes_ > 1; }));
}

TEST_F(ManagerReporterTest, WaitsAsLongAsTheManagerAsks) {
  Fail(absl::UnavailableError("503"), absl::Milliseconds(300));
  reporter_->SetPolicies({Status("enforced")});
  reporter_->Start();
  EXPECT_TRUE(Eventually([&] { return asked_ == 1; }));
  absl::SleepFor(absl::Milliseconds(150));
  const std::lock_guard<std::mutex> lock(mutex_);
  EXPECT_EQ(asked_, 1);
}

TEST_F(ManagerReporterTest, TheManagerMayAskAgain) {
  answer_ = {"shop/varmor-shop-web"};
  reporter_->SetPolicies({Status("enforced")});
  reporter_->Start();
  EXPECT_TRUE(Eventually([&] { return resync_.size() == 1 && said_.size() == 2; }));
}

TEST(NodeReportTest, SaysWhatTheNodeCan) {
  AgentStatus status;
  status.node = "node-7";
  status.kernel = "6.1.0";
  status.enforcers[EnforcerKind::kSeccomp].available = true;
  status.enforcers[EnforcerKind::kBpf].problem = "no BTF";
  status.audit_problem = "no audit";
  status.policies = {Status("enforced")};
  status.policies[0].unenforced = {{"BPF: x (too old)"}, {"AppArmor: y (too old)"}};
  status.violations.profiles["varmor-shop-web"] = {3, 1, absl::FromUnixSeconds(0)};
  const NodeReport report = NodeReportOf(status, "boot");
  EXPECT_TRUE(report.capabilities.seccomp);
  EXPECT_FALSE(report.capabilities.bpf);
  EXPECT_EQ(report.capabilities.reasons.at("BPF"), "no BTF");
  EXPECT_EQ(report.capabilities.reasons.at("audit"), "no audit");
  EXPECT_EQ(report.profiles.at("shop/varmor-shop-web").state, ProfileState::kSucceeded);
  EXPECT_THAT(report.profiles.at("shop/varmor-shop-web").unenforced,
              ElementsAre("BPF: x (too old)", "in part: AppArmor: y (too old)"));
  EXPECT_EQ(report.violations.at("shop/varmor-shop-web").denied, 3);
  EXPECT_EQ(report.violations.at("shop/varmor-shop-web").last, "1970-01-01T00:00:00Z");
}

}  // namespace
}  // namespace varmor
