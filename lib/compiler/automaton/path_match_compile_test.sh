#!/bin/sh
# path_match.h compiles, without a warning, for the kernel (with and without bpf_loop), as C11 and as
# C++17.
set -eu

program=lib/compiler/automaton/path_match_test.bpf.c
header=lib/compiler/artifact/path_match.h

if ! command -v clang >/dev/null; then
  echo "clang is not installed: apt-get install clang" >&2
  exit 1
fi
for define in -UWITH_BPF_LOOP -DWITH_BPF_LOOP; do
  clang -target bpf -O2 -g -mcpu=v3 -Wall -Wextra -Werror -I. \
    -I"/usr/include/$(gcc -print-multiarch)" "$define" -c "$program" -o "$TEST_TMPDIR/program.o"
  test -s "$TEST_TMPDIR/program.o"
done

cat >"$TEST_TMPDIR/user.c" <<'END'
#include "lib/compiler/artifact/path_match.h"
static const struct varmor_path_page *find(const struct varmor_path_page *pages, __u32 number) {
  return pages + number;
}
#define VARMOR_PATH_PAGES const struct varmor_path_page *
#define VARMOR_PATH_FIND_PAGE(pages, number) find(pages, number)
#include "lib/compiler/artifact/path_match.h"
__u32 match(const struct varmor_path_page *pages, const struct varmor_path_table *table,
            const char *buffer) {
  return varmor_path_match(pages, table, buffer, 0, 1);
}
END
gcc -std=c11 -Wall -Wextra -Werror -pedantic -I. -c "$TEST_TMPDIR/user.c" -o /dev/null
g++ -std=c++17 -Wall -Wextra -Werror -pedantic -I. -x c++ -c "$TEST_TMPDIR/user.c" -o /dev/null
echo "path_match.h compiles for the kernel, as C and as C++"
