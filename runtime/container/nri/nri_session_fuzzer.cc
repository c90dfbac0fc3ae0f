// libFuzzer: whatever a runtime sends, in pieces, ends with an answer or an error, and only a start
// that has a container is asked about.
//   bazel build --config=fuzz //runtime/container/nri:nri_session_fuzzer
//   bazel-bin/runtime/container/nri/nri_session_fuzzer NEW_CORPUS runtime/container/nri/corpus
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "runtime/container/nri/nri_session.h"

namespace varmor {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

// What is sent is what a runtime can read. The first byte is how much comes at once.
void CheckSession(absl::string_view bytes) {
  const size_t at_once = bytes.empty() || bytes[0] == '\0' ? 4096 : static_cast<uint8_t>(bytes[0]);
  NriDecoder decoder;
  NriHandlers handlers;
  handlers.send = [&](absl::string_view sent) {
    std::vector<TtrpcMessage> messages;
    Require(decoder.Feed(sent, messages).ok() && messages.size() == 1);
    return absl::OkStatus();
  };
  handlers.on_registered = [](const std::string&) {};
  handlers.on_start = [](const NriStart& start) {
    Require(!start.id.id.empty() && start.pid >= 0);
    Require(start.limit > absl::ZeroDuration() && start.limit <= absl::Seconds(2));
    return start.pid % 2 == 0 ? absl::OkStatus() : absl::UnavailableError("not yet");
  };
  NriSession session(std::move(handlers));
  for (size_t at = 1; at < bytes.size(); at += at_once) {
    if (!session.Receive(bytes.substr(at, at_once)).ok()) return;
  }
}

}  // namespace
}  // namespace varmor

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  varmor::CheckSession({reinterpret_cast<const char*>(data), size});
  return 0;
}
