#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures platter-bench beside fio and qemu-img bench, in turn and on one core, and prints ratios.

    ./bazelw build //tools:platter-bench && benchmarks/compare/compare.py [--rounds N] [--dir DIR]

Absolute figures drift with the machine; within one run, the programs taking turns, their ratio holds.
It needs fio and qemu-utils (`./bazelw setup-peers`). Exit status 1 when a program could not be run.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(TOP, "bazel-bin/tools/platter-bench")
FILE_BYTES = 1 << 30
TMPFS_BYTES = 256 << 20


class CompareError(Exception):
    """A program is missing or failed; says which and why."""


def run(command, core):
    """Runs `command` on one core and gives its standard output."""
    pinned = ["taskset", "-c", str(core), *command]
    try:
        done = subprocess.run(pinned, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CompareError(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise CompareError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def platter(blockdev, op, depth, seconds, core):
    """Requests a second."""
    out = run([BENCH, "--blockdev", blockdev, "--op", op, "--qd", str(depth),
               "--seconds", str(seconds), "--json"], core)
    return json.loads(out)["iops"]


def fio(path, depth, seconds, core):
    """Requests a second of O_DIRECT random reads through io_uring."""
    out = run(["fio", "--name=j", f"--filename={path}", "--rw=randread", "--bs=4k",
               f"--iodepth={depth}", "--ioengine=io_uring", "--direct=1", "--time_based",
               f"--runtime={seconds}", "--output-format=json", f"--size={FILE_BYTES}"], core)
    return json.loads(out[out.index("{"):])["jobs"][0]["read"]["iops"]


def qemu_img(path, depth, engine, cache, requests, core):
    """Requests a second of qemu-img's own benchmark; `path` may be image options."""
    image = ["--image-opts", path] if "=" in path else ["-f", "raw", path]
    out = run(["qemu-img", "bench", "-c", str(requests), "-d", str(depth), "-s", "4096", "-i", engine,
               "-t", cache, *image], core)
    seconds = float(re.search(r"Run completed in ([0-9.]+) seconds", out).group(1))
    return requests / seconds


def make_file(path, size):
    """A file without holes, in the kernel's hands for good."""
    block = os.urandom(1 << 20)
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def in_turn(rounds, contenders):
    """Medians by name: every round runs each contender once."""
    figures = {name: [] for name in contenders}
    for turn in range(rounds):
        for name, measure in contenders.items():
            print(f"\r\033[K  round {turn + 1} of {rounds}: {name}", end="", file=sys.stderr)
            figures[name].append(measure())
    print("\r\033[K", end="", file=sys.stderr)
    return {name: statistics.median(values) for name, values in figures.items()}


def report(title, medians, ours):
    """Prints a row for each contender; the ratio is ours to the best of the others."""
    print(f"\n{title}")
    for name, value in medians.items():
        print(f"  {name:<34} {value:>12,.0f} requests/s  {1e9 / value:>9,.1f} ns")
    others = {name: value for name, value in medians.items() if name != ours}
    if others:
        best = max(others, key=others.get)
        print(f"  ratio to {best}: {medians[ours] / others[best]:.2f}")


def compare_null(options):
    medians = in_turn(options.rounds, {
        "platter virtio-blk, null-co": lambda: platter(
            "driver=null-co,node-name=d0,size=1G", "randread", 32, options.seconds, options.core),
        "qemu-img bench, null-co": lambda: qemu_img(
            "driver=null-co,size=1073741824", 32, "native", "none", 2_000_000, options.core),
    })
    report("null-co, 4 KiB, depth 32, one thread", medians, "platter virtio-blk, null-co")


def compare_direct(options, path):
    make_file(path, FILE_BYTES)
    node = f"driver=file,node-name=d0,filename={path},cache.direct=on"
    for depth in (32, 1):
        medians = in_turn(options.rounds, {
            "platter virtio-blk, O_DIRECT": lambda depth=depth: platter(
                node, "randread", depth, options.seconds, options.core),
            "fio io_uring, O_DIRECT": lambda depth=depth: fio(path, depth, options.seconds,
                                                              options.core),
        })
        report(f"O_DIRECT file, 4 KiB random reads, depth {depth}", medians,
               "platter virtio-blk, O_DIRECT")


def compare_tmpfs(options, path):
    make_file(path, TMPFS_BYTES)
    node = f"driver=file,node-name=d0,filename={path}"
    contenders = {"platter virtio-blk, tmpfs": lambda: platter(
        node, "randread", 32, options.seconds, options.core)}
    for engine, cache in (("native", "none"), ("io_uring", "none"), ("io_uring", "writeback"),
                          ("threads", "writeback")):
        contenders[f"qemu-img bench, {engine}, {cache}"] = (
            lambda engine=engine, cache=cache: qemu_img(path, 32, engine, cache, 400_000,
                                                        options.core))
    report("file on tmpfs, 4 KiB reads, depth 32, one core", in_turn(options.rounds, contenders),
           "platter virtio-blk, tmpfs")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--core", type=int, default=1)
    parser.add_argument("--dir", default="/var/tmp", help="on a disk with O_DIRECT")
    parser.add_argument("--only", choices=("null", "direct", "tmpfs"))
    options = parser.parse_args()
    try:
        if options.only in (None, "null"):
            compare_null(options)
        if options.only in (None, "direct"):
            with tempfile.TemporaryDirectory(dir=options.dir) as folder:
                compare_direct(options, os.path.join(folder, "disk.img"))
        if options.only in (None, "tmpfs"):
            with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
                compare_tmpfs(options, os.path.join(folder, "disk.img"))
    except CompareError as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
