// System calls of the BPF enforcer, one of which fails.
#ifndef TOOLS_RELIABILITY_FAILING_CALLS_H_
#define TOOLS_RELIABILITY_FAILING_CALLS_H_

#include <atomic>
#include <climits>
#include <string>

#include "lib/enforcers/bpf/bpf_calls.h"

namespace varmor {

class FailingCalls : public BpfCalls {
 public:
  // From now on call number `n` (0 is the next) fails with `error`; all after it too with `all`.
  void Arm(int n, bool all, int error);
  void Disarm() { Arm(INT_MAX, false, 0); }

  // Calls since Arm; "pin", the kind of the first that failed, "" for none.
  int made() const { return made_; }
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
  bool Fails(const char* kind);

  std::atomic<int> made_{0};
  std::atomic<const char*> failed_{nullptr};
  int first_ = INT_MAX;
  bool all_ = false;
  int error_ = 0;
};

}  // namespace varmor

#endif  // TOOLS_RELIABILITY_FAILING_CALLS_H_
