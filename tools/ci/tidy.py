# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy-19 on the C++ files that changed, newest first, within a time limit.

Usage: tidy.py [--since REVISION] [--seconds N] [--jobs N] [--strict] [FILE...]

Without FILE: the files that differ from REVISION (default: origin/main where that is another commit
than HEAD); where there is nothing to compare with, every file. Either way those that changed last come
first. At five seconds a file, all of them may not fit: the last line says how many are left when the
time is up, and with --strict that is a failure, too.
"""

import argparse
import concurrent.futures
import os
import subprocess
import sys
import time

TIDY = "clang-tidy-19"
# What the compiler is told in Bazel's builds, as far as clang-tidy minds. Generated headers (.pb.h)
# are under bazel-bin after a build, and not ours to mend.
FLAGS = ["-std=c++20", "-xc++", "-I.", "-isystem", "bazel-bin"]


def git(*arguments):
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.split("\n") if done.returncode == 0 else None


def representative(path):
    """The file to check for a path: clang-tidy reports on a header where its own .cc includes it."""
    if path.endswith(".cc"):
        return path
    if not path.endswith(".h"):
        return None
    stem = path[:-len(".h")]
    return next((name for name in (stem + ".cc", stem + "_test.cc") if os.path.exists(name)), path)


def in_order(paths):
    """The files to check for these paths, each once."""
    files = dict.fromkeys(representative(path) for path in paths if os.path.exists(path))
    return [path for path in files if path]


def changed_since(revision):
    """Files that differ from a revision, or None where it can't be compared with."""
    head, other = git("rev-parse", "HEAD"), git("rev-parse", "--verify", "-q", revision)
    if not other or not head or head == other:
        return None
    names = git("diff", "--name-only", revision + "...HEAD")
    return None if names is None else in_order(by_last_change(names, revision + "..HEAD"))


def by_last_change(paths, *commits):
    """The paths, those that changed last in the commits first."""
    wanted = dict.fromkeys(path for path in paths if path)
    by_time = git("log", "--name-only", "--format=", "--diff-filter=AMR", *commits) or []
    return list(dict.fromkeys([path for path in by_time if path in wanted] + list(wanted)))


def newest_first():
    """All files of the tree, by when they last changed."""
    return in_order(by_last_change(git("ls-files") or []))


def check(path):
    """What clang-tidy has to say about a file, or None."""
    done = subprocess.run([TIDY, "--quiet", path, "--", *FLAGS], capture_output=True, text=True,
                          check=False)
    return None if done.returncode == 0 else done.stdout + done.stderr


def run(paths, seconds, jobs, check_file=None, now=time.monotonic):
    """Checks files until the time is up; returns (how many were checked, the complaints)."""
    check_file = check_file or check
    end = now() + seconds
    complaints = []
    checked = 0

    def one(path):
        if now() >= end:
            return False, None
        return True, check_file(path)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for path, (was_checked, complaint) in zip(paths, pool.map(one, paths)):
            checked += was_checked
            if complaint is not None:
                complaints.append((path, complaint))
    return checked, complaints


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--since", default="origin/main")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args(arguments)

    paths = in_order(options.files) if options.files else changed_since(options.since)
    what = "named" if options.files else f"that differ from {options.since}, newest change first"
    if paths is None:
        paths, what = newest_first(), "in the tree, newest change first"
    print(f"clang-tidy: {len(paths)} files {what}", flush=True)
    checked, complaints = run(paths, options.seconds, options.jobs)
    for path, complaint in complaints:
        print(f"--- {path}\n{complaint}")
    left = len(paths) - checked
    print(f"clang-tidy: {checked} files checked, {len(complaints)} with complaints")
    if left:
        print(f"clang-tidy: NOT CHECKED: {left} of {len(paths)} files; "
              f"the limit is {options.seconds:.0f} seconds")
    return 1 if complaints or (left and options.strict) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
