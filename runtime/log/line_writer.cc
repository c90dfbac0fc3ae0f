#include "runtime/log/line_writer.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace varmor {
namespace {

constexpr std::chrono::seconds kLastWait(3);

// All of it, or false.
bool WriteAll(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = write(fd, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    done += static_cast<size_t>(written);
  }
  return true;
}

}  // namespace

struct LineWriter::Shared {
  Shared(int fd, size_t limit) : fd(fd), limit(limit) {}

  const int fd;
  const size_t limit;
  std::mutex mutex;  // of what follows
  std::condition_variable changed;
  std::deque<std::string> lines;
  size_t bytes = 0;
  uint64_t lost = 0;
  bool ending = false;
  bool abandoned = false;
  bool ended = false;
};

LineWriter::LineWriter(int fd, size_t limit) : shared_(std::make_shared<Shared>(fd, limit)) {
  std::thread([shared = shared_] { Run(shared); }).detach();
}

LineWriter::~LineWriter() {
  std::unique_lock<std::mutex> lock(shared_->mutex);
  shared_->ending = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, kLastWait, [this] { return shared_->ended; });
  shared_->abandoned = true;
}

bool LineWriter::Write(std::string line) {
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    if (shared_->bytes + line.size() > shared_->limit) {
      ++shared_->lost;
      return false;
    }
    shared_->bytes += line.size();
    shared_->lines.push_back(std::move(line));
  }
  shared_->changed.notify_all();
  return true;
}

uint64_t LineWriter::lost() const {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  return shared_->lost;
}

void LineWriter::Run(const std::shared_ptr<Shared>& shared) {
  std::unique_lock<std::mutex> lock(shared->mutex);
  for (;;) {
    shared->changed.wait(lock, [&] { return shared->ending || !shared->lines.empty(); });
    if (shared->lines.empty() || shared->abandoned) break;
    const std::string line = std::move(shared->lines.front());
    shared->lines.pop_front();
    lock.unlock();
    const bool written = WriteAll(shared->fd, line);
    lock.lock();
    shared->bytes -= line.size();
    if (!written) ++shared->lost;
  }
  shared->ended = true;
  shared->changed.notify_all();
}

}  // namespace varmor
