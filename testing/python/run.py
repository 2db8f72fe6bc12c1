# SPDX-License-Identifier: Apache-2.0
"""Runs the unittest cases of one file and writes the JUnit report that Bazel reads.

Usage: run.py FILE, from the root of the tree (as Bazel starts tests). Fails when there is no case.
"""

import importlib.util
import os
import sys
import time
import unittest
from xml.sax.saxutils import escape, quoteattr


class Recorder(unittest.TextTestResult):
    """Keeps, per case: its name, how long it took, and what went wrong."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.cases = []
        self.started = 0.0
        self.current = None

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        self.current = {"name": test.id(), "kind": None, "text": ""}

    def stopTest(self, test):
        super().stopTest(test)
        self.current["seconds"] = time.monotonic() - self.started
        self.cases.append(self.current)

    def _mark(self, kind, text):
        if self.current["kind"] is None:
            self.current.update(kind=kind, text=text)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._mark("failure", self._exc_info_to_string(err, test))

    def addError(self, test, err):
        super().addError(test, err)
        if self.current is None:  # A class or module that didn't even start.
            self.cases.append({"name": str(test), "kind": "error", "seconds": 0,
                               "text": self._exc_info_to_string(err, test)})
        else:
            self._mark("error", self._exc_info_to_string(err, test))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._mark("failure", f"{subtest}: {self._exc_info_to_string(err, test)}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._mark("skipped", reason)


def junit(cases):
    """The report's text."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             f'<testsuites tests="{len(cases)}"><testsuite name="python" tests="{len(cases)}">']
    for case in cases:
        inner = ""
        if case["kind"]:
            inner = (f'<{case["kind"]} message={quoteattr(case["text"][:200])}>'
                     f'{escape(case["text"])}</{case["kind"]}>')
        lines.append(f'<testcase name={quoteattr(case["name"])} time="{case["seconds"]:.3f}">'
                     f"{inner}</testcase>")
    lines.append("</testsuite></testsuites>")
    return "\n".join(lines) + "\n"


def run(path, stream=sys.stderr):
    """Runs the cases of a file; returns its Recorder."""
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    return unittest.TextTestRunner(stream=stream, verbosity=2, resultclass=Recorder).run(suite)


def main():
    sys.path.insert(0, os.getcwd())
    result = run(sys.argv[1])
    report = os.environ.get("XML_OUTPUT_FILE")
    if report:
        with open(report, "w", encoding="utf-8") as out:
            out.write(junit(result.cases))
    if not result.cases:
        print("run.py: no test case in", sys.argv[1], file=sys.stderr)
        sys.exit(1)
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
