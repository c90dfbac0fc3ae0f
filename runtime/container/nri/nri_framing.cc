#include "runtime/container/nri/nri_framing.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/compiler/status/status_macros.h"

namespace varmor {
namespace {

constexpr size_t kFrameHeader = 8;
constexpr size_t kTtrpcHeader = 10;
// Go's ttrpc reads a frame into a buffer of this size, and gives up when it is longer.
constexpr size_t kFrameOfOurs = 4096;

uint32_t ReadNumber(absl::string_view bytes) {
  uint32_t number = 0;
  for (const char byte : bytes.substr(0, 4)) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

void AppendNumber(uint32_t number, std::string& out) {
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(number >> shift & 0xff));
}

}  // namespace

std::string EncodeTtrpc(const TtrpcMessage& message) {
  std::string whole;
  AppendNumber(static_cast<uint32_t>(message.data.size()), whole);
  AppendNumber(message.stream, whole);
  whole.push_back(static_cast<char>(message.type));
  whole.push_back(0);
  whole.append(message.data);
  std::string out;
  for (size_t at = 0; at < whole.size(); at += kFrameOfOurs) {
    const size_t length = std::min(kFrameOfOurs, whole.size() - at);
    AppendNumber(message.connection, out);
    AppendNumber(static_cast<uint32_t>(length), out);
    out.append(whole, at, length);
  }
  return out;
}

absl::Status NriDecoder::Feed(absl::string_view bytes, std::vector<TtrpcMessage>& messages) {
  while (!bytes.empty()) {
    if (frame_left_ == 0) {
      const size_t length = std::min(kFrameHeader - frame_header_.size(), bytes.size());
      frame_header_.append(bytes.data(), length);
      bytes.remove_prefix(length);
      if (frame_header_.size() == kFrameHeader) VARMOR_RETURN_IF_ERROR(ReadFrameHeader());
      continue;
    }
    const size_t length = std::min(frame_left_, bytes.size());
    partial_[connection_ - 1].append(bytes.data(), length);
    bytes.remove_prefix(length);
    frame_left_ -= length;
    VARMOR_RETURN_IF_ERROR(TakeMessages(messages));
  }
  return absl::OkStatus();
}

absl::Status NriDecoder::ReadFrameHeader() {
  connection_ = ReadNumber(frame_header_);
  frame_left_ = ReadNumber(absl::string_view(frame_header_).substr(4));
  frame_header_.clear();
  if (connection_ != kNriPluginConnection && connection_ != kNriRuntimeConnection) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame for connection ", connection_, ", not 1 or 2"));
  }
  if (frame_left_ > kTtrpcHeader + kTtrpcDataLimit) {
    return absl::InvalidArgumentError(absl::StrCat("a frame of ", frame_left_, " bytes; at most ",
                                                   kTtrpcHeader + kTtrpcDataLimit, " are read"));
  }
  return absl::OkStatus();
}

absl::Status NriDecoder::TakeMessages(std::vector<TtrpcMessage>& messages) {
  std::string& partial = partial_[connection_ - 1];
  absl::string_view rest = partial;
  while (rest.size() >= kTtrpcHeader) {
    const size_t length = ReadNumber(rest);
    if (length > kTtrpcDataLimit) {
      return absl::InvalidArgumentError(
          absl::StrCat("a message of ", length, " bytes; at most ", kTtrpcDataLimit, " are read"));
    }
    TtrpcMessage message;
    message.connection = connection_;
    message.stream = ReadNumber(rest.substr(4));
    const auto type = static_cast<uint8_t>(rest[8]);
    const auto flags = static_cast<uint8_t>(rest[9]);
    if (type != 1 && type != 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("a message of type ", type, ", neither request nor response"));
    }
    if (flags != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("a message with flags ", flags, ": streams of data are not understood"));
    }
    if (message.stream % 2 != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("a message on stream ", message.stream, ", which is not odd"));
    }
    if (rest.size() < kTtrpcHeader + length) break;
    message.type = static_cast<TtrpcMessage::Type>(type);
    message.data = std::string(rest.substr(kTtrpcHeader, length));
    messages.push_back(std::move(message));
    rest.remove_prefix(kTtrpcHeader + length);
  }
  // Not kept at the size of the largest message.
  if (rest.size() != partial.size()) partial = std::string(rest);
  return absl::OkStatus();
}

}  // namespace varmor
