#!/usr/bin/env python3
"""Writes compile_commands.json at the workspace root, for clangd and clang-tidy.

usage: tools/compile_commands.py [BAZEL_OPTION_OR_TARGET...]   (default: //...)

It asks Bazel for the compile actions ("bazel aquery"), so build first: generated
headers have to exist.
"""
import json
import os
import subprocess
import sys


def main():
    options = [a for a in sys.argv[1:] if a.startswith("-")]
    targets = [a for a in sys.argv[1:] if not a.startswith("-")] or ["//..."]
    root = subprocess.check_output(["bazel", "info", "workspace"], text=True).strip()
    out = subprocess.check_output(
        ["bazel", "aquery", "--output=jsonproto", "--include_artifacts=false"] + options +
        ['mnemonic("CppCompile", %s)' % " + ".join(targets)], text=True, cwd=root)
    commands = {}
    for action in json.loads(out).get("actions", []):
        args = action["arguments"]
        source = args[args.index("-c") + 1]
        if source.startswith(("external/", "bazel-out/")):
            continue
        # Options of gcc that clang does not know.
        args = [a for a in args if a not in ("-fno-canonical-system-headers", "-Wno-free-nonheap-object")]
        commands.setdefault(source, {"directory": root, "file": source, "arguments": args})
    # "external/..." in the include paths is relative to Bazel's execution root.
    link = os.path.join(root, "external")
    target = os.path.join(subprocess.check_output(["bazel", "info", "output_base"], text=True).strip(), "external")
    if os.path.islink(link):
        os.unlink(link)
    os.symlink(target, link)
    with open(os.path.join(root, "compile_commands.json"), "w") as f:
        json.dump(sorted(commands.values(), key=lambda c: c["file"]), f, indent=1)
    print("compile_commands.json: %d files" % len(commands))


if __name__ == "__main__":
    main()
