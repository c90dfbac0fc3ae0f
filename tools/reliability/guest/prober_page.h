/* What the prober and the checks share: one page of memory, a file that both map. Plain C. */
#ifndef TOOLS_RELIABILITY_GUEST_PROBER_PAGE_H_
#define TOOLS_RELIABILITY_GUEST_PROBER_PAGE_H_

#include <stdint.h>

/* Where the files of the checks are; the policies name them. */
#define PROBER_DIRECTORY "/tmp/relia"
#define PROBER_PAGE PROBER_DIRECTORY "/page"

enum prober_class {
  PROBER_READ,
  PROBER_WRITE,
  PROBER_EXEC,
  PROBER_CONNECT,
  PROBER_SOCKET,
  PROBER_CAPABILITY,
  PROBER_MOUNT,
  PROBER_CLASSES,
};

struct prober_count {
  uint64_t tries;
  /* The answer was not what has to be: a denied operation that was allowed or failed otherwise, an
   * allowed one that failed. */
  uint64_t wrong;
};

/* `phase` counts up: 4n: version A is in force; 4n+1: B is about to take its place; 4n+2: B is in
 * force; 4n+3: A is about to. What the versions differ in is judged by it. */
struct prober_page {
  volatile uint32_t stop;
  volatile uint32_t phase;
  /* Versions come and go unannounced: their difference is not judged. */
  volatile uint32_t unannounced;
  volatile uint64_t rounds;
  struct prober_count denied[PROBER_CLASSES];
  struct prober_count allowed[PROBER_CLASSES];
  /* What A denies and B allows, and the other way round, while one of them is in force. */
  struct prober_count settled;
  /* The same while one takes the other's place: first what the old one denies, then what the new
   * one denies. When the first is allowed, the second must be denied. Two classes, two maps. */
  struct prober_count mixture;
  /* The first wrong answer, in words. */
  char first_wrong[160];
};

#endif /* TOOLS_RELIABILITY_GUEST_PROBER_PAGE_H_ */
