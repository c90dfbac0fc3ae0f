// A Kubernetes API server in memory, for unit tests: resource versions, conflicts, generations,
// status as a subresource, finalizers, graceful deletion of bound pods, namespaces, selectors,
// patches, watches with bookmarks, and versions that are gone. The conformance suite
// (conformance.h) runs against it and against kube-apiserver, so what it does, a server does.
//
// What it leaves out, so that tests of it must use the real one (tools/kube/run): schemas, defaults
// and validation of objects beyond their metadata; RBAC; admission, so no webhooks and no service
// accounts; server-side apply, which is UNIMPLEMENTED, as are propagation policies other than
// Background. As with a server without controllers, nothing reacts: no rollouts, no garbage
// collection, namespaces stay Terminating.
#ifndef RUNTIME_KUBE_TESTING_FAKE_KUBE_CLIENT_H_
#define RUNTIME_KUBE_TESTING_FAKE_KUBE_CLIENT_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/kube/kube_client.h"
#include "runtime/kube/mutex.h"

namespace varmor {

class FakeKubeClient : public KubeClient {
 public:
  struct Call {
    std::string verb;      // get, list, watch, create, update, patch, delete, version
    std::string resource;  // plural
    std::string name_space, name, subresource;
    // "update armorprofiles/status shop/varmor-shop-db"
    std::string Text() const;
  };

  // With the namespaces default and kube-system. Version 1.20.
  FakeKubeClient();

  absl::StatusOr<Json> ServerVersion() override;
  absl::StatusOr<Json> Get(const KubeResource& resource, absl::string_view name_space,
                           absl::string_view name) override;
  absl::StatusOr<KubeList> List(const KubeResource& resource,
                                const KubeListOptions& options) override;
  absl::StatusOr<Json> Create(const KubeResource& resource, absl::string_view name_space,
                              const Json& object) override;
  absl::StatusOr<Json> Update(const KubeResource& resource, const Json& object,
                              absl::string_view subresource = "") override;
  absl::StatusOr<Json> Patch(const KubeResource& resource, absl::string_view name_space,
                             absl::string_view name, KubePatch type, const Json& patch,
                             absl::string_view subresource = "") override;
  absl::Status Delete(const KubeResource& resource, absl::string_view name_space,
                      absl::string_view name, const Json& options = Json::object()) override;
  // Asks `cancelled` every few milliseconds.
  absl::Status Watch(const KubeResource& resource, const KubeListOptions& options,
                     const std::function<bool(KubeWatchEvent event)>& on_event,
                     const std::function<bool()>& cancelled) override;

  // --- What a test can do to it. All of it from any thread. ---

  // Asked before each call, without locks of this object; what is not OK is the call's answer.
  void SetHook(std::function<absl::Status(const Call& call)> hook);
  // The calls since the last TakeCalls.
  std::vector<Call> TakeCalls();
  // Only those that would change something: create, update, patch, delete.
  std::vector<Call> TakeWrites();
  // Answers creates of `resource` (kTokenReviews, kSubjectAccessReviews) from the object sent; they
  // are UNIMPLEMENTED before.
  void SetReviewer(const KubeResource& resource,
                   std::function<absl::StatusOr<Json>(Json)> reviewer);
  void SetServerVersion(Json version);
  // For creationTimestamp and deletionTimestamp; absl::Now before.
  void SetClock(std::function<absl::Time()> now);
  // Ends open watches with `status`: OK as the server does in the end, UNAVAILABLE as a crash.
  void EndWatches(const absl::Status& status);
  // How many watches are open.
  int Watches();
  // Versions up to now are gone: watches from them are OUT_OF_RANGE.
  void Compact();
  // Sends every open watch a bookmark.
  void SendBookmarks();

 private:
  struct Event {
    int64_t version = 0;
    std::string resource;  // as the key of objects_
    Json before, after;    // null where there was or is none
  };
  using Objects = std::map<std::string, Json>;  // by "NAMESPACE/NAME", without a namespace "/NAME"

  struct Watcher;

  absl::Status Enter(const Call& call);
  absl::StatusOr<Json> Store(const KubeResource& resource, const std::string& key, Json object)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(const KubeResource& resource, const std::string& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Json* Find(const KubeResource& resource, absl::string_view name_space, absl::string_view name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Json> Review(const KubeResource& resource, const Json& object);
  absl::Status CheckNamespace(const KubeResource& resource, absl::string_view name_space)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Json> Replace(const KubeResource& resource, Json object,
                               absl::string_view subresource) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Json> Insert(const KubeResource& resource, absl::string_view name_space,
                              Json object) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Where a watch begins; OUT_OF_RANGE when that is gone.
  absl::Status BeginWatch(const std::string& version, Watcher& watcher)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes over what happened since.
  void Catch(const KubeResource& resource, Watcher& watcher) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tells it. False when the watch is over, with `result`.
  static bool Tell(Watcher& watcher, const std::function<bool(KubeWatchEvent)>& on_event,
                   const std::function<bool()>& cancelled, absl::Status& result);
  std::string Now() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  int64_t version_ ABSL_GUARDED_BY(mutex_) = 1;
  int64_t compacted_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t uids_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Objects> objects_ ABSL_GUARDED_BY(mutex_);  // by "GROUP/PLURAL"
  std::vector<Event> events_ ABSL_GUARDED_BY(mutex_);
  // Of EndWatches and SendBookmarks: how often, and with what.
  int64_t ended_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
  int64_t bookmarks_ ABSL_GUARDED_BY(mutex_) = 0;
  int watches_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Call> calls_ ABSL_GUARDED_BY(mutex_);
  std::function<absl::Status(const Call&)> hook_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::function<absl::StatusOr<Json>(Json)>> reviewers_
      ABSL_GUARDED_BY(mutex_);
  std::function<absl::Time()> now_ ABSL_GUARDED_BY(mutex_) = absl::Now;
  Json server_version_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace varmor

#endif  // RUNTIME_KUBE_TESTING_FAKE_KUBE_CLIENT_H_
