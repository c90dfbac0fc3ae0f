// What the parts of the attacker share: one operation in, one outcome out.
#ifndef TOOLS_ATTACK_ATTACKER_OPERATION_H_
#define TOOLS_ATTACK_ATTACKER_OPERATION_H_

enum { kMaxWords = 12 };

// A line of input, split at its tabs. `variant` is what stands behind a slash in the first word:
// "connect/fastopen" is the verb "connect" in the way "fastopen". Words that are missing are "".
struct operation {
  const char* verb;
  const char* variant;
  const char* words[kMaxWords];
};

// Outcomes of an operation: 0, an errno, or one of these.
enum {
  // The kernel said yes and did nothing: how it treats a missing CAP_FSETID, for one.
  kIgnored = -1,
  // The operation could not even be tried; see Unprepared.
  kUnprepared = -2,
  // Processes that should fare alike did not.
  kMixed = -3,
};

// Runs in the process that was made for the operation. The reason ends up in the output.
int Unprepared(const char* reason);

// -1 with errno set becomes that errno, anything else 0.
int ErrnoOf(long result);

// As ErrnoOf, but `past`, which the kernel answers only once permission was given, counts as
// success.
int PastCheck(long result, int past);

// Numbers in any base of C; 0 for "".
unsigned long long NumberOf(const char* text);

// Whether the variant is this one.
int IsVariant(const struct operation* operation, const char* name);

// Takes a capability from this process; 0, or what Unprepared gives.
int DropCapability(int number);

// Whether the operation is one of cgroup_operations.c, and whether the container's first process
// has to perform it itself.
int MovesToAnotherCgroup(const struct operation* operation);
int IsInFirstProcess(const struct operation* operation);
int ReadAfterMoving(const struct operation* operation);

int FileOperation(const struct operation* operation);
int ExecOperation(const struct operation* operation);
int CapabilityOperation(const struct operation* operation);
int SocketOperation(const struct operation* operation);
int ConnectOperation(const struct operation* operation);
int PtraceOperation(const struct operation* operation);
int SignalOperation(const struct operation* operation);
int MountOperation(const struct operation* operation);
int SyscallOperation(const struct operation* operation);
int KernelOperation(const struct operation* operation);

// Where operations may leave files of their own: a tmpfs that only they use.
#define kScratch "/attack"
// The machine's dynamic loader, if it has one.
#define kLoader "/loader"

#endif  // TOOLS_ATTACK_ATTACKER_OPERATION_H_
