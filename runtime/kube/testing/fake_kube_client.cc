#include "runtime/kube/testing/fake_kube_client.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/kube/kube_error.h"
#include "runtime/kube/kube_object.h"
#include "runtime/kube/kube_path.h"
#include "runtime/kube/mutex.h"
#include "runtime/kube/testing/selector.h"
#include "runtime/kube/testing/strategic_merge.h"

namespace varmor {
namespace {

// --- What kinds of resources differ in. ---

bool IsCustom(const KubeResource& resource) {
  return absl::StrContains(resource.group, '.') && !absl::EndsWith(resource.group, ".k8s.io");
}

bool HasStatus(const KubeResource& resource) {
  static const char* const kPlurals[] = {"pods",       "nodes",       "namespaces",
                                         "services",   "deployments", "statefulsets",
                                         "daemonsets", "replicasets", "customresourcedefinitions"};
  return IsCustom(resource) ||
         std::find(std::begin(kPlurals), std::end(kPlurals), resource.plural) != std::end(kPlurals);
}

bool HasGeneration(const KubeResource& resource) {
  return IsCustom(resource) || resource.group == "apps" ||
         resource.group == "apiextensions.k8s.io" || resource.group == "discovery.k8s.io" ||
         resource.group == "admissionregistration.k8s.io";
}

// Whether an update may leave out the resource version (AllowUnconditionalUpdate of the
// strategies).
bool AllowsUnconditionalUpdate(const KubeResource& resource) {
  return resource.group.empty() || resource.group == "apps" ||
         resource.group == "discovery.k8s.io" || resource.group == "events.k8s.io";
}

// --- Answers. ---

absl::Status Refuse(int code, absl::string_view reason, std::string message) {
  KubeFailure failure;
  failure.code = code;
  failure.reason = std::string(reason);
  failure.message = std::move(message);
  return KubeErrorStatus(failure);
}

// `armorprofiles.crd.varmor.org "a"`
std::string Named(const KubeResource& resource, absl::string_view name) {
  return absl::StrCat(resource.plural, resource.group.empty() ? "" : ".", resource.group, " \"",
                      name, "\"");
}

absl::Status NotFound(const KubeResource& resource, absl::string_view name) {
  return Refuse(404, "NotFound", absl::StrCat(Named(resource, name), " not found"));
}

absl::Status Conflict(const KubeResource& resource, absl::string_view name, absl::string_view why) {
  return Refuse(
      409, "Conflict",
      absl::StrCat("Operation cannot be fulfilled on ", Named(resource, name), ": ", why));
}

absl::Status Invalid(const KubeResource& resource, absl::string_view name, absl::string_view why) {
  return Refuse(422, "Invalid", absl::StrCat(resource.kind, " \"", name, "\" is invalid: ", why));
}

absl::Status Expired(int64_t version, int64_t oldest) {
  return Refuse(410, "Expired",
                absl::StrCat("too old resource version: ", version, " (", oldest, ")"));
}

// --- Objects. ---

std::string ResourceKey(const KubeResource& resource) {
  return absl::StrCat(resource.group, "/", resource.plural);
}

std::string ObjectKey(absl::string_view name_space, absl::string_view name) {
  return absl::StrCat(name_space, "/", name);
}

// A DNS subdomain (validation.IsDNS1123Subdomain), which is what names are for most resources.
bool IsName(absl::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  if (!absl::ascii_isalnum(name.front()) || !absl::ascii_isalnum(name.back())) return false;
  return std::all_of(name.begin(), name.end(), [](char byte) {
    return absl::ascii_islower(byte) || absl::ascii_isdigit(byte) || byte == '-' || byte == '.';
  });
}

// What a list or a watch with these options shows of it.
Json View(const KubeListOptions& options, const Json& object) {
  if (!options.metadata_only) return object;
  return {{"apiVersion", object["apiVersion"]},
          {"kind", object["kind"]},
          {"metadata", object["metadata"]}};
}

bool IsDeleting(const Json& object) {
  return FieldAt(object, {"metadata", "deletionTimestamp"}) != nullptr;
}

bool HasFinalizers(const Json& object) {
  const Json* finalizers = FieldAt(object, {"metadata", "finalizers"});
  return finalizers != nullptr && !finalizers->empty();
}

// Without what the server changes by itself at a write.
Json Essence(Json object) {
  object["metadata"].erase("resourceVersion");
  object["metadata"].erase("managedFields");
  return object;
}

// What a generation counts the changes of.
Json SpecOf(Json object) {
  object.erase("metadata");
  object.erase("status");
  return object;
}

void CopyField(const Json& from, const std::string& key, Json& to) {
  if (from.contains(key)) {
    to[key] = from[key];
  } else {
    to.erase(key);
  }
}

absl::Status CheckType(const KubeResource& resource, Json& object) {
  if (!object.is_object() || (object.contains("metadata") && !object["metadata"].is_object())) {
    return Refuse(400, "BadRequest", "the body of the request is no object");
  }
  if (!object.contains("apiVersion")) object["apiVersion"] = KubeApiVersion(resource);
  if (!object.contains("kind")) object["kind"] = resource.kind;
  if (object["kind"] != resource.kind || object["apiVersion"] != KubeApiVersion(resource)) {
    return Refuse(400, "BadRequest",
                  absl::StrCat("the object provided is unrecognized or does not match ",
                               KubeApiVersion(resource), " ", resource.kind));
  }
  return absl::OkStatus();
}

// etcd's --max-request-bytes.
absl::Status CheckSize(const Json& object) {
  constexpr size_t kLimit = 1536 * 1024;
  if (object.dump().size() <= kLimit) return absl::OkStatus();
  return Refuse(500, "", "etcdserver: request is too large");
}

// What an update must leave as it was, and what a write to status or beside it leaves.
void KeepServerFields(const KubeResource& resource, const Json& old, absl::string_view subresource,
                      Json& object) {
  if (subresource == "status") {
    Json changed = old;
    CopyField(object, "status", changed);
    object = std::move(changed);
    return;
  }
  for (const char* key : {"uid", "creationTimestamp", "deletionTimestamp",
                          "deletionGracePeriodSeconds", "generation", "selfLink"}) {
    CopyField(old["metadata"], key, object["metadata"]);
  }
  if (HasStatus(resource)) CopyField(old, "status", object);
  if (HasGeneration(resource) && SpecOf(object) != SpecOf(old)) {
    object["metadata"]["generation"] = NumberAt(old, {"metadata", "generation"}).value_or(0) + 1;
  }
}

absl::Status CheckPreconditions(const KubeResource& resource, const Json& old,
                                const Json& preconditions) {
  for (const char* key : {"uid", "resourceVersion"}) {
    const std::string wanted = TextAt(preconditions, {key});
    const std::string actual = TextAt(old, {"metadata", key});
    if (!wanted.empty() && wanted != actual) {
      return Conflict(resource, TextAt(old, {"metadata", "name"}),
                      absl::StrCat("the ", key, " in the precondition (", wanted,
                                   ") does not match the one in record (", actual, ")"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> Patched(const KubeResource& resource, Json object, KubePatch type,
                             const Json& patch) {
  try {
    switch (type) {
      case KubePatch::kJson:
        return object.patch(patch);
      case KubePatch::kMerge:
        object.merge_patch(patch);
        return object;
      case KubePatch::kStrategicMerge:
        if (IsCustom(resource)) {
          return Refuse(415, "UnsupportedMediaType",
                        "the body of the request was in an unknown format");
        }
        StrategicMerge(object, patch);
        return object;
      case KubePatch::kApply:
        return absl::UnimplementedError("the fake server has no server-side apply");
    }
    return absl::InternalError("no such type of patch");
  } catch (const Json::exception& error) {
    return Refuse(422, "Invalid",
                  absl::StrCat("the server rejected our request due to an error in our request: ",
                               error.what()));
  } catch (const std::invalid_argument& error) {
    return absl::UnimplementedError(error.what());
  }
}

absl::StatusOr<int64_t> ParseVersion(const std::string& text) {
  int64_t version = 0;
  if (absl::SimpleAtoi(text, &version) && version >= 0) return version;
  return Refuse(400, "BadRequest", absl::StrCat("resourceVersion: Invalid value: \"", text, "\""));
}

// What a list or watch is of.
absl::StatusOr<ObjectPredicate> SelectionOf(const KubeResource& resource,
                                            const KubeListOptions& options) {
  VARMOR_ASSIGN_OR_RETURN(const ObjectPredicate labels, ParseLabelSelector(options.label_selector));
  VARMOR_ASSIGN_OR_RETURN(
      const ObjectPredicate fields,
      ParseFieldSelector(options.field_selector, resource.plural == kPods.plural));
  return ObjectPredicate([labels, fields, name_space = options.name_space](const Json& object) {
    return (name_space.empty() || TextAt(object, {"metadata", "namespace"}) == name_space) &&
           labels(object) && fields(object);
  });
}

// How long a deletion waits for a kubelet. Zero: it does not.
int64_t GraceOf(const KubeResource& resource, const Json& object, const Json& options) {
  if (resource.plural != kPods.plural || TextAt(object, {"spec", "nodeName"}).empty()) return 0;
  return NumberAt(options, {"gracePeriodSeconds"})
      .value_or(NumberAt(object, {"spec", "terminationGracePeriodSeconds"}).value_or(30));
}

}  // namespace

std::string FakeKubeClient::Call::Text() const {
  std::string text = absl::StrCat(verb, " ", resource);
  if (!subresource.empty()) absl::StrAppend(&text, "/", subresource);
  if (!name_space.empty() || !name.empty()) absl::StrAppend(&text, " ");
  if (!name_space.empty()) absl::StrAppend(&text, name_space, "/");
  return absl::StrCat(text, name);
}

FakeKubeClient::FakeKubeClient()
    : server_version_({{"major", "1"}, {"minor", "20"}, {"gitVersion", "v1.20.2"}}) {
  MutexLock lock(&mutex_);
  for (const char* name : {"default", "kube-system"}) {
    // Cannot fail: the names are good and new.
    Insert(kNamespaces, "", {{"metadata", {{"name", name}}}}).IgnoreError();
  }
}

absl::StatusOr<Json> FakeKubeClient::ServerVersion() {
  VARMOR_RETURN_IF_ERROR(Enter({"version", "", "", "", ""}));
  MutexLock lock(&mutex_);
  return server_version_;
}

absl::StatusOr<Json> FakeKubeClient::Get(const KubeResource& resource, absl::string_view name_space,
                                         absl::string_view name) {
  VARMOR_RETURN_IF_ERROR(KubeObjectPath(resource, name_space, name, "").status());
  VARMOR_RETURN_IF_ERROR(
      Enter({"get", resource.plural, std::string(name_space), std::string(name), ""}));
  MutexLock lock(&mutex_);
  const Json* object = Find(resource, name_space, name);
  if (object == nullptr) return NotFound(resource, name);
  return *object;
}

absl::StatusOr<KubeList> FakeKubeClient::List(const KubeResource& resource,
                                              const KubeListOptions& options) {
  VARMOR_RETURN_IF_ERROR(KubeListPath(resource, options.name_space).status());
  VARMOR_RETURN_IF_ERROR(Enter({"list", resource.plural, options.name_space, "", ""}));
  VARMOR_ASSIGN_OR_RETURN(const ObjectPredicate selected, SelectionOf(resource, options));
  MutexLock lock(&mutex_);
  if (!options.resource_version.empty()) {
    VARMOR_ASSIGN_OR_RETURN(const int64_t wanted, ParseVersion(options.resource_version));
    if (wanted > version_) {
      return Refuse(504, "Timeout",
                    absl::StrCat("Too large resource version: ", wanted, ", current: ", version_));
    }
  }
  KubeList list;
  list.resource_version = absl::StrCat(version_);
  for (const auto& [key, object] : objects_[ResourceKey(resource)]) {
    if (selected(object)) list.items.push_back(View(options, object));
  }
  return list;
}

absl::StatusOr<Json> FakeKubeClient::Create(const KubeResource& resource,
                                            absl::string_view name_space, const Json& object) {
  VARMOR_RETURN_IF_ERROR(KubeCollectionPath(resource, name_space).status());
  VARMOR_RETURN_IF_ERROR(Enter({"create", resource.plural, std::string(name_space),
                                TextAt(object, {"metadata", "name"}), ""}));
  if (resource.plural == kTokenReviews.plural || resource.plural == kSubjectAccessReviews.plural) {
    return Review(resource, object);
  }
  MutexLock lock(&mutex_);
  return Insert(resource, name_space, object);
}

absl::StatusOr<Json> FakeKubeClient::Update(const KubeResource& resource, const Json& object,
                                            absl::string_view subresource) {
  const std::string name_space = TextAt(object, {"metadata", "namespace"});
  const std::string name = TextAt(object, {"metadata", "name"});
  VARMOR_RETURN_IF_ERROR(KubeObjectPath(resource, name_space, name, subresource).status());
  VARMOR_RETURN_IF_ERROR(
      Enter({"update", resource.plural, name_space, name, std::string(subresource)}));
  MutexLock lock(&mutex_);
  return Replace(resource, object, subresource);
}

absl::StatusOr<Json> FakeKubeClient::Patch(const KubeResource& resource,
                                           absl::string_view name_space, absl::string_view name,
                                           KubePatch type, const Json& patch,
                                           absl::string_view subresource) {
  VARMOR_RETURN_IF_ERROR(KubeObjectPath(resource, name_space, name, subresource).status());
  VARMOR_RETURN_IF_ERROR(Enter({"patch", resource.plural, std::string(name_space),
                                std::string(name), std::string(subresource)}));
  MutexLock lock(&mutex_);
  const Json* old = Find(resource, name_space, name);
  if (old == nullptr) return NotFound(resource, name);
  VARMOR_ASSIGN_OR_RETURN(Json object, Patched(resource, *old, type, patch));
  if (TextAt(object, {"metadata", "name"}) != name ||
      TextAt(object, {"metadata", "namespace"}) != name_space) {
    return Refuse(400, "BadRequest", "the name or namespace of the object does not match the URL");
  }
  return Replace(resource, std::move(object), subresource);
}

absl::Status FakeKubeClient::Delete(const KubeResource& resource, absl::string_view name_space,
                                    absl::string_view name, const Json& options) {
  VARMOR_RETURN_IF_ERROR(KubeObjectPath(resource, name_space, name, "").status());
  VARMOR_RETURN_IF_ERROR(
      Enter({"delete", resource.plural, std::string(name_space), std::string(name), ""}));
  const std::string propagation = TextAt(options, {"propagationPolicy"});
  if (!propagation.empty() && propagation != "Background") {
    return absl::UnimplementedError(
        absl::StrCat("the fake server has no propagation policy ", propagation));
  }
  MutexLock lock(&mutex_);
  const Json* old = Find(resource, name_space, name);
  if (old == nullptr) return NotFound(resource, name);
  const Json* preconditions = FieldAt(options, {"preconditions"});
  if (preconditions != nullptr) {
    VARMOR_RETURN_IF_ERROR(CheckPreconditions(resource, *old, *preconditions));
  }
  const int64_t grace = GraceOf(resource, *old, options);
  const bool is_namespace = resource.plural == kNamespaces.plural;
  if (!is_namespace && grace == 0 && !HasFinalizers(*old)) {
    Remove(resource, ObjectKey(name_space, name));
    return absl::OkStatus();
  }
  if (IsDeleting(*old)) return absl::OkStatus();
  Json object = *old;
  object["metadata"]["deletionTimestamp"] = Now();
  if (is_namespace) {
    object["status"]["phase"] = "Terminating";
  } else {
    object["metadata"]["deletionGracePeriodSeconds"] = grace;
  }
  if (const auto generation = NumberAt(object, {"metadata", "generation"})) {
    object["metadata"]["generation"] = *generation + 1;
  }
  return Store(resource, ObjectKey(name_space, name), std::move(object)).status();
}

// One watch: where it is in the history, and what of it its reader wants.
struct FakeKubeClient::Watcher {
  std::string resource;
  KubeListOptions options;
  std::function<bool(const Json&)> selected;
  size_t position = 0;    // in events_
  int64_t bookmarks = 0;  // seen of them
  int64_t ended = 0;
  std::vector<KubeWatchEvent> pending;  // to be told
};

absl::Status FakeKubeClient::Watch(const KubeResource& resource, const KubeListOptions& options,
                                   const std::function<bool(KubeWatchEvent)>& on_event,
                                   const std::function<bool()>& cancelled) {
  VARMOR_RETURN_IF_ERROR(KubeListPath(resource, options.name_space).status());
  VARMOR_RETURN_IF_ERROR(Enter({"watch", resource.plural, options.name_space, "", ""}));
  Watcher watcher;
  watcher.resource = ResourceKey(resource);
  watcher.options = options;
  VARMOR_ASSIGN_OR_RETURN(watcher.selected, SelectionOf(resource, options));
  {
    MutexLock lock(&mutex_);
    VARMOR_RETURN_IF_ERROR(BeginWatch(options.resource_version, watcher));
    ++watches_;
  }
  absl::Status result;
  while (Tell(watcher, on_event, cancelled, result)) {
    MutexLock lock(&mutex_);
    if (ended_ != watcher.ended) {
      result = end_status_;
      break;
    }
    const auto news = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return watcher.position < events_.size() || ended_ != watcher.ended ||
             bookmarks_ != watcher.bookmarks;
    };
    mutex_.AwaitWithTimeout(news, absl::Milliseconds(5));
    Catch(resource, watcher);
  }
  MutexLock lock(&mutex_);
  --watches_;
  return result;
}

absl::Status FakeKubeClient::BeginWatch(const std::string& version, Watcher& watcher) {
  watcher.bookmarks = bookmarks_;
  watcher.ended = ended_;
  if (version.empty() || version == "0") {
    watcher.position = events_.size();
    for (const auto& entry : objects_[watcher.resource]) {
      if (watcher.selected(entry.second)) {
        watcher.pending.push_back({KubeWatchEvent::Type::kAdded, entry.second});
      }
    }
    return absl::OkStatus();
  }
  VARMOR_ASSIGN_OR_RETURN(const int64_t from, ParseVersion(version));
  if (from < compacted_) return Expired(from, compacted_);
  while (watcher.position < events_.size() && events_[watcher.position].version <= from) {
    ++watcher.position;
  }
  return absl::OkStatus();
}

bool FakeKubeClient::Tell(Watcher& watcher, const std::function<bool(KubeWatchEvent)>& on_event,
                          const std::function<bool()>& cancelled, absl::Status& result) {
  for (KubeWatchEvent& event : std::exchange(watcher.pending, {})) {
    event.object = View(watcher.options, event.object);
    if (on_event(std::move(event))) continue;
    result = absl::CancelledError("the watch was ended by its reader");
    return false;
  }
  if (!cancelled()) return true;
  result = absl::CancelledError("the watch was cancelled");
  return false;
}

void FakeKubeClient::Catch(const KubeResource& resource, Watcher& watcher) {
  for (; watcher.position < events_.size(); ++watcher.position) {
    const Event& event = events_[watcher.position];
    if (event.resource != watcher.resource) continue;
    const bool was = !event.before.is_null() && watcher.selected(event.before);
    const bool is = !event.after.is_null() && watcher.selected(event.after);
    if (is) {
      watcher.pending.push_back(
          {was ? KubeWatchEvent::Type::kModified : KubeWatchEvent::Type::kAdded, event.after});
    } else if (was) {
      // The last state that was selected, with the version of its end.
      watcher.pending.push_back({KubeWatchEvent::Type::kDeleted, event.before});
      watcher.pending.back().object["metadata"]["resourceVersion"] = absl::StrCat(event.version);
    }
  }
  if (bookmarks_ == watcher.bookmarks) return;
  watcher.bookmarks = bookmarks_;
  watcher.pending.push_back({KubeWatchEvent::Type::kBookmark,
                             {{"apiVersion", KubeApiVersion(resource)},
                              {"kind", resource.kind},
                              {"metadata", {{"resourceVersion", absl::StrCat(version_)}}}}});
}

void FakeKubeClient::SetHook(std::function<absl::Status(const Call&)> hook) {
  MutexLock lock(&mutex_);
  hook_ = std::move(hook);
}

std::vector<FakeKubeClient::Call> FakeKubeClient::TakeCalls() {
  MutexLock lock(&mutex_);
  return std::exchange(calls_, {});
}

std::vector<FakeKubeClient::Call> FakeKubeClient::TakeWrites() {
  std::vector<Call> calls = TakeCalls();
  calls.erase(std::remove_if(calls.begin(), calls.end(),
                             [](const Call& call) {
                               return call.verb == "get" || call.verb == "list" ||
                                      call.verb == "watch" || call.verb == "version";
                             }),
              calls.end());
  return calls;
}

void FakeKubeClient::SetReviewer(const KubeResource& resource,
                                 std::function<absl::StatusOr<Json>(Json)> reviewer) {
  MutexLock lock(&mutex_);
  reviewers_[ResourceKey(resource)] = std::move(reviewer);
}

void FakeKubeClient::SetServerVersion(Json version) {
  MutexLock lock(&mutex_);
  server_version_ = std::move(version);
}

void FakeKubeClient::SetClock(std::function<absl::Time()> now) {
  MutexLock lock(&mutex_);
  now_ = std::move(now);
}

void FakeKubeClient::EndWatches(const absl::Status& status) {
  MutexLock lock(&mutex_);
  ++ended_;
  end_status_ = status;
}

int FakeKubeClient::Watches() {
  MutexLock lock(&mutex_);
  return watches_;
}

void FakeKubeClient::Compact() {
  MutexLock lock(&mutex_);
  // A version that nobody has seen, so that all that were seen are too old.
  compacted_ = ++version_;
}

void FakeKubeClient::SendBookmarks() {
  MutexLock lock(&mutex_);
  ++bookmarks_;
}

absl::Status FakeKubeClient::Enter(const Call& call) {
  std::function<absl::Status(const Call&)> hook;
  {
    MutexLock lock(&mutex_);
    calls_.push_back(call);
    hook = hook_;
  }
  return hook ? hook(call) : absl::OkStatus();
}

std::string FakeKubeClient::Now() {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", now_(), absl::UTCTimeZone());
}

Json* FakeKubeClient::Find(const KubeResource& resource, absl::string_view name_space,
                           absl::string_view name) {
  Objects& objects = objects_[ResourceKey(resource)];
  const auto found = objects.find(ObjectKey(name_space, name));
  return found == objects.end() ? nullptr : &found->second;
}

absl::StatusOr<Json> FakeKubeClient::Store(const KubeResource& resource, const std::string& key,
                                           Json object) {
  VARMOR_RETURN_IF_ERROR(CheckSize(object));
  Json& place = objects_[ResourceKey(resource)][key];
  object["metadata"]["resourceVersion"] = absl::StrCat(++version_);
  events_.push_back({version_, ResourceKey(resource), place, object});
  place = object;
  return object;
}

void FakeKubeClient::Remove(const KubeResource& resource, const std::string& key) {
  Objects& objects = objects_[ResourceKey(resource)];
  const auto found = objects.find(key);
  events_.push_back({++version_, ResourceKey(resource), std::move(found->second), Json()});
  objects.erase(found);
}

absl::StatusOr<Json> FakeKubeClient::Review(const KubeResource& resource, const Json& object) {
  std::function<absl::StatusOr<Json>(Json)> reviewer;
  {
    MutexLock lock(&mutex_);
    reviewer = reviewers_[ResourceKey(resource)];
  }
  if (!reviewer) {
    return absl::UnimplementedError(
        absl::StrCat("the fake server answers ", resource.plural, " after SetReviewer"));
  }
  return reviewer(object);
}

absl::Status FakeKubeClient::CheckNamespace(const KubeResource& resource,
                                            absl::string_view name_space) {
  if (!resource.namespaced) return absl::OkStatus();
  const Json* found = Find(kNamespaces, "", name_space);
  if (found == nullptr) return NotFound(kNamespaces, name_space);
  if (!IsDeleting(*found)) return absl::OkStatus();
  return Refuse(403, "Forbidden",
                absl::StrCat("unable to create new content in namespace ", name_space,
                             " because it is being terminated"));
}

absl::StatusOr<Json> FakeKubeClient::Insert(const KubeResource& resource,
                                            absl::string_view name_space, Json object) {
  VARMOR_RETURN_IF_ERROR(CheckType(resource, object));
  VARMOR_RETURN_IF_ERROR(CheckNamespace(resource, name_space));
  Json& metadata = object["metadata"];
  const std::string own_namespace = TextAt(object, {"metadata", "namespace"});
  if (!own_namespace.empty() && own_namespace != name_space) {
    return Refuse(400, "BadRequest",
                  "the namespace of the provided object does not match the namespace sent on the "
                  "request");
  }
  if (!TextAt(object, {"metadata", "resourceVersion"}).empty()) {
    return Refuse(500, "", "resourceVersion should not be set on objects to be created");
  }
  const std::string prefix = TextAt(object, {"metadata", "generateName"});
  if (TextAt(object, {"metadata", "name"}).empty() && !prefix.empty()) {
    metadata["name"] = absl::StrCat(prefix, absl::StrFormat("%05d", uids_));
  }
  const std::string name = TextAt(object, {"metadata", "name"});
  if (!IsName(name)) {
    return Invalid(resource, name,
                   name.empty() ? "metadata.name: Required value: name or generateName is required"
                                : absl::StrCat("metadata.name: Invalid value: \"", name, "\""));
  }
  if (Find(resource, name_space, name) != nullptr) {
    return Refuse(409, "AlreadyExists", absl::StrCat(Named(resource, name), " already exists"));
  }
  if (resource.namespaced) metadata["namespace"] = name_space;
  metadata["uid"] = absl::StrFormat("00000000-0000-4000-8000-%012d", ++uids_);
  metadata["creationTimestamp"] = Now();
  metadata.erase("deletionTimestamp");
  metadata.erase("deletionGracePeriodSeconds");
  metadata.erase("generation");
  if (HasGeneration(resource)) metadata["generation"] = 1;
  if (HasStatus(resource)) object.erase("status");
  if (resource.plural == kNamespaces.plural) {
    object["spec"]["finalizers"] = {"kubernetes"};
    object["status"]["phase"] = "Active";
  }
  return Store(resource, ObjectKey(name_space, name), std::move(object));
}

absl::StatusOr<Json> FakeKubeClient::Replace(const KubeResource& resource, Json object,
                                             absl::string_view subresource) {
  if (!subresource.empty() && (subresource != "status" || !HasStatus(resource))) {
    return Refuse(404, "NotFound", "the server could not find the requested resource");
  }
  VARMOR_RETURN_IF_ERROR(CheckType(resource, object));
  const std::string name_space = TextAt(object, {"metadata", "namespace"});
  const std::string name = TextAt(object, {"metadata", "name"});
  const Json* found = Find(resource, name_space, name);
  if (found == nullptr) return NotFound(resource, name);
  const Json old = *found;
  const std::string uid = TextAt(object, {"metadata", "uid"});
  if (!uid.empty() && uid != TextAt(old, {"metadata", "uid"})) {
    return Conflict(resource, name, "Precondition failed: UID in precondition does not match");
  }
  const std::string version = TextAt(object, {"metadata", "resourceVersion"});
  if (version.empty() && !AllowsUnconditionalUpdate(resource)) {
    return Invalid(resource, name, "metadata.resourceVersion: must be specified for an update");
  }
  if (!version.empty() && version != TextAt(old, {"metadata", "resourceVersion"})) {
    return Conflict(resource, name,
                    "the object has been modified; please apply your changes to the latest version "
                    "and try again");
  }
  KeepServerFields(resource, old, subresource, object);
  if (IsDeleting(old) && HasFinalizers(object)) {
    const Json* before = FieldAt(old, {"metadata", "finalizers"});
    for (const Json& finalizer : object["metadata"]["finalizers"]) {
      if (before == nullptr ||
          std::find(before->begin(), before->end(), finalizer) == before->end()) {
        return Invalid(resource, name,
                       "metadata.finalizers: Forbidden: no new finalizers can be added if the "
                       "object is being deleted");
      }
    }
  }
  if (Essence(object) == Essence(old)) return old;
  const int64_t grace = NumberAt(object, {"metadata", "deletionGracePeriodSeconds"}).value_or(0);
  const bool ends =
      IsDeleting(object) && HasFinalizers(old) && !HasFinalizers(object) && grace == 0;
  if (!ends) return Store(resource, ObjectKey(name_space, name), std::move(object));
  Remove(resource, ObjectKey(name_space, name));
  return object;
}

}  // namespace varmor
