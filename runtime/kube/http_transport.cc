#include "runtime/kube/http_transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/base/call_once.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "curl/curl.h"
#include "lib/compiler/status/status_macros.h"
#include "runtime/kube/mutex.h"

namespace varmor {
namespace {

constexpr absl::Duration kConnectLimit = absl::Seconds(10);
// How long sent bytes may stay without an acknowledgement before the connection counts as dead.
constexpr unsigned kUnacknowledgedMs = 30000;
constexpr size_t kAnswerLimit = size_t{512} << 20;
constexpr size_t kBacklogLimit = size_t{64} << 20;

// One request under way. Between Add and the end of it, what curl's callbacks write is guarded by
// the loop's mutex.
struct Transfer {
  explicit Transfer(Mutex* loop_mutex) : mutex(loop_mutex) {}
  ~Transfer() {
    curl_slist_free_all(headers);
    curl_slist_free_all(connect_to);
    if (easy != nullptr) curl_easy_cleanup(easy);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  Mutex* const mutex;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  curl_slist* connect_to = nullptr;
  char error[CURL_ERROR_SIZE] = {};
  bool streams = false;
  // From here on guarded by *mutex.
  int code = 0;
  std::string body;  // of a stream: what on_data has not seen yet
  std::string retry_after;
  bool overflow = false;
  bool done = false;
  bool cancelled = false;
  CURLcode result = CURLE_OK;
};

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  long code = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &code);
  MutexLock lock(transfer->mutex);
  transfer->code = static_cast<int>(code);
  const size_t limit = transfer->streams ? kBacklogLimit : kAnswerLimit;
  if (transfer->body.size() + size * count > limit) {
    transfer->overflow = true;
    return 0;
  }
  transfer->body.append(data, size * count);
  return size * count;
}

size_t OnHeader(char* data, size_t size, size_t count, void* user) {
  constexpr absl::string_view kName = "retry-after:";
  const absl::string_view line(data, size * count);
  if (absl::StartsWithIgnoreCase(line, kName)) {
    auto* transfer = static_cast<Transfer*>(user);
    MutexLock lock(transfer->mutex);
    transfer->retry_after = std::string(absl::StripAsciiWhitespace(line.substr(kName.size())));
  }
  return size * count;
}

// Kernel-level keep-alive does not begin while sent bytes are unacknowledged: the user time-out
// ends such connections (tcp(7)).
int OnSocket(void*, curl_socket_t socket, curlsocktype) {
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs, sizeof(kUnacknowledgedMs));
  return CURL_SOCKOPT_OK;
}

// `text` must outlive the transfer.
curl_blob BlobOf(const std::string& text) {
  curl_blob blob = {};
  blob.data = const_cast<char*>(text.data());
  blob.len = text.size();
  blob.flags = CURL_BLOB_NOCOPY;
  return blob;
}

void SetTls(CURL* easy, const HttpCall& call) {
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  // With a CA of the cluster, the machine's are not trusted.
  if (!call.ca.empty()) {
    curl_blob blob = BlobOf(call.ca);
    curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
    curl_easy_setopt(easy, CURLOPT_CAINFO, nullptr);
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  if (!call.client_certificate.empty()) {
    curl_blob certificate = BlobOf(call.client_certificate);
    curl_blob key = BlobOf(call.client_key);
    curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
    curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM");
    curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &certificate);
    curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
  }
}

// `call` must outlive the transfer.
void SetUp(const HttpCall& call, Transfer& transfer) {
  CURL* easy = transfer.easy;
  for (const std::string& header : call.headers) {
    transfer.headers = curl_slist_append(transfer.headers, header.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  if (!call.body.empty() || call.method != "GET") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
    // No waiting for "100 Continue".
    transfer.headers = curl_slist_append(transfer.headers, "Expect:");
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
  if (!call.connect_to.empty()) {
    transfer.connect_to = curl_slist_append(nullptr, call.connect_to.c_str());
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, transfer.connect_to);
  }
  curl_easy_setopt(easy, CURLOPT_USERAGENT, call.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_PROXY, call.proxy.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_2TLS});
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, OnSocket);
  if (!transfer.streams) curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(absl::ToInt64Milliseconds(kConnectLimit)));
  if (call.limit < absl::InfiniteDuration()) {
    curl_easy_setopt(
        easy, CURLOPT_TIMEOUT_MS,
        static_cast<long>(std::max<int64_t>(1, absl::ToInt64Milliseconds(call.limit))));
  }
  if (call.silence > absl::ZeroDuration()) {
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(std::max<int64_t>(1, absl::ToInt64Seconds(call.silence))));
  }
  SetTls(easy, call);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
}

bool RequestWasSent(CURL* easy) {
  curl_off_t microseconds = 0;
  curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &microseconds);
  return microseconds > 0;
}

// What became of a transfer that is done, but for what the server answered.
absl::Status ResultOf(const HttpCall& call, const Transfer& transfer) {
  const std::string what = absl::StrCat(call.method, " ", call.url);
  if (transfer.overflow) {
    return absl::ResourceExhaustedError(
        transfer.streams ? absl::StrCat(what, ": more than ", kBacklogLimit,
                                        " bytes of events wait to be handled")
                         : absl::StrCat(what, ": an answer of more than ", kAnswerLimit, " bytes"));
  }
  if (transfer.cancelled) return absl::CancelledError(absl::StrCat(what, ": cancelled"));
  if (transfer.result == CURLE_OK) return absl::OkStatus();
  const std::string reason =
      transfer.error[0] != '\0' ? transfer.error : curl_easy_strerror(transfer.result);
  const std::string message = absl::StrCat(what, ": ", reason);
  if (transfer.result == CURLE_OPERATION_TIMEDOUT && !transfer.streams &&
      RequestWasSent(transfer.easy)) {
    return absl::DeadlineExceededError(message);
  }
  return absl::UnavailableError(message);
}

void InitialiseCurl() {
  static absl::once_flag once;
  absl::call_once(once, [] {
    // Fails only without memory.
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) std::abort();
  });
}

}  // namespace

class HttpTransport::Loop {
 public:
  Loop() {
    InitialiseCurl();
    multi_ = curl_multi_init();
    if (multi_ == nullptr) std::abort();
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, long{CURLPIPE_MULTIPLEX});
    thread_ = std::thread([this] { Run(); });
  }

  ~Loop() {
    {
      MutexLock lock(&mutex_);
      stop_ = true;
    }
    curl_multi_wakeup(multi_);
    thread_.join();
    curl_multi_cleanup(multi_);
  }

  Mutex& mutex() { return mutex_; }

  void Add(Transfer& transfer) ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      MutexLock lock(&mutex_);
      added_.push_back(&transfer);
    }
    curl_multi_wakeup(multi_);
  }

  // The transfer will be done soon, if it is not yet.
  void Abandon(Transfer& transfer) ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      MutexLock lock(&mutex_);
      transfer.cancelled = true;
    }
    curl_multi_wakeup(multi_);
  }

  void CancelAll() ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      MutexLock lock(&mutex_);
      cancel_all_ = true;
    }
    curl_multi_wakeup(multi_);
  }

 private:
  void Run() {
    while (true) {
      {
        MutexLock lock(&mutex_);
        if (stop_) return;
        StartAdded();
        EndCancelled();
      }
      int running = 0;
      curl_multi_perform(multi_, &running);
      CollectDone();
      curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
    }
  }

  void StartAdded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (Transfer* transfer : added_) {
      curl_multi_add_handle(multi_, transfer->easy);
      active_.push_back(transfer);
    }
    added_.clear();
  }

  void EndCancelled() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (Transfer* transfer : std::vector<Transfer*>(active_)) {
      if (cancel_all_) transfer->cancelled = true;
      if (transfer->cancelled) End(*transfer, CURLE_OK);
    }
  }

  void CollectDone() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Transfer* transfer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      const CURLcode result = message->data.result;
      MutexLock lock(&mutex_);
      long code = 0;
      curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &code);
      transfer->code = static_cast<int>(code);
      End(*transfer, result);
    }
  }

  void End(Transfer& transfer, CURLcode result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    curl_multi_remove_handle(multi_, transfer.easy);
    active_.erase(std::find(active_.begin(), active_.end(), &transfer));
    transfer.result = result;
    transfer.done = true;
  }

  CURLM* multi_ = nullptr;
  Mutex mutex_;
  std::vector<Transfer*> added_ ABSL_GUARDED_BY(mutex_);
  std::vector<Transfer*> active_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancel_all_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

HttpTransport::HttpTransport() : loop_(new Loop) {}
HttpTransport::~HttpTransport() = default;

absl::Status HttpTransport::Perform(const HttpCall& call, HttpReply* reply) {
  Transfer transfer(&loop_->mutex());
  transfer.easy = curl_easy_init();
  if (transfer.easy == nullptr) return absl::ResourceExhaustedError("libcurl has no memory");
  SetUp(call, transfer);
  loop_->Add(transfer);
  MutexLock lock(&loop_->mutex());
  loop_->mutex().Await([&] { return transfer.done; });
  VARMOR_RETURN_IF_ERROR(ResultOf(call, transfer));
  reply->code = transfer.code;
  reply->body = std::move(transfer.body);
  reply->retry_after = transfer.retry_after;
  return absl::OkStatus();
}

absl::Status HttpTransport::Stream(const HttpCall& call, HttpReply* reply,
                                   const std::function<bool(absl::string_view)>& on_data,
                                   const std::function<bool()>& cancelled) {
  Transfer transfer(&loop_->mutex());
  transfer.easy = curl_easy_init();
  if (transfer.easy == nullptr) return absl::ResourceExhaustedError("libcurl has no memory");
  transfer.streams = true;
  SetUp(call, transfer);
  loop_->Add(transfer);
  const auto ready = [&transfer] { return transfer.done || !transfer.body.empty(); };
  bool done = false;
  while (!done) {
    std::string data;
    {
      MutexLock lock(&loop_->mutex());
      loop_->mutex().AwaitWithTimeout(ready, absl::Seconds(1));
      done = transfer.done;
      reply->code = transfer.code;
      data.swap(transfer.body);
    }
    bool go_on = !cancelled();
    if (go_on && !data.empty()) {
      if (reply->code == 200) {
        go_on = on_data(data);
      } else {
        reply->body += data;
      }
    }
    if (!go_on) loop_->Abandon(transfer);
    if (!go_on && !done) {
      MutexLock lock(&loop_->mutex());
      loop_->mutex().Await([&] { return transfer.done; });
      done = true;
    }
  }
  MutexLock lock(&loop_->mutex());
  reply->retry_after = transfer.retry_after;
  return ResultOf(call, transfer);
}

void HttpTransport::Cancel() { loop_->CancelAll(); }

}  // namespace varmor
