# SPDX-License-Identifier: Apache-2.0
"""What the rules need to know of C++ text: no parser, but enough for code that clang-format laid out."""

import re

_TOKEN = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<raw>[^()\s\\]*)\(.*?\)(?P=raw)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'",
    re.DOTALL)


def without_comments(text, keep_strings=False):
    """The text with comments (and what is in strings) blanked; lines keep their numbers."""

    def blank(match):
        token = match.group(0)
        if token.startswith(("//", "/*")) or not keep_strings:
            newlines = "\n" * token.count("\n")
            return newlines if token.startswith(("//", "/*")) else '""' + newlines
        return token

    return _TOKEN.sub(blank, text)


def includes(text):
    """(line number, path) of each #include "path"."""
    found = []
    for number, line in enumerate(without_comments(text, keep_strings=True).split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if match:
            found.append((number, match.group(1)))
    return found


# What may stand between a function's parameters and its body: qualifiers, a result, initialisers.
_BODY = re.compile(r"\)(?:\s|const\b|noexcept\b|override\b|final\b|&)*(?:->[^;{}()]*)?(?::[^;]*?)?"
                   r"\{(?!\s*\})")


def has_bodies(text):
    """Whether any function in it, member or lambda, does something: `{}` is not a body."""
    return _BODY.search(without_comments(text)) is not None


_CONTROL = re.compile(r"\s*(if|for|while|switch|do|else|try|catch|return|namespace|class|struct|enum|"
                      r"union|extern|co_await|co_return|case|default)\b")
_MAX_SIGNATURE_LINES = 12
_COMMENT_ONLY = " ,"  # What continues a statement and isn't anything.


def functions(text):
    """(line number, lines, first line) of each function or test body at namespace or class level."""
    lines = without_comments(text).split("\n")
    # A comment amid a signature doesn't end it, as an empty line does.
    for index, line in enumerate(text.split("\n")):
        if line.strip() and not lines[index].strip():
            lines[index] = _COMMENT_ONLY
    found = []
    number = 0
    while number < len(lines):
        line = lines[number]
        if not line.rstrip().endswith("{"):
            number += 1
            continue
        start = _statement_start(lines, number)
        signature = " ".join(lines[start:number + 1])
        indent = len(lines[start]) - len(lines[start].lstrip())
        if not _is_function(signature):
            number += 1
            continue
        end = _closing_line(lines, number, indent)
        found.append((start + 1, end - start + 1, lines[start].strip()))
        number = end + 1
    return found


def _statement_start(lines, number):
    start = number
    while start > 0 and number - start < _MAX_SIGNATURE_LINES:
        before = lines[start - 1].rstrip()
        if not before or before.endswith((";", "{", "}", ":")) or before.startswith("#"):
            break
        start -= 1
    while lines[start] == _COMMENT_ONLY:
        start += 1
    return start


def _is_function(signature):
    head = signature.split("{")[0]
    if "(" not in head or _CONTROL.match(signature):
        return False
    return not re.search(r"[^=!<>]=[^=]", head.split("(")[0])


def _closing_line(lines, number, indent):
    closing = " " * indent + "}"
    for end in range(number + 1, len(lines)):
        if lines[end].startswith(closing):
            return end
    return len(lines) - 1
