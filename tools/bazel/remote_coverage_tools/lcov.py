#!/usr/bin/env python3
"""Merges gcov's JSON reports and lcov tracefiles into one lcov tracefile."""
import argparse
import collections
import glob
import gzip
import json
import os
import re


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--coverage_dir")
    parser.add_argument("--reports_file")
    parser.add_argument("--output_file", required=True)
    parser.add_argument("--filter_sources", action="append", default=[])
    args, _ = parser.parse_known_args()

    lines = collections.defaultdict(collections.Counter)  # file -> line -> hits

    def keep(name):
        return not os.path.isabs(name) and not name.startswith(("external/", "bazel-out/")) and not any(
            re.fullmatch(pattern, name) for pattern in args.filter_sources)

    def add(name, line, hits):
        name = re.sub(r"^/proc/self/cwd/", "", name)
        name = os.path.normpath(name)
        if keep(name):
            lines[name][line] += hits

    if args.coverage_dir:
        for report in glob.glob(args.coverage_dir + "/**/*.gcov.json.gz", recursive=True):
            with gzip.open(report, "rt") as f:
                for source in json.load(f)["files"]:
                    for line in source["lines"]:
                        add(source["file"], line["line_number"], line["count"])
    if args.reports_file:
        with open(args.reports_file) as f:
            reports = f.read().split()
        for report in reports:
            name = ""
            with open(report) as f:
                for text in f:
                    if text.startswith("SF:"):
                        name = text[3:].strip()
                    elif text.startswith("DA:"):
                        line, hits = text[3:].split(",")[:2]
                        add(name, int(line), int(hits))

    with open(args.output_file, "w") as out:
        for name in sorted(lines):
            counts = lines[name]
            out.write("SF:%s\n" % name)
            for line in sorted(counts):
                out.write("DA:%d,%d\n" % (line, counts[line]))
            out.write("LH:%d\nLF:%d\nend_of_record\n" % (sum(1 for c in counts.values() if c), len(counts)))


if __name__ == "__main__":
    main()
