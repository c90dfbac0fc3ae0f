#include "runtime/log/logger.h"

#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace varmor {

Logger::Logger(LoggerOptions options, Sink sink, std::function<absl::Time()> clock)
    : options_(std::move(options)),
      sink_(std::move(sink)),
      clock_(std::move(clock)),
      writer_(sink_ != nullptr ? nullptr : std::make_unique<LineWriter>(options_.fd)) {}

void Logger::Debug(absl::string_view message, std::initializer_list<LogField> fields) {
  if (options_.debug) Write("debug", message, fields);
}

void Logger::Info(absl::string_view message, std::initializer_list<LogField> fields) {
  Write("info", message, fields);
}

void Logger::Warning(absl::string_view message, std::initializer_list<LogField> fields) {
  Write("warn", message, fields);
}

void Logger::Error(absl::string_view message, std::initializer_list<LogField> fields) {
  Write("error", message, fields);
}

std::string Logger::JsonLine(absl::Time now, absl::string_view level, absl::string_view message,
                             std::initializer_list<LogField> fields) const {
  nlohmann::ordered_json line = {
      {"level", std::string(level)},
      {"time", absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6SZ", now, absl::UTCTimeZone())},
      {"caller", options_.program}};
  for (const auto& [key, value] : options_.common.items()) line[key] = value;
  line["message"] = std::string(message);
  for (const LogField& field : fields) line[std::string(field.key)] = std::string(field.value);
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string Logger::TextLine(absl::Time now, absl::string_view level, absl::string_view message,
                             std::initializer_list<LogField> fields) const {
  // klog has no letter for debugging.
  const char letter = level == "debug" ? 'I' : absl::ascii_toupper(level[0]);
  std::string line = absl::StrCat(
      std::string(1, letter), absl::FormatTime("%m%d %H:%M:%E6S ", now, absl::UTCTimeZone()),
      getpid(), " ", options_.program, "] ", absl::StrReplaceAll(message, {{"\n", "\n    "}}));
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", field.key, "=\"", absl::Utf8SafeCEscape(field.value), "\"");
  }
  return line;
}

std::string Logger::Line(absl::string_view level, absl::string_view message,
                         std::initializer_list<LogField> fields) const {
  const absl::Time now = clock_();
  return absl::StrCat(
      options_.json ? JsonLine(now, level, message, fields) : TextLine(now, level, message, fields),
      "\n");
}

void Logger::Write(absl::string_view level, absl::string_view message,
                   std::initializer_list<LogField> fields) {
  std::string line = Line(level, message, fields);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (sink_ != nullptr) {
    sink_(line);
    return;
  }
  const uint64_t lost = writer_->lost();
  if (lost > lost_told_) {
    // Both, or neither: what cannot be told is lost as well.
    line = absl::StrCat(
        Line("error",
             absl::StrCat(lost - lost_told_, " lines of this log were lost: nobody read them"), {}),
        line);
  }
  if (writer_->Write(std::move(line)) && lost > lost_told_) lost_told_ = lost;
}

}  // namespace varmor
