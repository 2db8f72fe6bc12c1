# SPDX-License-Identifier: Apache-2.0
"""Tables of figures in a Markdown document, each between two comments with its name."""

import datetime

from turns import CompareError


def table(rows, command):
    """The rows as Markdown, with the day and the command that made them."""
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d, %H:%M UTC")
    lines = [f"Measured on {today} by `{command}`.", "",
             "| random reads of 4 KiB | platter | the best beside it | ratio |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def replace(text, name, new):
    """The text with what is between the comments of `name` replaced."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    head, found, rest = text.partition(begin)
    _, ended, tail = rest.partition(end)
    if not found or not ended:
        raise CompareError(f"the document has no lines '{begin.strip()}' and '{end}'")
    return f"{head}{begin}{new}\n{end}{tail}"


def write(path, name, rows, command):
    """Puts the rows into the document."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text = replace(text, name, table(rows, command))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
