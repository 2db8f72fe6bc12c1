# SPDX-License-Identifier: Apache-2.0
"""Tests the reading of BUILD files."""

import unittest

from testing.tree import build_files

BUILD = """
load("@rules_cc//cc:defs.bzl", "cc_library")
package(default_visibility = ["//visibility:private"])
STATUS = "@com_google_absl//absl/status"
COMMON = [":errors", STATUS]
cc_library(name = "view", hdrs = ["view.h"], deps = COMMON + ["//room:events"])
cc_library(name = "errors", hdrs = ["errors.h", "codes.h"], deps = [":events"])
cc_library(name = "events", hdrs = ["events.h"], deps = [":view"])
cc_library(name = "whole", hdrs = ["whole.h"], deps = [":view", "//drivers:graph"])
cc_library(name = "fake", testonly = True, hdrs = ["fake.h"])
[cc_test(name = n) for n in ["a"]]
"""


class BuildFilesTest(unittest.TestCase):

    def test_targets_and_what_they_name(self):
        found = {target.name: target for target in build_files.targets(BUILD)}
        self.assertEqual(list(found), ["view", "errors", "events", "whole", "fake"])
        self.assertEqual(found["view"].deps,
                         [":errors", "@com_google_absl//absl/status", "//room:events"])
        self.assertEqual(found["view"].rule, "cc_library")
        self.assertEqual([name for name in found if found[name].testonly], ["fake"])

    def test_headers_through_the_package_and_no_further(self):
        def read(path):
            self.assertEqual(path, "room/BUILD.bazel")
            return BUILD

        self.assertEqual(build_files.exported_headers(read, "room", "view"),
                         {"room/view.h", "room/errors.h", "room/codes.h", "room/events.h"})

    def test_no_such_package(self):
        def read(path):
            raise FileNotFoundError(path)

        self.assertEqual(build_files.exported_headers(read, "room", "view"), set())


if __name__ == "__main__":
    unittest.main()
