#!/usr/bin/env python3
"""Writes the linker's version script: exactly what the public headers declare is exported.

usage: symbol_map.py ARCHIVE HEADER_DIRECTORY MAP LINKER_FLAGS

MAP gives the C interface the version VARMOR_C_<major>, which grows and never breaks within one
SONAME, and the C++ interface VARMOR_CXX_<major>.<minor>: a program meets the classes that it was
compiled for, or the loader says that it does not. The version is that of HEADER_DIRECTORY/varmor/version.h. LINKER_FLAGS is a file of options for ld.
Relies on the headers' formatting (clang-format): declarations begin in the first column.
"""

import os
import re
import subprocess
import sys

CLASS = re.compile(r"^(?:class|struct) (\w+)\b[^;]*\{", re.MULTILINE)
FUNCTION = re.compile(
    r"^(?!static |inline |\w+_INLINE |constexpr |template|typedef |using |namespace |class |struct |enum )"
    r"[A-Za-z][\w:<>,*& ]*?[ *&\n](\w+)\(", re.MULTILINE)
MESSAGE = re.compile(r"^class (\w+)(?: final)? :", re.MULTILINE)
PROTO_ENUM = re.compile(r"^enum (\w+) : int", re.MULTILINE)
PROTO_EXTENSION = re.compile(r"ExtensionIdentifier<.*?>\s+(\w+);", re.DOTALL)

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)

# Compiled in full: types of nm. Inline functions ("W") are compiled into whoever uses them.
STRONG = "TDBRV"


class Interface:
    """Names that the headers declare."""

    def __init__(self, directory):
        self.c_functions = set()
        self.functions = set()
        self.classes = set()
        self.messages = set()
        for root, _, files in os.walk(directory):
            for name in files:
                with open(os.path.join(root, name), encoding="utf-8") as header:
                    self.read(name, header.read())

    def read(self, name, text):
        if name.endswith(".pb.h"):
            self.messages.update(MESSAGE.findall(text))
            for enum in PROTO_ENUM.findall(text):
                self.functions.update((enum + "_descriptor", enum + "_IsValid"))
            self.functions.update(PROTO_EXTENSION.findall(text))
            return
        text = COMMENT.sub("", text)
        names = FUNCTION.findall(text)
        if name == "varmor.h":
            self.c_functions.update(names)
        else:
            self.functions.update(names)
            self.classes.update(CLASS.findall(text))

    def language(self, symbol, demangled):
        """"C", "C++", or None for what is not part of the interface."""
        if symbol == demangled:
            return "C" if symbol in self.c_functions else None
        demangled = re.sub(r"\[abi:\w+\]", "", demangled)
        about = re.sub(r"^(vtable|typeinfo name|typeinfo|VTT) for ", "", demangled)
        message = re.search(r"Arena::CreateMaybeMessage<varmor::(\w+)>\(", about) or \
            re.match(r"varmor::_(\w+)_default_instance_$", about)
        if message:
            return "C++" if message.group(1) in self.messages else None
        name = re.match(r"varmor::(\w+)($|::|\()", about)
        if not name:
            return None
        if name.group(2) == "::" or about != demangled:
            return "C++" if name.group(1) in self.classes | self.messages else None
        return "C++" if name.group(1) in self.functions else None


def symbols(archive):
    def run(*flags):
        output = subprocess.run(["nm", "-g", "--defined-only", *flags, archive], check=True,
                                stdout=subprocess.PIPE, universal_newlines=True).stdout
        return [line.split(" ", 2) for line in output.splitlines() if re.match(r"[0-9a-f]+ ", line)]

    for mangled, demangled in zip(run(), run("-C")):
        if mangled[1] in STRONG:
            yield mangled[2], demangled[2]


def main():
    archive, headers, map_path, flags_path = sys.argv[1:]
    with open(os.path.join(headers, "varmor/version.h"), encoding="utf-8") as header:
        major, minor, _ = re.search(r'kVersion\[\] = "(\d+)\.(\d+)\.(\d+)"', header.read()).groups()
    interface = Interface(headers)
    exported = {"C": set(), "C++": set()}
    missing = interface.c_functions | interface.functions
    for symbol, demangled in symbols(archive):
        language = interface.language(symbol, demangled)
        if language:
            exported[language].add(symbol)
            missing = missing - set(re.findall(r"\w+", demangled))
    if missing:
        sys.exit(f"symbol_map: declared, but nowhere defined: {sorted(missing)}")

    def node(name, language, rest=""):
        names = "".join(f"    {symbol};\n" for symbol in sorted(exported[language]))
        return f"{name} {{\n  global:\n{names}{rest}}};\n"

    with open(map_path, "w", encoding="utf-8") as output:
        output.write(node(f"VARMOR_C_{major}", "C", "  local: *;\n"))
        output.write(node(f"VARMOR_CXX_{major}.{minor}", "C++"))
    with open(flags_path, "w", encoding="utf-8") as output:
        output.write(f"-soname=libvarmor.so.{major}\n--version-script={map_path}\n")


if __name__ == "__main__":
    main()
