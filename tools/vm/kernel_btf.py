#!/usr/bin/env python3
"""Takes the BTF out of a kernel that has not been booted: kernel_btf.py VMLINUZ OUT

The header of a bzImage gives the offset and the length of the compressed kernel, whose last four bytes
are the unpacked size and not part of the stream. What comes out of it is an ELF file with a section .BTF.
"""

import lzma
import struct
import subprocess
import sys
import zlib


def piped(command, data):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


UNPACK = {
    b"\x1f\x8b": lambda data: zlib.decompressobj(31).decompress(data),
    b"\xfd7zXZ\0": lambda data: lzma.LZMADecompressor().decompress(data),
    b"\x02\x21\x4c\x18": lambda data: piped(["lz4", "-dc"], data[:-4]),
    b"\x28\xb5\x2f\xfd": lambda data: piped(["zstd", "-dcq"], data[:-4]),
}


def unpacked_kernel(image):
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = image[start : start + length]
    for magic, unpack in UNPACK.items():
        if payload.startswith(magic):
            return unpack(payload)
    sys.exit(f"kernel_btf: compressed in a way that this script does not know: {payload[:6].hex()}")


def section(elf, wanted):
    if elf[:6] != b"\x7fELF\x02\x01":
        sys.exit("kernel_btf: what was unpacked is not a 64-bit ELF file")
    (table,) = struct.unpack_from("<Q", elf, 0x28)
    size, count, names = struct.unpack_from("<HHH", elf, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", elf, table + size * i) for i in range(count)]
    name_offset = headers[names][4]
    for name, _, _, _, offset, length in headers:
        start = name_offset + name
        if elf[start : elf.index(b"\0", start)] == wanted:
            return elf[offset : offset + length]
    sys.exit(f"kernel_btf: this kernel has no section {wanted.decode()}")


def main():
    with open(sys.argv[1], "rb") as file:
        image = file.read()
    btf = section(unpacked_kernel(image), b".BTF")
    with open(sys.argv[2], "wb") as file:
        file.write(btf)


main()
