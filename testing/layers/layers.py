# SPDX-License-Identifier: Apache-2.0
"""Judges lists of labels: what the targets of a room reach, against what they may."""

# Rooms whose targets aren't held to anything.
ABOVE_ALL = "*"

# What a backend is behind the device view.
BACKEND = "//blockbackend:block_backend"
# The one package of drivers/ that knows the options of configurations.
FACTORY = "drivers/factory"


def room_of(label):
    """The room of a label of this tree ("//drivers/raw:raw" -> "drivers")."""
    return label[len("//"):].split(":")[0].split("/")[0]


def reachable_rooms(sees, room):
    """The rooms that a room may reach directly or through others, itself included."""
    reached, wanted = set(), [room]
    while wanted:
        one = wanted.pop()
        if one not in reached:
            reached.add(one)
            wanted += [other for other in sees[one] if other != ABOVE_ALL]
    return reached


def breaches(room, reached, sees, device_view):
    """Of the labels that a room's targets reach, those they may not.

    device_view: the labels that //blockbackend:device_view reaches, itself included.
    """
    if ABOVE_ALL in sees[room]:
        return []
    if room == "devices":
        allowed = {"devices", "base", "aio"}
        return [label for label in reached
                if room_of(label) not in allowed and label not in device_view]
    allowed = reachable_rooms(sees, room)
    return [label for label in reached if room_of(label) not in allowed]


def device_view_breaches(device_view):
    """Of what //blockbackend:device_view reaches, what makes it more than an interface."""
    return [label for label in device_view
            if room_of(label) not in {"base", "aio", "blockbackend"}
            or label == BACKEND]


def package_of(label):
    """The package of a label of this tree ("//drivers/raw:raw" -> "drivers/raw")."""
    return label[len("//"):].split(":")[0]


def driver_node_breaches(reached):
    """Of what the nodes of drivers/ reach, what only the factory may: a program that makes its nodes
    itself, from the drivers' own options, links no schema and no protobuf."""
    return [label for label in reached
            if room_of(label) == "config" or package_of(label) == FACTORY]


def without_factory(libraries):
    """Of the libraries of drivers/ (label -> labels it depends on), those that nodes are made of."""
    return {label: deps for label, deps in libraries.items() if package_of(label) != FACTORY}


def missing(libraries, reached):
    """Of a room's libraries, those that its list of targets doesn't lead to."""
    return sorted(set(libraries) - set(reached))


def roots(dependencies):
    """Of libraries (label -> labels it depends on), those that no other of them depends on.

    What these reach is what all of them reach, so they make the shortest list of targets.
    """
    used = {label for deps in dependencies.values() for label in deps}
    return sorted(label for label in dependencies if label not in used)


def full_label(package, dep):
    """A dependency as a BUILD file of a package writes it, with package and name in full."""
    if dep.startswith(":"):
        return f"//{package}{dep}"
    return dep if ":" in dep else f"{dep}:{dep.rpartition('/')[2]}"
