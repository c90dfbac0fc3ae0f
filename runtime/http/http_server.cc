#include "runtime/http/http_server.h"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
// After the standard headers: Boost 1.74 relies on <utility> being there.
#include "boost/asio.hpp"
#include "boost/asio/ssl.hpp"
#include "boost/beast.hpp"
#include "boost/beast/ssl.hpp"

namespace varmor {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;
using tcp = boost::asio::ip::tcp;
using boost::system::error_code;

// Of the request line and all headers. An API server's are below 1 KiB; a bearer token may have
// some more.
constexpr uint32_t kHeaderLimit = 16 << 10;
// More than any read of ours asks for at once.
constexpr size_t kBufferLimit = 128 << 10;
// For a client to read the last answer and close.
constexpr std::chrono::seconds kLinger{2};
// Accepting failed: trying again at once would only burn time.
constexpr std::chrono::milliseconds kAcceptRetry{10};

std::chrono::nanoseconds Chrono(absl::Duration duration) {
  return absl::ToChronoNanoseconds(duration);
}

// One connection as the server sees it.
class Connection {
 public:
  virtual ~Connection() = default;
  // Ends it, from any thread; with `only_idle` not when a request has begun.
  virtual void Close(bool only_idle) = 0;
};

// All connections, and which of them wait for their client. Thread-safe.
class Connections {
 public:
  struct Waiting {
    std::weak_ptr<Connection> connection;
    bool chosen = false;
    size_t bytes = 0;
  };
  using Place = std::list<Waiting>::iterator;

  Connections(size_t limit, size_t memory_limit) : limit_(limit), memory_limit_(memory_limit) {}

  // Counts one more. When there are too many, ends the one that waits longest for its client.
  // False: there are too many and none waits.
  bool Add() {
    std::shared_ptr<Connection> longest;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (count_ - chosen_.size() >= limit_) {
        if (waiting_.empty()) return false;
        longest = Choose(waiting_.begin());
      }
      ++count_;
    }
    if (longest != nullptr) longest->Close(/*only_idle=*/false);
    return true;
  }

  // Ends the one that waits longest for its client, if one waits.
  void EndLongest() {
    std::shared_ptr<Connection> longest;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!waiting_.empty()) longest = Choose(waiting_.begin());
    }
    if (longest != nullptr) longest->Close(/*only_idle=*/false);
  }

  Place Wait(std::weak_ptr<Connection> connection) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return waiting_.insert(waiting_.end(), {std::move(connection)});
  }

  void Leave(Place place) {
    const std::lock_guard<std::mutex> lock(mutex_);
    (place->chosen ? chosen_bytes_ : bytes_) -= place->bytes;
    (place->chosen ? chosen_ : waiting_).erase(place);
  }

  // Counts more bytes of one that waits, until it leaves. When there are too many, ends those with
  // bytes that wait longest. False: there are too many all the same, or it is about to end.
  bool Charge(Place place, size_t bytes) {
    std::vector<std::shared_ptr<Connection>> ended;
    bool fits = false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (place->chosen) return false;
      place->bytes += bytes;
      bytes_ += bytes;
      for (auto it = waiting_.begin(); bytes_ > memory_limit_ && it != waiting_.end();) {
        const Place each = it++;
        if (each != place && each->bytes > 0) ended.push_back(Choose(each));
      }
      // What was chosen goes as soon as a thread has time.
      fits = bytes_ <= memory_limit_ && chosen_bytes_ <= memory_limit_;
    }
    for (const std::shared_ptr<Connection>& each : ended) {
      if (each != nullptr) each->Close(/*only_idle=*/false);
    }
    return fits;
  }

  void Remove() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }

  void CloseIdle() {
    std::vector<std::shared_ptr<Connection>> all;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      for (const Waiting& each : waiting_) all.push_back(each.connection.lock());
    }
    for (const std::shared_ptr<Connection>& each : all) {
      if (each != nullptr) each->Close(/*only_idle=*/true);
    }
  }

  void AwaitNone(absl::Duration limit) {
    std::unique_lock<std::mutex> lock(mutex_);
    none_.wait_for(lock, Chrono(limit), [this] { return count_ == 0; });
  }

 private:
  // With the lock held, and one that waits. Null when it is ending anyway.
  std::shared_ptr<Connection> Choose(Place place) {
    place->chosen = true;
    bytes_ -= place->bytes;
    chosen_bytes_ += place->bytes;
    chosen_.splice(chosen_.end(), waiting_, place);
    return place->connection.lock();
  }

  std::mutex mutex_;
  std::condition_variable none_;
  const size_t limit_;
  const size_t memory_limit_;
  size_t count_ = 0;
  size_t bytes_ = 0;            // of waiting_
  size_t chosen_bytes_ = 0;     // of chosen_
  std::list<Waiting> waiting_;  // longest first
  std::list<Waiting> chosen_;   // about to end
};

// What connections share.
struct Shared {
  Shared(const HttpServerOptions& server_options, HttpHandler server_handler)
      : options(server_options),
        handler(std::move(server_handler)),
        connections(server_options.connections, server_options.memory_limit) {}

  const HttpServerOptions options;
  const HttpHandler handler;
  Connections connections;
  std::atomic<bool> draining = false;
};

// Without the body.
HttpRequest HeaderOf(const http::request<http::string_body>& message) {
  HttpRequest request;
  request.method = std::string(message.method_string());
  const absl::string_view target(message.target().data(), message.target().size());
  const size_t question = target.find('?');
  request.path = std::string(target.substr(0, question));
  if (question != absl::string_view::npos) request.query = std::string(target.substr(question + 1));
  for (const auto& field : message) {
    const std::string name = absl::AsciiStrToLower(
        absl::string_view(field.name_string().data(), field.name_string().size()));
    const absl::string_view value(field.value().data(), field.value().size());
    const auto [at, inserted] = request.headers.emplace(name, value);
    if (!inserted) absl::StrAppend(&at->second, ", ", value);
  }
  return request;
}

// What `handler` says, HttpHandler or HttpHeaderHandler.
template <typename Handler>
std::invoke_result_t<const Handler&, const HttpRequest&> Handle(const Handler& handler,
                                                                const HttpRequest& request) {
  try {
    return handler(request);
  } catch (const std::exception& fault) {  // of libraries below the handler
    HttpResponse response;
    response.status = 500;
    response.body = absl::StrCat("internal error: ", fault.what(), "\n");
    return response;
  }
}

// Answers one client, request after request. Everything runs in the stream's strand; an operation
// under way holds the object.
template <typename Stream>
class HttpConnection : public Connection,
                       public std::enable_shared_from_this<HttpConnection<Stream>> {
 public:
  static constexpr bool kTls = !std::is_same_v<Stream, beast::tcp_stream>;

  // `tls` lives as long as its connections; null without TLS.
  HttpConnection(Shared& shared, std::shared_ptr<ssl::context> tls, tcp::socket&& socket)
      : shared_(shared), tls_(std::move(tls)), stream_(MakeStream(std::move(socket))) {}

  ~HttpConnection() override {
    StopWaiting();
    shared_.connections.Remove();
  }

  void Start() {
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] {
      self->StartWaiting();
      self->tcp().expires_after(Chrono(self->shared_.options.read_timeout));
      if constexpr (kTls) {
        self->stream_.async_handshake(ssl::stream_base::server, [self](error_code error) {
          if (!error) self->AwaitRequest();
        });
      } else {
        self->AwaitRequest();
      }
    });
  }

  void Close(bool only_idle) override {
    asio::post(stream_.get_executor(), [self = this->shared_from_this(), only_idle] {
      if (!only_idle || self->idle_) self->tcp().close();
    });
  }

 private:
  Stream MakeStream(tcp::socket&& socket) {
    if constexpr (kTls) {
      return Stream(std::move(socket), *tls_);
    } else {
      return Stream(std::move(socket));
    }
  }

  beast::tcp_stream& tcp() { return beast::get_lowest_layer(stream_); }

  void StartWaiting() {
    StopWaiting();
    place_ = shared_.connections.Wait(this->weak_from_this());
  }
  void StopWaiting() {
    if (place_.has_value()) shared_.connections.Leave(*place_);
    place_.reset();
  }

  // Waits as long as an idle connection may for the first byte of a request. The time of a new
  // connection is that of its handshake.
  void AwaitRequest() {
    StartWaiting();
    // Not before: Drain sets the flag and then looks who is waiting.
    if (shared_.draining && buffer_.size() == 0) return Finish();
    parser_.emplace();
    parser_->header_limit(kHeaderLimit);
    parser_->body_limit(shared_.options.body_limit);
    if (buffer_.size() > 0) return ReadHeader();
    idle_ = true;
    buffer_.shrink_to_fit();
    stream_.async_read_some(buffer_.prepare(4096),
                            [self = this->shared_from_this()](error_code error, size_t bytes) {
                              self->idle_ = false;
                              self->buffer_.commit(bytes);
                              if (error) return self->Refuse(error);
                              self->ReadHeader();
                            });
  }

  void ReadHeader() {
    tcp().expires_after(Chrono(shared_.options.read_timeout));
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = this->shared_from_this()](error_code error, size_t) {
                              if (error) return self->Refuse(error);
                              self->AnswerHeader();
                            });
  }

  void AnswerHeader() {
    if (shared_.options.before_body == nullptr) return Encourage();
    StopWaiting();
    std::optional<HttpResponse> response =
        Handle(shared_.options.before_body, HeaderOf(parser_->get()));
    StartWaiting();
    if (!response.has_value()) return Encourage();
    // The next request starts behind the body, which nobody reads.
    const bool keep_alive = parser_->is_done() && parser_->get().keep_alive();
    Write(*std::move(response), parser_->get().version(), keep_alive && !shared_.draining,
          parser_->get().method() == http::verb::head);
  }

  // Clients with a large body ask whether to send it.
  void Encourage() {
    const auto expect = parser_->get()[http::field::expect];
    if (!beast::iequals(expect, "100-continue") || buffer_.size() > 0) return ReadBody();
    static constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                      [self = this->shared_from_this()](error_code error, size_t) {
                        if (!error) self->ReadBody();
                      });
  }

  void ReadBody() {
    if (parser_->is_done()) return Answer();
    http::async_read_some(stream_, buffer_, *parser_,
                          [self = this->shared_from_this(), before = parser_->get().body().size()](
                              error_code error, size_t) {
                            if (error) return self->Refuse(error);
                            const size_t read = self->parser_->get().body().size() - before;
                            if (!self->shared_.connections.Charge(*self->place_, read)) return;
                            self->ReadBody();
                          });
  }

  void Answer() {
    StopWaiting();
    const bool head = parser_->get().method() == http::verb::head;
    const unsigned version = parser_->get().version();
    const bool keep_alive = parser_->get().keep_alive();
    HttpRequest request = HeaderOf(parser_->get());
    request.body = std::move(parser_->get().body());
    parser_.reset();
    HttpResponse response = Handle(shared_.handler, request);
    request = HttpRequest();
    StartWaiting();
    Write(std::move(response), version, keep_alive && !shared_.draining, head);
  }

  // A request that HTTP itself forbids. A client that went away gets nothing.
  void Refuse(error_code error) {
    HttpResponse response;
    if (error == http::error::body_limit) {
      response.status = 413;
      response.body =
          absl::StrCat("the body may have ", shared_.options.body_limit, " bytes at most\n");
    } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      response.status = 431;
      response.body = absl::StrCat("the header may have ", kHeaderLimit, " bytes at most\n");
    } else if (error.category() == make_error_code(http::error::bad_method).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      response.status = 400;
      response.body = absl::StrCat("not an HTTP request: ", error.message(), "\n");
    } else {
      return;
    }
    Write(std::move(response), 11, /*keep_alive=*/false, /*head=*/false);
  }

  void Write(HttpResponse response, unsigned version, bool keep_alive, bool head) {
    message_.emplace();
    message_->version(version);
    message_->result(static_cast<unsigned>(response.status));
    message_->set(http::field::content_type, response.content_type);
    for (const auto& [name, value] : response.headers) message_->set(name, value);
    message_->keep_alive(keep_alive);
    message_->content_length(response.body.size());
    if (!head) message_->body() = std::move(response.body);
    if (!shared_.connections.Charge(*place_, message_->body().size())) return;
    tcp().expires_after(Chrono(shared_.options.read_timeout));
    http::async_write(stream_, *message_,
                      [self = this->shared_from_this(), keep_alive](error_code error, size_t) {
                        if (error) return;
                        if (!keep_alive) return self->Finish();
                        self->message_.reset();
                        self->tcp().expires_after(Chrono(self->shared_.options.idle_timeout));
                        self->AwaitRequest();
                      });
  }

  // Says goodbye. What the client still sends is thrown away for a while: closing at once would
  // reset the connection, and the client might not see the last answer.
  void Finish() {
    tcp().expires_after(kLinger);
    if constexpr (kTls) {
      stream_.async_shutdown([self = this->shared_from_this()](error_code) { self->Linger(); });
    } else {
      Linger();
    }
  }

  void Linger() {
    error_code ignored;
    tcp().socket().shutdown(tcp::socket::shutdown_send, ignored);
    Discard();
  }

  void Discard() {
    buffer_.clear();
    tcp().async_read_some(buffer_.prepare(4096),
                          [self = this->shared_from_this()](error_code error, size_t) {
                            if (!error) self->Discard();
                          });
  }

  Shared& shared_;
  const std::shared_ptr<ssl::context> tls_;
  Stream stream_;
  beast::flat_buffer buffer_{kBufferLimit};
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> message_;
  std::optional<Connections::Place> place_;
  bool idle_ = true;  // no request has begun
};

absl::StatusOr<std::shared_ptr<ssl::context>> LoadTls(const TlsPair& pair) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION);
  error_code error;
  context->use_certificate_chain(asio::buffer(pair.certificate), error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("the TLS certificate does not load: ", error.message()));
  }
  // Refuses a key that does not belong to the certificate.
  context->use_private_key(asio::buffer(pair.key), ssl::context::pem, error);
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat("the TLS key does not load: ", error.message()));
  }
  return context;
}

class BeastHttpServer : public HttpServer {
 public:
  BeastHttpServer(const HttpServerOptions& options, HttpHandler handler)
      : shared_(options, std::move(handler)),
        io_(options.threads),
        acceptor_(asio::make_strand(io_)),
        retry_(acceptor_.get_executor()) {}

  ~BeastHttpServer() override {
    io_.stop();
    for (std::thread& thread : threads_) thread.join();
  }

  absl::Status Listen() {
    const HttpServerOptions& options = shared_.options;
    error_code error;
    const asio::ip::address address = asio::ip::make_address(options.address, error);
    const auto fail = [&](absl::string_view what) {
      return absl::UnavailableError(absl::StrCat("cannot ", what, " ", options.address, " port ",
                                                 options.port, ": ", error.message()));
    };
    if (error) return fail("listen at");
    const tcp::endpoint endpoint(address, options.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (error) return fail("bind");
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return fail("listen at");
    port_ = acceptor_.local_endpoint(error).port();
    return error ? fail("ask for") : absl::OkStatus();
  }

  void Run() {
    asio::post(acceptor_.get_executor(), [this] { Accept(); });
    for (int i = 0; i < shared_.options.threads; ++i) {
      threads_.emplace_back([this] { io_.run(); });
    }
  }

  uint16_t port() const override { return port_; }

  absl::Status SetTls(const TlsPair& tls) override {
    auto context = LoadTls(tls);
    if (!context.ok()) return context.status();
    const std::lock_guard<std::mutex> lock(mutex_);
    tls_ = *std::move(context);
    return absl::OkStatus();
  }

  void Drain(absl::Duration limit) override {
    shared_.draining = true;
    asio::post(acceptor_.get_executor(), [this] {
      error_code ignored;
      acceptor_.close(ignored);
      retry_.cancel();
    });
    shared_.connections.CloseIdle();
    shared_.connections.AwaitNone(limit);
  }

 private:
  void Accept() {
    if (shared_.draining) return;
    acceptor_.async_accept(asio::make_strand(io_), [this](error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) return AcceptLater(error);
      Admit(std::move(socket));
      Accept();
    });
  }

  // Without a file descriptor for one more, another connection has to go first.
  void AcceptLater(error_code error) {
    if (error == asio::error::no_descriptors ||
        error == boost::system::errc::too_many_files_open_in_system) {
      shared_.connections.EndLongest();
    }
    retry_.expires_after(kAcceptRetry);
    retry_.async_wait([this](error_code cancelled) {
      if (!cancelled) Accept();
    });
  }

  void Admit(tcp::socket socket) {
    error_code error;
    socket.set_option(tcp::no_delay(true), error);
    if (error || !shared_.connections.Add()) return;
    std::shared_ptr<ssl::context> tls;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      tls = tls_;
    }
    if (tls == nullptr) {
      std::make_shared<HttpConnection<beast::tcp_stream>>(shared_, nullptr, std::move(socket))
          ->Start();
    } else {
      std::make_shared<HttpConnection<beast::ssl_stream<beast::tcp_stream>>>(shared_, tls,
                                                                             std::move(socket))
          ->Start();
    }
  }

  // Before io_, which holds the connections.
  Shared shared_;
  asio::io_context io_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  uint16_t port_ = 0;
  std::mutex mutex_;
  std::shared_ptr<ssl::context> tls_;
  std::vector<std::thread> threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                              HttpHandler handler) {
  if (options.threads < 1 || options.connections < 1) {
    return absl::InvalidArgumentError("a server needs a thread and a connection at least");
  }
  if (options.body_limit > options.memory_limit) {
    return absl::InvalidArgumentError("a server needs memory for one body at least");
  }
  auto server = std::make_unique<BeastHttpServer>(options, std::move(handler));
  if (!options.tls.certificate.empty() || !options.tls.key.empty()) {
    if (absl::Status status = server->SetTls(options.tls); !status.ok()) return status;
  }
  if (absl::Status status = server->Listen(); !status.ok()) return status;
  server->Run();
  return server;
}

}  // namespace varmor
