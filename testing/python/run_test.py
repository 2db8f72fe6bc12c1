# SPDX-License-Identifier: Apache-2.0
"""Tests run.py on small test files."""

import io
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

from testing.python import run

FOUR_OUTCOMES = """
import unittest
class T(unittest.TestCase):
    def test_good(self): pass
    def test_bad(self): self.assertEqual(1, 2, "<one & two>")
    def test_broken(self): raise ValueError("x")
    def test_left_out(self): self.skipTest("no peer")
    def test_sub(self):
        for i in range(3):
            with self.subTest(i=i): self.assertNotEqual(i, 1)
"""


class RunTest(unittest.TestCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, text):
        path = os.path.join(self.folder.name, "sample.py")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def run_program(self, text):
        report = os.path.join(self.folder.name, "report.xml")
        environment = dict(os.environ, XML_OUTPUT_FILE=report)
        done = subprocess.run([sys.executable, "-B", "testing/python/run.py", self.write(text)],
                              env=environment, capture_output=True, text=True, check=False)
        return done, ElementTree.parse(report).getroot()

    def test_outcomes_are_recorded(self):
        result = run.run(self.write(FOUR_OUTCOMES), stream=io.StringIO())
        kinds = {case["name"].split(".")[-1]: case["kind"] for case in result.cases}
        self.assertEqual(kinds, {"test_good": None, "test_bad": "failure", "test_broken": "error",
                                 "test_left_out": "skipped", "test_sub": "failure"})

    def test_report_is_well_formed_and_the_exit_code_tells(self):
        done, report = self.run_program(FOUR_OUTCOMES)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(list(report.iter("testcase"))), 5)
        self.assertEqual(len(list(report.iter("failure"))), 2)
        self.assertEqual(next(report.iter("skipped")).get("message"), "no peer")

    def test_success(self):
        done, report = self.run_program(
            "import unittest\nclass T(unittest.TestCase):\n  def test_a(self): pass\n")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(list(report.iter("testcase"))), 1)

    def test_a_file_without_a_case_fails(self):
        done, _ = self.run_program("x = 1\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no test case", done.stderr)


if __name__ == "__main__":
    unittest.main()
