// System calls of the BPF enforcer, one of which fails.
#ifndef TOOLS_RELIABILITY_FAILING_CALLS_H_
#define TOOLS_RELIABILITY_FAILING_CALLS_H_

#include <climits>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "lib/enforcers/bpf/bpf_calls.h"

namespace varmor {

class FailingCalls : public BpfCalls {
 public:
  // From now on call number `n` (0 is the next) fails with `error`; all after it too with `all`.
  void Arm(int n, bool all, int error);
  void Disarm() { Arm(INT_MAX, false, 0); }

  // The kinds of the calls since Arm: "update", and where the path says more "pin links" or "make
  // directory complete".
  std::vector<std::string> made() const;
  // The kind of the first that failed, "" for none.
  std::string failed() const;

  int CreateMap(const BpfMapParameters& map) override;
  int Update(int map, const void* key, const void* value) override;
  int UpdateBatch(int map, const void* keys, const void* values, uint32_t* count) override;
  int Delete(int map, const void* key) override;
  int Freeze(int map) override;
  int Pin(int object, const char* path) override;
  int Unlink(const char* path) override;
  int MakeDirectory(const char* path) override;
  int RemoveDirectory(const char* path) override;
  int Load(bpf_object* object) override;
  int Attach(int program) override;

 private:
  bool Fails(const std::string& kind);

  mutable std::mutex mutex_;
  std::vector<std::string> made_;
  std::string failed_;
  int first_ = INT_MAX;
  bool all_ = false;
  int error_ = 0;
};

// Calls `fail` with the number of each call that is to fail: of those that an operation has made,
// and as many more as there turn out to be; or of the first and the last of each kind only. `fail`
// says whether there was such a call; a call after the last ends it.
void FailEach(const std::vector<std::string>& made, bool every,
              const std::function<bool(int)>& fail);

}  // namespace varmor

#endif  // TOOLS_RELIABILITY_FAILING_CALLS_H_
