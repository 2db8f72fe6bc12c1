# SPDX-License-Identifier: Apache-2.0
"""What every comparison does: run a program on a core, let contenders take turns, show the ratio."""

import json
import os
import statistics
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(TOP, "bazel-bin/tools/platter-bench")


class CompareError(Exception):
    """A program is missing or failed; says which and why."""


def pinned(command, core):
    """The command on one core."""
    return ["taskset", "-c", str(core), *command]


def run(command, core):
    """Runs `command` on one core and gives its standard output."""
    try:
        done = subprocess.run(pinned(command, core), capture_output=True, text=True, check=False)
    except OSError as error:
        raise CompareError(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise CompareError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def bench(arguments, core):
    """Requests a second of platter-bench."""
    return json.loads(run([BENCH, *arguments, "--json"], core))["iops"]


def make_file(path, size):
    """A file without holes, in the kernel's hands for good."""
    block = os.urandom(1 << 20)
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def progress(text):
    """One line that the next one replaces; nothing where nobody looks."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def in_turn(rounds, contenders):
    """Medians by name: every round runs each contender once."""
    figures = {name: [] for name in contenders}
    for turn in range(rounds):
        for name, measure in contenders.items():
            progress(f"  round {turn + 1} of {rounds}: {name}")
            figures[name].append(measure())
    progress("")
    return {name: statistics.median(values) for name, values in figures.items()}


def best_other(medians, ours):
    """The best of those that are not ours: (name, figure)."""
    return max(((name, value) for name, value in medians.items() if name != ours),
               key=lambda other: other[1])


def report(title, medians, ours):
    """Prints a row for each contender; the ratio is ours to the best of the others."""
    print(f"\n{title}")
    for name, value in medians.items():
        print(f"  {name:<34} {value:>12,.0f} requests/s  {1e9 / value:>9,.1f} ns")
    name, value = best_other(medians, ours)
    print(f"  ratio to {name}: {medians[ours] / value:.2f}", flush=True)
