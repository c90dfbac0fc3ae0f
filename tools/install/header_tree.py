#!/usr/bin/env python3
"""Copies the public headers to where they are installed, with their inclusions rewritten.

usage: header_tree.py DIRECTORY PATH=FILE...

PATH is a header's path in this repository, FILE where its text is. Below DIRECTORY,
lib/compiler/load/load_policy.h becomes varmor/load/load_policy.h and proto/policy.pb.h becomes
varmor/proto/policy.pb.h. Fails when a header includes one of ours that is not among them.
"""

import os
import re
import sys

# First match wins.
PLACES = (
    ("lib/compiler/c_api/", "varmor/"),
    ("lib/compiler/", "varmor/"),
    ("proto/", "varmor/proto/"),
)
INCLUSION = re.compile(r'^(\s*#\s*include\s+")((?:lib|proto|runtime|tools)/[^"]+)(")', re.MULTILINE)


def installed(path):
    for ours, theirs in PLACES:
        if path.startswith(ours):
            return theirs + path[len(ours):]
    sys.exit(f"header_tree: {path}: public headers are in lib/compiler/ or proto/")


def rewritten(text, path, known, mistakes):
    def replace(match):
        if match.group(2) not in known:
            mistakes.append(f"{path} includes {match.group(2)}, which is not public")
        return match.group(1) + installed(match.group(2)) + match.group(3)

    return INCLUSION.sub(replace, text)


def main():
    directory = sys.argv[1]
    files = dict(argument.split("=", 1) for argument in sys.argv[2:])
    mistakes = []
    taken = {}
    for path, file in files.items():
        place = installed(path)
        if place in taken:
            mistakes.append(f"{path} and {taken[place]} would both be {place}")
        taken[place] = path
        with open(file, encoding="utf-8") as source:
            text = rewritten(source.read(), path, files, mistakes)
        target = os.path.join(directory, place)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as output:
            output.write(text)
    for mistake in mistakes:
        print(f"header_tree: {mistake}\n  fix: change PUBLIC_API in tools/install/public_api.bzl",
              file=sys.stderr)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
