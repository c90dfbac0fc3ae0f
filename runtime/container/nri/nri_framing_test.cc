#include "runtime/container/nri/nri_framing.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace varmor {
namespace {

using ::testing::SizeIs;

TtrpcMessage Message(uint32_t connection, uint32_t stream, TtrpcMessage::Type type,
                     std::string data) {
  return {connection, stream, type, std::move(data)};
}

// The bytes of a frame for connection 1 around `payload`.
std::string Frame(const std::string& payload) {
  return absl::StrCat(absl::string_view("\0\0\0\1", 4),
                      std::string({0, 0, static_cast<char>(payload.size() >> 8),
                                   static_cast<char>(payload.size() & 0xff)}),
                      payload);
}

// The header of a message.
std::string Header(const std::string& length, char stream, char type, char flags) {
  return absl::StrCat(length, std::string({0, 0, 0, stream, type, flags}));
}

std::vector<TtrpcMessage> Decoded(const std::string& bytes, size_t at_once) {
  NriDecoder decoder;
  std::vector<TtrpcMessage> messages;
  for (size_t at = 0; at < bytes.size(); at += at_once) {
    EXPECT_EQ(decoder.Feed(absl::string_view(bytes).substr(at, at_once), messages),
              absl::OkStatus());
  }
  return messages;
}

TEST(NriFramingTest, TheBytesOfAMessage) {
  EXPECT_EQ(EncodeTtrpc(Message(2, 259, TtrpcMessage::Type::kResponse, "ab")),
            std::string("\0\0\0\2"
                        "\0\0\0\14"
                        "\0\0\0\2"
                        "\0\0\1\3"
                        "\2\0"
                        "ab",
                        20));
}

TEST(NriFramingTest, HoweverTheBytesCome) {
  const std::vector<TtrpcMessage> sent = {
      Message(1, 1, TtrpcMessage::Type::kRequest, "first"),
      Message(2, 1, TtrpcMessage::Type::kResponse, ""),
      Message(1, 3, TtrpcMessage::Type::kRequest, std::string(10000, 'x')),
  };
  std::string bytes;
  for (const TtrpcMessage& message : sent) bytes += EncodeTtrpc(message);
  for (const size_t at_once : {1, 3, 4096, 100000}) {
    SCOPED_TRACE(at_once);
    const std::vector<TtrpcMessage> messages = Decoded(bytes, at_once);
    ASSERT_THAT(messages, SizeIs(sent.size()));
    for (size_t i = 0; i < sent.size(); ++i) {
      EXPECT_EQ(messages[i].connection, sent[i].connection);
      EXPECT_EQ(messages[i].stream, sent[i].stream);
      EXPECT_EQ(messages[i].type, sent[i].type);
      EXPECT_EQ(messages[i].data, sent[i].data);
    }
  }
}

// A reader in Go has room for 4096 bytes of a frame.
TEST(NriFramingTest, LongMessagesAreInShortFrames) {
  const std::string bytes =
      EncodeTtrpc(Message(1, 1, TtrpcMessage::Type::kRequest, std::string(5000, 'x')));
  EXPECT_EQ(bytes.size(), 5010U + 2 * 8);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\0\0\0\1\0\0\x10\0", 8));
  EXPECT_EQ(bytes.substr(8 + 4096, 8), std::string("\0\0\0\1\0\0\3\x92", 8));
}

// Two connections are two streams of bytes: what is between the parts of a message does not matter.
TEST(NriFramingTest, FramesOfTwoConnectionsMayAlternate) {
  const std::string one = EncodeTtrpc(Message(1, 1, TtrpcMessage::Type::kRequest, "one"));
  const std::string two = EncodeTtrpc(Message(2, 1, TtrpcMessage::Type::kResponse, "two"));
  const std::string payload = one.substr(8);
  const std::vector<TtrpcMessage> messages =
      Decoded(Frame(payload.substr(0, 4)) + two + Frame("") + Frame(payload.substr(4)), 1000);
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[0].data, "two");
  EXPECT_EQ(messages[1].data, "one");
}

struct BadCase {
  const char* name;
  std::string bytes;
  const char* problem;
};

const BadCase kBadCases[] = {
    {"ConnectionZero", std::string("\0\0\0\0\0\0\0\1", 8), "a frame for connection 0, not 1 or 2"},
    {"ConnectionOfNobody", std::string("\0\0\0\7\0\0\0\1", 8),
     "a frame for connection 7, not 1 or 2"},
    {"LongFrame", std::string("\0\0\0\1\x10\0\0\0", 8),
     "a frame of 268435456 bytes; at most 4194314 are read"},
    {"LongMessage", Frame(Header(std::string("\0\x40\0\1", 4), 1, 1, 0)),
     "a message of 4194305 bytes; at most 4194304 are read"},
    {"Data", Frame(Header(std::string(4, '\0'), 1, 3, 0)),
     "a message of type 3, neither request nor response"},
    {"TypeZero", Frame(Header(std::string(4, '\0'), 1, 0, 0)),
     "a message of type 0, neither request nor response"},
    {"Flags", Frame(Header(std::string(4, '\0'), 1, 1, 2)),
     "a message with flags 2: streams of data are not understood"},
    {"EvenStream", Frame(Header(std::string(4, '\0'), 2, 1, 0)),
     "a message on stream 2, which is not odd"},
};

TEST(NriFramingTest, WhatIsNoMessageIsAnError) {
  for (const BadCase& bad : kBadCases) {
    SCOPED_TRACE(bad.name);
    NriDecoder decoder;
    std::vector<TtrpcMessage> messages;
    const std::string good = EncodeTtrpc(Message(1, 1, TtrpcMessage::Type::kRequest, "good"));
    EXPECT_EQ(decoder.Feed(good + bad.bytes, messages), absl::InvalidArgumentError(bad.problem));
    EXPECT_THAT(messages, SizeIs(1)) << "what came before is there";
  }
}

}  // namespace
}  // namespace varmor
