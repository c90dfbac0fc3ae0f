// An HTTP/1.1 server on 127.0.0.1 that answers as a test says: for answers that a real API server
// gives rarely.
#ifndef RUNTIME_KUBE_TESTING_SCRIPTED_SERVER_H_
#define RUNTIME_KUBE_TESTING_SCRIPTED_SERVER_H_

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/kube/mutex.h"

namespace varmor {

class ScriptedServer {
 public:
  struct Request {
    std::string method;
    std::string target;   // path and query
    std::string headers;  // as they came, without the first line
    std::string body;
  };
  struct Answer {
    int code = 200;
    std::string headers;              // "Name: value\r\n" each
    std::vector<std::string> pieces;  // of the body, sent one by one as chunks
    enum class End { kComplete, kBreaksOff, kHangs } end = End::kComplete;
  };

  // `handler` is called in a thread for each connection.
  explicit ScriptedServer(std::function<Answer(const Request& request)> handler);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url() const;
  std::vector<Request> requests();

 private:
  void Accept();
  void Serve(int connection);
  bool ReadRequest(int connection, std::string& buffer, Request& request);
  bool SendAnswer(int connection, const Answer& answer);

  const std::function<Answer(const Request&)> handler_;
  int listener_ = -1;
  int port_ = 0;
  Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<int> connections_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::vector<Request> requests_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

}  // namespace varmor

#endif  // RUNTIME_KUBE_TESTING_SCRIPTED_SERVER_H_
