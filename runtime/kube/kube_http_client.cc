#include "runtime/kube/kube_http_client.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/kube/http_transport.h"
#include "runtime/kube/kube_credentials.h"
#include "runtime/kube/kube_error.h"
#include "runtime/kube/kube_object.h"
#include "runtime/kube/kube_path.h"
#include "runtime/kube/mutex.h"
#include "runtime/kube/steady_clock.h"
#include "runtime/kube/token_bucket.h"

namespace varmor {
namespace {

// In the order of a URL's query.
using Query = std::vector<std::pair<std::string, std::string>>;

// What answers are to be. Metadata alone comes in a type of its own, for lists and for watches.
constexpr char kAcceptJson[] = "application/json";
constexpr char kAcceptMetadataList[] =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
constexpr char kAcceptMetadata[] = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

const char* ContentTypeOf(KubePatch type) {
  switch (type) {
    case KubePatch::kJson:
      return "application/json-patch+json";
    case KubePatch::kMerge:
      return "application/merge-patch+json";
    case KubePatch::kStrategicMerge:
      return "application/strategic-merge-patch+json";
    case KubePatch::kApply:
      return "application/apply-patch+yaml";
  }
  return "";
}

absl::StatusOr<std::string> TextOf(const Json& object) {
  try {
    return object.dump();
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("an object that is no JSON: ", error.what()));
  }
}

// In seconds; the date form of HTTP is not used by API servers.
absl::Duration RetryAfterOf(const HttpReply& reply) {
  int seconds = 0;
  if (!absl::SimpleAtoi(reply.retry_after, &seconds) || seconds < 0) return absl::ZeroDuration();
  return absl::Seconds(seconds);
}

// An answer that is not a success.
absl::Status RefusalOf(const HttpCall& call, const HttpReply& reply) {
  const Json body = Json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
  KubeFailure failure;
  if (TextAt(body, {"kind"}) == "Status") {
    failure = KubeFailureOf(body, reply.code);
  } else {
    constexpr size_t kExcerpt = 200;
    failure.code = reply.code;
    failure.message =
        absl::StrCat(call.method, " ", call.url, ": HTTP ", reply.code, " ",
                     absl::StripAsciiWhitespace(absl::string_view(reply.body).substr(0, kExcerpt)));
  }
  if (failure.retry_after == absl::ZeroDuration()) failure.retry_after = RetryAfterOf(reply);
  return KubeErrorStatus(failure);
}

// Items of lists lack what the list says for all.
void FillInType(const KubeResource& resource, Json& object) {
  if (!object.contains("apiVersion")) object["apiVersion"] = KubeApiVersion(resource);
  if (!object.contains("kind")) object["kind"] = resource.kind;
}

void SetType(const KubeResource& resource, Json& object) {
  object["apiVersion"] = KubeApiVersion(resource);
  object["kind"] = resource.kind;
}

// Cuts the answer of a watch into lines and those into events.
class WatchReader {
 public:
  explicit WatchReader(const std::function<bool(KubeWatchEvent)>& on_event) : on_event_(on_event) {}

  // False when the watch is over; then status() says why.
  bool Read(absl::string_view data) {
    // A piece can be the middle of a long line, so only what is new is searched.
    size_t end = data.find('\n');
    while (end != absl::string_view::npos) {
      line_.append(data.data(), end);
      data.remove_prefix(end + 1);
      const std::string line = std::move(line_);
      line_.clear();
      if (!ReadLine(line)) return false;
      end = data.find('\n');
    }
    line_.append(data.data(), data.size());
    if (line_.size() <= kLineLimit) return true;
    status_ = absl::ResourceExhaustedError(
        absl::StrCat("a watch event of more than ", kLineLimit, " bytes"));
    return false;
  }

  const absl::Status& status() const { return status_; }

 private:
  static constexpr size_t kLineLimit = size_t{64} << 20;

  bool ReadLine(const std::string& line) {
    if (absl::StripAsciiWhitespace(line).empty()) return true;
    Json event = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const std::string type = TextAt(event, {"type"});
    if (event.is_discarded() || !event.is_object() || !event["object"].is_object()) {
      status_ = absl::InternalError(
          absl::StrCat("a watch event that is none: ", absl::string_view(line).substr(0, 200)));
      return false;
    }
    static const auto& types = *new std::map<std::string, KubeWatchEvent::Type>{
        {"ADDED", KubeWatchEvent::Type::kAdded},
        {"MODIFIED", KubeWatchEvent::Type::kModified},
        {"DELETED", KubeWatchEvent::Type::kDeleted},
        {"BOOKMARK", KubeWatchEvent::Type::kBookmark}};
    const auto found = types.find(type);
    if (found == types.end()) {
      status_ = type == "ERROR" ? KubeErrorStatus(KubeFailureOf(event["object"], 500))
                                : absl::InternalError(absl::StrCat(
                                      "a watch event of the unknown type \"", type, "\""));
      return false;
    }
    return on_event_(KubeWatchEvent{found->second, std::move(event["object"])});
  }

  const std::function<bool(KubeWatchEvent)>& on_event_;
  std::string line_;
  absl::Status status_;
};

class Client : public KubeHttpClient {
 public:
  explicit Client(const KubeHttpClientOptions& options)
      : options_(options),
        field_manager_(options.user_agent.substr(0, options.user_agent.find('/'))),
        credentials_(options.config, options.credentials_period, SteadyNow),
        transport_(std::make_shared<HttpTransport>()),
        bucket_(options.qps > 0 ? options.qps : 1, options.burst) {}

  absl::Status Start() { return credentials_.Reload(); }

  absl::StatusOr<Json> ServerVersion() override { return Ask("GET", "/version", {}, "", ""); }

  absl::StatusOr<Json> Get(const KubeResource& resource, absl::string_view name_space,
                           absl::string_view name) override {
    VARMOR_ASSIGN_OR_RETURN(const std::string path, KubeObjectPath(resource, name_space, name, ""));
    VARMOR_RETURN_IF_ERROR(Limit(resource));
    return Ask("GET", path, {}, "", "");
  }

  absl::StatusOr<KubeList> List(const KubeResource& resource,
                                const KubeListOptions& options) override {
    absl::StatusOr<KubeList> list = ListPages(resource, options, options_.page_size);
    // The pages of a long list can expire while it is read. One answer cannot.
    if (absl::IsOutOfRange(list.status()) && options.resource_version.empty()) {
      list = ListPages(resource, options, 0);
    }
    return list;
  }

  absl::StatusOr<Json> Create(const KubeResource& resource, absl::string_view name_space,
                              const Json& object) override {
    VARMOR_ASSIGN_OR_RETURN(const std::string path, KubeCollectionPath(resource, name_space));
    Json typed = object;
    FillInType(resource, typed);
    return Write(resource, "POST", path, {}, "application/json", typed);
  }

  absl::StatusOr<Json> Update(const KubeResource& resource, const Json& object,
                              absl::string_view subresource) override {
    VARMOR_ASSIGN_OR_RETURN(const std::string path,
                            KubeObjectPath(resource, TextAt(object, {"metadata", "namespace"}),
                                           TextAt(object, {"metadata", "name"}), subresource));
    Json typed = object;
    FillInType(resource, typed);
    return Write(resource, "PUT", path, {}, "application/json", typed);
  }

  absl::StatusOr<Json> Patch(const KubeResource& resource, absl::string_view name_space,
                             absl::string_view name, KubePatch type, const Json& patch,
                             absl::string_view subresource) override {
    VARMOR_ASSIGN_OR_RETURN(const std::string path,
                            KubeObjectPath(resource, name_space, name, subresource));
    Query query;
    if (type == KubePatch::kApply) query.emplace_back("force", "true");
    return Write(resource, "PATCH", path, std::move(query), ContentTypeOf(type), patch);
  }

  absl::Status Delete(const KubeResource& resource, absl::string_view name_space,
                      absl::string_view name, const Json& options) override {
    VARMOR_ASSIGN_OR_RETURN(const std::string path, KubeObjectPath(resource, name_space, name, ""));
    VARMOR_RETURN_IF_ERROR(Limit(resource));
    Json body = options;
    body["apiVersion"] = "v1";
    body["kind"] = "DeleteOptions";
    VARMOR_ASSIGN_OR_RETURN(const std::string text, TextOf(body));
    return Ask("DELETE", path, {}, "application/json", text).status();
  }

  absl::Status Watch(const KubeResource& resource, const KubeListOptions& options,
                     const std::function<bool(KubeWatchEvent)>& on_event,
                     const std::function<bool()>& cancelled) override {
    VARMOR_ASSIGN_OR_RETURN(const std::string path, KubeListPath(resource, options.name_space));
    VARMOR_RETURN_IF_ERROR(Limit(resource));
    Query query = Selection(options);
    query.emplace_back("watch", "true");
    query.emplace_back("allowWatchBookmarks", "true");
    query.emplace_back("timeoutSeconds", absl::StrCat(WatchSeconds()));
    HttpCall call =
        NewCall("GET", path, query, options.metadata_only ? kAcceptMetadata : kAcceptJson);
    call.limit = absl::InfiniteDuration();
    call.silence = options_.watch_silence;
    const std::function<bool(KubeWatchEvent)> tell = [&](KubeWatchEvent event) {
      if (options.metadata_only) SetType(resource, event.object);
      return on_event(std::move(event));
    };
    WatchReader reader(tell);
    HttpReply reply;
    const std::shared_ptr<HttpTransport> transport = Transport();
    const absl::Status status = transport->Stream(
        call, &reply, [&reader](absl::string_view data) { return reader.Read(data); }, cancelled);
    if (!reader.status().ok()) return reader.status();
    if (absl::IsUnavailable(status)) Replace(transport);
    VARMOR_RETURN_IF_ERROR(status);
    return Judge(call, reply);
  }

  void Cancel() override {
    MutexLock lock(&mutex_);
    cancelled_ = true;
    for (const std::weak_ptr<HttpTransport>& transport : replaced_) {
      if (const std::shared_ptr<HttpTransport> alive = transport.lock()) alive->Cancel();
    }
    transport_->Cancel();
  }

 private:
  // Waits for the rate limit.
  absl::Status Limit(const KubeResource& resource) {
    if (options_.qps == 0 || resource.plural == kLeases.plural) return absl::OkStatus();
    MutexLock lock(&mutex_);
    const absl::Duration wait = bucket_.Take(SteadyNow());
    if (wait > absl::ZeroDuration()) {
      mutex_.AwaitWithTimeout([this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return cancelled_; }, wait);
    }
    return cancelled_ ? absl::CancelledError("the client is shutting down") : absl::OkStatus();
  }

  int64_t WatchSeconds() {
    const int64_t seconds = absl::ToInt64Seconds(options_.watch_length);
    MutexLock lock(&mutex_);
    return absl::Uniform(absl::IntervalClosed, random_, seconds, 2 * seconds);
  }

  std::shared_ptr<HttpTransport> Transport() {
    MutexLock lock(&mutex_);
    return transport_;
  }

  // A connection on which an answer did not come in time might be dead without saying so. Calls
  // from now on get another; the calls on it may still end well.
  void Replace(const std::shared_ptr<HttpTransport>& suspect) {
    MutexLock lock(&mutex_);
    if (transport_ != suspect || cancelled_) return;
    replaced_.erase(std::remove_if(replaced_.begin(), replaced_.end(),
                                   [](const auto& transport) { return transport.expired(); }),
                    replaced_.end());
    replaced_.push_back(transport_);
    transport_ = std::make_shared<HttpTransport>();
  }

  HttpCall NewCall(absl::string_view method, absl::string_view path, const Query& query,
                   absl::string_view accept) {
    const KubeSecrets secrets = credentials_.Current();
    HttpCall call;
    call.method = std::string(method);
    SetAddress(path, query, call);
    call.headers.push_back(absl::StrCat("Accept: ", accept));
    if (!secrets.token.empty()) {
      call.headers.push_back(absl::StrCat("Authorization: Bearer ", secrets.token));
    }
    call.ca = secrets.ca;
    call.client_certificate = secrets.client_certificate;
    call.client_key = secrets.client_key;
    call.proxy = options_.config.proxy;
    call.user_agent = options_.user_agent;
    call.limit = options_.call_limit;
    return call;
  }

  void SetAddress(absl::string_view path, const Query& query, HttpCall& call) {
    std::string server = options_.config.server;
    const std::string& name = options_.config.tls_server_name;
    if (!name.empty()) {
      // The URL has the name to check, and the connection goes to the server all the same.
      const std::string address = server.substr(server.find("://") + 3);
      const bool has_port = absl::StrContains(address.substr(address.rfind(']') + 1), ':');
      call.connect_to = absl::StrCat("::", has_port ? address : absl::StrCat(address, ":443"));
      server = absl::StrCat("https://", name);
    }
    call.url = absl::StrCat(server, path);
    char separator = '?';
    for (const auto& [key, value] : query) {
      absl::StrAppend(&call.url, std::string(1, separator), key, "=", PercentEncoded(value));
      separator = '&';
    }
  }

  absl::StatusOr<Json> Write(const KubeResource& resource, absl::string_view method,
                             absl::string_view path, Query query, absl::string_view content_type,
                             const Json& body) {
    VARMOR_RETURN_IF_ERROR(Limit(resource));
    query.emplace_back("fieldManager", field_manager_);
    VARMOR_ASSIGN_OR_RETURN(const std::string text, TextOf(body));
    return Ask(method, path, query, content_type, text);
  }

  absl::StatusOr<Json> Ask(absl::string_view method, absl::string_view path, const Query& query,
                           absl::string_view content_type, std::string body,
                           absl::string_view accept = kAcceptJson) {
    HttpCall call = NewCall(method, path, query, accept);
    if (!content_type.empty()) call.headers.push_back(absl::StrCat("Content-Type: ", content_type));
    call.body = std::move(body);
    HttpReply reply;
    const std::shared_ptr<HttpTransport> transport = Transport();
    const absl::Status status = transport->Perform(call, &reply);
    if (absl::IsDeadlineExceeded(status)) Replace(transport);
    VARMOR_RETURN_IF_ERROR(status);
    VARMOR_RETURN_IF_ERROR(Judge(call, reply));
    Json answer = Json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
    if (!answer.is_object()) {
      return absl::InternalError(
          absl::StrCat(call.method, " ", call.url, ": the answer is no JSON object"));
    }
    return answer;
  }

  // What a whole answer means.
  absl::Status Judge(const HttpCall& call, const HttpReply& reply) {
    if (reply.code >= 200 && reply.code < 300) return absl::OkStatus();
    absl::Status refusal = RefusalOf(call, reply);
    if (!absl::IsUnauthenticated(refusal)) return refusal;
    credentials_.Expire();
    const absl::Status problem = credentials_.problem();
    if (problem.ok()) return refusal;
    return absl::UnauthenticatedError(
        absl::StrCat(refusal.message(), "; the credentials are old, because ", problem.message()));
  }

  Query Selection(const KubeListOptions& options) {
    Query query;
    if (!options.label_selector.empty()) {
      query.emplace_back("labelSelector", options.label_selector);
    }
    if (!options.field_selector.empty()) {
      query.emplace_back("fieldSelector", options.field_selector);
    }
    if (!options.resource_version.empty()) {
      query.emplace_back("resourceVersion", options.resource_version);
    }
    return query;
  }

  absl::StatusOr<KubeList> ListPages(const KubeResource& resource, const KubeListOptions& options,
                                     int page_size) {
    VARMOR_ASSIGN_OR_RETURN(const std::string path, KubeListPath(resource, options.name_space));
    KubeList list;
    std::string next;
    do {
      Query query = Selection(options);
      if (page_size > 0) query.emplace_back("limit", absl::StrCat(page_size));
      if (!next.empty()) {
        // Later pages are of the version of the first.
        query.erase(
            std::remove_if(query.begin(), query.end(),
                           [](const auto& part) { return part.first == "resourceVersion"; }),
            query.end());
        query.emplace_back("continue", next);
      }
      VARMOR_RETURN_IF_ERROR(Limit(resource));
      VARMOR_ASSIGN_OR_RETURN(Json page,
                              Ask("GET", path, query, "", "",
                                  options.metadata_only ? kAcceptMetadataList : kAcceptJson));
      if (list.resource_version.empty()) {
        list.resource_version = TextAt(page, {"metadata", "resourceVersion"});
      }
      next = TextAt(page, {"metadata", "continue"});
      if (!page["items"].is_array()) continue;  // a list without items may say null
      for (Json& item : page["items"]) {
        if (options.metadata_only) {
          SetType(resource, item);
        } else {
          FillInType(resource, item);
        }
        list.items.push_back(std::move(item));
      }
    } while (!next.empty());
    return list;
  }

  const KubeHttpClientOptions options_;
  const std::string field_manager_;
  KubeCredentials credentials_;
  Mutex mutex_;
  std::shared_ptr<HttpTransport> transport_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<HttpTransport>> replaced_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  TokenBucket bucket_ ABSL_GUARDED_BY(mutex_);
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
};

bool IsSet(const KubeText& text) { return !text.file.empty() || !text.text.empty(); }

absl::Status CheckOptions(const KubeHttpClientOptions& options) {
  std::vector<std::string> problems;
  if (options.config.server.empty()) problems.push_back("config.server is empty");
  if (IsSet(options.config.client_certificate) != IsSet(options.config.client_key)) {
    problems.push_back("of a client certificate and its key, one is missing");
  }
  if (!(options.qps >= 0) || std::isinf(options.qps)) problems.push_back("qps is negative");
  if (options.qps > 0 && options.burst < 1) problems.push_back("burst is less than 1");
  if (options.call_limit < absl::Milliseconds(1)) problems.push_back("call_limit is too short");
  if (options.watch_silence < absl::Seconds(1)) problems.push_back("watch_silence is below 1 s");
  if (options.watch_length < absl::Seconds(1)) problems.push_back("watch_length is below 1 s");
  if (options.page_size < 1) problems.push_back("page_size is less than 1");
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("options of the Kubernetes client: ", absl::StrJoin(problems, "; ")));
}

}  // namespace

absl::StatusOr<std::unique_ptr<KubeHttpClient>> KubeHttpClient::Create(
    const KubeHttpClientOptions& options) {
  VARMOR_RETURN_IF_ERROR(CheckOptions(options));
  auto client = std::make_unique<Client>(options);
  VARMOR_RETURN_IF_ERROR(client->Start());
  return client;
}

}  // namespace varmor
