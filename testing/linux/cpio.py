# SPDX-License-Identifier: Apache-2.0
"""Writes cpio archives of the format that Linux takes as an initial file system ("newc").

The format is that of the kernel's documentation, "initramfs buffer format": entries of a header of
14 hexadecimal numbers, a name and data, each padded to 4 bytes; "TRAILER!!!" is the last.
"""

import stat

MAGIC = "070701"
HEADER_BYTES = len(MAGIC) + 13 * 8
TRAILER = "TRAILER!!!"


def _padded(data):
    return data + bytes(-len(data) % 4)


class Archive:
    """Entries in the order in which they are added; folders above them are made when missing."""

    def __init__(self):
        self._parts = []
        self._paths = set()

    def __contains__(self, path):
        return path.strip("/") in self._paths

    def folder(self, path):
        self._add(path, stat.S_IFDIR | 0o755)

    def file(self, path, data, mode=0o644):
        self._add(path, stat.S_IFREG | mode, data)

    def link(self, path, target):
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path, major, minor):
        self._add(path, stat.S_IFCHR | 0o600, device=(major, minor))

    def data(self):
        """The whole archive."""
        return b"".join(self._parts) + self._entry(TRAILER, 0, b"", (0, 0))

    def _add(self, path, mode, data=b"", device=(0, 0)):
        path = path.strip("/")
        if path in self._paths:
            if stat.S_ISDIR(mode):
                return
            raise ValueError(f"'{path}' is there already")
        above = path.rpartition("/")[0]
        if above:
            self.folder(above)
        self._paths.add(path)
        self._parts.append(self._entry(path, mode, data, device))

    def _entry(self, path, mode, data, device):
        name = path.encode() + b"\0"
        # Inode, mode, owner, group, links, time, size, device of the file, its own device, length
        # of the name, checksum. No two names share an inode: each has one link.
        numbers = (len(self._parts) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0)
        header = MAGIC + "".join(f"{number:08x}" for number in numbers)
        return _padded(header.encode() + name) + _padded(data)
