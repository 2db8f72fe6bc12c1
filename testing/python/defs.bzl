# SPDX-License-Identifier: Apache-2.0
"""platter_python_test: a unittest file run with the system's python3.

Bazel 4.2.3's own py_test starts with `#!/usr/bin/env python`, which Debian 12 hasn't.
"""

def platter_python_test(name, src, data = [], tags = [], **kwargs):
    """Runs `python3 -m unittest` on one file and reports its cases one by one.

    Args:
      name: of the test.
      src: the file; imports are from the repository root (tools.thing.module).
      data: the modules and files it uses.
      tags: added to "no-sanitizer": the sanitizers' builds would only repeat it.
      **kwargs: of sh_test.
    """
    native.sh_test(
        name = name,
        srcs = ["//testing/python:run.sh"],
        args = ["$(rootpath %s)" % src],
        data = data + [src, "//testing/python:run.py"],
        tags = ["no-sanitizer"] + tags,
        **kwargs
    )
