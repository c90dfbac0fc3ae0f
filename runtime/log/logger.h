// Lines about what a daemon does, for people or for programs. Never tokens, secrets or whole
// objects.
#ifndef RUNTIME_LOG_LOGGER_H_
#define RUNTIME_LOG_LOGGER_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "runtime/log/line_writer.h"

namespace varmor {

struct LogField {
  absl::string_view key;
  absl::string_view value;
};

struct LoggerOptions {
  // Who speaks: "varmor-agent".
  std::string program;
  // One object for each line, with "level" (debug, info, warn, error), "time", "caller", the
  // members of `common`, "message" and the fields. Otherwise as klog has it; further lines of a
  // message are indented:
  //   I1126 08:20:42.123456 71 varmor-agent] message key="value"
  bool json = false;
  nlohmann::ordered_json common = nlohmann::ordered_json::object();
  // Write what Debug gets.
  bool debug = false;
  // Where lines go, unless there is a sink: standard error.
  int fd = 2;
};

// Thread-safe. Without a sink nobody waits for who reads the lines: those for which there is no
// room are lost, and once there is room again a line says how many.
class Logger {
 public:
  // Gets each line, with its newline, one call at a time.
  using Sink = std::function<void(const std::string& line)>;

  explicit Logger(LoggerOptions options, Sink sink = nullptr,
                  std::function<absl::Time()> clock = absl::Now);

  void Debug(absl::string_view message, std::initializer_list<LogField> fields = {});
  void Info(absl::string_view message, std::initializer_list<LogField> fields = {});
  void Warning(absl::string_view message, std::initializer_list<LogField> fields = {});
  void Error(absl::string_view message, std::initializer_list<LogField> fields = {});

  // Lines that were lost.
  uint64_t lost() const { return writer_ == nullptr ? 0 : writer_->lost(); }

 private:
  void Write(absl::string_view level, absl::string_view message,
             std::initializer_list<LogField> fields);
  std::string Line(absl::string_view level, absl::string_view message,
                   std::initializer_list<LogField> fields) const;
  std::string JsonLine(absl::Time now, absl::string_view level, absl::string_view message,
                       std::initializer_list<LogField> fields) const;
  std::string TextLine(absl::Time now, absl::string_view level, absl::string_view message,
                       std::initializer_list<LogField> fields) const;

  const LoggerOptions options_;
  const Sink sink_;
  const std::function<absl::Time()> clock_;
  const std::unique_ptr<LineWriter> writer_;
  std::mutex mutex_;
  uint64_t lost_told_ = 0;
};

}  // namespace varmor

#endif  // RUNTIME_LOG_LOGGER_H_
