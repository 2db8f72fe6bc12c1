# SPDX-License-Identifier: Apache-2.0
"""A storage daemon with one vhost-user-blk export, pinned to a core, for as long as a `with` lasts."""

import os
import subprocess
import time

from turns import TOP, CompareError, pinned

PLATTER = os.path.join(TOP, "bazel-bin/tools/platter-storage-daemon")
START_SECONDS = 20


class Daemon:
    """Either program: their options are the same where it matters."""

    def __init__(self, program, blockdev, socket, core, extra=()):
        self.socket = socket
        self._command = pinned([
            program, *extra, "--object", "iothread,id=t0", "--blockdev", f"{blockdev},node-name=d",
            "--export", "type=vhost-user-blk,id=e,node-name=d,iothread=t0,writable=on,"
            f"addr.type=unix,addr.path={socket}"], core)
        self._process = None

    def __enter__(self):
        try:
            self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL,
                                             stderr=subprocess.PIPE, text=True)
        except OSError as error:
            raise CompareError(f"{self._command[3]}: {error.strerror}") from error
        end = time.monotonic() + START_SECONDS
        while not os.path.exists(self.socket):
            if self._process.poll() is not None:
                raise CompareError(f"{self._command[3]}: {self._process.stderr.read().strip()}")
            if time.monotonic() > end:
                self.__exit__()
                raise CompareError(f"{self._command[3]}: no socket after {START_SECONDS} s")
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._process.stderr.close()
        if os.path.exists(self.socket):
            os.unlink(self.socket)

    def resident_mib(self):
        """Memory that is resident and its own: not what it shares with its guest."""
        fields = {}
        with open(f"/proc/{self._process.pid}/status", encoding="ascii") as status:
            for line in status:
                name, _, value = line.partition(":")
                fields[name] = value.split()
        kib = int(fields["VmRSS"][0]) - int(fields["RssShmem"][0])
        return kib / 1024

    def cpu_seconds(self):
        """Processor time so far, of all threads."""
        with open(f"/proc/{self._process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
