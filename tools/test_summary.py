#!/usr/bin/env python3
"""Counts test cases of one "bazel test --build_event_json_file=FILE" run.

usage: tools/test_summary.py FILE      prints the names of what failed, one a line, and last
                                       "N passed, N failed, N skipped"

GoogleTest writes one <testcase> per TEST(); a shell test counts as one.
"""
import json
import sys
import urllib.parse
import xml.etree.ElementTree as ET


def main():
    results = {}
    with open(sys.argv[1]) as f:
        for line in f:
            event = json.loads(line)
            if "testResult" in event.get("id", {}) and "testResult" in event:
                key = event["id"]["testResult"]
                results[(key["label"], key.get("run"), key.get("shard"))] = event["testResult"]
    passed = failed = skipped = 0
    for (label, _, _), result in sorted(results.items(), key=str):
        ok = result["status"] in ("PASSED", "FLAKY")
        cases = []
        for output in result.get("testActionOutput", []):
            if output["name"] == "test.xml":
                path = urllib.parse.unquote(urllib.parse.urlparse(output["uri"]).path)
                try:
                    cases = list(ET.parse(path).iter("testcase"))
                except (OSError, ET.ParseError):
                    pass
        failures = [c for c in cases
                    if c.find("failure") is not None or c.find("error") is not None]
        bad = len(failures)
        for case in failures:
            print("%s %s.%s" % (label, case.get("classname", ""), case.get("name", "")))
        if not ok and not failures:
            print("%s %s" % (label, result["status"]))
        skip = sum(1 for c in cases if c.find("skipped") is not None or c.get("status") == "notrun")
        failed += bad if ok else max(bad, 1)
        skipped += skip
        passed += max(len(cases) - bad - skip, 0) if cases else int(ok)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
