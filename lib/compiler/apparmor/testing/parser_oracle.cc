#include "lib/compiler/apparmor/testing/parser_oracle.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"

extern char** environ;

namespace varmor {
namespace {

constexpr char kParser[] = "/usr/sbin/apparmor_parser";
constexpr char kFeatures[] = "/etc/apparmor.d/abi/3.0";

// A temporary file without a name.
FILE* TemporaryFile(const std::string& content) {
  FILE* file = std::tmpfile();
  if (file == nullptr) return nullptr;
  std::fwrite(content.data(), 1, content.size(), file);
  std::fflush(file);
  std::rewind(file);
  return file;
}

std::string ReadAll(FILE* file) {
  std::string content;
  std::rewind(file);
  char buffer[4096];
  for (size_t n; (n = std::fread(buffer, 1, sizeof(buffer), file)) > 0;) content.append(buffer, n);
  std::fclose(file);
  return content;
}

ParserVerdict Run(const std::string& text, bool compile) {
  ParserVerdict verdict;
  for (const char* needed : {kParser, kFeatures}) {
    if (access(needed, R_OK) == 0) continue;
    verdict.messages = absl::StrCat("MISSING: ", needed, "; install the package apparmor");
    return verdict;
  }
  FILE* in = TemporaryFile(text);
  FILE* out = TemporaryFile("");
  FILE* err = TemporaryFile("");
  if (in == nullptr || out == nullptr || err == nullptr) {
    verdict.messages = "MISSING: no temporary files";
    return verdict;
  }
  std::vector<const char*> arguments = {kParser, "-Q", "-K", "-q", "-j", "1", "-M", kFeatures};
  if (compile) arguments.push_back("-S");
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(in), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, fileno(err), STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawn(&child, kParser, &actions, nullptr,
                                const_cast<char* const*>(arguments.data()), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (error == 0) {
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  std::fclose(in);
  verdict.ok = error == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  std::string output = ReadAll(out);
  verdict.messages = ReadAll(err);
  if (error != 0) verdict.messages = absl::StrCat("MISSING: ", std::strerror(error));
  if (compile && verdict.ok) verdict.binary = std::move(output);
  return verdict;
}

}  // namespace

ParserVerdict RunAppArmorParser(const std::string& text) { return Run(text, false); }

ParserVerdict CompileWithAppArmorParser(const std::string& text) { return Run(text, true); }

std::vector<ParserVerdict> RunAppArmorParserOnEach(const std::vector<std::string>& texts,
                                                   bool compile) {
  std::vector<ParserVerdict> verdicts(texts.size());
  std::atomic<size_t> next{0};
  auto work = [&] {
    for (size_t i; (i = next++) < texts.size();) verdicts[i] = Run(texts[i], compile);
  };
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) {
    workers.emplace_back(work);
  }
  for (std::thread& worker : workers) worker.join();
  return verdicts;
}

std::string AppArmorParserRefuses(const std::vector<std::string>& texts) {
  const std::vector<ParserVerdict> verdicts = RunAppArmorParserOnEach(texts);
  std::string refusals;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (!verdicts[i].ok) {
      absl::StrAppend(&refusals, verdicts[i].messages, "\nin the text\n", texts[i]);
    }
  }
  return refusals;
}

std::string ProfileAround(const std::string& rules) {
  return absl::StrCat("include <tunables/global>\nprofile oracle {\n", rules, "\n}\n");
}

}  // namespace varmor
