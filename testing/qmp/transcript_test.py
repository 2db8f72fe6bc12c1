# SPDX-License-Identifier: Apache-2.0
"""QMP as QEMU and its storage daemon speak it, and as we do: the differences are those of
differences.txt, no more and no less, and docs/qmp.md says why there is each kind of them.
"""

import os
import re
import unittest

from testing.qmp import qmp_client
from testing.qmp import transcript

DIFFERENCES = "testing/qmp/differences.txt"
DOCUMENT = "docs/qmp.md"


def documented(peer):
    """Rows (step, theirs, ours) of the peer, each with the reason it gives."""
    rows = {}
    with open(DIFFERENCES, encoding="utf-8") as file:
        for line in file:
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            cells = line.split(" | ")
            if len(cells) != 5:
                raise AssertionError("no row: " + line)
            if cells[0] == peer:
                rows[tuple(cells[1:4])] = cells[4]
    return rows


def explained():
    """The reasons of docs/qmp.md: first cells of its table of differences."""
    with open(DOCUMENT, encoding="utf-8") as file:
        return set(re.findall(r"^\| `([a-z-]+)` \| ", file.read(), re.MULTILINE))


class TranscriptTest(unittest.TestCase):
    maxDiff = None

    def compare(self, peer, program, start_theirs, steps):
        if not os.path.exists(program):
            self.skipTest(f"no-peer: {os.path.basename(program)} isn't installed")
        played = []
        for start in (start_theirs, transcript.start_platter):
            started = start()
            try:
                played.append(transcript.play(started.client, steps))
            finally:
                started.close()
        seen = transcript.differences(*played)
        rows = documented(peer)
        unlisted = [row for row in seen if row not in rows]
        vanished = [row for row in rows if row not in seen]
        self.assertFalse(
            unlisted + vanished,
            "\nnot in the file:\n" + "".join(f"{peer} | {' | '.join(row)} | ?\n"
                                             for row in unlisted) +
            "no difference any more:\n" + "".join(f"{peer} | {' | '.join(row)}\n"
                                                  for row in vanished))
        # The comparison is of something.
        self.assertGreater(len(played[0]) - len(seen), len(steps) // 3)

    def test_as_qemu(self):
        self.compare("qemu", qmp_client.QEMU, transcript.start_qemu, transcript.WITH_QEMU)

    def test_as_the_storage_daemon(self):
        self.compare("qsd", qmp_client.STORAGE_DAEMON, transcript.start_storage_daemon,
                     transcript.WITH_STORAGE_DAEMON)

    def test_every_difference_is_explained(self):
        reasons = set(documented("qemu").values()) | set(documented("qsd").values())
        self.assertEqual(reasons, explained())


class PlayTest(unittest.TestCase):

    def test_outcomes_are_words_or_members(self):
        self.assertEqual(transcript.outcomes("s", [{"return": {}, "id": 1}]),
                         {"s": '{"id": 1, "return": {}}'})
        self.assertEqual(
            transcript.outcomes("s", [{"timestamp": 0, "event": "STOP"},
                                      {"error": {"class": "C", "desc": "d"}}]), {"s": "STOP; C: d"})
        self.assertEqual(
            transcript.outcomes("q", [{"return": [{"qdev": "cd0", "x-own": 1,
                                                   "inserted": {"ro": True}}]}]),
            {"q: [cd0].qdev": '"cd0"', "q: [cd0].inserted.ro": "true"})

    def test_differences_have_both_sides(self):
        self.assertEqual(transcript.differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"}),
                         [("a", "1", "absent"), ("b", "2", "3"), ("c", "absent", "4")])


if __name__ == "__main__":
    unittest.main()
