# SPDX-License-Identifier: Apache-2.0
"""platter-storage-daemon beside qemu-storage-daemon: the same front-end, one queue, a core for each.

Back-ends run at the same time and are asked in turn; those that are not asked sleep.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import time

from daemons import PLATTER, Daemon
from turns import BENCH, CompareError, bench, best_other, in_turn, make_file, pinned, report

OURS = "platter"
BACK_CORE = 0
FRONT_CORE = 1
NULL_SIZE = 1 << 30
DISK_BYTES = 1 << 30
TMPFS_BYTES = 256 << 20
IDLE_SECONDS = 5
# (depth, how the guest waits)
SHAPES = ((32, "poll"), (32, "interrupt"), (1, "poll"), (1, "interrupt"))


def peers(blockdev, modes):
    """The field's daemon in each of its aio modes: its best one counts."""
    if not modes:
        return {"qemu-storage-daemon": ("qemu-storage-daemon", blockdev)}
    return {f"qemu-storage-daemon, {mode}": ("qemu-storage-daemon", f"{blockdev},{options}")
            for mode, options in modes.items()}


def null_contenders():
    return {OURS: (PLATTER, f"driver=null-co,size={NULL_SIZE}"),
            **peers(f"driver=null-co,size={NULL_SIZE},read-zeroes=off", {})}


def file_contenders(folder, size, ours):
    """A file of that size in the folder; `ours` are the options of our driver."""
    path = os.path.join(folder, "disk.img")
    make_file(path, size)
    modes = {"native": "aio=native,cache.direct=on", "io_uring": "aio=io_uring,cache.direct=on",
             "threads": "aio=threads,cache.direct=on"}
    return {OURS: (PLATTER, f"driver=file,filename={path},{ours},locking=off"),
            **peers(f"driver=file,filename={path},locking=off", modes)}


def ask(daemon, depth, wait, seconds):
    """Requests a second of random reads of 4 KiB."""
    arguments = ["--target", f"vhost-user:{daemon.socket}", "--qd", str(depth),
                 "--seconds", str(seconds)]
    return bench(arguments + (["--poll"] if wait == "poll" else []), FRONT_CORE)


def idle(daemon):
    """Share of a core that the daemon takes while its guest is connected and does nothing."""
    guest = subprocess.Popen(
        pinned([BENCH, "--target", f"vhost-user:{daemon.socket}", "--seconds", "60"], FRONT_CORE),
        stdout=subprocess.DEVNULL)
    try:
        time.sleep(1)
        guest.send_signal(signal.SIGSTOP)  # Its rings stay as they are.
        time.sleep(1)
        before = daemon.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        return (daemon.cpu_seconds() - before) / IDLE_SECONDS
    finally:
        guest.kill()
        guest.wait()


def compare_medium(options, title, contenders, rows):
    """All shapes on one medium, each a row of the table."""
    with tempfile.TemporaryDirectory() as sockets, contextlib.ExitStack() as stack:
        daemons = {}
        for number, (name, (program, blockdev)) in enumerate(contenders.items()):
            extra = ["--aio", "io_uring"] if program == PLATTER else []
            socket = os.path.join(sockets, str(number))
            daemons[name] = stack.enter_context(Daemon(program, blockdev, socket, BACK_CORE, extra))
        for depth, wait in SHAPES:
            medians = in_turn(options.rounds, {
                name: lambda daemon=daemon, depth=depth, wait=wait: ask(
                    daemon, depth, wait, options.seconds)
                for name, daemon in daemons.items()})
            report(f"vhost-user-blk, {title}, depth {depth}, the guest waits by {wait}", medians,
                   OURS)
            name, value = best_other(medians, OURS)
            rows.append((f"{title}, depth {depth}, {wait}", f"{medians[OURS] / 1e3:,.1f} k/s",
                         f"{name}: {value / 1e3:,.1f} k/s", f"{medians[OURS] / value:.2f}"))
        return {name: (daemon.resident_mib(), idle(daemon)) for name, daemon in daemons.items()}


def compare(options):
    """Rows of a table: what, ours, the best of the others, the ratio."""
    if len(os.sched_getaffinity(0)) < 2:
        raise CompareError("vhost-user: two cores are needed, one for each side")
    rows = []
    with tempfile.TemporaryDirectory(dir="/dev/shm") as tmpfs, \
            tempfile.TemporaryDirectory(dir=options.dir) as disk:
        costs = compare_medium(options, "null-co", null_contenders(), rows)
        compare_medium(options, "file on tmpfs",
                       file_contenders(tmpfs, TMPFS_BYTES, "cache.direct=off"), rows)
        compare_medium(options, "O_DIRECT file",
                       file_contenders(disk, DISK_BYTES, "cache.direct=on"), rows)
    other = next(name for name in costs if name != OURS)
    for index, what, form in ((0, "resident with one export", "{:.1f} MiB"),
                              (1, "CPU of an idle guest's daemon", "{:.1%} of a core")):
        rows.append((what, form.format(costs[OURS][index]),
                     f"{other}: {form.format(costs[other][index])}", ""))
        print(f"\n{what}: {rows[-1][1]}; {rows[-1][2]}")
    return rows
