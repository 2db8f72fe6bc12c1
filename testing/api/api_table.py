# SPDX-License-Identifier: Apache-2.0
"""Holds the table of docs/api.md to the rows of the contract and to the tests that there are.

The rows and their historical names are in historical_names.txt. The tests are the cases that test
binaries run when they are asked for those that the table names: one that is only written, is
disabled or skips itself doesn't count.
"""

import fnmatch
import json
import os
import re
import subprocess
import tempfile

# Rows that have no test yet, and what brings it.
OPEN_ROWS = {}

_ROW = re.compile(r"^\| (\d+) \| (.*) \| (.*) \| (.*) \|$", re.MULTILINE)
_NAME = re.compile(r"`([^`]+)`")
_OWN = re.compile(r"\.Row(\d\d)_")


def historical_names(text):
    """{row: [name, ...]} of historical_names.txt."""
    rows = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            number, _, names = line.partition(": ")
            rows[int(number)] = names.split(", ")
    return rows


def table(text):
    """[(row, first cell, last cell)] of the table, in its order."""
    return [(int(match[1]), match[2], match[4]) for match in _ROW.finditer(text)]


def gtest_filter(text):
    """What runs, of a binary, the cases that the table names and those that are of a row."""
    patterns = {f"*{suite}*.{case}*" for _, _, cell in table(text)
                for suite, _, case in (name.partition(".") for name in _NAME.findall(cell)) if case}
    return ":".join(sorted(patterns | {"*.Row??_*"}))


def cases_that_ran(report):
    """"Suite.Case" of each case of gtest's JSON report that ran, without parameters."""
    return {f"{_without_instance(suite['name'])}.{case['name'].split('/')[0]}"
            for suite in report["testsuites"] for case in suite["testsuite"]
            if case["status"] == "RUN" and case["result"] == "COMPLETED"}


def _without_instance(suite):
    # "Instance/Suite" of value-parameterised suites, "Suite/0" of typed ones.
    parts = suite.split("/")
    return parts[0] if len(parts) == 2 and parts[1].isdigit() else parts[-1]


def cases_of(binary, wanted):
    """Runs the cases of `wanted`, a filter; CalledProcessError when one fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "report.json")
        subprocess.run([binary, f"--gtest_filter={wanted}", f"--gtest_output=json:{path}"],
                       check=True, stdout=subprocess.DEVNULL)
        with open(path, encoding="utf-8") as report:
            return cases_that_ran(json.load(report))


def check(text, names, cases, open_rows=None):
    """What is wrong, a line each: `text` of the table, {row: names}, "Suite.Case" of each test."""
    open_rows = OPEN_ROWS if open_rows is None else open_rows
    rows = table(text)
    numbers = [number for number, _, _ in rows]
    problems = [f"row {row}: not in the table, or not once"
                for row in names if numbers.count(row) != 1]
    problems += [f"row {row}: no row of the contract" for row in numbers if row not in names]
    named_in = {}
    for row, first, last in rows:
        problems += [f"row {row}: the historical name '{name}' is missing"
                     for name in names.get(row, []) if not _has_name(first, name)]
        problems += _check_tests(row, last, cases, open_rows, named_in)
    for case in sorted(cases):
        own = _OWN.search(case)
        if own and int(own[1]) not in named_in.get(case, set()):
            problems.append(f"row {int(own[1])}: its test {case} is not named there")
    problems += [f"{case}: named in rows {sorted(in_rows)}"
                 for case, in_rows in sorted(named_in.items()) if len(in_rows) > 1]
    return problems


def _has_name(cell, name):
    return name in _NAME.findall(cell) or cell == name


def _check_tests(row, cell, cases, open_rows, named_in):
    problems, own = [], 0
    for pattern in _NAME.findall(cell):
        matching = fnmatch.filter(cases, pattern)
        if not matching:
            problems.append(f"row {row}: there is no test {pattern}")
        for case in matching:
            named_in.setdefault(case, set()).add(row)
            found = _OWN.search(case)
            own += bool(found) and int(found[1]) == row
    if own == 0 and row not in open_rows:
        problems.append(f"row {row}: no test is named Row{row:02}_...")
    if own > 0 and row in open_rows:
        problems.append(f"row {row}: has tests, and is said to have none yet")
    return problems
