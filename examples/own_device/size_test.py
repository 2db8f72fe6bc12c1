# SPDX-License-Identifier: Apache-2.0
"""The device model is as short as the READMEs say ("under 200 lines"), without longer lines for it."""

import unittest

DRIVE = ["examples/own_device/toy_drive.h", "examples/own_device/toy_drive.cc"]
TOO_MANY_LINES = 200  # For both together, with comments and empty lines.
MAX_COLUMNS = 100


def lines(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


class SizeTest(unittest.TestCase):

    def test_the_drive_is_short(self):
        found = {path: len(lines(path)) for path in DRIVE}
        self.assertLess(sum(found.values()), TOO_MANY_LINES, found)

    def test_its_lines_are_no_longer_than_elsewhere(self):
        for path in DRIVE:
            for number, line in enumerate(lines(path), 1):
                self.assertLessEqual(len(line), MAX_COLUMNS, f"{path}:{number}")


if __name__ == "__main__":
    unittest.main()
