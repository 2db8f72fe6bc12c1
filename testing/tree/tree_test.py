# SPDX-License-Identifier: Apache-2.0
"""Holds the real tree to its habits."""

import os
import unittest

from testing.tree import habits

# In a test's folder this is a link, to where the tree is.
ROOT = os.path.dirname(os.path.realpath("rooms.bzl"))


class TreeTest(unittest.TestCase):

    def test_the_tree_seen_is_the_real_one(self):
        paths = habits.Tree(ROOT).path_set
        for path in ("WORKSPACE", "bazelw", "third_party/workspace.bzl", "base/check.h"):
            self.assertIn(path, paths)

    def test_every_habit_is_kept(self):
        violations = habits.check(ROOT)
        if violations:
            self.fail("\n" + "\n".join(map(str, violations)))



if __name__ == "__main__":
    unittest.main()
