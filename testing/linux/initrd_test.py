# SPDX-License-Identifier: Apache-2.0
"""Initial file systems: what is in them."""

import unittest
from unittest import mock

from testing.linux import initrd
from testing.linux.cpio_test import entries

LDD = """	linux-vdso.so.1 (0x00007ffd4d9f2000)
	libe2p.so.2 => /lib/x86_64-linux-gnu/libe2p.so.2 (0x00007f2ad05fc000)
	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2ad041a000)
	/lib64/ld-linux-x86-64.so.2 (0x00007f2ad068c000)
"""


class NoModules:

    def modules(self, wanted):
        return [(name, name.encode()) for name in ["first", *wanted]]


class InitrdTest(unittest.TestCase):

    def make(self, *arguments, **more):
        # Any file will do.
        with mock.patch.object(initrd, "BUSYBOX", "/bin/true"):
            made = initrd.make(NoModules(), ["second"], "guest_blk_basic.sh", *arguments, **more)
        return {name: content for name, _, content in entries(made)}

    def test_libraries_of_a_program(self):
        self.assertEqual(initrd.libraries(LDD),
                         ["/lib/x86_64-linux-gnu/libe2p.so.2", "/lib/x86_64-linux-gnu/libc.so.6",
                          "/lib64/ld-linux-x86-64.so.2"])
        self.assertEqual(initrd.libraries("\tnot a dynamic executable\n"), [])
        self.assertEqual(initrd.libraries("\tstatically linked\n"), [])

    def test_what_is_in_it(self):
        found = self.make(files={"data/x": b"1"})
        self.assertEqual(found["modules/order"], b"first\nsecond\n")
        self.assertEqual(found["modules/second.ko"], b"second")
        self.assertEqual(found["data/x"], b"1")
        self.assertEqual(found["bin/sh"], b"busybox")
        self.assertIn(b"poweroff", found["init"])
        self.assertIn(b"/dev/vda", found["test"])
        self.assertIn("dev/console", found)

    def test_programs_bring_their_libraries_once(self):
        found = self.make(["/bin/cat", "/bin/ls"])
        self.assertIn("bin/ls", found)
        self.assertEqual([name for name in found if name.endswith("/libc.so.6")],
                         ["lib/x86_64-linux-gnu/libc.so.6"])

    def test_a_missing_library_is_named(self):
        with mock.patch.object(initrd.subprocess, "run") as run:
            run.return_value.stdout = "\tlibx.so.1 => not found\n"
            with self.assertRaisesRegex(ValueError, "lacks a library"):
                initrd.needed_by("/bin/ls")


if __name__ == "__main__":
    unittest.main()
