# SPDX-License-Identifier: Apache-2.0
"""Queries for everything that targets depend on."""

def deps_query(name, targets):
    """A file with the labels of all rules of this tree that the targets depend on.

    Args:
      name: of the genquery.
      targets: labels; all visible to this package.
    """
    native.genquery(
        name = name,
        expression = "filter('^//', kind('rule', deps(set(%s))))" % " ".join(targets),
        scope = targets,
        testonly = True,
    )
