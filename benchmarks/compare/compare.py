#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures platter-bench beside fio and qemu-img bench, in turn and on one core, and the storage
daemon beside qemu-storage-daemon, on two, and prints ratios.

    ./bazelw build //tools/... && benchmarks/compare/compare.py [--rounds N] [--dir DIR] [--write]

Absolute figures drift with the machine; within one run, the programs taking turns, their ratio holds.
It needs fio and qemu-utils (`./bazelw setup-peers`). Exit status 1 when a program could not be run.
"""

import argparse
import json
import os
import re
import sys
import tempfile

import document
import vhost_user
from turns import TOP, CompareError, bench, in_turn, make_file, report, run

DOCUMENT = os.path.join(TOP, "docs/performance.md")
FILE_BYTES = 1 << 30
TMPFS_BYTES = 256 << 20


def platter(blockdev, op, depth, seconds, core):
    """Requests a second."""
    return bench(["--blockdev", blockdev, "--op", op, "--qd", str(depth), "--seconds", str(seconds)],
                 core)


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
    parser.add_argument("--only", choices=("null", "direct", "tmpfs", "vhost-user"))
    parser.add_argument("--write", action="store_true",
                        help="puts the table of vhost-user into docs/performance.md")
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
        if options.only in (None, "vhost-user"):
            rows = vhost_user.compare(options)
            if options.write:
                document.write(DOCUMENT, "vhost-user", rows, " ".join(
                    ["benchmarks/compare/compare.py", *sys.argv[1:]]))
    except CompareError as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
