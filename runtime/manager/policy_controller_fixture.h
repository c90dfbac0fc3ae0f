// A policy controller over a server in memory, with the watches, the queue and the agents that it
// needs, for tests.
#ifndef RUNTIME_MANAGER_POLICY_CONTROLLER_FIXTURE_H_
#define RUNTIME_MANAGER_POLICY_CONTROLLER_FIXTURE_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/compiler/catalogue/catalogue.h"
#include "runtime/kube/testing/fake_kube_client.h"
#include "runtime/manager/cluster_addresses.h"
#include "runtime/manager/model_cache.h"
#include "runtime/manager/policy_controller.h"
#include "runtime/manager/webhook_policies.h"
#include "runtime/protocol/armor_profile.h"

namespace varmor {

class PolicyControllerTest : public testing::Test {
 protected:
  PolicyControllerTest() {
    kube_.SetClock([this] { return now_; });
    for (const char* name : {"shop", "shop-a", "varmor"}) {
      EXPECT_TRUE(kube_.Create(kNamespaces, "", {{"metadata", {{"name", name}}}}).ok());
    }
    NewManager();
    AddAgent("a");
    AddAgent("b");
    kube_.TakeWrites();
  }

  // A manager that knows nothing yet: the first, or the next leader.
  void NewManager() {
    queue_.clear();
    known_.clear();
    // The old one's series have to go with it.
    controller_.reset();
    metrics_ = std::make_unique<Metrics>();
    PolicyControllerOptions options;
    options.clock = [this] { return now_; };
    options.may_write = [this] { return leader_; };
    options.features.service_egress = true;
    options.restart_workloads = true;
    options.restarts.match_label = "sandbox.varmor.org/enable=true";
    options.restarts.policies = [this] {
      return std::make_shared<const WorkloadPolicies>(WebhookPolicies(
          controller_->Policies(), controller_->profiles(), {}, {}, BuiltinCatalogue()));
    };
    options.restarts.templates = [] { return TemplateOptions(); };
    options.find_model = [this](const std::string& name_space, const std::string& name) {
      return models_.Get(name_space, name);
    };
    options.cluster = [this] { return addresses_.Facts(); };
    controller_ = std::make_unique<PolicyController>(
        options, *client_, BuiltinCatalogue(), *metrics_, logger_,
        [this](const std::string& key, absl::Duration after) {
          queue_.insert(key);
          after_[key] = after;
        });
    FeedAgents();
    Feed();
    controller_->Start();
  }

  void AddAgent(const std::string& node) {
    agents_.push_back(node);
    FeedAgents();
  }
  void FeedAgents() {
    for (const std::string& node : agents_) {
      controller_->NodeChanged({{"metadata", {{"name", node}}}});
      controller_->AgentPodChanged({{"metadata", {{"name", "agent-" + node}}},
                                    {"spec", {{"nodeName", node}}},
                                    {"status", {{"phase", "Running"}}}});
    }
    controller_->AgentDaemonSetChanged({{"status",
                                         {{"desiredNumberScheduled", agents_.size()},
                                          {"currentNumberScheduled", agents_.size()}}}});
  }

  // What watches would say.
  void Feed() {
    std::map<std::string, Json> now;
    for (const KubeResource* resource :
         {&kVarmorPolicies, &kVarmorClusterPolicies, &kArmorProfiles}) {
      const absl::StatusOr<KubeList> list = kube_.List(*resource, {});
      for (const Json& object : list->items) {
        now[resource->plural + ObjectKey(object)] = object;
        if (resource == &kArmorProfiles) {
          controller_->ProfileChanged(object);
        } else {
          controller_->PolicyChanged(object);
        }
      }
    }
    for (const auto& [key, object] : known_) {
      if (now.count(key) > 0) continue;
      if (object["kind"] == "ArmorProfile") {
        controller_->ProfileGone(object);
      } else {
        controller_->PolicyGone(object);
      }
    }
    known_ = std::move(now);
  }

  // Works until nothing is left to do; the texts of the writes.
  std::vector<std::string> Run() {
    kube_.TakeWrites();
    errors_.clear();
    failed_.clear();
    Feed();
    for (int round = 0; round < 20 && !queue_.empty(); ++round) {
      const std::set<std::string> keys = std::move(queue_);
      queue_.clear();
      for (const std::string& key : keys) {
        const absl::StatusOr<absl::Duration> again = controller_->Reconcile(key);
        if (!again.ok()) {
          errors_.push_back(again.status());
          failed_.insert(key);
        }
        if (again.ok() && *again == absl::ZeroDuration()) queue_.insert(key);
      }
      Feed();
    }
    EXPECT_THAT(queue_, testing::IsEmpty());
    std::vector<std::string> writes;
    for (const FakeKubeClient::Call& call : kube_.TakeWrites()) writes.push_back(call.Text());
    now_ += absl::Seconds(1);
    return writes;
  }

  Json Policy(const std::string& name_space, const std::string& name) {
    return {{"apiVersion", "crd.varmor.org/v1beta1"},
            {"kind", "VarmorPolicy"},
            {"metadata", {{"name", name}, {"namespace", name_space}}},
            {"spec",
             {{"target", {{"kind", "Deployment"}, {"name", "web"}}},
              {"policy", {{"enforcer", "AppArmor"}, {"mode", "RuntimeDefault"}}}}}};
  }
  void Apply(const Json& policy) {
    ASSERT_TRUE(
        kube_.Create(kVarmorPolicies, policy["metadata"]["namespace"].get<std::string>(), policy)
            .ok());
  }
  void Edit(const char* merge_patch) {
    ASSERT_TRUE(
        kube_.Patch(kVarmorPolicies, "shop", "web", KubePatch::kMerge, Json::parse(merge_patch))
            .ok());
  }
  Json Get(const KubeResource& resource, const std::string& name_space, const std::string& name) {
    const absl::StatusOr<Json> object = kube_.Get(resource, name_space, name);
    return object.ok() ? *object : Json();
  }
  Json Status(const std::string& name_space = "shop", const std::string& name = "web") {
    return Get(kVarmorPolicies, name_space, name)["status"];
  }
  void Report(const std::string& node, ProfileState state = ProfileState::kSucceeded) {
    ProfileStatus status;
    status.name_space = "shop";
    status.armor_profile = "varmor-shop-web";
    status.node_name = node;
    status.state = state;
    status.message = state == ProfileState::kFailed ? "no" : "Ready";
    status.revision = ArmorProfileRevision(Get(kArmorProfiles, "shop", "varmor-shop-web")["spec"]);
    controller_->reports().Add(status);
  }
  void Protect() {
    Apply(Policy("shop", "web"));
    Run();
    Report("a");
    Report("b");
    Run();
    ASSERT_EQ(Status()["phase"], "Protecting");
  }

  absl::Time now_ = absl::FromUnixSeconds(1735689600);
  bool leader_ = true;
  ClusterAddresses addresses_;
  ModelCache models_;
  FakeKubeClient kube_;
  // What the controller uses: kube_, or what a test puts before it.
  KubeClient* client_ = &kube_;
  std::unique_ptr<Metrics> metrics_;
  Logger logger_{LoggerOptions(), [](const std::string&) {}};
  std::set<std::string> queue_;
  // For how long a key was last put off.
  std::map<std::string, absl::Duration> after_;
  std::map<std::string, Json> known_;
  std::vector<std::string> agents_;
  // Of the last Run, and the keys that they are about.
  std::vector<absl::Status> errors_;
  std::set<std::string> failed_;
  std::unique_ptr<PolicyController> controller_;
};

}  // namespace varmor

#endif  // RUNTIME_MANAGER_POLICY_CONTROLLER_FIXTURE_H_
