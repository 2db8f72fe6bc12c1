# SPDX-License-Identifier: Apache-2.0
"""Archives: by the format's description, and as cpio reads them."""

import os
import shutil
import stat
import subprocess
import tempfile
import unittest

from testing.linux import cpio

CPIO = shutil.which("cpio")


def entries(data):
    """(name, numbers, content) of each entry."""
    at = 0
    found = []
    while True:
        assert data[at:at + 6] == b"070701", data[at:at + 6]
        numbers = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name_at = at + 110
        name = data[name_at:name_at + numbers[11] - 1].decode()
        content_at = name_at + numbers[11]
        content_at += -content_at % 4
        end = content_at + numbers[6]
        found.append((name, numbers, data[content_at:end]))
        at = end + -end % 4
        if name == "TRAILER!!!":
            assert at == len(data)
            return found


class CpioTest(unittest.TestCase):

    def setUp(self):
        self.archive = cpio.Archive()

    def test_entries_are_padded_and_ended(self):
        for size in range(5):
            self.archive.file("f" * (size + 1), b"x" * size, 0o755)
        found = entries(self.archive.data())
        self.assertEqual([(name, content) for name, _, content in found],
                         [("f" * (size + 1), b"x" * size) for size in range(5)] +
                         [("TRAILER!!!", b"")])
        self.assertEqual({numbers[1] for _, numbers, _ in found[:-1]}, {stat.S_IFREG | 0o755})
        inodes = [numbers[0] for _, numbers, _ in found]
        self.assertEqual(len(set(inodes)), len(inodes))

    def test_folders_come_before_what_is_in_them_and_once(self):
        self.archive.file("/a/b/c", b"")
        self.archive.folder("a")
        self.archive.link("a/l", "b/c")
        self.archive.character_device("a/d", 5, 1)
        found = {name: (numbers, content)
                 for name, numbers, content in entries(self.archive.data())}
        self.assertEqual(list(found), ["a", "a/b", "a/b/c", "a/l", "a/d", "TRAILER!!!"])
        self.assertEqual(found["a"][0][1], stat.S_IFDIR | 0o755)
        self.assertEqual(found["a/l"][1], b"b/c")
        self.assertEqual(found["a/d"][0][1], stat.S_IFCHR | 0o600)
        self.assertEqual(found["a/d"][0][9:11], [5, 1])
        self.assertIn("/a/b", self.archive)
        self.assertNotIn("b", self.archive)

    def test_a_path_has_one_entry(self):
        self.archive.file("f", b"")
        with self.assertRaisesRegex(ValueError, "'f' is there already"):
            self.archive.link("f", "g")

    @unittest.skipUnless(CPIO, "no-peer: cpio isn't installed")
    def test_cpio_reads_it(self):
        self.archive.file("sub/one", b"first\n", 0o755)
        self.archive.link("two", "sub/one")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([CPIO, "-i", "--quiet"], input=self.archive.data(), cwd=folder,
                           check=True)
            with open(os.path.join(folder, "two"), "rb") as file:
                self.assertEqual(file.read(), b"first\n")
            self.assertTrue(os.access(os.path.join(folder, "sub/one"), os.X_OK))


if __name__ == "__main__":
    unittest.main()
