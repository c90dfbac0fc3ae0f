// A manager that dies before any of its writes, or whose writes are not answered: the next one, or
// it itself, ends where an undisturbed one would.
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/kube/kube_object.h"
#include "runtime/kube/testing/fake_kube_client.h"
#include "runtime/manager/policy_controller_fixture.h"
#include "runtime/protocol/armor_profile.h"
#include "runtime/protocol/names.h"

namespace varmor {
namespace {

// Counts writes; one of them goes wrong.
class UnreliableClient : public KubeClient {
 public:
  enum class Fault {
    kNone,
    kDeath,       // the write and every call after it are not made
    kLostAnswer,  // the write is made, and an error is the answer
  };

  explicit UnreliableClient(KubeClient& client) : client_(client) {}

  // `at` counts from 1.
  void Break(Fault fault, int at) {
    fault_ = fault;
    at_ = at;
  }
  // Whether it went wrong.
  bool broke() const { return fault_ != Fault::kNone && writes_ >= at_; }
  void Mend() { fault_ = Fault::kNone; }
  int writes() const { return writes_; }

  absl::StatusOr<Json> ServerVersion() override { return client_.ServerVersion(); }
  absl::StatusOr<Json> Get(const KubeResource& resource, absl::string_view name_space,
                           absl::string_view name) override {
    if (IsDead()) return Error();
    return client_.Get(resource, name_space, name);
  }
  absl::StatusOr<KubeList> List(const KubeResource& resource,
                                const KubeListOptions& options) override {
    if (IsDead()) return Error();
    return client_.List(resource, options);
  }
  absl::StatusOr<Json> Create(const KubeResource& resource, absl::string_view name_space,
                              const Json& object) override {
    return Write<absl::StatusOr<Json>>(
        [&] { return client_.Create(resource, name_space, object); });
  }
  absl::StatusOr<Json> Update(const KubeResource& resource, const Json& object,
                              absl::string_view subresource) override {
    return Write<absl::StatusOr<Json>>(
        [&] { return client_.Update(resource, object, subresource); });
  }
  absl::StatusOr<Json> Patch(const KubeResource& resource, absl::string_view name_space,
                             absl::string_view name, KubePatch type, const Json& patch,
                             absl::string_view subresource) override {
    return Write<absl::StatusOr<Json>>(
        [&] { return client_.Patch(resource, name_space, name, type, patch, subresource); });
  }
  absl::Status Delete(const KubeResource& resource, absl::string_view name_space,
                      absl::string_view name, const Json& options) override {
    return Write<absl::Status>([&] { return client_.Delete(resource, name_space, name, options); });
  }
  absl::Status Watch(const KubeResource& resource, const KubeListOptions& options,
                     const std::function<bool(KubeWatchEvent)>& on_event,
                     const std::function<bool()>& cancelled) override {
    return client_.Watch(resource, options, on_event, cancelled);
  }

 private:
  static absl::Status Error() { return absl::UnavailableError("no answer"); }
  bool IsDead() const { return fault_ == Fault::kDeath && writes_ >= at_; }

  template <typename Result>
  Result Write(const std::function<Result()>& write) {
    ++writes_;
    if (IsDead()) return Error();
    Result result = write();
    if (fault_ == Fault::kLostAnswer && writes_ == at_) return Error();
    return result;
  }

  KubeClient& client_;
  Fault fault_ = Fault::kNone;
  int at_ = 0;
  int writes_ = 0;
};

// Everything without what differs from run to run.
Json WithoutTimes(Json value) {
  if (value.is_array()) {
    for (Json& each : value) each = WithoutTimes(std::move(each));
  }
  if (!value.is_object()) return value;
  for (const char* key : {"lastTransitionTime", "creationTimestamp", "deletionTimestamp",
                          "resourceVersion", "uid", "controller.varmor.org/restartedAt"}) {
    if (value.contains(key)) value[key] = "";
  }
  for (auto& [key, each] : value.items()) each = WithoutTimes(std::move(each));
  return value;
}

// The life of a policy of each kind, of their ArmorProfiles, and of a Deployment.
class Life : public PolicyControllerTest {
 public:
  Life() {
    client_ = &unreliable;
    NewManager();
    kube_.TakeWrites();
    // Long enough in office to doubt what it does not hear.
    now_ += absl::Minutes(4);
  }
  void TestBody() override {}

  std::vector<std::function<void()>> Steps() {
    return {
        [this] { CreateAll(); },
        [this] { NodesCatchUp(); },
        [this] { DeploymentIsAvailable(); },
        [this] { Edit(R"({"spec": {"policy": {"enforcer": "AppArmorSeccomp"}}})"); },
        [this] { NodesCatchUp(); },
        [this] { Edit(R"({"spec": {"target": {"name": "other"}}})"); },
        [this] { Edit(R"({"spec": {"target": {"name": "web"}}})"); },
        [this] { NodeFails("b"); },
        [this] { NodesCatchUp(); },
        [this] { Must(kube_.Delete(kArmorProfiles, "shop", "varmor-shop-web")); },
        [this] { NodesCatchUp(); },
        [this] { Must(kube_.Delete(kVarmorPolicies, "shop", "web")); },
        [this] { NodesCatchUp(); },
        // As if the finalizer had been taken away by hand.
        [this] {
          Must(kube_
                   .Patch(kVarmorClusterPolicies, "", "base", KubePatch::kMerge,
                          Json::parse(R"({"metadata": {"finalizers": null}})"))
                   .status());
          Must(kube_.Delete(kVarmorClusterPolicies, "", "base"));
        },
        [this] { NodesCatchUp(); },
    };
  }

  // Works until nothing is left, with another manager once the first has died.
  void Work() {
    RunOrReplace();
    NodesReport();
    RunOrReplace();
  }
  // The same with one manager: what fails is done again.
  void WorkOn() {
    RunUntilDone();
    NodesReport();
    RunUntilDone();
  }

  Json Everything() {
    Json all = Json::array();
    for (const KubeResource* resource :
         {&kVarmorPolicies, &kVarmorClusterPolicies, &kArmorProfiles, &kDeployments}) {
      const absl::StatusOr<KubeList> list = kube_.List(*resource, {});
      for (const Json& object : list->items) all.push_back(WithoutTimes(object));
    }
    return all;
  }

  UnreliableClient unreliable{kube_};

 private:
  static void Must(const absl::Status& status) { ASSERT_TRUE(status.ok()) << status; }

  void CreateAll() {
    const Json deployment = Json::parse(R"({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop",
                     "labels": {"sandbox.varmor.org/enable": "true"}},
        "spec": {"replicas": 1, "template": {"metadata": {},
                   "spec": {"containers": [{"name": "c", "image": "i"}]}}}})");
    Must(kube_.Create(kDeployments, "shop", deployment).status());
    Json policy = Policy("shop", "web");
    policy["spec"]["updateExistingWorkloads"] = true;
    Apply(policy);
    Json everywhere = Policy("", "base");
    everywhere["kind"] = "VarmorClusterPolicy";
    everywhere["metadata"].erase("namespace");
    everywhere["spec"]["target"]["name"] = "base";
    Must(kube_.Create(kVarmorClusterPolicies, "", everywhere).status());
  }

  void DeploymentIsAvailable() {
    const Json stored = Get(kDeployments, "shop", "web");
    Must(kube_
             .Patch(kDeployments, "shop", "web", KubePatch::kMerge,
                    {{"status",
                      {{"observedGeneration", stored["metadata"]["generation"]},
                       {"updatedReplicas", 1},
                       {"availableReplicas", 1}}}},
                    "status")
             .status());
    controller_->EnqueueAll(absl::ZeroDuration());
  }

  // Agents load what there is, and let go of what goes.
  void NodesCatchUp() {
    loaded_.clear();
    const absl::StatusOr<KubeList> profiles = kube_.List(kArmorProfiles, {});
    for (const Json& profile : profiles->items) {
      const bool retires =
          TextAt(profile, {"metadata", "annotations", kRetireAnnotation}) == "true";
      for (const std::string& node : agents_) {
        loaded_[node][ObjectKey(profile)] = {
            ArmorProfileRevision(profile["spec"]),
            retires ? ProfileState::kRetired : ProfileState::kSucceeded, "Ready"};
      }
    }
    NodesReport();
  }
  void NodeFails(const std::string& node) {
    for (auto& [key, profile] : loaded_[node])
      profile = {profile.revision, ProfileState::kFailed, "no"};
    NodesReport();
  }
  void RunOrReplace() {
    Run();
    if (unreliable.broke()) {
      unreliable.Mend();
      NewManager();
      NodesReport();
      Run();
      now_ += absl::Minutes(4);
      controller_->EnqueueAll(absl::ZeroDuration());
      Run();
    }
    EXPECT_THAT(errors_, testing::IsEmpty());
  }
  void RunUntilDone() {
    Run();
    for (int i = 0; i < 3 && !failed_.empty(); ++i) {
      queue_.insert(failed_.begin(), failed_.end());
      Run();
    }
    EXPECT_THAT(errors_, testing::IsEmpty());
  }
  // What comes every minute.
  void NodesReport() {
    for (const std::string& node : agents_) {
      NodeReport report;
      report.node_name = node;
      report.profiles = loaded_[node];
      controller_->reports().Add(report);
    }
  }

  std::map<std::string, std::map<std::string, NodeProfile>> loaded_;
};

// What there is after each step of an undisturbed life, and after how many writes.
struct Undisturbed {
  std::vector<Json> states;
  int writes = 0;
};

Undisturbed LiveUndisturbed() {
  Undisturbed undisturbed;
  Life life;
  for (const auto& step : life.Steps()) {
    step();
    life.Work();
    undisturbed.states.push_back(life.Everything());
  }
  undisturbed.writes = life.unreliable.writes();
  return undisturbed;
}

void LiveWith(UnreliableClient::Fault fault, int at, const Undisturbed& undisturbed) {
  SCOPED_TRACE(absl::StrCat("write ", at));
  Life life;
  life.unreliable.Break(fault, at);
  size_t number = 0;
  for (const auto& step : life.Steps()) {
    step();
    fault == UnreliableClient::Fault::kDeath ? life.Work() : life.WorkOn();
    ASSERT_EQ(life.Everything(), undisturbed.states[number]) << "after step " << number;
    ++number;
  }
}

TEST(CrashTest, LifeGoesThroughEverything) {
  const Undisturbed undisturbed = LiveUndisturbed();
  const auto phase = [&](size_t step) {
    return undisturbed.states[step][0]["status"].value("phase", "");
  };
  EXPECT_EQ(phase(0), "Pending");
  EXPECT_EQ(phase(1), "Protecting");
  EXPECT_EQ(phase(3), "Pending");
  EXPECT_EQ(phase(4), "Protecting");
  EXPECT_EQ(phase(5), "Error");
  EXPECT_EQ(phase(6), "Protecting");
  EXPECT_EQ(phase(7), "Error");
  EXPECT_EQ(phase(10), "Protecting");
  EXPECT_THAT(undisturbed.states[2].dump(),
              testing::HasSubstr("1 of 1 workloads run with the profile"));
  EXPECT_THAT(undisturbed.states[11].dump(), testing::HasSubstr("Retiring"));
  // Nothing is left but the Deployment as it was written.
  ASSERT_EQ(undisturbed.states.back().size(), 1u);
  EXPECT_EQ(undisturbed.states.back()[0]["spec"]["template"]["spec"],
            Json::parse(R"({"containers": [{"name": "c", "image": "i"}]})"));
}

TEST(CrashTest, NextLeaderGoesOnWhereverTheLastOneDied) {
  const Undisturbed undisturbed = LiveUndisturbed();
  EXPECT_GT(undisturbed.writes, 30);
  for (int at = 1; at <= undisturbed.writes && !testing::Test::HasFailure(); ++at) {
    LiveWith(UnreliableClient::Fault::kDeath, at, undisturbed);
  }
}

TEST(CrashTest, WriteWhoseAnswerIsLostDoesNoHarm) {
  const Undisturbed undisturbed = LiveUndisturbed();
  for (int at = 1; at <= undisturbed.writes && !testing::Test::HasFailure(); ++at) {
    LiveWith(UnreliableClient::Fault::kLostAnswer, at, undisturbed);
  }
}

}  // namespace
}  // namespace varmor
