#include "tools/varmor/app_armor_check.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace varmor {
namespace {

// Far above what real profiles take.
constexpr rlim_t kParserSeconds = 60;

// A descriptor that is closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

absl::Status Failed(absl::string_view what, int error) {
  return absl::UnavailableError(absl::StrCat("cannot ", what, ": ", std::strerror(error)));
}

// A file without a name that holds `text`, at its beginning. -1 and errno on failure.
int MemoryFile(absl::string_view text) {
  const int fd = memfd_create("profile", MFD_CLOEXEC);
  while (fd != -1 && !text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      close(fd);
      return -1;
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (fd != -1) lseek(fd, 0, SEEK_SET);
  return fd;
}

// The environment with LC_ALL=C, so that messages can be read.
std::vector<std::string> PlainEnvironment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!absl::StartsWith(*variable, "LC_ALL=")) variables.emplace_back(*variable);
  }
  variables.emplace_back("LC_ALL=C");
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

// 0 or an errno.
int Spawn(const std::string& program, std::vector<std::string> words, int in, int out, pid_t* pid) {
  std::vector<std::string> variables = PlainEnvironment();
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (const int error = posix_spawn_file_actions_init(&actions); error != 0) return error;
  if (const int error = posix_spawnattr_init(&attributes); error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);  // main ignores it
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  const int error = posix_spawn(pid, program.c_str(), &actions, &attributes, Pointers(words).data(),
                                Pointers(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// A parser that runs on a kernel without AppArmor takes the kernel for one that mediates little,
// and passes over rules about mounts and networks. The file tells it of everything.
std::vector<std::string> ParserWords(const std::string& parser) {
  constexpr char kFeatures[] = "/etc/apparmor.d/abi/3.0";
  std::vector<std::string> words = {parser, "--skip-kernel-load", "--skip-cache"};
  if (access(kFeatures, R_OK) == 0) {
    words.emplace_back("--features-file");
    words.emplace_back(kFeatures);
  }
  return words;
}

std::string ReadToEnd(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t count = read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer, static_cast<size_t>(count));
  }
}

// Remarks of the parser that have nothing to do with the profile's text.
bool IsNoise(absl::string_view line) {
  return line.empty() || absl::StartsWith(line, "Cache read/write disabled") ||
         absl::StartsWith(line, "Warning from");
}

// The number after "at line ", or 0.
int LineNumber(absl::string_view message) {
  constexpr absl::string_view kBefore = "at line ";
  const size_t found = message.rfind(kBefore);
  if (found == absl::string_view::npos) return 0;
  absl::string_view digits = message.substr(found + kBefore.size());
  size_t end = 0;
  while (end < digits.size() && absl::ascii_isdigit(static_cast<unsigned char>(digits[end]))) ++end;
  int line = 0;
  return absl::SimpleAtoi(digits.substr(0, end), &line) ? line : 0;
}

// The line that holds what the message quotes ("merged rule /x", "input line '/x'"), from 1, or 0.
int LineOfQuotation(absl::string_view message, const std::vector<absl::string_view>& lines) {
  for (absl::string_view word : absl::StrSplit(message, absl::ByAnyChar(" ;"), absl::SkipEmpty())) {
    if (absl::StartsWith(word, "'") && absl::EndsWith(word, "'") && word.size() > 2) {
      word = word.substr(1, word.size() - 2);
    }
    if (!absl::StartsWith(word, "/") || word.size() < 2) continue;
    for (size_t i = 0; i < lines.size(); ++i) {
      const absl::string_view line = absl::StripLeadingAsciiWhitespace(lines[i]);
      if (!absl::StartsWith(line, "#") && absl::StrContains(line, word)) {
        return static_cast<int>(i) + 1;
      }
    }
  }
  return 0;
}

// The field named by the comment that stands over line `index`: "# RULE (spec.policy...)".
std::string FieldAbove(const std::vector<absl::string_view>& lines, size_t index) {
  while (index-- > 0) {
    const absl::string_view line = absl::StripAsciiWhitespace(lines[index]);
    if (line.empty() || absl::EndsWith(line, "{")) return "";
    if (!absl::StartsWith(line, "# ")) continue;
    const size_t open = line.find("(spec.");
    if (open == absl::string_view::npos) return "";
    const absl::string_view field = line.substr(open + 1);
    return std::string(field.substr(0, field.find(')')));
  }
  return "";
}

}  // namespace

std::string FindAppArmorParser() {
  const char* path = std::getenv("PATH");
  for (const absl::string_view directory :
       absl::StrSplit(absl::StrCat(path == nullptr ? "" : path, ":/usr/sbin:/sbin"), ':')) {
    const std::string program =
        absl::StrCat(directory.empty() ? "." : directory, "/apparmor_parser");
    if (access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

absl::StatusOr<std::optional<ParserRefusal>> AskAppArmorParser(const std::string& parser,
                                                               absl::string_view text) {
  const Descriptor input(MemoryFile(text));
  if (input.get() == -1) return Failed("hand the profile to apparmor_parser", errno);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Failed("make a pipe", errno);
  const Descriptor from_parser(ends[0]);
  Descriptor to_us(ends[1]);
  pid_t pid = 0;
  const int error = Spawn(parser, ParserWords(parser), input.get(), to_us.get(), &pid);
  if (error == 0) {
    // Some patterns take the parser for ever: it gets a minute of processor time.
    const rlimit seconds{kParserSeconds, kParserSeconds};
    prlimit(pid, RLIMIT_CPU, &seconds, nullptr);
  }
  if (error != 0) return Failed(absl::StrCat("run ", parser), error);
  to_us.Close();
  const std::string output = ReadToEnd(from_parser.get());
  int status = 0;
  while (waitpid(pid, &status, 0) == -1) {
    if (errno != EINTR) return Failed("wait for apparmor_parser", errno);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::optional<ParserRefusal>();
  if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)) {
    ParserRefusal refusal;
    refusal.message = absl::StrCat("took more than ", kParserSeconds,
                                   " seconds: the profile's patterns are too much for it");
    return std::optional<ParserRefusal>(std::move(refusal));
  }
  if (WIFSIGNALED(status)) {
    return absl::UnavailableError(
        absl::StrCat("apparmor_parser was ended by signal ", WTERMSIG(status)));
  }
  return std::optional<ParserRefusal>(ReadParserOutput(output, text));
}

ParserRefusal ReadParserOutput(absl::string_view output, absl::string_view text) {
  ParserRefusal refusal;
  std::vector<std::string> said;
  for (const absl::string_view line : absl::StrSplit(output, '\n')) {
    const absl::string_view words = absl::StripAsciiWhitespace(line);
    if (!IsNoise(words)) said.emplace_back(words);
  }
  refusal.message = said.empty() ? "refused without a message" : absl::StrJoin(said, "; ");

  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  refusal.line = LineNumber(refusal.message);
  if (refusal.line == 0) refusal.line = LineOfQuotation(refusal.message, lines);
  if (refusal.line < 1 || static_cast<size_t>(refusal.line) > lines.size()) {
    refusal.line = 0;
    return refusal;
  }
  const size_t index = static_cast<size_t>(refusal.line) - 1;
  refusal.line_text = std::string(absl::StripAsciiWhitespace(lines[index]));
  refusal.field = FieldAbove(lines, index);
  return refusal;
}

}  // namespace varmor
