# SPDX-License-Identifier: Apache-2.0
"""Reads BUILD files, which are almost Python, as far as the checks of the tree need."""

import ast
import dataclasses


@dataclasses.dataclass
class Target:
    name: str
    rule: str
    hdrs: list
    deps: list
    testonly: bool


def targets(text):
    """The targets that a BUILD file declares at its top level by a literal name."""
    constants = {}
    found = []
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            constants[statement.targets[0].id] = statement.value
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            found.append(_target(statement.value, constants))
    return [target for target in found if target is not None]


def _target(call, constants):
    if not isinstance(call.func, ast.Name):
        return None
    attributes = {keyword.arg: keyword.value for keyword in call.keywords}
    if not isinstance(attributes.get("name"), ast.Constant):
        return None
    testonly = attributes.get("testonly")
    return Target(
        name=attributes["name"].value,
        rule=call.func.id,
        hdrs=_strings(attributes.get("hdrs"), constants),
        deps=_strings(attributes.get("deps"), constants),
        testonly=isinstance(testonly, ast.Constant) and bool(testonly.value))


def _strings(value, constants):
    """The strings of a list, of names that stand for one, and of sums of those."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return [value.value]
    if isinstance(value, ast.Name) and value.id in constants:
        return _strings(constants[value.id], constants)
    if isinstance(value, (ast.List, ast.Tuple)):
        return [text for element in value.elts for text in _strings(element, constants)]
    if isinstance(value, ast.BinOp):
        return _strings(value.left, constants) + _strings(value.right, constants)
    return []


def exported_headers(read, package, name):
    """Paths of the headers of a library and of those of its package that it depends on.

    `read(path)` gives a file's text; a package without a BUILD file has no headers.
    """
    try:
        found = {target.name: target for target in targets(read(f"{package}/BUILD.bazel"))}
    except OSError:
        return set()
    wanted, seen = [name], set()
    while wanted:
        one = wanted.pop()
        if one in seen or one not in found:
            continue
        seen.add(one)
        wanted += [dep.rpartition(":")[2] for dep in found[one].deps
                   if dep.startswith((":", f"//{package}:"))]
    return {f"{package}/{header}" for one in seen for header in found[one].hdrs}
