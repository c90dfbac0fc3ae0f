// The standard streams. Results go to standard output, everything else to standard error, and a
// result that cannot be written is never taken for one that was.
#ifndef TOOLS_VARMOR_CONSOLE_H_
#define TOOLS_VARMOR_CONSOLE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace varmor {

class Console {
 public:
  enum class Stream { kOut, kErr };

  // Reads NO_COLOR and asks which streams are terminals.
  Console();
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  // "auto", "always" or "never".
  void SetColor(absl::string_view mode);
  // Whether text for `stream` is to be coloured.
  bool Colored(Stream stream) const;
  bool IsTerminal(Stream stream) const;

  // Appends to standard output, which is buffered. After a failed write the rest is dropped; Finish
  // tells.
  void Out(absl::string_view text);
  // Writes to standard error, at once and after what standard output already has. Errors have
  // nowhere to go and are dropped.
  void Err(absl::string_view text);

  // "varmor: error: TEXT", "varmor: warning: TEXT" and "varmor: note: TEXT" on standard error.
  void Error(absl::string_view text);
  void Warning(absl::string_view text);
  void Note(absl::string_view text);

  // Writes out what is buffered. Returns `code`, or kExitFault when a result could not be written.
  // A reader that stopped reading (`varmor rules | head`) is no fault.
  int Finish(int code);

 private:
  void Flush();
  void Labelled(absl::string_view label, absl::string_view color, absl::string_view text);

  std::string buffer_;
  int write_errno_ = 0;
  bool out_is_terminal_ = false;
  bool err_is_terminal_ = false;
  bool color_out_ = false;
  bool color_err_ = false;
};

// Makes descriptors 0 to 2 fail on use when the caller closed them, so that no file opened later
// takes their number, and turns SIGPIPE into a write error. Call first in main.
void PrepareStandardStreams();

}  // namespace varmor

#endif  // TOOLS_VARMOR_CONSOLE_H_
