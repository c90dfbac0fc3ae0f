#!/usr/bin/env python3
"""What the shared library exports is what interface.txt lists, and all of it is versioned.

UPDATE_GOLDENS=1 bazel run //tools/install:interface_test rewrites the list. Removing a line of it
breaks programs: for a C function never within a major version, otherwise never within a minor one.
"""

import difflib
import os
import re
import subprocess
import sys

LIST = "tools/install/interface.txt"
LIBRARY = "tools/install/libvarmor.so"


def names():
    """One line per function and class; a class stands for its members. Then lines of nm that fit
    nothing. What protoc made of proto/*.proto is not listed: those files say it."""
    output = subprocess.run(["nm", "-D", "--defined-only", "-C", LIBRARY], check=True,
                            stdout=subprocess.PIPE, universal_newlines=True).stdout
    owners, messages, options, lines, strange = set(), set(), set(), set(), []
    for line in output.splitlines():
        kind, symbol = re.match(r"\S* *(\w) (.*)$", line).groups()
        if kind == "A" and re.match(r"VARMOR_(C|CXX)_[\d.]+$", symbol):
            continue
        symbol, _, version = symbol.partition("@@VARMOR_")
        language = version.split("_")[0]
        name = re.sub(r"\[abi:\w+\]", "", symbol)
        name = re.sub(r"^(vtable|typeinfo name|typeinfo|VTT) for ", "", name)
        if language == "C" and re.match(r"varmor_\w+$", name):
            lines.add(f"C {name}")
        elif language == "CXX" and re.match(r"varmor::_\w+_default_instance_$", name):
            messages.add(name[len("varmor::_"):-len("_default_instance_")])
        elif language == "CXX" and "google::protobuf::Arena::CreateMaybeMessage<varmor::" in name:
            pass  # how an arena makes a message
        elif language == "CXX" and re.match(r"varmor::\w+(::|$)", name) and kind in "TDBRV":
            owner = re.match(r"varmor::(\w+)", name).group(1)
            if "::" in name[len("varmor::"):] or " for varmor::" in symbol:
                owners.add(owner)
            else:
                options.add(owner)
        elif language == "CXX" and re.match(r"varmor::\w+\(", name) and kind == "T":
            if not re.search(r"_(IsValid|descriptor)\(", name):
                lines.add("function " + name.split("(")[0])
        else:
            strange.append(line)
    if not messages or not options:
        strange.append("no messages, or no field options")
    lines |= {f"class varmor::{name}" for name in owners - messages}
    return sorted(lines), strange


def main():
    found, strange = names()
    for line in strange:
        print(f"exported, but not of the interface: {line}", file=sys.stderr)
    workspace = os.environ.get("BUILD_WORKSPACE_DIRECTORY")
    if os.environ.get("UPDATE_GOLDENS") and workspace:
        with open(os.path.join(workspace, LIST), "w", encoding="utf-8") as output:
            output.write("\n".join(found) + "\n")
        print(f"{LIST} is rewritten: read what changed", file=sys.stderr)
        return 1
    with open(LIST, encoding="utf-8") as listed:
        wanted = listed.read().splitlines()
    difference = list(difflib.unified_diff(wanted, found, "listed", "exported", lineterm=""))
    if difference:
        print("\n".join(difference), file=sys.stderr)
        print("The library's interface changed. If it is meant to:\n"
              "  UPDATE_GOLDENS=1 bazel run //tools/install:interface_test", file=sys.stderr)
    return 1 if difference or strange else 0


if __name__ == "__main__":
    sys.exit(main())
