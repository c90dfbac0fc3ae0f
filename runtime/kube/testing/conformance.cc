#include "runtime/kube/testing/conformance.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/kube/kube_object.h"
#include "runtime/kube/testing/watch_log.h"

namespace varmor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Each test has a namespace of its own.
class KubeConformance : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::Status installed = InstallWidgets(client_);
    ASSERT_TRUE(installed.ok()) << installed;
    absl::BitGen random;
    name_space_ = absl::StrCat("conformance-", absl::Uniform<uint32_t>(random));
    Must(client_.Create(kNamespaces, "", {{"metadata", {{"name", name_space_}}}}));
  }

  static Json Must(absl::StatusOr<Json> result) {
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : Json::object();
  }

  static Json Named(const std::string& name) { return {{"metadata", {{"name", name}}}}; }

  static Json Widget(const std::string& name, Json spec) {
    Json object = Named(name);
    object["spec"] = std::move(spec);
    return object;
  }

  static Json Labelled(const std::string& name, Json labels) {
    Json object = Named(name);
    object["metadata"]["labels"] = std::move(labels);
    return object;
  }

  Json CreateWidget(const std::string& name, Json spec = {{"size", 1}}) {
    return Must(client_.Create(kWidgets, name_space_, Widget(name, std::move(spec))));
  }

  Json CreatePod(const std::string& name, const std::string& node) {
    Json pod = Named(name);
    pod["spec"]["containers"] = {{{"name", "c"}, {"image", "i"}}};
    if (!node.empty()) pod["spec"]["nodeName"] = node;
    return Must(client_.Create(kPods, name_space_, pod));
  }

  // The version from which a watch sees what comes now.
  std::string VersionNow(const KubeResource& resource) {
    absl::StatusOr<KubeList> list = client_.List(resource, {name_space_, "", "", ""});
    EXPECT_TRUE(list.ok()) << list.status();
    return list.ok() ? list->resource_version : "";
  }

  std::vector<std::string> Names(const KubeResource& resource, const std::string& labels,
                                 const std::string& fields = "") {
    absl::StatusOr<KubeList> list = client_.List(resource, {name_space_, labels, fields, ""});
    EXPECT_TRUE(list.ok()) << list.status();
    std::vector<std::string> names;
    if (!list.ok()) return names;
    for (const Json& item : list->items) names.push_back(TextAt(item, {"metadata", "name"}));
    return names;
  }

  KubeClient& client_ = TheConformanceTarget().client();
  std::string name_space_;
};

std::string Version(const Json& object) { return TextAt(object, {"metadata", "resourceVersion"}); }

int64_t Generation(const Json& object) {
  return NumberAt(object, {"metadata", "generation"}).value_or(0);
}

TEST_F(KubeConformance, TellsItsVersion) {
  const Json version = Must(client_.ServerVersion());
  EXPECT_EQ(TextAt(version, {"major"}), "1");
  EXPECT_NE(TextAt(version, {"minor"}), "");
}

TEST_F(KubeConformance, ACreatedObjectIsFilledIn) {
  const Json widget = CreateWidget("a");
  EXPECT_EQ(TextAt(widget, {"apiVersion"}), "test.varmor.org/v1");
  EXPECT_EQ(TextAt(widget, {"kind"}), "Widget");
  EXPECT_EQ(TextAt(widget, {"metadata", "namespace"}), name_space_);
  EXPECT_NE(TextAt(widget, {"metadata", "uid"}), "");
  EXPECT_NE(Version(widget), "");
  EXPECT_EQ(Generation(widget), 1);
  absl::Time created;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, TextAt(widget, {"metadata", "creationTimestamp"}),
                              &created, nullptr));
  EXPECT_LT(absl::AbsDuration(absl::Now() - created), absl::Minutes(5));
  EXPECT_EQ(Must(client_.Get(kWidgets, name_space_, "a")), widget);
}

TEST_F(KubeConformance, AGeneratedNameHasThePrefix) {
  const Json first =
      Must(client_.Create(kConfigMaps, name_space_, {{"metadata", {{"generateName", "map-"}}}}));
  const Json second =
      Must(client_.Create(kConfigMaps, name_space_, {{"metadata", {{"generateName", "map-"}}}}));
  EXPECT_THAT(TextAt(first, {"metadata", "name"}), ::testing::StartsWith("map-"));
  EXPECT_NE(TextAt(first, {"metadata", "name"}), TextAt(second, {"metadata", "name"}));
}

TEST_F(KubeConformance, WhatExistsCannotBeCreated) {
  CreateWidget("a");
  const absl::Status status = client_.Create(kWidgets, name_space_, Widget("a", {})).status();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_EQ(KubeReasonOf(status), "AlreadyExists");
}

TEST_F(KubeConformance, WhatIsMissingIsNotFound) {
  for (const absl::Status& status :
       {client_.Get(kWidgets, name_space_, "a").status(),
        client_.Patch(kWidgets, name_space_, "a", KubePatch::kMerge, {{"spec", {{"b", 1}}}})
            .status(),
        client_.Delete(kWidgets, name_space_, "a"), client_.Get(kNodes, "", "a").status(),
        client_.Create(kWidgets, "no-such-namespace", Named("a")).status()}) {
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_EQ(KubeReasonOf(status), "NotFound");
  }
  Json widget = CreateWidget("a");
  widget["metadata"]["name"] = "b";
  const absl::Status status = client_.Update(kWidgets, widget).status();
  // A server asks first whether the uid is that of the object.
  EXPECT_TRUE(absl::IsNotFound(status) || absl::IsAborted(status)) << status;
}

TEST_F(KubeConformance, BadObjectsAreInvalid) {
  for (const Json& object : {Named("Upper"), Named("under_score"), Named(""), Json::object()}) {
    const absl::Status status = client_.Create(kWidgets, name_space_, object).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << object << status;
    EXPECT_EQ(KubeReasonOf(status), "Invalid") << object;
  }
  Json other_kind = Named("a");
  other_kind["kind"] = "Gadget";
  EXPECT_TRUE(absl::IsInvalidArgument(client_.Create(kWidgets, name_space_, other_kind).status()));
  Json other_namespace = Named("a");
  other_namespace["metadata"]["namespace"] = "default";
  EXPECT_TRUE(
      absl::IsInvalidArgument(client_.Create(kWidgets, name_space_, other_namespace).status()));
}

TEST_F(KubeConformance, AnObjectWithAVersionCannotBeCreated) {
  Json object = Named("a");
  object["metadata"]["resourceVersion"] = "5";
  EXPECT_FALSE(client_.Create(kWidgets, name_space_, object).ok());
}

TEST_F(KubeConformance, PathsThatAreNoneAreRefused) {
  for (const absl::Status& status :
       {client_.Get(kWidgets, name_space_, "").status(), client_.Get(kWidgets, "", "a").status(),
        client_.Get(kNodes, "default", "a").status(),
        client_.Get(kWidgets, name_space_, "a/b").status(),
        client_.Get(kWidgets, name_space_, "..").status(),
        client_.Delete(kWidgets, name_space_, ""),
        client_.Update(kWidgets, Json::object()).status(),
        client_.Create(kWidgets, "", Named("a")).status()}) {
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  }
}

TEST_F(KubeConformance, AnOldVersionConflicts) {
  const Json old = CreateWidget("a");
  Json changed = old;
  changed["spec"]["size"] = 2;
  const Json stored = Must(client_.Update(kWidgets, changed));
  EXPECT_NE(Version(stored), Version(old));
  EXPECT_EQ(Generation(stored), 2);
  changed["spec"]["size"] = 3;
  const absl::Status status = client_.Update(kWidgets, changed).status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_EQ(KubeReasonOf(status), "Conflict");
  EXPECT_EQ(Must(client_.Get(kWidgets, name_space_, "a"))["spec"]["size"], 2);
}

TEST_F(KubeConformance, AnUpdateWithoutVersionDependsOnTheKind) {
  Json widget = CreateWidget("a");
  widget["metadata"].erase("resourceVersion");
  widget["spec"]["size"] = 2;
  EXPECT_TRUE(absl::IsInvalidArgument(client_.Update(kWidgets, widget).status()));
  Json map = Must(client_.Create(kConfigMaps, name_space_, Named("a")));
  map["metadata"].erase("resourceVersion");
  map["data"]["k"] = "v";
  EXPECT_EQ(Must(client_.Update(kConfigMaps, map))["data"]["k"], "v");
}

TEST_F(KubeConformance, AnotherObjectOfTheSameNameConflicts) {
  Json widget = CreateWidget("a");
  widget["metadata"]["uid"] = "11111111-2222-3333-4444-555555555555";
  widget["spec"]["size"] = 2;
  const absl::Status status = client_.Update(kWidgets, widget).status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
}

TEST_F(KubeConformance, StatusAndTheRestAreWrittenApart) {
  Json created = Widget("a", {{"size", 1}});
  created["status"]["phase"] = "Early";
  Json widget = Must(client_.Create(kWidgets, name_space_, created));
  EXPECT_EQ(FieldAt(widget, {"status"}), nullptr);

  widget["status"]["phase"] = "Ready";
  widget["spec"]["size"] = 2;
  widget = Must(client_.Update(kWidgets, widget, "status"));
  EXPECT_EQ(widget["status"]["phase"], "Ready");
  EXPECT_EQ(widget["spec"]["size"], 1);
  EXPECT_EQ(Generation(widget), 1);

  widget["status"]["phase"] = "Lost";
  widget["spec"]["size"] = 2;
  widget["metadata"]["labels"]["k"] = "v";
  widget = Must(client_.Update(kWidgets, widget));
  EXPECT_EQ(widget["status"]["phase"], "Ready");
  EXPECT_EQ(widget["spec"]["size"], 2);
  EXPECT_EQ(Generation(widget), 2);

  widget =
      Must(client_.Patch(kWidgets, name_space_, "a", KubePatch::kMerge,
                         {{"status", {{"phase", "Done"}}}, {"spec", {{"size", 3}}}}, "status"));
  EXPECT_EQ(widget["status"]["phase"], "Done");
  EXPECT_EQ(widget["spec"]["size"], 2);
  widget = Must(client_.Patch(kWidgets, name_space_, "a", KubePatch::kMerge,
                              {{"metadata", {{"annotations", {{"n", "1"}}}}}}));
  EXPECT_EQ(Generation(widget), 2);
}

TEST_F(KubeConformance, AKindWithoutStatusHasNoSuchPath) {
  const Json map = Must(client_.Create(kConfigMaps, name_space_, Named("a")));
  EXPECT_TRUE(absl::IsNotFound(client_.Update(kConfigMaps, map, "status").status()));
}

TEST_F(KubeConformance, AWriteThatChangesNothingIsNone) {
  const Json widget = CreateWidget("a");
  WatchLog log(client_, kWidgets, {name_space_, "", "", Version(widget)});
  EXPECT_EQ(Version(Must(client_.Update(kWidgets, widget))), Version(widget));
  EXPECT_EQ(Version(Must(client_.Patch(kWidgets, name_space_, "a", KubePatch::kMerge,
                                       {{"spec", {{"size", 1}}}}))),
            Version(widget));
  EXPECT_EQ(Version(Must(client_.Update(kWidgets, widget, "status"))), Version(widget));
  CreateWidget("b");
  EXPECT_THAT(log.Events(1), ElementsAre("ADDED b"));
}

TEST_F(KubeConformance, MergePatchesMergeMapsAndReplaceLists) {
  CreateWidget("a", {{"keep", 1}, {"drop", 2}, {"list", {1, 2}}});
  const Json widget = Must(client_.Patch(kWidgets, name_space_, "a", KubePatch::kMerge,
                                         {{"spec", {{"drop", nullptr}, {"list", {3}}}}}));
  EXPECT_EQ(widget["spec"], Json({{"keep", 1}, {"list", {3}}}));
}

TEST_F(KubeConformance, APatchCanDemandAVersion) {
  const Json old = CreateWidget("a");
  const Json patch = {{"metadata", {{"resourceVersion", Version(old)}}}, {"spec", {{"size", 2}}}};
  Must(client_.Patch(kWidgets, name_space_, "a", KubePatch::kMerge, patch));
  const Json late = {{"metadata", {{"resourceVersion", Version(old)}}}, {"spec", {{"size", 3}}}};
  const absl::Status status =
      client_.Patch(kWidgets, name_space_, "a", KubePatch::kMerge, late).status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
}

TEST_F(KubeConformance, JsonPatchesTestAndChange) {
  CreateWidget("a", {{"list", {1, 2}}});
  const Json good = {{{"op", "test"}, {"path", "/spec/list/0"}, {"value", 1}},
                     {{"op", "add"}, {"path", "/spec/list/-"}, {"value", 3}}};
  EXPECT_EQ(Must(client_.Patch(kWidgets, name_space_, "a", KubePatch::kJson, good))["spec"]["list"],
            Json({1, 2, 3}));
  const Json failing = {{{"op", "test"}, {"path", "/spec/list/0"}, {"value", 9}},
                        {{"op", "remove"}, {"path", "/spec/list"}}};
  const Json pathless = {{{"op", "remove"}, {"path", "/spec/none"}}};
  for (const Json& patch : {failing, pathless}) {
    const absl::Status status =
        client_.Patch(kWidgets, name_space_, "a", KubePatch::kJson, patch).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(KubeReasonOf(status), "Invalid");
  }
}

TEST_F(KubeConformance, StrategicPatchesAreForBuiltInKinds) {
  Json container = {{"name", "c"}, {"image", "i:1"}};
  Json deployment = Named("a");
  deployment["spec"]["selector"]["matchLabels"]["app"] = "a";
  deployment["spec"]["template"]["metadata"]["labels"]["app"] = "a";
  deployment["spec"]["template"]["spec"]["containers"] = {container,
                                                          {{"name", "d"}, {"image", "i"}}};
  Must(client_.Create(kDeployments, name_space_, deployment));
  Json patch;
  patch["spec"]["template"]["metadata"]["annotations"]["k"] = "v";
  patch["spec"]["template"]["spec"]["containers"] = {{{"name", "c"}, {"image", "i:2"}}};
  const Json patched =
      Must(client_.Patch(kDeployments, name_space_, "a", KubePatch::kStrategicMerge, patch));
  EXPECT_EQ(Generation(patched), 2);
  const Json& spec = patched["spec"]["template"]["spec"];
  ASSERT_EQ(spec["containers"].size(), 2u);
  for (const Json& one : spec["containers"]) {
    EXPECT_EQ(one["image"], one["name"] == "c" ? "i:2" : "i");
  }

  CreateWidget("a");
  const absl::Status status =
      client_.Patch(kWidgets, name_space_, "a", KubePatch::kStrategicMerge, {{"spec", {{"k", 1}}}})
          .status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

TEST_F(KubeConformance, DeletionHasPreconditions) {
  const Json widget = CreateWidget("a");
  const Json other = {{"preconditions", {{"uid", "11111111-2222-3333-4444-555555555555"}}}};
  const absl::Status status = client_.Delete(kWidgets, name_space_, "a", other);
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  const Json same = {{"preconditions", {{"uid", widget["metadata"]["uid"]}}}};
  EXPECT_TRUE(client_.Delete(kWidgets, name_space_, "a", same).ok());
  EXPECT_TRUE(absl::IsNotFound(client_.Get(kWidgets, name_space_, "a").status()));
}

TEST_F(KubeConformance, AFinalizerHoldsADeletedObject) {
  Json widget = Widget("a", {{"size", 1}});
  widget["metadata"]["finalizers"] = {"varmor.org/test"};
  widget = Must(client_.Create(kWidgets, name_space_, widget));
  WatchLog log(client_, kWidgets, {name_space_, "", "", Version(widget)});
  ASSERT_TRUE(client_.Delete(kWidgets, name_space_, "a").ok());
  ASSERT_TRUE(client_.Delete(kWidgets, name_space_, "a").ok());
  widget = Must(client_.Get(kWidgets, name_space_, "a"));
  EXPECT_NE(TextAt(widget, {"metadata", "deletionTimestamp"}), "");
  EXPECT_EQ(Generation(widget), 2);

  Json more = widget;
  more["metadata"]["finalizers"].push_back("varmor.org/more");
  const absl::Status refused = client_.Update(kWidgets, more).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;

  const Json last =
      Must(client_.Patch(kWidgets, name_space_, "a", KubePatch::kMerge,
                         {{"metadata", {{"finalizers", nullptr}}}, {"spec", {{"size", 7}}}}));
  EXPECT_EQ(last["spec"]["size"], 7);
  EXPECT_TRUE(absl::IsNotFound(client_.Get(kWidgets, name_space_, "a").status()));
  ASSERT_THAT(log.Events(2), ElementsAre("MODIFIED a", "DELETED a"));
  // What was stored last; the write that let go of it never was.
  EXPECT_EQ(log.Object(1)["spec"]["size"], 1);
  EXPECT_EQ(log.Object(1)["metadata"]["finalizers"], Json({"varmor.org/test"}));
}

TEST_F(KubeConformance, ABoundPodWaitsForItsKubelet) {
  CreatePod("free", "");
  CreatePod("bound", "node-1");
  ASSERT_TRUE(client_.Delete(kPods, name_space_, "free").ok());
  EXPECT_TRUE(absl::IsNotFound(client_.Get(kPods, name_space_, "free").status()));
  ASSERT_TRUE(client_.Delete(kPods, name_space_, "bound").ok());
  const Json pod = Must(client_.Get(kPods, name_space_, "bound"));
  EXPECT_NE(TextAt(pod, {"metadata", "deletionTimestamp"}), "");
  EXPECT_EQ(NumberAt(pod, {"metadata", "deletionGracePeriodSeconds"}), 30);
  ASSERT_TRUE(client_.Delete(kPods, name_space_, "bound", {{"gracePeriodSeconds", 0}}).ok());
  EXPECT_TRUE(absl::IsNotFound(client_.Get(kPods, name_space_, "bound").status()));
}

TEST_F(KubeConformance, ADeletedNamespaceTakesNothingMore) {
  ASSERT_TRUE(client_.Delete(kNamespaces, "", name_space_).ok());
  const Json name_space = Must(client_.Get(kNamespaces, "", name_space_));
  EXPECT_EQ(TextAt(name_space, {"status", "phase"}), "Terminating");
  // The server's view of namespaces is behind by an instant.
  absl::Status status;
  for (int attempt = 0; attempt < 50 && !absl::IsPermissionDenied(status); ++attempt) {
    status = client_.Create(kConfigMaps, name_space_, Named(absl::StrCat("a", attempt))).status();
    if (status.ok()) absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
}

TEST_F(KubeConformance, ListsSelectByLabels) {
  for (const Json& object : {Labelled("a", {{"tier", "web"}, {"env", "x"}}),
                             Labelled("b", {{"tier", "db"}}), Labelled("c", {{"env", "y"}})}) {
    Must(client_.Create(kConfigMaps, name_space_, object));
  }
  EXPECT_THAT(Names(kConfigMaps, "tier=web"), ElementsAre("a"));
  EXPECT_THAT(Names(kConfigMaps, "tier==db"), ElementsAre("b"));
  EXPECT_THAT(Names(kConfigMaps, "tier in (web, db)"), ElementsAre("a", "b"));
  EXPECT_THAT(Names(kConfigMaps, "tier notin (web)"), ElementsAre("b", "c"));
  EXPECT_THAT(Names(kConfigMaps, "tier!=web"), ElementsAre("b", "c"));
  EXPECT_THAT(Names(kConfigMaps, "env"), ElementsAre("a", "c"));
  EXPECT_THAT(Names(kConfigMaps, "!env"), ElementsAre("b"));
  EXPECT_THAT(Names(kConfigMaps, "env,tier"), ElementsAre("a"));
  EXPECT_THAT(Names(kConfigMaps, "env,tier=db"), IsEmpty());
  const absl::Status status = client_.List(kConfigMaps, {name_space_, "a b c", "", ""}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

TEST_F(KubeConformance, ListsSelectByFields) {
  CreatePod("a", "node-1");
  CreatePod("b", "node-2");
  EXPECT_THAT(Names(kPods, "", "metadata.name=b"), ElementsAre("b"));
  EXPECT_THAT(Names(kPods, "", "spec.nodeName=node-1"), ElementsAre("a"));
  EXPECT_THAT(Names(kPods, "", "spec.nodeName!=node-1"), ElementsAre("b"));
  CreateWidget("w");
  CreateWidget("v");
  EXPECT_THAT(Names(kWidgets, "", "metadata.name=w"), ElementsAre("w"));
  const absl::Status status = client_.List(kWidgets, {name_space_, "", "spec.size=1", ""}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

TEST_F(KubeConformance, ListsHaveAllPagesAndTheTypeOfItems) {
  std::vector<std::string> names;
  for (int i = 0; i < 7; ++i) {
    names.push_back(absl::StrCat("m", i));
    Must(client_.Create(kConfigMaps, name_space_, Named(names.back())));
  }
  const absl::StatusOr<KubeList> list = client_.List(kConfigMaps, {name_space_, "", "", ""});
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(Names(kConfigMaps, ""), names);
  for (const Json& item : list->items) {
    EXPECT_EQ(TextAt(item, {"kind"}), "ConfigMap");
    EXPECT_EQ(TextAt(item, {"apiVersion"}), "v1");
  }
  const absl::StatusOr<KubeList> cached = client_.List(kConfigMaps, {name_space_, "", "", "0"});
  ASSERT_TRUE(cached.ok()) << cached.status();
  const absl::StatusOr<KubeList> all = client_.List(kConfigMaps, {"", "", "", ""});
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_GE(all->items.size(), names.size());
}

TEST_F(KubeConformance, MetadataCanBeHadAlone) {
  Json widget = CreateWidget("a");
  KubeListOptions options;
  options.name_space = name_space_;
  options.metadata_only = true;
  const auto as_seen = [](Json object) {
    object.erase("spec");
    object["metadata"].erase("managedFields");
    return object;
  };
  const auto seen = [](Json object) {
    object["metadata"].erase("managedFields");
    return object;
  };
  const absl::StatusOr<KubeList> list = client_.List(kWidgets, options);
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->items.size(), 1u);
  EXPECT_EQ(seen(list->items[0]), as_seen(widget));
  options.resource_version = list->resource_version;
  WatchLog log(client_, kWidgets, options);
  widget["spec"]["size"] = 2;
  widget = Must(client_.Update(kWidgets, widget));
  ASSERT_THAT(log.Events(1), ElementsAre("MODIFIED a"));
  EXPECT_EQ(seen(log.Object(0)), as_seen(widget));
}

TEST_F(KubeConformance, AVersionThatIsYetToComeIsOutOfRange) {
  const int64_t now = std::stoll(VersionNow(kWidgets));
  const absl::Status status =
      client_.List(kWidgets, {name_space_, "", "", absl::StrCat(now + 1000000)}).status();
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
}

TEST_F(KubeConformance, AWatchSeesWhatComesAfterItsVersion) {
  CreateWidget("before");
  WatchLog log(client_, kWidgets, {name_space_, "", "", VersionNow(kWidgets)});
  Json widget = CreateWidget("a");
  widget["spec"]["size"] = 2;
  widget = Must(client_.Update(kWidgets, widget));
  ASSERT_TRUE(client_.Delete(kWidgets, name_space_, "a").ok());
  ASSERT_THAT(log.Events(3), ElementsAre("ADDED a", "MODIFIED a", "DELETED a"));
  EXPECT_EQ(log.Object(1), widget);
  EXPECT_EQ(log.Object(2)["spec"]["size"], 2);
  EXPECT_GT(std::stoll(Version(log.Object(2))), std::stoll(Version(widget)));
  EXPECT_TRUE(absl::IsCancelled(log.Stop()));
}

TEST_F(KubeConformance, AWatchWithoutVersionBeginsWithWhatIsThere) {
  CreateWidget("a");
  CreateWidget("b");
  WatchLog log(client_, kWidgets, {name_space_, "", "", ""});
  EXPECT_THAT(log.Events(2), UnorderedElementsAre("ADDED a", "ADDED b"));
  CreateWidget("c");
  EXPECT_THAT(log.Events(3), ::testing::Contains("ADDED c"));
}

TEST_F(KubeConformance, AWatchIsOfOneNamespaceOrAll) {
  const std::string from = VersionNow(kConfigMaps);
  WatchLog one(client_, kConfigMaps, {"default", "", "", from});
  WatchLog all(client_, kConfigMaps, {"", "metadata-is-set-below", "", from});
  const Json object = Labelled("a", {{"metadata-is-set-below", ""}});
  Must(client_.Create(kConfigMaps, name_space_, object));
  EXPECT_THAT(all.Events(1), ElementsAre("ADDED a"));
  Json generated = {{"metadata", {{"generateName", "conformance-"}}}};
  generated = Must(client_.Create(kConfigMaps, "default", generated));
  const std::string name = TextAt(generated, {"metadata", "name"});
  EXPECT_THAT(one.Events(1), ElementsAre(absl::StrCat("ADDED ", name)));
  EXPECT_TRUE(client_.Delete(kConfigMaps, "default", name).ok());
}

TEST_F(KubeConformance, AWatchedObjectCanEnterAndLeaveTheSelection) {
  WatchLog log(client_, kConfigMaps, {name_space_, "on=yes", "", VersionNow(kConfigMaps)});
  Must(client_.Create(kConfigMaps, name_space_, Labelled("a", {{"on", "no"}})));
  const auto label = [&](const char* value) {
    Must(client_.Patch(kConfigMaps, name_space_, "a", KubePatch::kMerge,
                       {{"metadata", {{"labels", {{"on", value}}}}}}));
  };
  label("yes");
  Must(client_.Patch(kConfigMaps, name_space_, "a", KubePatch::kMerge, {{"data", {{"k", "v"}}}}));
  label("no");
  label("yes");
  ASSERT_TRUE(client_.Delete(kConfigMaps, name_space_, "a").ok());
  ASSERT_THAT(log.Events(5),
              ElementsAre("ADDED a", "MODIFIED a", "DELETED a", "ADDED a", "DELETED a"));
  // The last state that was selected.
  EXPECT_EQ(log.Object(2)["metadata"]["labels"]["on"], "yes");
}

TEST_F(KubeConformance, AWatchFromAForgottenVersionIsOutOfRange) {
  TheConformanceTarget().ForgetVersionOne();
  WatchLog log(client_, kWidgets, {name_space_, "", "", "1"});
  const absl::Status status = log.End();
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  EXPECT_EQ(KubeReasonOf(status), "Expired");
}

TEST_F(KubeConformance, TheReaderCanEndAWatch) {
  CreateWidget("a");
  CreateWidget("b");
  int seen = 0;
  const absl::Status status = client_.Watch(
      kWidgets, {name_space_, "", "", ""},
      [&seen](KubeWatchEvent) {
        ++seen;
        return false;
      },
      [] { return false; });
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(seen, 1);
}

TEST_F(KubeConformance, AnObjectCanBeTooLarge) {
  const absl::Status status =
      client_
          .Create(kWidgets, name_space_, Widget("a", {{"text", std::string(size_t{2} << 20, 'x')}}))
          .status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

TEST_F(KubeConformance, ALeaseHasMicrosecondsAndOneWinner) {
  Json lease = Named("a");
  lease["spec"] = {{"holderIdentity", "one"},
                   {"leaseDurationSeconds", 15},
                   {"acquireTime", "2024-01-02T03:04:05.678901Z"}};
  lease = Must(client_.Create(kLeases, name_space_, lease));
  EXPECT_EQ(lease["spec"]["acquireTime"], "2024-01-02T03:04:05.678901Z");
  Json rival = lease;
  lease["spec"]["renewTime"] = "2024-01-02T03:04:06.000000Z";
  Must(client_.Update(kLeases, lease));
  rival["spec"]["holderIdentity"] = "two";
  EXPECT_TRUE(absl::IsAborted(client_.Update(kLeases, rival).status()));
}

}  // namespace
}  // namespace varmor
