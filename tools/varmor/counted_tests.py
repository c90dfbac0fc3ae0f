"""Runs the tests of the program that was started, or those that its arguments name, so that each of them, and each that
is skipped, is counted.
"""
import os
import sys
import unittest
import xml.sax.saxutils


class XmlResult(unittest.TextTestResult):
    """Also writes the file from which Bazel and tools/test_summary.py count test cases."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.names = []

    def startTest(self, test):
        super().startTest(test)
        self.names.append(test.id())

    def write(self, path):
        bad = {getattr(test, "test_case", test).id() for test, _ in self.failures + self.errors}
        skipped = {test.id() for test, _ in self.skipped}
        with open(path, "w") as f:
            f.write("<testsuites><testsuite name='tests'>\n")
            for name in self.names:
                body = "<failure/>" if name in bad else "<skipped/>" if name in skipped else ""
                f.write("<testcase name=%s>%s</testcase>\n" % (xml.sax.saxutils.quoteattr(name), body))
            f.write("</testsuite></testsuites>\n")


def main():
    tests = sys.modules["__main__"]
    suite = unittest.defaultTestLoader.loadTestsFromModule(tests)
    if len(sys.argv) > 1:
        suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:], tests)
    outcome = unittest.TextTestRunner(resultclass=XmlResult, verbosity=2).run(suite)
    if "XML_OUTPUT_FILE" in os.environ:
        outcome.write(os.environ["XML_OUTPUT_FILE"])
    sys.exit(0 if outcome.wasSuccessful() and outcome.testsRun > 0 else 1)
