#include "runtime/agent/give_back_memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace varmor {

void GiveBackMemory() {
  malloc_trim(0);
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return;
  char line[4608];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    char permissions[5] = {};
    // "7f00-7f10 r-xp 00000000 08:01 123 /usr/lib/...": code of a file, which nobody writes to.
    if (std::sscanf(line, "%lx-%lx %4s", &begin, &end, permissions) != 3) continue;
    if (std::strcmp(permissions, "r-xp") != 0 || std::strchr(line, '/') == nullptr) continue;
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  std::fclose(maps);
}

}  // namespace varmor
