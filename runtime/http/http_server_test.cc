#include "runtime/http/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "openssl/err.h"
#include "openssl/ssl.h"
#include "runtime/manager/certificates/x509.h"

namespace varmor {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr absl::Duration kPatience = absl::Seconds(20);

// A client's end of a connection. Reading gives up after kPatience.
class Client {
 public:
  explicit Client(uint16_t port) : Client() { Connect(port); }
  Client() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  }
  void Connect(uint16_t port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    const timeval patience = absl::ToTimeval(kPatience);
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  Client(Client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), ssl_(std::exchange(other.ssl_, nullptr)) {}
  ~Client() {
    SSL_free(ssl_);
    if (fd_ >= 0) close(fd_);
  }

  bool connected() const { return connected_; }
  int fd() const { return fd_; }

  // True when the handshake succeeds and `authority` vouches for "localhost".
  bool StartTls(const std::string& authority, int newest_version = TLS1_3_VERSION) {
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, newest_version);
    SSL_CTX_set_security_level(context, 0);
    BIO* bio = BIO_new_mem_buf(authority.data(), static_cast<int>(authority.size()));
    X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate);
    X509_free(certificate);
    BIO_free(bio);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    ssl_ = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set1_host(ssl_, "localhost");
    SSL_set_fd(ssl_, fd_);
    const bool done = SSL_connect(ssl_) == 1;
    ERR_clear_error();
    return done;
  }

  bool Send(const std::string& text) {
    size_t sent = 0;
    while (sent < text.size()) {
      const size_t left = text.size() - sent;
      const ssize_t n = ssl_ != nullptr
                            ? SSL_write(ssl_, text.data() + sent, static_cast<int>(left))
                            : send(fd_, text.data() + sent, left, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<size_t>(n);
    }
    return true;
  }

  // One whole response (with Content-Length), or what came until the end of the connection.
  std::string Read() {
    while (true) {
      const size_t end = pending_.find("\r\n\r\n");
      if (end != std::string::npos) {
        size_t length = 0;
        const size_t at = pending_.find("Content-Length: ");
        if (at < end) {
          const std::string digits = pending_.substr(at + 16, pending_.find('\r', at) - at - 16);
          EXPECT_TRUE(absl::SimpleAtoi(digits, &length));
        }
        if (pending_.size() >= end + 4 + length) {
          std::string response = pending_.substr(0, end + 4 + length);
          pending_.erase(0, response.size());
          return response;
        }
      }
      if (!More()) return std::exchange(pending_, "");
    }
  }

  // True when the server ends the connection.
  bool Ended() {
    while (More()) {
    }
    return ended_;
  }

 private:
  bool More() {
    char buffer[4096];
    const ssize_t n = ssl_ != nullptr ? SSL_read(ssl_, buffer, sizeof(buffer))
                                      : recv(fd_, buffer, sizeof(buffer), 0);
    if (n > 0) {
      pending_.append(buffer, static_cast<size_t>(n));
    } else {
      ended_ = n == 0 || errno == ECONNRESET;
    }
    return n > 0;
  }

  int fd_;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
  bool ended_ = false;
  std::string pending_;
};

std::string Post(const std::string& body) {
  return absl::StrCat("POST /mutate?timeout=2s HTTP/1.1\r\nHost: localhost\r\nContent-Length: ",
                      body.size(), "\r\n\r\n", body);
}

constexpr char kGet[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

// Says back what it was asked.
HttpResponse Echo(const HttpRequest& request) {
  HttpResponse response;
  response.status = request.method == "GET" ? 200 : 201;
  response.body =
      absl::StrCat(request.method, " ", request.path, " ", request.query, " ", request.body.size());
  for (const auto& [name, value] : request.headers)
    absl::StrAppend(&response.body, " ", name, "=", value);
  return response;
}

HttpServerOptions Bodies(size_t limit = 1 << 20) {
  HttpServerOptions options;
  options.body_limit = limit;
  return options;
}

std::unique_ptr<HttpServer> StartServer(HttpServerOptions options = Bodies(),
                                        HttpHandler handler = Echo) {
  options.address = "127.0.0.1";
  auto server = HttpServer::Start(options, std::move(handler));
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

struct Certificates {
  TlsPair authority;
  TlsPair leaf;
};

Certificates MakeCertificates() {
  const Validity validity = {absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1)};
  Certificates made;
  made.authority = *MakeAuthority("test", validity);
  made.leaf = *MakeLeaf(made.authority, {"localhost"}, validity);
  return made;
}

TEST(HttpServerTest, GivesTheHandlerThePartsOfARequest) {
  const auto server = StartServer();
  Client client(server->port());
  client.Send(
      "POST /a%20b?x=1?y HTTP/1.1\r\nHost: h\r\nX-Thing: 1\r\nx-thing: 2\r\nContent-Length: 3\r\n"
      "\r\nabc");
  const std::string response = client.Read();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 201 Created\r\n"));
  EXPECT_THAT(response, HasSubstr("Content-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_THAT(response,
              EndsWith("\r\n\r\nPOST /a%20b x=1?y 3 content-length=3 host=h x-thing=1, 2"));
}

TEST(HttpServerTest, AnswersOneRequestAfterAnother) {
  const auto server = StartServer();
  Client client(server->port());
  for (int i = 0; i < 3; ++i) {
    client.Send(Post(std::string(i, 'x')));
    EXPECT_THAT(client.Read(), HasSubstr(absl::StrCat("timeout=2s ", i)));
  }
}

TEST(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  const auto server = StartServer();
  Client client(server->port());
  std::string all;
  for (int i = 0; i < 50; ++i) all += Post(std::string(i, 'x'));
  client.Send(all);
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(client.Read(), HasSubstr(absl::StrCat("timeout=2s ", i, " "))) << i;
  }
}

TEST(HttpServerTest, ReadsChunkedBodies) {
  const auto server = StartServer();
  Client client(server->port());
  client.Send(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"
      "0\r\n\r\n");
  EXPECT_THAT(client.Read(), HasSubstr("POST /  5"));
}

TEST(HttpServerTest, AsksForTheBodyWhenTheClientWaitsForThat) {
  const auto server = StartServer();
  Client client(server->port());
  client.Send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(client.Read(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("abc");
  EXPECT_THAT(client.Read(), HasSubstr("POST /  3"));
}

TEST(HttpServerTest, ClosesWhenTheClientSaysSo) {
  const auto server = StartServer();
  Client client(server->port());
  client.Send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.Read(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(client.Ended());
}

TEST(HttpServerTest, AnswersHeadWithoutABody) {
  const auto server = StartServer();
  Client client(server->port());
  client.Send("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.Read(), EndsWith("\r\n\r\n"));
  EXPECT_TRUE(client.Ended());
}

TEST(HttpServerTest, RefusesABodyOverTheLimit) {
  const HttpServerOptions options = Bodies(1000);
  const auto server = StartServer(options);
  for (const size_t size : {1001, 3000000}) {
    Client client(server->port());
    client.Send(Post(std::string(size, 'x')));
    const std::string response = client.Read();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 413 ")) << size;
    EXPECT_THAT(response, EndsWith("the body may have 1000 bytes at most\n"));
    EXPECT_TRUE(client.Ended());
  }
  Client chunked(server->port());
  chunked.Send(
      absl::StrCat("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n",
                   std::string(2000, 'x'), "\r\n0\r\n\r\n"));
  EXPECT_THAT(chunked.Read(), StartsWith("HTTP/1.1 413 "));
  Client good(server->port());
  good.Send(Post(std::string(1000, 'x')));
  EXPECT_THAT(good.Read(), StartsWith("HTTP/1.1 201 "));
}

TEST(HttpServerTest, WithoutALimitThereAreNoBodies) {
  const auto server = StartServer(HttpServerOptions());
  Client client(server->port());
  client.Send(kGet);
  EXPECT_THAT(client.Read(), StartsWith("HTTP/1.1 200 "));
  client.Send(Post("a"));
  EXPECT_THAT(client.Read(), StartsWith("HTTP/1.1 413 "));
  EXPECT_TRUE(client.Ended());
}

// The body never comes: only the header can have been looked at.
TEST(HttpServerTest, HeaderIsAnsweredBeforeTheBody) {
  HttpServerOptions options = Bodies();
  options.before_body = [](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.headers.count("token") > 0) return std::nullopt;
    HttpResponse response;
    response.status = 401;
    return response;
  };
  const auto server = StartServer(options);
  Client stranger(server->port());
  stranger.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_THAT(stranger.Read(), StartsWith("HTTP/1.1 401 "));
  EXPECT_TRUE(stranger.Ended());
  Client expecting(server->port());
  expecting.Send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_THAT(expecting.Read(), StartsWith("HTTP/1.1 401 "));
  // Without a body the connection goes on.
  Client known(server->port());
  known.Send(kGet);
  EXPECT_THAT(known.Read(), StartsWith("HTTP/1.1 401 "));
  known.Send("POST / HTTP/1.1\r\nHost: h\r\nToken: t\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_THAT(known.Read(), AllOf(StartsWith("HTTP/1.1 201 "), HasSubstr("POST /  3 ")));
}

TEST(HttpServerTest, BodiesOfAllConnectionsHaveOneLimit) {
  HttpServerOptions options = Bodies(1000);
  options.memory_limit = 2500;
  const auto server = StartServer(options);
  const std::string most = Post(std::string(1000, 'a'));
  std::vector<Client> slow;
  for (int i = 0; i < 3; ++i) {
    slow.emplace_back(server->port());
    slow.back().Send(most.substr(0, most.size() - 1));
    absl::SleepFor(absl::Milliseconds(200));  // they are read in this order
  }
  EXPECT_TRUE(slow[0].Ended());
  for (int i = 1; i < 3; ++i) {
    slow[i].Send("a");
    EXPECT_THAT(slow[i].Read(), StartsWith("HTTP/1.1 201 ")) << i;
  }
  // What was answered does not count any more.
  for (int i = 0; i < 10; ++i) {
    slow[1].Send(most);
    EXPECT_THAT(slow[1].Read(), StartsWith("HTTP/1.1 201 ")) << i;
  }
}

TEST(HttpServerTest, AnswersThatNobodyReadsCountAsWell) {
  HttpServerOptions options;
  options.memory_limit = 40 << 20;
  const auto server = StartServer(options, [](const HttpRequest&) {
    HttpResponse response;
    response.body = std::string(30 << 20, 'a');  // more than sockets take
    return response;
  });
  Client lazy(server->port());
  lazy.Send(kGet);
  absl::SleepFor(absl::Milliseconds(500));
  Client other(server->port());
  other.Send(kGet);
  EXPECT_THAT(other.Read(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(lazy.Read().size(), testing::Lt(size_t{30 << 20}));
}

TEST(HttpServerTest, RefusesAHeaderOverTheLimit) {
  const auto server = StartServer();
  Client client(server->port());
  client.Send(absl::StrCat("GET / HTTP/1.1\r\nX: ", std::string(20000, 'x'), "\r\n\r\n"));
  EXPECT_THAT(client.Read(), StartsWith("HTTP/1.1 431 "));
  EXPECT_TRUE(client.Ended());
  Client good(server->port());
  good.Send(absl::StrCat("GET / HTTP/1.1\r\nX: ", std::string(15000, 'x'), "\r\n\r\n"));
  EXPECT_THAT(good.Read(), StartsWith("HTTP/1.1 200 "));
}

TEST(HttpServerTest, RefusesWhatIsNotHttp) {
  const auto server = StartServer();
  for (const char* text : {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "GET\r\n\r\n",
                           "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                           "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"}) {
    Client client(server->port());
    client.Send(text);
    EXPECT_THAT(client.Read(), StartsWith("HTTP/1.1 400 ")) << text;
    EXPECT_TRUE(client.Ended());
  }
}

TEST(HttpServerTest, AnswersAThrowingHandlerWith500) {
  const auto server =
      StartServer({}, [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("oops"); });
  Client client(server->port());
  client.Send(kGet);
  const std::string response = client.Read();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(response, EndsWith("internal error: oops\n"));
}

TEST(HttpServerTest, IdleConnectionsDoNotBlockTheNext) {
  const auto server = StartServer();
  std::vector<Client> idle;
  for (int i = 0; i < 200; ++i) {
    idle.emplace_back(server->port());
    if (i % 2 == 0) continue;
    idle.back().Send(kGet);
    EXPECT_THAT(idle.back().Read(), StartsWith("HTTP/1.1 200 "));
  }
  Client client(server->port());
  client.Send(kGet);
  EXPECT_THAT(client.Read(), StartsWith("HTTP/1.1 200 "));
  for (Client& each : idle) {
    each.Send(kGet);
    EXPECT_THAT(each.Read(), StartsWith("HTTP/1.1 200 "));
  }
}

TEST(HttpServerTest, EndsTheLongestWaitingConnectionForOneMore) {
  HttpServerOptions options;
  options.connections = 3;
  const auto server = StartServer(options);
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(server->port());
    clients.back().Send(kGet);
    EXPECT_THAT(clients.back().Read(), StartsWith("HTTP/1.1 200 "));
  }
  clients[0].Send(kGet);  // now the second has waited longest
  EXPECT_THAT(clients[0].Read(), StartsWith("HTTP/1.1 200 "));
  Client next(server->port());
  next.Send(kGet);
  EXPECT_THAT(next.Read(), StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(clients[1].Ended());
  for (const int i : {0, 2}) {
    clients[i].Send(kGet);
    EXPECT_THAT(clients[i].Read(), StartsWith("HTTP/1.1 200 ")) << i;
  }
}

TEST(HttpServerTest, WithoutFileDescriptorsTheLongestWaitingGoes) {
  const auto server = StartServer();
  std::vector<Client> idle(40);
  Client next;
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  // Ten descriptors for the server's ends of 41 connections.
  const rlimit few = {static_cast<rlim_t>(next.fd()) + 11, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  for (Client& each : idle) each.Connect(server->port());
  next.Connect(server->port());
  next.Send(kGet);
  const absl::Time start = absl::Now();
  EXPECT_THAT(next.Read(), StartsWith("HTTP/1.1 200 "));
  EXPECT_LT(absl::Now() - start, kPatience / 2);
  EXPECT_TRUE(idle[0].Ended());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(HttpServerTest, SlowClientsRunOutOfTime) {
  HttpServerOptions options;
  options.read_timeout = absl::Seconds(1);
  const auto server = StartServer(options);
  Client silent(server->port());
  Client slow(server->port());
  Client half(server->port());
  half.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
  const absl::Time start = absl::Now();
  // A byte now and then does not buy more time.
  std::thread drip([&] {
    for (const char c : std::string(kGet).substr(0, 20)) {
      if (!slow.Send(std::string(1, c))) return;
      absl::SleepFor(absl::Milliseconds(100));
    }
  });
  EXPECT_TRUE(silent.Ended());
  EXPECT_TRUE(half.Ended());
  EXPECT_TRUE(slow.Ended());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(900));
  EXPECT_LT(absl::Now() - start, kPatience / 2);
  drip.join();
}

TEST(HttpServerTest, IdleConnectionsEnd) {
  HttpServerOptions options;
  options.idle_timeout = absl::Seconds(1);
  const auto server = StartServer(options);
  Client client(server->port());
  client.Send(kGet);
  client.Read();
  const absl::Time start = absl::Now();
  EXPECT_TRUE(client.Ended());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(900));
}

TEST(HttpServerTest, SmallAnswersAreNotHeldBack) {
  const auto server = StartServer();
  Client client(server->port());
  const absl::Time start = absl::Now();
  for (int i = 0; i < 100; ++i) {
    client.Send(kGet);
    client.Read();
  }
  // With Nagle's algorithm and delayed acknowledgements each would take 40 ms.
  EXPECT_LT(absl::Now() - start, absl::Seconds(3));
}

TEST(HttpServerTest, ServesTls) {
  const Certificates made = MakeCertificates();
  HttpServerOptions options = Bodies();
  options.tls = made.leaf;
  const auto server = StartServer(options);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Client client(server->port());
    ASSERT_TRUE(client.StartTls(made.authority.certificate, version));
    client.Send(Post(std::string(100000, 'x')));
    EXPECT_THAT(client.Read(), HasSubstr("timeout=2s 100000"));
    client.Send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(client.Read(), StartsWith("HTTP/1.1 200 "));
    EXPECT_TRUE(client.Ended());
  }
}

TEST(HttpServerTest, RefusesOldTlsAndPlainText) {
  const Certificates made = MakeCertificates();
  HttpServerOptions options;
  options.tls = made.leaf;
  const auto server = StartServer(options);
  Client old(server->port());
  EXPECT_FALSE(old.StartTls(made.authority.certificate, TLS1_1_VERSION));
  Client plain(server->port());
  plain.Send(kGet);
  EXPECT_THAT(plain.Read(), Not(HasSubstr("HTTP/1.1")));
  EXPECT_TRUE(plain.Ended());
}

TEST(HttpServerTest, StalledHandshakesDoNotBlockOthers) {
  const Certificates made = MakeCertificates();
  HttpServerOptions options;
  options.tls = made.leaf;
  const auto server = StartServer(options);
  std::vector<Client> stalled(200);
  for (Client& each : stalled) each.Connect(server->port());
  Client client(server->port());
  ASSERT_TRUE(client.StartTls(made.authority.certificate));
  client.Send(kGet);
  EXPECT_THAT(client.Read(), StartsWith("HTTP/1.1 200 "));
}

TEST(HttpServerTest, TakesNewCertificatesWhileItServes) {
  const Certificates first = MakeCertificates();
  const Certificates second = MakeCertificates();
  HttpServerOptions options;
  options.tls = first.leaf;
  const auto server = StartServer(options);
  Client before(server->port());
  ASSERT_TRUE(before.StartTls(first.authority.certificate));

  EXPECT_EQ(server->SetTls({second.leaf.certificate, first.leaf.key}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Client(server->port()).StartTls(first.authority.certificate));

  ASSERT_TRUE(server->SetTls(second.leaf).ok());
  EXPECT_TRUE(Client(server->port()).StartTls(second.authority.certificate));
  EXPECT_FALSE(Client(server->port()).StartTls(first.authority.certificate));
  before.Send(kGet);
  EXPECT_THAT(before.Read(), StartsWith("HTTP/1.1 200 "));
}

TEST(HttpServerTest, DrainLetsRequestsFinish) {
  std::promise<void> entered, leave;
  const auto server = StartServer({}, [&](const HttpRequest&) {
    entered.set_value();
    leave.get_future().wait();
    return HttpResponse();
  });
  Client idle(server->port());
  Client busy(server->port());
  busy.Send(kGet);
  entered.get_future().wait();
  std::thread drain([&] { server->Drain(kPatience); });
  absl::SleepFor(absl::Milliseconds(100));
  leave.set_value();
  const std::string response = busy.Read();
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(response, HasSubstr("Connection: close"));
  EXPECT_TRUE(idle.Ended());
  EXPECT_TRUE(busy.Ended());
  drain.join();
  EXPECT_FALSE(Client(server->port()).connected());
}

TEST(HttpServerTest, DrainKeepsItsLimit) {
  const auto server = StartServer();
  Client half(server->port());
  half.Send("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc");
  absl::SleepFor(absl::Milliseconds(200));
  const absl::Time start = absl::Now();
  server->Drain(absl::Seconds(1));
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(900));
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
}

TEST(HttpServerTest, ManyClientsAtOnceOnSeveralThreads) {
  const Certificates made = MakeCertificates();
  HttpServerOptions options = Bodies();
  options.tls = made.leaf;
  options.threads = 3;
  options.connections = 6;  // fewer than clients: some are ended, none is answered wrongly
  const auto server = StartServer(options);
  std::vector<std::thread> clients(8);
  std::atomic<int> answered = 0;
  for (size_t i = 0; i < clients.size(); ++i) {
    clients[i] = std::thread([&, i] {
      for (int round = 0; round < 20; ++round) {
        Client client(server->port());
        if (!client.StartTls(made.authority.certificate)) continue;
        const size_t size = 1000 * i + round;
        if (!client.Send(Post(std::string(size, 'x')))) continue;
        const std::string response = client.Read();
        if (response.empty()) continue;
        EXPECT_THAT(response, HasSubstr(absl::StrCat("timeout=2s ", size, " ")));
        ++answered;
      }
    });
  }
  for (std::thread& each : clients) each.join();
  EXPECT_GT(answered, 0);
}

TEST(HttpServerTest, DamagedRequestsAreAnsweredOrEnded) {
  HttpServerOptions options;
  options.read_timeout = absl::Milliseconds(100);
  const auto server = StartServer(options);
  const std::string good = absl::StrCat(
      "POST /a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
      "3\r\nabc\r\n0\r\n\r\n",
      Post("body"));
  std::mt19937 random(1);
  const auto below = [&](size_t n) { return random() % n; };
  int answered = 0;
  for (int i = 0; i < 300; ++i) {
    std::string text = good;
    for (size_t n = below(4); n > 0; --n) {
      const size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = static_cast<char>(below(256));
          break;
        case 1:
          text.erase(at, below(20));
          break;
        case 2:
          text.insert(at, text.substr(below(text.size()), below(40)));
          break;
        default:
          text.resize(at + 1);
      }
    }
    Client client(server->port());
    client.Send(text);
    const std::string response = client.Read();
    if (response.empty()) continue;
    EXPECT_THAT(response, StartsWith("HTTP/1.1 ")) << text;
    ++answered;
  }
  EXPECT_GT(answered, 150);
  Client client(server->port());
  client.Send(kGet);
  EXPECT_THAT(client.Read(), StartsWith("HTTP/1.1 200 "));
}

TEST(HttpServerTest, SaysWhyItCannotStart) {
  const auto server = StartServer();
  HttpServerOptions options;
  options.address = "127.0.0.1";
  options.port = server->port();
  EXPECT_EQ(HttpServer::Start(options, Echo).status(),
            absl::UnavailableError(absl::StrCat("cannot bind 127.0.0.1 port ", server->port(),
                                                ": Address already in use")));
  options.address = "localhost";
  EXPECT_EQ(HttpServer::Start(options, Echo).status().code(), absl::StatusCode::kUnavailable);
  options.address = "127.0.0.1";
  options.port = 0;
  options.tls = {"no certificate", "no key"};
  EXPECT_EQ(HttpServer::Start(options, Echo).status().code(), absl::StatusCode::kInvalidArgument);
  options.tls = {};
  options.threads = 0;
  EXPECT_EQ(HttpServer::Start(options, Echo).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace varmor
