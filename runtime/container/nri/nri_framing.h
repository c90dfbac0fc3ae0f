// How bytes of NRI's socket are messages of ttrpc.
//
// The socket carries two connections, in frames: connection and length, each 4 bytes with the
// highest first, then the bytes. On each of them a message of ttrpc is its length and its stream,
// each 4 bytes, its type and flags, each one byte, then its data. A message may be in several
// frames, and a frame may hold several messages.
#ifndef RUNTIME_CONTAINER_NRI_NRI_FRAMING_H_
#define RUNTIME_CONTAINER_NRI_NRI_FRAMING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace varmor {

// On the first the runtime asks the plugin, on the second the plugin asks the runtime.
inline constexpr uint32_t kNriPluginConnection = 1;
inline constexpr uint32_t kNriRuntimeConnection = 2;
// Of the data of a message; ttrpc's own limit.
inline constexpr size_t kTtrpcDataLimit = 4 << 20;

struct TtrpcMessage {
  enum class Type { kRequest = 1, kResponse = 2 };

  uint32_t connection = kNriPluginConnection;
  // Odd: whoever asks counts its questions 1, 3, 5. The answer has the number of the question.
  uint32_t stream = 1;
  Type type = Type::kRequest;
  std::string data;
};

// Frames that hold the message.
std::string EncodeTtrpc(const TtrpcMessage& message);

class NriDecoder {
 public:
  // Takes the next bytes of the socket, as many as there are, and appends the messages that they
  // complete. INVALID_ARGUMENT for what is no such message or longer than the limit: the rest
  // cannot be understood either. Keeps at most one message for each connection.
  absl::Status Feed(absl::string_view bytes, std::vector<TtrpcMessage>& messages);

 private:
  absl::Status ReadFrameHeader();
  absl::Status TakeMessages(std::vector<TtrpcMessage>& messages);

  // Of the frame that is being read: its header until that is whole, then what is left of it.
  std::string frame_header_;
  uint32_t connection_ = 0;
  size_t frame_left_ = 0;
  // By connection: the message that is being read.
  std::string partial_[2];
};

}  // namespace varmor

#endif  // RUNTIME_CONTAINER_NRI_NRI_FRAMING_H_
