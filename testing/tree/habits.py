# SPDX-License-Identifier: Apache-2.0
"""The habits of this tree that a program can check.

Usage: habits.py ROOT. Prints "path:line: rule: what is wrong" for each place; exits with 1 if any.
`exceptions.txt` in this folder lists places that a rule doesn't fit, with the reason; a row that
excuses nothing is itself reported.
"""

import ast
import dataclasses
import fnmatch
import os
import re
import statistics
import sys

from testing.tree import build_files
from testing.tree import cpp_text

MAX_FILE_LINES = 800
MAX_MEDIAN_LINES = 250
MAX_FUNCTION_LINES = 70

EXCEPTIONS = "testing/tree/exceptions.txt"
CPP = (".h", ".cc")
WITH_LICENCE = (".h", ".cc", ".proto", ".py", ".sh", ".bzl", ".bazel")
SOURCES = (".h", ".cc", ".proto", ".py", ".sh")
# First parts of quoted includes that aren't ours.
LIBRARIES = {"absl", "benchmark", "gmock", "google", "gtest", "nlohmann"}
# Files of tests, by how their names end; a fixture is what several tests share.
TEST_NAMES = ("_test.cc", "_fuzz.cc", "_benchmark.cc", "_fixture.h", "_fixture.cc")

BANNED = [  # what, where it is allowed, what to do instead
    (r"\bsleep_for\b|\bsleep_until\b|\b(u|nano)?sleep\s*\(", (),
     "wait for a predicate, an event or virtual time"),
    (r"\babsl::(Mutex|MutexLock|Notification|CondVar|BlockingCounter)\b", (),
     "base/mutex.h: ThreadSanitizer can't follow the system's Abseil"),
    (r"\bstd::(recursive_|shared_|timed_)?mutex\b", ("base/mutex.h", "base/mutex.cc"),
     "base/mutex.h, which counts"),
    (r"#\s*pragma\s+once\b", (), "a header guard"),
]
BANNED_INCLUDES = {"absl/synchronization/": "base/mutex.h"}
# Put together here so that this file doesn't have the words itself.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")


@dataclasses.dataclass(frozen=True, order=True)
class Violation:
    path: str
    line: int
    rule: str
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


class Tree:
    """The files below a root, by their paths from it, without what Bazel and git put there."""

    def __init__(self, root):
        self.root = root
        self.paths = []
        self._texts = {}
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders
                                if not name.startswith(("bazel-", ".git", "__pycache__")))
            for name in sorted(names):
                path = os.path.relpath(os.path.join(folder, name), root)
                if not name.endswith(".swp") and not path.startswith("."):
                    self.paths.append(path)
        self.path_set = set(self.paths)

    def text(self, path):
        if path not in self._texts:
            with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as lines:
                self._texts[path] = lines.read()
        return self._texts[path]

    def lines(self, path):
        return self.text(path).count("\n")

    def ending(self, *endings):
        return [path for path in self.paths if path.endswith(endings)]

    def sees(self):
        """The table of rooms.bzl."""
        text = self.text("rooms.bzl")
        return ast.literal_eval(text[text.index("SEES = ") + len("SEES = "):])

    def in_rooms(self, *endings):
        rooms = self.sees()
        return [path for path in self.ending(*endings) if path.split("/")[0] in rooms]


def is_test(path):
    return path.endswith(TEST_NAMES)


def file_length(tree):
    for path in tree.ending(*SOURCES, ".bzl", ".bazel"):
        lines = tree.lines(path)
        if lines > MAX_FILE_LINES:
            yield Violation(path, 1, "file-length", f"{lines} lines; at most {MAX_FILE_LINES}")
    lengths = [tree.lines(path) for path in tree.ending(*CPP)]
    if lengths and statistics.median(lengths) > MAX_MEDIAN_LINES:
        yield Violation(".", 1, "file-length", f"the median of all C++ files is "
                        f"{statistics.median(lengths):.0f} lines; at most {MAX_MEDIAN_LINES}")


def function_length(tree):
    for path in tree.ending(*CPP):
        for line, lines, name in cpp_text.functions(tree.text(path)):
            if lines > MAX_FUNCTION_LINES:
                yield Violation(path, line, "function-length",
                                f"{lines} lines; at most {MAX_FUNCTION_LINES}: {name}")


def include_direction(tree):
    sees = tree.sees()
    for path in tree.in_rooms(*CPP):
        room = path.split("/")[0]
        for line, included in cpp_text.includes(tree.text(path)):
            target = included.split("/")[0]
            if target in LIBRARIES:
                continue
            if target not in sees:
                message = f'"{included}" starts with no room; includes are from the root'
            elif not _exists(tree, included):
                message = f'there is no "{included}"'
            elif not _may_include(tree, sees, room, path, included):
                message = f'{room}/ may not look into "{included}" (rooms.bzl)'
            else:
                continue
            yield Violation(path, line, "include-direction", message)


def _exists(tree, included):
    source = re.sub(r"\.pb\.h$", ".proto", included)
    return included in tree.path_set or source in tree.path_set


def _may_include(tree, sees, room, path, included):
    target = included.split("/")[0]
    if target == room or "*" in sees[room] or (is_test(path) and target == "testing"):
        return True
    if room == "devices" and target == "blockbackend":  # Of that room, only the device view.
        return included in build_files.exported_headers(tree.text, "blockbackend", "device_view")
    return target in sees[room]


def readme_per_folder(tree):
    folders = set()
    for path in tree.paths:
        while path := os.path.dirname(path):
            folders.add(path)
    for folder in sorted(folders):
        if f"{folder}/README.md" not in tree.path_set:
            yield Violation(folder, 1, "readme", "there is no README.md in the folder")


def test_beside_unit(tree):
    for path in tree.in_rooms(".cc", ".h", ".py"):
        stem, ending = os.path.splitext(path)
        if is_test(path) or stem.endswith("_test"):
            continue
        if ending == ".h":
            # With a .cc, that one needs the test. Without any body there is nothing to run:
            # interfaces, structures, constants, declarations.
            if f"{stem}.cc" in tree.path_set or not cpp_text.has_bodies(tree.text(path)):
                continue
            ending = ".cc"
        if f"{stem}_test{ending}" not in tree.path_set:
            yield Violation(path, 1, "test-beside-unit", f"there is no {stem}_test{ending}")


def licence_line(tree):
    for path in tree.ending(*WITH_LICENCE) + [p for p in ("WORKSPACE", "bazelw")
                                              if p in tree.path_set]:
        mark = "//" if path.endswith((".h", ".cc", ".proto")) else "#"
        head = tree.text(path).split("\n")[:2]
        if head[0].startswith("#!"):
            head = head[1:]
        if head[0] != f"{mark} SPDX-License-Identifier: Apache-2.0":
            yield Violation(path, 1, "licence",
                            f"the file opens with '{mark} SPDX-License-Identifier: Apache-2.0'")


def banned_words(tree):
    for path in tree.ending(*CPP):
        code = cpp_text.without_comments(tree.text(path)).split("\n")
        for number, line in enumerate(code, 1):
            for pattern, allowed, instead in BANNED:
                match = re.search(pattern, line)
                if match and path not in allowed:
                    yield Violation(path, number, "banned-word",
                                    f"'{match.group(0)}': instead, {instead}")
        for number, included in cpp_text.includes(tree.text(path)):
            for prefix, instead in BANNED_INCLUDES.items():
                if included.startswith(prefix):
                    yield Violation(path, number, "banned-word",
                                    f"'{included}': instead, {instead}")


def unfinished(tree):
    for path in tree.ending(*WITH_LICENCE, ".md"):
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            match = UNFINISHED.search(line)
            if match:
                yield Violation(path, number, "unfinished",
                                f"'{match.group(0)}': say it in an issue, or finish it")


def header_guard(tree):
    for path in tree.ending(".h"):
        guard = "PLATTER_" + re.sub(r"[^A-Za-z0-9]", "_", path).upper() + "_"
        if not re.search(rf"^#ifndef {guard}\n#define {guard}$", tree.text(path), re.MULTILINE):
            yield Violation(path, 1, "header-guard", f"the guard is {guard}")


def named_in_build(tree):
    for path in tree.in_rooms(*CPP):
        folder = os.path.dirname(path)
        while folder and f"{folder}/BUILD.bazel" not in tree.path_set:
            folder = os.path.dirname(folder)
        build = f"{folder}/BUILD.bazel"
        name = os.path.relpath(path, folder)
        if build not in tree.path_set or not _names(tree.text(build), name):
            yield Violation(path, 1, "in-build", f"no target of {build} has it")


def _names(build, name):
    # Either outright, or by a glob or list of stems, which then names the ending or the stem.
    stem = os.path.splitext(os.path.basename(name))[0]
    return f'"{name}"' in build or f'"{stem}"' in build or f'"{stem.removesuffix("_test")}"' in build


def one_title(tree):
    for path in tree.ending(".md"):
        fenced = False
        titles = []
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            if line.lstrip().startswith("```"):
                fenced = not fenced
            elif line.startswith("# ") and not fenced:
                titles.append(number)
        if len(titles) != 1:
            line = titles[1] if titles else 1
            yield Violation(path, line, "one-title", f"{len(titles)} first-level headings, not 1")


def links_lead_somewhere(tree):
    for path in tree.ending(".md"):
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
                if "://" in target or target.startswith("mailto:"):
                    continue
                full = os.path.normpath(os.path.join(os.path.dirname(path), target))
                if not os.path.exists(os.path.join(tree.root, full)):
                    yield Violation(path, number, "link", f"there is no {full}")


RULES = [file_length, function_length, include_direction, readme_per_folder, test_beside_unit,
         licence_line, banned_words, unfinished, header_guard, named_in_build, one_title,
         links_lead_somewhere]


def read_exceptions(tree):
    """(line number, rule, glob of paths, reason) of each row."""
    rows = []
    if EXCEPTIONS not in tree.path_set:
        return rows
    for number, line in enumerate(tree.text(EXCEPTIONS).split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            columns = [column.strip() for column in line.split("|")]
            rows.append((number, *(columns + ["", "", ""])[:3]))
    return rows


def check(root):
    """All violations in the tree at root that exceptions.txt doesn't excuse, sorted."""
    tree = Tree(root)
    rows = read_exceptions(tree)
    used = set()
    left = []
    for rule in RULES:
        for violation in rule(tree):
            excuses = [number for number, name, pattern, reason in rows
                       if name == violation.rule and reason
                       and fnmatch.fnmatchcase(violation.path, pattern)]
            used.update(excuses)
            if not excuses:
                left.append(violation)
    for number, name, pattern, reason in rows:
        if not reason:
            left.append(Violation(EXCEPTIONS, number, "exceptions",
                                  "a row is 'rule | path or glob | reason'"))
        elif number not in used:
            left.append(Violation(EXCEPTIONS, number, "exceptions",
                                  f"excuses nothing any more: {name} | {pattern}"))
    return sorted(left)


if __name__ == "__main__":
    violations = check(sys.argv[1])
    print("\n".join(map(str, violations)))
    sys.exit(1 if violations else 0)
