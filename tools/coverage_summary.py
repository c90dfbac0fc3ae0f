#!/usr/bin/env python3
"""Prints the line coverage of lib/compiler from llvm-cov's JSON, rounded down.

usage: coverage_summary.py REPORT MINIMUM [yes: list files]
Exits with 1 below MINIMUM percent.
"""
import json
import math
import sys


def main():
    report, minimum = sys.argv[1], float(sys.argv[2])
    rows = []
    with open(report, encoding="utf-8") as text:
        for entry in json.load(text)["data"][0]["files"]:
            name = entry["filename"]
            at = name.find("lib/compiler/")
            if at >= 0:
                lines = entry["summary"]["lines"]
                rows.append((lines["covered"], lines["count"], name[at:]))
    covered = sum(row[0] for row in rows)
    count = sum(row[1] for row in rows)
    if count == 0:
        sys.exit("coverage: no source of lib/compiler in the report")
    if len(sys.argv) > 3:
        for c, n, name in sorted(rows, key=lambda row: (row[0] / max(row[1], 1), row[2])):
            print(f"{math.floor(1000 * c / max(n, 1)) / 10:6.1f} % {n - c:5d} not reached  {name}")
    percent = math.floor(1000 * covered / count) / 10
    print(f"coverage: {percent:.1f} % of {count} lines of lib/compiler ({len(rows)} files)")
    if percent < minimum:
        sys.exit(f"coverage: less than {minimum:g} %")


if __name__ == "__main__":
    main()
