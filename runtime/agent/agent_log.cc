#include "runtime/agent/agent_log.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace varmor {
namespace {

const char* NameOf(AgentLog::Level level) {
  switch (level) {
    case AgentLog::Level::kDebug:
      return "debug";
    case AgentLog::Level::kInfo:
      return "info";
    case AgentLog::Level::kWarning:
      return "warn";
    case AgentLog::Level::kError:
      return "error";
  }
  return "unknown";
}

// As klog has it: "I1126 08:01:20.123456   71 varmor-agent] message".
std::string TextLine(AgentLog::Level level, absl::string_view message, absl::Time now) {
  constexpr char kLetters[] = "IIWE";
  return absl::StrCat(std::string(1, kLetters[static_cast<int>(level)]),
                      absl::FormatTime("%m%d %H:%M:%E6S", now, absl::UTCTimeZone()), " ", getpid(),
                      " varmor-agent] ", absl::StrReplaceAll(message, {{"\n", "\n    "}}));
}

}  // namespace

void AgentLog::Write(Level level, absl::string_view message) {
  if (level == Level::kDebug && !debug_) return;
  const absl::Time now = absl::Now();
  std::string line;
  if (json_) {
    nlohmann::ordered_json object;
    object["level"] = NameOf(level);
    object["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", now, absl::UTCTimeZone());
    object["caller"] = "varmor-agent";
    for (const auto& [key, value] : common_.items()) object[key] = value;
    object["message"] = std::string(message);
    line = object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  } else {
    line = TextLine(level, message, now);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace varmor
