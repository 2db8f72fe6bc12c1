# SPDX-License-Identifier: Apache-2.0
"""What of the comparisons is no measurement: taking turns, tables, the document, messages."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
import document
import daemons
import turns

DOCUMENT = """before
<!-- begin a -->
old
<!-- end a -->
after
"""


class CompareTest(unittest.TestCase):

    def test_contenders_take_turns_and_the_median_counts(self):
        order = []
        figures = {"a": iter((3, 1, 2)), "b": iter((9, 7, 8))}

        def measure(name):
            order.append(name)
            return next(figures[name])

        medians = turns.in_turn(3, {name: lambda name=name: measure(name) for name in figures})
        self.assertEqual(order, ["a", "b"] * 3)
        self.assertEqual(medians, {"a": 2, "b": 8})
        self.assertEqual(turns.best_other({"a": 5, "b": 8, "c": 7}, "b"), ("c", 7))

    def test_a_program_that_fails_is_named(self):
        with self.assertRaisesRegex(turns.CompareError, "false"):
            turns.run(["false"], 0)
        with self.assertRaisesRegex(turns.CompareError, "/nonexistent/program"):
            turns.run(["/nonexistent/program"], 0)

    def test_a_daemon_that_does_not_start_is_named_with_what_it_said(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(turns.CompareError, "sh: .*option"):
                with daemons.Daemon("sh", "driver=null-co", os.path.join(folder, "s"), 0):
                    pass

    def test_a_table_replaces_what_is_between_its_comments(self):
        new = document.replace(DOCUMENT, "a", document.table([("null", "2", "peer: 1", "2.00")],
                                                             "compare.py"))
        self.assertTrue(new.startswith("before\n<!-- begin a -->\n"))
        self.assertTrue(new.endswith("<!-- end a -->\nafter\n"))
        self.assertNotIn("old", new)
        self.assertIn("\n| null | 2 | peer: 1 | 2.00 |\n", new)
        self.assertIn("`compare.py`", new)

    def test_a_document_without_the_comments_is_left_alone(self):
        with tempfile.NamedTemporaryFile("w+", suffix=".md") as file:
            file.write("nothing")
            file.flush()
            with self.assertRaisesRegex(turns.CompareError, "begin a"):
                document.write(file.name, "a", [], "compare.py")
            file.seek(0)
            self.assertEqual(file.read(), "nothing")


if __name__ == "__main__":
    unittest.main()
