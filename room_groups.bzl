# SPDX-License-Identifier: Apache-2.0
"""Package groups made of the table in rooms.bzl."""

load("//:rooms.bzl", "SEES")

def room_package_groups():
    """Declares, for each room R, two groups.

    `//:R` is the packages of the room itself. `//:sees_R` is the room and the rooms that may look
    into it: what a target of R that others use says as its visibility.
    """
    for room in SEES:
        native.package_group(name = room, packages = ["//%s/..." % room])
        native.package_group(
            name = "sees_" + room,
            packages = ["//%s/..." % room] + [
                "//%s/..." % other
                for other, sees in SEES.items()
                if room in sees or "*" in sees
            ],
        )
