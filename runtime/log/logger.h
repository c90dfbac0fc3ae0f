// Lines about what a daemon does, for people or for programs. Never tokens, secrets or whole
// objects.
#ifndef RUNTIME_LOG_LOGGER_H_
#define RUNTIME_LOG_LOGGER_H_

#include <functional>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace varmor {

struct LogField {
  absl::string_view key;
  absl::string_view value;
};

// Thread-safe.
class Logger {
 public:
  // Gets each line, with its newline, one call at a time. The default writes to standard error.
  using Sink = std::function<void(const std::string& line)>;

  // `json`: one object for each line, with "level", "time", "message" and the fields. Otherwise
  //   I1126 08:20:42.123456 message key="value"
  explicit Logger(bool json = false, Sink sink = nullptr,
                  std::function<absl::Time()> clock = absl::Now);

  void Info(absl::string_view message, std::initializer_list<LogField> fields = {});
  void Warning(absl::string_view message, std::initializer_list<LogField> fields = {});
  void Error(absl::string_view message, std::initializer_list<LogField> fields = {});

 private:
  void Write(absl::string_view level, absl::string_view message,
             std::initializer_list<LogField> fields);

  const bool json_;
  const Sink sink_;
  const std::function<absl::Time()> clock_;
  absl::Mutex mutex_;
};

}  // namespace varmor

#endif  // RUNTIME_LOG_LOGGER_H_
