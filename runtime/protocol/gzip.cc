#include "runtime/protocol/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace varmor {
namespace {

// zlib.h: 15 is the largest window; adding 16 means gzip's header and trailer.
constexpr int kGzipWindow = 15 + 16;
// zlib.h, deflateInit2: the default.
constexpr int kMemoryLevel = 8;
constexpr size_t kStep = 64 << 10;

Bytef* Input(absl::string_view bytes) {
  // zlib does not write there, but only says so when compiled with ZLIB_CONST.
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

}  // namespace

std::string Gzip(absl::string_view bytes) {
  z_stream stream = {};
  std::string out;
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return out;  // out of memory, and no way on: an empty text is no gzip
  }
  out.resize(deflateBound(&stream, bytes.size()));
  stream.next_in = Input(bytes);
  stream.avail_in = bytes.size();
  stream.next_out = reinterpret_cast<Bytef*>(&out[0]);
  stream.avail_out = out.size();
  const int result = deflate(&stream, Z_FINISH);
  out.resize(result == Z_STREAM_END ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

absl::StatusOr<std::string> Gunzip(absl::string_view gzip, size_t limit) {
  z_stream stream = {};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) {
    return absl::ResourceExhaustedError("no memory to unpack gzip");
  }
  stream.next_in = Input(gzip);
  stream.avail_in = gzip.size();
  std::string out;
  int result = Z_OK;
  while (result == Z_OK && stream.total_out <= limit) {
    const size_t done = stream.total_out;
    // One byte more than the limit tells "too large" from "just fits".
    out.resize(std::min(done + std::max(kStep, done), limit + 1));
    stream.next_out = reinterpret_cast<Bytef*>(&out[done]);
    stream.avail_out = out.size() - done;
    result = inflate(&stream, Z_NO_FLUSH);
    // Out of input before the end.
    if (result == Z_OK && stream.avail_in == 0 && stream.avail_out != 0) result = Z_BUF_ERROR;
  }
  out.resize(stream.total_out);
  const bool rest = stream.avail_in != 0;
  inflateEnd(&stream);
  if (out.size() > limit) {
    return absl::ResourceExhaustedError(
        absl::StrCat("unpacks to more than the ", limit, " bytes allowed"));
  }
  if (result != Z_STREAM_END || rest) return absl::InvalidArgumentError("is not gzip, or damaged");
  return out;
}

}  // namespace varmor
