#!/bin/sh
# The headers that the BPF programs share have to compile as C11 and for the BPF machine, without a
# warning. A missing compiler fails the test.
set -eu
source=lib/compiler/artifact/bpf_map_abi_c_test.c
flags="-Wall -Wextra -Werror -O2 -I . -c $source"
# Where <asm/types.h> is on multiarch systems; clang for bpf does not look there by itself.
arch=$(gcc -print-multiarch)

gcc -std=c11 -Wno-unused-function $flags -o "$TEST_TMPDIR/host.o"
for cpu in v2 v3; do
  clang -target bpf -std=gnu11 -mcpu=$cpu -idirafter "/usr/include/$arch" -Wno-unused-function $flags \
    -o "$TEST_TMPDIR/bpf.o"
  case $(readelf -h "$TEST_TMPDIR/bpf.o") in
    *BPF*) ;;
    *) echo "no object for the BPF machine ($cpu) came out"; exit 1 ;;
  esac
done
