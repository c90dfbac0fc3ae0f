// Command lines in the syntax of Go's package flag, which vArmor's installations use:
//
//     -name  --name  -name=value  --name value
//
// A boolean takes a value only after '='. Flags end at the first word that is none, and after "--".
//
//     GoFlags flags("varmor-agent");
//     bool metrics = false;
//     flags.Bool("enableMetrics", "serve metrics", metrics);
//     VARMOR_RETURN_IF_ERROR(flags.Parse({argv + 1, argv + argc}));
#ifndef RUNTIME_FLAGS_GO_FLAGS_H_
#define RUNTIME_FLAGS_GO_FLAGS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace varmor {

class GoFlags {
 public:
  explicit GoFlags(std::string program) : program_(std::move(program)) {}

  // Each declares a flag. `value` has to outlive Parse; what it is now is the default. `help` is
  // one line. Two flags may share a value.
  void Bool(const std::string& name, const std::string& help, bool& value);
  // Decimal, or with 0x, 0o, 0b, 0.
  void Int(const std::string& name, const std::string& help, int64_t& value);
  void Float(const std::string& name, const std::string& help, double& value);
  void String(const std::string& name, const std::string& help, std::string& value);
  // May be given several times; each adds.
  void Strings(const std::string& name, const std::string& help, std::vector<std::string>& value);
  // "2h", "1h30m", "300ms".
  void Duration(const std::string& name, const std::string& help, absl::Duration& value);

  // INVALID_ARGUMENT with every mistake, one line each, with the word and what would be right. The
  // values of flags without a mistake are set all the same. "-h" and "-help" are CANCELLED; the
  // caller prints Usage(). Where a flag is given twice, the last one counts.
  absl::Status Parse(const std::vector<std::string>& words);

  // What followed the flags.
  const std::vector<std::string>& operands() const { return operands_; }
  // Whether the command line had it.
  bool given(absl::string_view name) const;

  // Every flag with its type, default and help, sorted.
  std::string Usage() const;

 private:
  struct Flag {
    std::string type;  // "bool", "int", ...
    std::string help;
    std::string fallback;
    bool boolean = false;
    bool given = false;
    // "": taken; else what the text should have been.
    std::function<std::string(const std::string& text)> set = nullptr;
  };

  void Add(const std::string& name, Flag flag);
  // "" when the word is fine.
  std::string Take(absl::string_view name, bool has_value, const std::string& value,
                   const std::vector<std::string>& words, size_t& next);

  std::string program_;
  std::map<std::string, Flag, std::less<>> flags_;
  std::vector<std::string> operands_;
};

}  // namespace varmor

#endif  // RUNTIME_FLAGS_GO_FLAGS_H_
