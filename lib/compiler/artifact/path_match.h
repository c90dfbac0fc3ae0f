/* The bytes of a path table, and the code that runs it. Plain C for the BPF program; C++ includes
 * the same text, so a table means the same in the kernel, in the simulator and in the tests.
 *
 * A table is an automaton spread over pages of 16 KiB. All tables of a profile share one array of
 * pages. A state is `page << 14 | offset`, the place of its row: words, the first the accept id,
 * word c the state after a byte of class c (1 and up). State 0 is dead: nothing further can match.
 * A row never straddles a page. The first page of a table begins with the class of each of the 256
 * bytes.
 *
 * Include it as it is for the types. For varmor_path_match() define before including (again)
 *   VARMOR_PATH_PAGES                      the type of the handle of the page array,
 *   VARMOR_PATH_FIND_PAGE(pages, number)   an expression: const struct varmor_path_page *, or null,
 * and, where a kernel has it,
 *   VARMOR_PATH_LOOP(count, body, context) what bpf_loop does; a bounded loop if not defined.
 */
#ifndef LIB_COMPILER_ARTIFACT_PATH_MATCH_H_
#define LIB_COMPILER_ARTIFACT_PATH_MATCH_H_

#ifndef __VMLINUX_H__
#include <linux/types.h>
#include <stddef.h>
#endif

/* Words of a page; a page is one value of the inner map. */
#define VARMOR_PATH_PAGE_WORDS 4096
#define VARMOR_PATH_PAGE_SHIFT 14
/* Offsets of words within a page. */
#define VARMOR_PATH_OFFSET_MASK 0x3ffc
/* Tables of one kind of string in a profile, at most. */
#define VARMOR_PATH_TABLES_MAX 8
/* Paths are in a buffer of this size, anywhere in it; a power of two. */
#define VARMOR_PATH_BUFFER 4096
/* Bytes that a match goes through at one go, at most: what goes before and after costs as much as
 * some bytes. In a BPF program the verifier wants so many bytes more before and behind a buffer. */
#define VARMOR_PATH_STRETCH 32
/* PATH_MAX - 1, include/uapi/linux/limits.h. */
#define VARMOR_PATH_BYTES_MAX 4095
/* varmor_path_table.flags: feed the path from its last byte to its first. */
#define VARMOR_PATH_REVERSE 1u
/* No answer: the path is too long, or the table is damaged. An enforcing profile denies. */
#define VARMOR_PATH_UNRESOLVED 0xffffffffu

struct varmor_path_page {
  __u32 words[VARMOR_PATH_PAGE_WORDS];
};

/* One table. All zero: no table, nothing matches. */
struct varmor_path_table {
  /* State before the first byte; 0: no table. */
  __u32 start;
  /* Index of the table's first page in the array, and how many it has. */
  __u32 first_page;
  __u32 pages;
  /* VARMOR_PATH_REVERSE or 0. */
  __u32 flags;
};

#ifdef __cplusplus
#define VARMOR_PATH_ASSERT(condition) static_assert(condition, "the BPF program reads these bytes")
#else
#define VARMOR_PATH_ASSERT(condition) _Static_assert(condition, "the BPF program reads these bytes")
#endif

#ifndef __VMLINUX_H__
VARMOR_PATH_ASSERT(sizeof(struct varmor_path_page) == 1 << VARMOR_PATH_PAGE_SHIFT);
VARMOR_PATH_ASSERT(sizeof(struct varmor_path_table) == 16);
VARMOR_PATH_ASSERT(offsetof(struct varmor_path_table, start) == 0);
VARMOR_PATH_ASSERT(offsetof(struct varmor_path_table, first_page) == 4);
VARMOR_PATH_ASSERT(offsetof(struct varmor_path_table, pages) == 8);
VARMOR_PATH_ASSERT(offsetof(struct varmor_path_table, flags) == 12);
#endif

#endif /* LIB_COMPILER_ARTIFACT_PATH_MATCH_H_ */

#if defined(VARMOR_PATH_FIND_PAGE) && !defined(LIB_COMPILER_ARTIFACT_PATH_MATCH_RUN_)
#define LIB_COMPILER_ARTIFACT_PATH_MATCH_RUN_

#ifdef __bpf__
#define VARMOR_PATH_INLINE static __inline __attribute__((always_inline))
/* The verifier wants to see the mask even where the compiler can prove that it changes nothing. */
#define VARMOR_PATH_MASK(value) asm volatile("%0 &= 4095" : "+r"(value))
/* What `value` was made of is the compiler's to forget. */
#define VARMOR_PATH_HIDE(value) asm volatile("" : "+r"(value))
/* `index` becomes the pointer: the compiler would add to a copy of `base`. */
#define VARMOR_PATH_AT(base, index)                      \
  ({                                                     \
    __u64 place_ = (index);                              \
    asm volatile("%0 += %1" : "+r"(place_) : "r"(base)); \
    (const void *)place_;                                \
  })
#else
#define VARMOR_PATH_INLINE static inline
#define VARMOR_PATH_MASK(value) ((value) &= VARMOR_PATH_BUFFER - 1)
#define VARMOR_PATH_HIDE(value) ((void)(value))
#define VARMOR_PATH_AT(base, index) ((const void *)((base) + (index)))
#endif

/* Bytes that a match looks at, at most; longer paths are unresolved. In a bounded loop each byte
 * costs the verifier four branches that stay open, of which it bears 8,192 ("sequence of 8193 jumps
 * is too complex"), those of the program around included. With bpf_loop there is no such limit. */
#ifndef VARMOR_PATH_STEPS
#if defined(__bpf__) && !defined(VARMOR_PATH_LOOP)
#define VARMOR_PATH_STEPS 1800
#else
#define VARMOR_PATH_STEPS VARMOR_PATH_BYTES_MAX
#endif
#endif

/* A match under way. */
struct varmor_path_run {
  VARMOR_PATH_PAGES pages;
  const char *buffer;
  /* The table's first page, for its classes, and the page of `state`. */
  const struct varmor_path_page *classes;
  const struct varmor_path_page *page;
  __u32 number; /* of `page` */
  __u32 state;
  __u32 at;   /* next byte in the buffer */
  __u32 step; /* 1, or ~0 for reversed tables */
  __u32 left; /* bytes */
};

/* Makes `page` the page of `state`; 0 when there is none. */
VARMOR_PATH_INLINE int varmor_path_turn(struct varmor_path_run *run) {
  __u32 number = run->state >> VARMOR_PATH_PAGE_SHIFT;
  if (number != run->number) {
    run->number = number;
    run->page = VARMOR_PATH_FIND_PAGE(run->pages, number);
  }
  return run->page != 0;
}

/* Feeds one byte. 0: go on; 1: stop, because the path is over, or `state` is dead or unresolved. */
VARMOR_PATH_INLINE long varmor_path_step(struct varmor_path_run *run) {
  __u32 at = run->at;
  __u32 word;
  if (run->left == 0) return 1;
  if (!varmor_path_turn(run)) {
    run->state = VARMOR_PATH_UNRESOLVED;
    return 1;
  }
  VARMOR_PATH_MASK(at);
  word = ((const __u8 *)run->classes)[(__u8)run->buffer[at]];
  word = (run->state + word * 4) & VARMOR_PATH_OFFSET_MASK;
  run->state = *(const __u32 *)((const __u8 *)run->page + word);
  run->at += run->step;
  run->left--;
  return run->state == 0;
}

/* Feeds bytes for as long as `state` stays on its page, and at most a stretch. What stays the same
 * for every byte is fetched once, and no call stands between: all fits into registers. 0: go on; 1:
 * stop, as varmor_path_step. In 64 bits, for want of instructions that would clear the upper half
 * after each use. */
VARMOR_PATH_INLINE long varmor_path_stretch(struct varmor_path_run *run) {
  const char *buffer = run->buffer;
  const __u8 *classes = (const __u8 *)run->classes;
  const __u8 *page;
  const __u8 *next;
  /* Computed, for the verifier to see that it is 1 or -1. */
  const __s64 step = 1 - (__s64)(run->step & 2);
  const __u32 left = run->left;
  __u64 at = run->at, state = run->state, place, lowest, passed;
  if (left == 0) return 1;
  if (!varmor_path_turn(run)) {
    run->state = VARMOR_PATH_UNRESOLVED;
    return 1;
  }
  page = (const __u8 *)run->page;
  /* States on this page are `lowest` to `lowest` + VARMOR_PATH_OFFSET_MASK, as they are multiples
   * of four. On page 0 it is one more, for the dead state not to be among them. */
  lowest = (__u64)run->number << VARMOR_PATH_PAGE_SHIFT;
  if (run->number == 0) lowest = 1;
  VARMOR_PATH_MASK(at);
  /* The verifier wants a place that no stretch takes below zero. */
  place = at + VARMOR_PATH_STRETCH;
  VARMOR_PATH_HIDE(place);
  next = (const __u8 *)buffer - VARMOR_PATH_STRETCH + place;
#ifdef __bpf__
#pragma unroll
#endif
  for (__u32 i = 1; i <= VARMOR_PATH_STRETCH; i++) {
    __u64 word = *(const __u8 *)VARMOR_PATH_AT(classes, *next);
    word = (state + word * 4) & VARMOR_PATH_OFFSET_MASK;
    state = *(const __u32 *)VARMOR_PATH_AT(page, word);
    next += step;
    if (i == left || state - lowest > VARMOR_PATH_OFFSET_MASK) break;
  }
  passed = (__u64)((next - (const __u8 *)buffer) - (__s64)at);
  run->at = (__u32)(at + passed);
  run->left = left - (__u32)(passed * (__u64)step);
  run->state = (__u32)state;
  return state == 0;
}

#ifdef VARMOR_PATH_LOOP
static long varmor_path_body(__u32 round, void *context) {
  (void)round;
  return varmor_path_stretch(context);
}
#endif

/* The accept id of the bytes [begin, end) of `buffer` (VARMOR_PATH_BUFFER bytes), 0 for none. They
 * hold no NUL: it has no column. No other byte of `buffer` is read. */
VARMOR_PATH_INLINE __u32 varmor_path_match(VARMOR_PATH_PAGES pages,
                                           const struct varmor_path_table *table,
                                           const char *buffer, __u32 begin, __u32 end) {
  __u32 reverse = table->flags & VARMOR_PATH_REVERSE;
  struct varmor_path_run run;
  if (table->start == 0) return 0;
  if (begin > end || end > VARMOR_PATH_BUFFER) return VARMOR_PATH_UNRESOLVED;
  run.pages = pages;
  run.buffer = buffer;
  run.number = table->first_page;
  run.classes = VARMOR_PATH_FIND_PAGE(pages, run.number);
  if (!run.classes) return VARMOR_PATH_UNRESOLVED;
  run.page = run.classes;
  run.state = table->start;
  /* Without a branch, which the verifier would follow through the whole loop twice. */
  run.at = begin + reverse * (end - 1 - begin);
  run.step = 1 - 2 * reverse;
  run.left = end - begin;
#ifdef VARMOR_PATH_LOOP
  /* At worst every byte leads to another page. */
  VARMOR_PATH_LOOP(VARMOR_PATH_STEPS, varmor_path_body, &run);
#elif !defined(__bpf__)
  while (!varmor_path_stretch(&run)) continue;
#else
  for (__u32 i = 0; i < VARMOR_PATH_STEPS; i++) {
    if (varmor_path_step(&run)) break;
  }
#endif
  if (run.state == 0 || run.state == VARMOR_PATH_UNRESOLVED) return run.state;
  if (run.left != 0 || !varmor_path_turn(&run)) return VARMOR_PATH_UNRESOLVED;
  return *(const __u32 *)((const __u8 *)run.page + (run.state & VARMOR_PATH_OFFSET_MASK));
}

#endif /* VARMOR_PATH_FIND_PAGE */
