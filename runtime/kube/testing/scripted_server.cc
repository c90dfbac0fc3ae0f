#include "runtime/kube/testing/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "runtime/kube/mutex.h"

namespace varmor {
namespace {

bool SendAll(int connection, const std::string& text) {
  size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t count = send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += count;
  }
  return true;
}

}  // namespace

ScriptedServer::ScriptedServer(std::function<Answer(const Request&)> handler)
    : handler_(std::move(handler)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      listen(listener_, 16) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

ScriptedServer::~ScriptedServer() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    for (const int connection : connections_) shutdown(connection, SHUT_RDWR);
    threads.swap(threads_);
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& thread : threads) thread.join();
  close(listener_);
  MutexLock lock(&mutex_);
  for (const int connection : connections_) close(connection);
}

std::string ScriptedServer::url() const { return absl::StrCat("http://127.0.0.1:", port_); }

std::vector<ScriptedServer::Request> ScriptedServer::requests() {
  MutexLock lock(&mutex_);
  return requests_;
}

void ScriptedServer::Accept() {
  while (true) {
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    const int on = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    MutexLock lock(&mutex_);
    connections_.push_back(connection);
    if (stopping_) return;
    threads_.emplace_back([this, connection] { Serve(connection); });
  }
}

void ScriptedServer::Serve(int connection) {
  std::string buffer;
  Request request;
  while (ReadRequest(connection, buffer, request)) {
    {
      MutexLock lock(&mutex_);
      requests_.push_back(request);
    }
    if (!SendAnswer(connection, handler_(request))) break;
  }
  shutdown(connection, SHUT_RDWR);
}

bool ScriptedServer::ReadRequest(int connection, std::string& buffer, Request& request) {
  constexpr absl::string_view kEnd = "\r\n\r\n";
  size_t needed = std::string::npos;
  while (true) {
    const size_t end = buffer.find(std::string(kEnd));
    if (end != std::string::npos && needed == std::string::npos) {
      const std::pair<std::string, std::string> head =
          absl::StrSplit(buffer.substr(0, end + 2), absl::MaxSplits("\r\n", 1));
      const std::vector<std::string> words = absl::StrSplit(head.first, ' ');
      request = {words.at(0), words.at(1), head.second, ""};
      const std::string lower = absl::AsciiStrToLower(head.second);
      const size_t length = lower.find("content-length:");
      needed = end + kEnd.size() +
               (length == std::string::npos ? 0 : std::atoi(lower.c_str() + length + 15));
    }
    if (needed != std::string::npos && buffer.size() >= needed) {
      const size_t body = buffer.find(std::string(kEnd)) + kEnd.size();
      request.body = buffer.substr(body, needed - body);
      buffer.erase(0, needed);
      return true;
    }
    char piece[4096];
    const ssize_t count = recv(connection, piece, sizeof(piece), 0);
    if (count <= 0) return false;
    buffer.append(piece, count);
  }
}

bool ScriptedServer::SendAnswer(int connection, const Answer& answer) {
  if (!SendAll(connection,
               absl::StrCat("HTTP/1.1 ", answer.code, " Scripted\r\nTransfer-Encoding: chunked\r\n",
                            answer.headers, "\r\n"))) {
    return false;
  }
  for (const std::string& piece : answer.pieces) {
    if (!SendAll(connection, absl::StrFormat("%x\r\n%s\r\n", piece.size(), piece))) return false;
    usleep(5000);  // so that pieces arrive as such
  }
  if (answer.end == Answer::End::kHangs) {
    char byte = 0;
    recv(connection, &byte, 1, 0);  // until the other side or the destructor closes
  }
  return answer.end == Answer::End::kComplete && SendAll(connection, "0\r\n\r\n");
}

}  // namespace varmor
