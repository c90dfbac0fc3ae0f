// Writes lines to a descriptor in a thread of its own: whoever has something to say does not wait
// for whoever reads it, as a pipe would have it.
#ifndef RUNTIME_LOG_LINE_WRITER_H_
#define RUNTIME_LOG_LINE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace varmor {

// Thread-safe.
class LineWriter {
 public:
  // The descriptor has to stay open. What waits takes at most `limit` bytes.
  explicit LineWriter(int fd, size_t limit = 1 << 20);
  // Waits for what was taken, for three seconds; what is left then is lost.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // Takes a line, with its newline; false when there is no room, and the line is lost.
  bool Write(std::string line);
  // Lines that were lost: there was no room, or the descriptor could not be written.
  uint64_t lost() const;

 private:
  // The thread may outlive this, when nobody reads what it writes.
  struct Shared;
  static void Run(const std::shared_ptr<Shared>& shared);

  const std::shared_ptr<Shared> shared_;
};

}  // namespace varmor

#endif  // RUNTIME_LOG_LINE_WRITER_H_
