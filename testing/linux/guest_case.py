# SPDX-License-Identifier: Apache-2.0
"""The base of tests with real guests: a folder, a daemon, a guest; all gone at the end."""

import os
import tempfile
import unittest

from testing.linux import guest
from testing.linux import initrd
from testing.linux import kernels
from testing.linux import storage_daemon

# What guest_blk_basic.sh checks.
BLK_BASIC = ("capacity", "serial", "block-size", "cache", "writable", "write", "flush", "read",
             "compare", "beyond-the-end")


class GuestCase(unittest.TestCase):

    def setUp(self):
        # A socket's path is short; the folder that Bazel gives is not.
        folder = tempfile.TemporaryDirectory(prefix="platter-guest-", dir="/tmp")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def at(self, name):
        return os.path.join(self.folder, name)

    def need(self, *programs):
        for program in programs:
            if not os.path.exists(program):
                self.skipTest(f"no-peer: {program} isn't installed")

    def kernel(self, package):
        found = kernels.find(package)
        if found is None:
            self.skipTest(f"no-peer: {package} isn't unpacked")
        self.need(initrd.BUSYBOX)
        return found

    def image(self, name, size):
        with open(self.at(name), "wb") as file:
            file.truncate(size)

    def initrd(self, kernel, modules, script, programs=()):
        """The path of one, from the folder."""
        self.need(*programs)
        with open(self.at("initrd"), "wb") as file:
            file.write(initrd.make(kernel, modules, script, programs))
        return "initrd"

    def daemon(self, *arguments):
        daemon = storage_daemon.StorageDaemon(self.folder, *arguments)
        self.addCleanup(daemon.close)
        return daemon

    def guest(self, words):
        started = guest.Guest(words, self.folder)
        self.addCleanup(started.close)
        return started

    def expect(self, started, *names):
        """Waits for the guest's end: those checks were made, and all of them held."""
        results = started.finish()
        self.assertEqual({name: why for name, why in results.items() if why is not None}, {})
        self.assertEqual(sorted(results), sorted(names))


def blk_export(name, node, path, more=""):
    return ("--export", f"type=vhost-user-blk,id={name},node-name={node},addr.type=unix,"
                        f"addr.path={path}{more}")


def file_node(name, filename, more=""):
    return ("--blockdev", f"driver=file,node-name={name},filename={filename}{more}")
