// What a daemon says about itself, on standard error.
#ifndef RUNTIME_AGENT_AGENT_LOG_H_
#define RUNTIME_AGENT_AGENT_LOG_H_

#include <cstdint>
#include <mutex>
#include <string>

#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace varmor {

class AgentLog {
 public:
  enum class Level { kDebug, kInfo, kWarning, kError };

  // `json`: one object on each line, with the members of `common`, instead of text. Debugging
  // messages are written when `debug`.
  AgentLog(bool json, bool debug, nlohmann::ordered_json common = nlohmann::ordered_json::object())
      : json_(json), debug_(debug), common_(std::move(common)) {}

  // Thread-safe.
  void Write(Level level, absl::string_view message);
  void Debug(absl::string_view message) { Write(Level::kDebug, message); }
  void Info(absl::string_view message) { Write(Level::kInfo, message); }
  void Warning(absl::string_view message) { Write(Level::kWarning, message); }
  void Error(absl::string_view message) { Write(Level::kError, message); }

 private:
  const bool json_;
  const bool debug_;
  const nlohmann::ordered_json common_;
  std::mutex mutex_;
};

}  // namespace varmor

#endif  // RUNTIME_AGENT_AGENT_LOG_H_
