# SPDX-License-Identifier: Apache-2.0
"""A guest's process and its console, as init.sh speaks.

Nothing here sleeps: a line is waited for as long as it takes, up to a limit for the whole guest.
"""

import os
import re
import select
import subprocess
import time

LIMIT = 240  # Seconds that a guest may take on a machine that does much else.
SAID = re.compile(r"guest: (?:(ok|not ok|at) ([^\n:]*)(?:: (.*))?|(end))\s*$")
LINES_SHOWN = 40


class GuestError(AssertionError):
    """With the end of what was on the console."""


class Guest:
    """Runs `words`; its output is the console, its input answers the guest.

    Gone with close().
    """

    def __init__(self, words, folder, limit=LIMIT):
        self.results = {}  # By name of a check: None, or why it isn't so.
        self.console = []  # All lines so far.
        self._deadline = time.monotonic() + limit
        self._received = b""
        self._process = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def wait_for(self, text):
        """The next line that has `text` in it."""
        while True:
            line = self._next_line()
            if line is None:
                raise self._error(f"it ended without '{text}'")
            if text in line:
                return line

    def wait_at(self, name):
        """The script has come to `at NAME`, and waits for go_on()."""
        self.wait_for(f"guest: at {name}")

    def go_on(self, answer="go"):
        self._process.stdin.write(answer.encode() + b"\n")
        self._process.stdin.flush()

    def finish(self):
        """Waits for its end; what it has checked, by name: None or why it isn't so."""
        ended = False
        while True:
            line = self._next_line()
            if line is None:
                break
            ended = ended or line.endswith("guest: end")
        if not ended:
            raise self._error("it stopped in the middle")
        return self.results

    def _next_line(self):
        while b"\n" not in self._received:
            left = self._deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                raise self._error("it took too long")
            piece = os.read(self._process.stdout.fileno(), 65536)
            if not piece:
                return None
            self._received += piece
        line, _, self._received = self._received.partition(b"\n")
        text = line.decode(errors="replace").rstrip("\r")
        self.console.append(text)
        said = SAID.search(text)
        if said and said[1] in ("ok", "not ok"):
            self.results[said[2]] = None if said[1] == "ok" else said[3] or "no reason"
        return text

    def _error(self, what):
        return GuestError("the guest: " + what + "\n" + "\n".join(self.console[-LINES_SHOWN:]))
