# SPDX-License-Identifier: Apache-2.0
"""The daemon of tests: ready, asked, killed, started again, ended."""

import os
import tempfile
import unittest

from testing.linux import storage_daemon

NULL = ("--blockdev", "driver=null-co,node-name=n,size=1048576")


class StorageDaemonTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="platter-guest-", dir="/tmp")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def start(self, *arguments):
        daemon = storage_daemon.StorageDaemon(self.folder, *arguments)
        self.addCleanup(daemon.close)
        return daemon

    def nodes(self, daemon):
        return [node["node-name"] for node in daemon.ask("query-named-block-nodes")]

    def test_it_is_asked_and_ends(self):
        daemon = self.start(*NULL)
        self.assertEqual(self.nodes(daemon), ["n"])
        with self.assertRaisesRegex(AssertionError, "nosuch"):
            daemon.ask("blockdev-del", node_name="nosuch")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.log(), "")

    def test_events_are_waited_for(self):
        daemon = self.start(*NULL, "--export",
                            "vhost-user-blk,id=e,node-name=n,addr.type=unix,addr.path=" +
                            os.path.join(self.folder, "e"))
        daemon.ask("block-export-del", id="e")
        self.assertEqual(daemon.wait_for_event("BLOCK_EXPORT_DELETED"), {"id": "e"})

    def test_it_is_killed_and_started_again(self):
        daemon = self.start(*NULL)
        self.nodes(daemon)
        daemon.kill()
        self.assertTrue(os.path.exists(os.path.join(self.folder, "daemon.pid")))
        daemon.start()
        self.assertEqual(self.nodes(daemon), ["n"])
        daemon.kill()
        daemon.start("--object", "iothread,id=t")
        self.assertEqual(self.nodes(daemon), [])

    def test_what_does_not_start_says_why(self):
        with self.assertRaisesRegex(AssertionError, "(?s)did not start.*'nosuch'"):
            self.start("--export",
                       "vhost-user-blk,id=e,node-name=nosuch,addr.type=unix,addr.path=e")


if __name__ == "__main__":
    unittest.main()
