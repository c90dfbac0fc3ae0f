// What is on the server, as a stream of events that never ends: lists, watches, and does both again
// when the server, the connection or the history of versions is lost.
//
//     Informer informer(client, kArmorProfiles, {}, [&queue](InformerEvent event) {
//       queue.Push(std::move(event));
//     });
//     informer.Start();
#ifndef RUNTIME_KUBE_INFORMER_H_
#define RUNTIME_KUBE_INFORMER_H_

#include <functional>
#include <map>
#include <string>
#include <thread>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/kube/kube_client.h"
#include "runtime/kube/mutex.h"

namespace varmor {

struct InformerEvent {
  // kSynced comes after the events of each complete list: everything that there was is known.
  enum class Type { kAdded, kModified, kDeleted, kSynced };
  Type type = Type::kAdded;
  // Without metadata.managedFields. kDeleted: the last state that the server told, or, when the
  // deletion happened unseen, only apiVersion, kind and metadata with name, namespace, uid and
  // resourceVersion. kSynced: null.
  Json object;
};

struct InformerOptions {
  // What to list and watch. `resource_version` is for the first list alone; later ones ask for the
  // newest, so that nothing goes back in time.
  KubeListOptions list;
  // After an error the next try waits a random time between the half of this and this, which
  // doubles from error to error up to `longest_wait`; or as long as the server asks. A list because
  // versions are gone starts at once the first time.
  absl::Duration first_wait = absl::Seconds(1);
  absl::Duration longest_wait = absl::Seconds(30);
  // Told about each error, in the informer's thread, with the number of errors in a row.
  std::function<void(const absl::Status& error, int in_a_row)> on_error;
};

class Informer {
 public:
  // `on_event` is called in one thread, the informer's own. An object is added before it is
  // modified or deleted, and deleted before another of its name is added. `client` must outlive
  // this.
  Informer(KubeClient& client, const KubeResource& resource, InformerOptions options,
           std::function<void(InformerEvent event)> on_event);
  // Stops.
  ~Informer();

  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;

  void Start();
  // No event comes after it. Waits for a list under way, so at most as long as the client's limit
  // of a call; KubeHttpClient::Cancel ends it at once. Not from within `on_event`.
  void Stop();

  // Whether one list was complete.
  bool Synced() const;

 private:
  // What is known of an object: enough to tell changes and to name it in a deletion.
  struct Known {
    std::string name_space, name, uid, version;
  };

  void Run();
  absl::Status List();
  absl::Status Watch();
  bool OnWatchEvent(KubeWatchEvent event);
  // An object that is there, from a list or a watch.
  void Present(Json object);
  void Absent(const std::string& key, Json object);
  Json Identity(const Known& known) const;
  void Wait(const absl::Status& error);
  bool Stopping() const;

  KubeClient& client_;
  const KubeResource resource_;
  const InformerOptions options_;
  const std::function<void(InformerEvent)> on_event_;

  // Of the thread alone.
  std::map<std::string, Known> known_;  // by key
  std::string version_;                 // where a watch goes on; "": a list is due
  bool listed_before_ = false;
  bool watch_told_something_ = false;
  int errors_in_a_row_ = 0;
  absl::BitGen random_;

  mutable Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool synced_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace varmor

#endif  // RUNTIME_KUBE_INFORMER_H_
