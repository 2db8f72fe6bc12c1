# SPDX-License-Identifier: Apache-2.0
"""The rooms of the tree and which other rooms each may look into.

The one place that says so. BUILD.bazel makes package groups of it for visibility, and
//testing/tree checks every #include against it (it reads this file as a Python literal, so the
dictionary stays plain).
"""

SEES = {
    "base": [],
    "aio": ["base"],
    "config": ["base"],
    "drivers": ["aio", "base", "config"],
    # //blockbackend:device_view sees only base and aio; //testing/layers proves it.
    "blockbackend": ["aio", "base", "drivers"],
    # Of blockbackend, only :device_view.
    "devices": ["aio", "base", "blockbackend"],
    "machine": ["aio", "base", "blockbackend", "config", "devices", "drivers"],
    "monitor": ["aio", "base", "blockbackend", "config", "machine"],
    "capi": ["aio", "base", "blockbackend", "config", "devices", "machine"],
    "exports": ["aio", "base", "blockbackend", "config", "devices"],
    "daemon": [
        "aio",
        "base",
        "blockbackend",
        "config",
        "devices",
        "drivers",
        "exports",
        "machine",
        "monitor",
    ],
    "testing": ["*"],
    "benchmarks": ["*"],
    "tools": ["*"],
    "examples": ["*"],
}
