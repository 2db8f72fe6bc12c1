# SPDX-License-Identifier: Apache-2.0
"""The session by hand of docs/qmp.md, played as it stands there."""

import json
import re
import unittest

from testing.qmp import qmp_client

DOCUMENT = "docs/qmp.md"


def session():
    """The lines of the document's ```qmp block: ("->" or "<-", object)."""
    with open(DOCUMENT, encoding="utf-8") as file:
        block = re.search(r"^```qmp\n(.*?)^```", file.read(), re.MULTILINE | re.DOTALL).group(1)
    lines = []
    for line in block.splitlines():
        if line.strip() and not line.startswith("#"):
            lines.append((line[:2], json.loads(line[2:])))
    return lines


def timeless(line):
    return {key: value for key, value in line.items() if key != "timestamp"}


class SessionDocTest(unittest.TestCase):
    maxDiff = None

    def test_the_session_goes_as_written(self):
        lines = session()
        self.assertGreater(len(lines), 10)
        started = qmp_client.Program().start_platter(
            ["--guest", "--blockdev",
             "driver=file,node-name=disc,read-only=on,filename=disc-a.iso", "--device",
             "ide-cd,id=cd0,drive=disc"], {"disc-a.iso": 1 << 20, "disc-b.iso": 2 << 20})
        try:
            came = [started.client.greeting]
            for way, line in lines:
                if way == "->":
                    self.assertEqual(came, [], "what the document leaves out")
                    started.client.send(json.dumps(line).encode())
                else:
                    self.assertEqual(way, "<-")
                    got = came.pop() if came else started.client.read()
                    self.assertEqual(timeless(got), timeless(line))
        finally:
            started.close()


if __name__ == "__main__":
    unittest.main()
