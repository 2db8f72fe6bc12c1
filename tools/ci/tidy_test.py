# SPDX-License-Identifier: Apache-2.0
"""Tests which files tidy.py picks, and that its time limit and complaints are said."""

import contextlib
import io
import os
import subprocess
import tempfile
import unittest
from unittest import mock

from tools.ci import tidy


class TidyTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        environment = dict(os.environ, HOME=os.getcwd(), GIT_CONFIG_NOSYSTEM="1")
        subprocess.run(["git", *identity, *arguments], check=True, env=environment,
                       capture_output=True)

    def commit(self, *paths):
        for path in paths:
            with open(path, "a", encoding="utf-8") as out:
                out.write("x\n")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "m")

    def run_main(self, *arguments, complaint=None):
        out = io.StringIO()
        with mock.patch.object(tidy, "check", lambda path: complaint), \
                contextlib.redirect_stdout(out):
            code = tidy.main(["--jobs", "1", *arguments])
        return code, out.getvalue()

    def test_only_cpp_files_that_differ(self):
        self.commit("a.cc", "b.cc", "c.md")
        self.git("branch", "base")
        self.commit("b.cc", "c.md", "d.h")
        self.assertEqual(tidy.changed_since("base"), ["b.cc", "d.h"])

    def test_of_what_differs_the_newest_change_comes_first(self):
        self.commit("a.cc", "b.cc", "c.cc", "old.cc")
        self.git("branch", "base")
        self.commit("a.cc", "c.cc")
        self.commit("b.cc")
        self.commit("c.cc")
        self.assertEqual(tidy.changed_since("base"), ["c.cc", "b.cc", "a.cc"])

    def test_a_deleted_file_is_left_out(self):
        self.commit("a.cc", "b.cc")
        self.git("branch", "base")
        os.unlink("a.cc")
        self.commit("b.cc")
        self.assertEqual(tidy.changed_since("base"), ["b.cc"])

    def test_a_header_is_checked_through_its_own_source_or_test(self):
        self.commit("a.cc", "a.h", "b_test.cc", "b.h", "c.h")
        self.assertEqual(tidy.in_order(["a.h", "b.h", "c.h", "a.cc"]),
                         ["a.cc", "b_test.cc", "c.h"])

    def test_nothing_to_compare_with(self):
        self.commit("a.cc")
        self.git("branch", "base")
        self.assertIsNone(tidy.changed_since("base"))
        self.assertIsNone(tidy.changed_since("no-such-branch"))

    def test_then_all_files_newest_change_first(self):
        self.commit("a.cc", "b.cc")
        self.commit("z.cc")
        self.commit("b.cc")
        self.assertEqual(tidy.newest_first(), ["b.cc", "z.cc", "a.cc"])

    def test_a_complaint_fails(self):
        self.commit("a.cc")
        code, out = self.run_main(complaint="a.cc:1: bad")
        self.assertEqual(code, 1)
        self.assertIn("a.cc:1: bad", out)
        self.assertEqual(self.run_main()[0], 0)

    def test_files_that_do_not_fit_the_time_are_counted(self):
        self.commit("a.cc", "b.cc", "c.cc")
        clock = iter([0, 1, 5, 11])  # The end is set at 0; c.cc's turn comes too late.
        seen = []
        checked, complaints = tidy.run(["a.cc", "b.cc", "c.cc"], 10, 1, check_file=seen.append,
                                       now=lambda: next(clock))
        self.assertEqual((checked, complaints, seen), (2, [], ["a.cc", "b.cc"]))
        code, out = self.run_main("--seconds", "0")
        self.assertEqual(code, 0)
        self.assertTrue(out.endswith("NOT CHECKED: 3 of 3 files; the limit is 0 seconds\n"), out)
        self.assertEqual(self.run_main("--seconds", "0", "--strict"), (1, out))
        code, out = self.run_main("--strict")
        self.assertEqual(code, 0)
        self.assertNotIn("NOT CHECKED", out)


if __name__ == "__main__":
    unittest.main()
