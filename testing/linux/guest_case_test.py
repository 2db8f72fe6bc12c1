# SPDX-License-Identifier: Apache-2.0
"""The base of tests with guests: what it skips, expects and lets pass."""

import os
import unittest
from unittest import mock

from testing.linux import guest_case


class GuestCaseTest(unittest.TestCase):

    def setUp(self):
        self.case = guest_case.GuestCase()
        self.case.setUp()
        self.addCleanup(self.case.doCleanups)

    def run_guest(self, *lines):
        text = "; ".join(f"echo 'guest: {line}'" for line in lines)
        return self.case.guest(["/bin/sh", "-c", text])

    def test_missing_peers_are_named(self):
        with self.assertRaisesRegex(unittest.SkipTest, "^no-peer: /nosuch isn't installed"):
            self.case.need("/bin/sh", "/nosuch")
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": "/nosuch"}):
            with self.assertRaisesRegex(unittest.SkipTest, "^no-peer: linux-x isn't unpacked"):
                self.case.kernel("linux-x")

    def test_all_checks_are_expected_and_no_others(self):
        self.case.expect(self.run_guest("ok a", "ok b", "end"), "b", "a")
        for lines, names in ((("ok a", "end"), ("a", "b")), (("ok a", "ok b", "end"), ("a",)),
                             (("ok a", "not ok b: x", "end"), ("a", "b")), (("ok a",), ("a",))):
            with self.subTest(lines=lines), self.assertRaises(AssertionError):
                self.case.expect(self.run_guest(*lines), *names)

    def test_images_are_empty_files(self):
        self.case.image("disk", 1 << 20)
        self.assertEqual(os.path.getsize(self.case.at("disk")), 1 << 20)
        self.assertEqual(os.stat(self.case.at("disk")).st_blocks, 0)

    def test_options_are_those_of_the_daemon(self):
        self.assertEqual(guest_case.blk_export("e", "n", "p", ",writable=on")[1],
                         "type=vhost-user-blk,id=e,node-name=n,addr.type=unix,addr.path=p,"
                         "writable=on")
        self.assertEqual(guest_case.file_node("n", "f", ",x=y")[1],
                         "driver=file,node-name=n,filename=f,x=y")


if __name__ == "__main__":
    unittest.main()
