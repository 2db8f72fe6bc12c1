# SPDX-License-Identifier: Apache-2.0
"""Counts test cases over several runs of Bazel and checks why any was skipped.

Usage: count_cases.py --allowed testing/allowed_skips.txt [--in-ci] EVENTS.json...

Each EVENTS.json is what --build_event_json_file wrote for one `bazel test`. A case that ran in several
configurations counts once: failed if it failed in any, else passed if it passed in any, else skipped.
A test target that didn't build, or left no report, counts as one failed case.

The last line is "N passed, N failed, N skipped". Exits with 1 if a case failed, a skip isn't allowed,
or there was no case at all.
"""

import argparse
import json
import os
import re
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree

PASSED, SKIPPED, FAILED = "passed", "skipped", "failed"
_RANK = {SKIPPED: 0, PASSED: 1, FAILED: 2}


def read_allowed(path):
    """The rows of the list: reason -> where. Raises ValueError on a row that isn't one."""
    rows = {}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            columns = [column.strip() for column in line.split("|")]
            if len(columns) != 3 or not all(columns) or columns[1] not in ("anywhere", "not-in-ci"):
                raise ValueError(f"{path}:{number}: a row is 'reason | anywhere or not-in-ci | why'")
            rows[columns[0]] = columns[1]
    return rows


def cases_of_report(path):
    """Yields (name, outcome, text) for each case of a JUnit report."""
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = ".".join(part for part in (case.get("classname"), case.get("name")) if part)
        broken = case.find("failure")
        broken = broken if broken is not None else case.find("error")
        skipped = case.find("skipped")
        if broken is not None:
            yield name, FAILED, broken.get("message", "")
        elif case.get("status") == "notrun" or case.get("result") == "suppressed":
            yield name, SKIPPED, "disabled in the source"
        elif skipped is not None or case.get("result") == "skipped":
            text = "" if skipped is None else skipped.get("message", "") or skipped.text or ""
            yield name, SKIPPED, text
        else:
            yield name, PASSED, ""


def _local_path(uri):
    return urllib.parse.unquote(urllib.parse.urlparse(uri).path)


def _read_events(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def outcomes_of_run(path):
    """Yields (case, outcome, text) for one `bazel test`; case is 'label name'."""
    statuses, reports, expected = {}, {}, set()
    for event in _read_events(path):
        identity = event.get("id", {})
        if "testResult" in event and "testResult" in identity:
            label = identity["testResult"]["label"]
            for output in event["testResult"].get("testActionOutput", []):
                if output.get("name") == "test.xml" and "uri" in output:
                    key = (label, identity["testResult"].get("shard", 1))
                    reports[key] = _local_path(output["uri"])
        elif "testSummary" in event and "testSummary" in identity:
            statuses[identity["testSummary"]["label"]] = event["testSummary"]["overallStatus"]
        elif "targetConfigured" in identity and event.get("configured", {}).get("testSize"):
            expected.add(identity["targetConfigured"]["label"])
    for label in sorted(expected | set(statuses)):
        yield from _outcomes_of_target(label, statuses.get(label, "NO_STATUS"),
                                       [reports[key] for key in sorted(reports) if key[0] == label])


def _outcomes_of_target(label, status, reports):
    found_failure = False
    found = False
    for report in reports:
        if not os.path.exists(report):
            continue
        for name, outcome, text in cases_of_report(report):
            found = True
            found_failure = found_failure or outcome == FAILED
            yield f"{label} {name}", outcome, text
    if status not in ("PASSED", "FLAKY") and not found_failure:
        yield f"{label} (the whole target)", FAILED, status
    elif not found:
        yield f"{label} (the whole target)", FAILED, "no test case in its report"


def fold(paths):
    """All runs together: case -> (outcome, text), and every skip as (case, text)."""
    folded, skips = {}, set()
    for path in paths:
        for case, outcome, text in outcomes_of_run(path):
            if outcome == SKIPPED:
                skips.add((case, text))
            if case not in folded or _RANK[outcome] > _RANK[folded[case][0]]:
                folded[case] = (outcome, text)
    return folded, sorted(skips)


def reason_of(text):
    """The word that a skip's message begins with: what stands before the colon of its first line."""
    lines = text.strip().splitlines()
    # GoogleTest puts "file:line" on a line of its own in front.
    if lines and re.fullmatch(r"\S+:\d+", lines[0].strip()):
        lines = lines[1:]
    return lines[0].split(":")[0].strip() if lines else ""


def forbidden_skips(skips, allowed, in_ci):
    """Of the skips, those that no row allows here, as lines to print."""
    lines = []
    for case, text in skips:
        reason = reason_of(text)
        if reason not in allowed:
            lines.append(f"{case}: '{text.strip()}' isn't a row of the list")
        elif in_ci and allowed[reason] == "not-in-ci":
            lines.append(f"{case}: '{reason}' isn't allowed here: {text.strip()}")
    return lines


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--allowed", required=True)
    parser.add_argument("--in-ci", action="store_true")
    parser.add_argument("events", nargs="+")
    options = parser.parse_args(arguments)

    allowed = read_allowed(options.allowed)
    present = [path for path in options.events if os.path.exists(path)]
    folded, skips = fold(present)
    for case, (outcome, text) in sorted(folded.items()):
        if outcome == FAILED:
            print(f"failed: {case}: {text.strip()[:300]}")
    forbidden = forbidden_skips(skips, allowed, options.in_ci)
    for line in forbidden:
        print(f"skip not allowed: {line}")
    count = {outcome: 0 for outcome in _RANK}
    for outcome, _ in folded.values():
        count[outcome] += 1
    print(f"{count[PASSED]} passed, {count[FAILED]} failed, {count[SKIPPED]} skipped")
    return 1 if count[FAILED] or forbidden or not folded else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
