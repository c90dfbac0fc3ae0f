// What the start and the compiling of policies needed, and nothing else does, goes back to the
// machine.
#ifndef RUNTIME_AGENT_GIVE_BACK_MEMORY_H_
#define RUNTIME_AGENT_GIVE_BACK_MEMORY_H_

namespace varmor {

// Free memory of the heap, and the pages of code: those that are used again are mapped again, from
// the page cache. Pages that are written to are left alone.
void GiveBackMemory();

}  // namespace varmor

#endif  // RUNTIME_AGENT_GIVE_BACK_MEMORY_H_
