// An OCI hook (createRuntime): the container waits until the agent has confined it.
//
//   {"hooks": {"createRuntime": [{"path": "/usr/libexec/varmor-hook",
//                                 "args": ["varmor-hook", "--fail-mode=closed"]}]}}
//
// Reads the container's state from standard input. Exits 0 when the agent has confined the
// container or no policy is about it. Otherwise, after --timeout: with --fail-mode=open (the
// default) 0 as well, and the reason on standard error; with closed 1, and the container is not
// started. Exits 2 on a mistake on its command line, which does not start it either.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "lib/compiler/diagnostic/diagnostic.h"
#include "runtime/agent/control_socket.h"
#include "runtime/flags/go_flags.h"

namespace varmor {
namespace {

// containerd keeps bundles in .../io.containerd.runtime.v2.task/NAMESPACE/ID.
std::string NamespaceOf(const std::string& bundle) {
  const std::vector<std::string> parts = absl::StrSplit(bundle, '/', absl::SkipEmpty());
  return parts.size() < 2 ? "" : parts[parts.size() - 2];
}

// Has what the OCI runtime specification requires of a state, as far as it is needed here.
bool IsState(const ControlJson& state) {
  const auto is_text = [&](const char* key) {
    return state.contains(key) && state[key].is_string();
  };
  return state.is_object() && is_text("id") && is_text("bundle") && state.contains("pid") &&
         state["pid"].is_number_integer();
}

std::string TextOf(const ControlJson& answer, const char* key, const std::string& fallback) {
  const auto found = answer.find(key);
  return found != answer.end() && found->is_string() ? found->get<std::string>() : fallback;
}

bool IsTrue(const ControlJson& answer, const char* key) {
  const auto found = answer.find(key);
  return found != answer.end() && found->is_boolean() && found->get<bool>();
}

// "" when the container may start.
std::string Ask(const std::string& socket, const ControlJson& request, absl::Duration limit) {
  const absl::Time end = absl::Now() + limit;
  std::string problem;
  do {
    const absl::StatusOr<ControlJson> answer = AskAgent(socket, request, limit);
    if (answer.ok() && IsTrue(*answer, "ok")) return "";
    problem = answer.ok() ? TextOf(*answer, "error", "the agent gives no reason")
                          : std::string(answer.status().message());
    if (answer.ok() && !IsTrue(*answer, "wait")) return problem;
    absl::SleepFor(absl::Milliseconds(50));
  } while (absl::Now() < end);
  return problem;
}

int Main(int argc, char** argv) {
  std::string socket = kAgentSocket;
  std::string fail_mode = "open";
  absl::Duration timeout = absl::Seconds(2);
  GoFlags flags("varmor-hook");
  flags.String("socket", "the agent's socket", socket);
  flags.String("fail-mode", "open: start the container all the same; closed: do not", fail_mode);
  flags.Duration("timeout", "how long to wait for the agent", timeout);
  const absl::Status parsed = flags.Parse({argv + 1, argv + argc});
  if (absl::IsCancelled(parsed)) {
    std::fputs(flags.Usage().c_str(), stdout);
    return 0;
  }
  // A mistake does not start containers, as it might have been about how to fail.
  std::vector<std::string> mistakes;
  if (!parsed.ok()) mistakes.emplace_back(parsed.message());
  for (const std::string& word : flags.operands()) {
    mistakes.push_back(absl::StrCat(Quoted(word), " is no flag; write --NAME=VALUE"));
  }
  if (fail_mode != "open" && fail_mode != "closed") {
    mistakes.push_back(
        absl::StrCat("flag -fail-mode: ", Quoted(fail_mode), " is not open or closed"));
  }
  if (timeout <= absl::ZeroDuration() || timeout > absl::Hours(1)) {
    mistakes.push_back("flag -timeout has to be longer than nothing and at most 1h");
  }
  if (!mistakes.empty()) {
    std::fprintf(stderr, "varmor-hook: %s\n", absl::StrJoin(mistakes, "\nvarmor-hook: ").c_str());
    return 2;
  }
  const std::string input((std::istreambuf_iterator<char>(std::cin)),
                          std::istreambuf_iterator<char>());
  const ControlJson state = ControlJson::parse(input, nullptr, false);
  std::string problem = "standard input is no state of an OCI container";
  if (IsState(state)) {
    const ControlJson request = {{"command", "enroll"},
                                 {"namespace", NamespaceOf(state["bundle"])},
                                 {"id", state["id"]},
                                 {"pid", state["pid"]}};
    problem = Ask(socket, request, timeout);
  }
  if (problem.empty()) return 0;
  std::fprintf(stderr, "varmor-hook: %s: %s\n",
               fail_mode == "closed" ? "the container is not started" : "started UNCONFINED",
               problem.c_str());
  return fail_mode == "closed" ? 1 : 0;
}

}  // namespace
}  // namespace varmor

int main(int argc, char** argv) { return varmor::Main(argc, argv); }
