# SPDX-License-Identifier: Apache-2.0
"""Compares what Bazel says each room's targets reach with what they may."""

import ast
import os
import unittest

from testing.layers import layers
from testing.tree import build_files

# In a test's folder this is a link, to where the tree is.
ROOT = os.path.dirname(os.path.realpath("rooms.bzl"))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as lines:
        return lines.read()


def sees():
    text = read("rooms.bzl")
    return ast.literal_eval(text[text.index("SEES = ") + len("SEES = "):])


def query(name):
    """The labels that a genquery of this package found; none where there is no such query."""
    path = f"testing/layers/{name}"
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as lines:
        return lines.read().split()


def libraries(room):
    """The libraries in a room of the real tree, those for tests alone left out: label -> deps."""
    found = {}
    for folder, _, names in os.walk(os.path.join(ROOT, room)):
        if "BUILD.bazel" in names:
            package = os.path.relpath(folder, ROOT)
            for target in build_files.targets(read(f"{package}/BUILD.bazel")):
                if target.rule.endswith("_library") and not target.testonly:
                    found[f"//{package}:{target.name}"] = [
                        layers.full_label(package, dep) for dep in target.deps]
    return found


def held_rooms():
    return [room for room, others in sees().items() if layers.ABOVE_ALL not in others]


class LayersTest(unittest.TestCase):

    def test_no_room_reaches_what_it_may_not(self):
        device_view = query("device_view_deps")
        for room in held_rooms():
            with self.subTest(room=room):
                self.assertEqual(
                    layers.breaches(room, query(f"{room}_deps"), sees(), device_view), [])

    def test_the_device_view_is_an_interface(self):
        self.assertIn("//blockbackend:device_view", query("device_view_deps"))
        self.assertEqual(layers.device_view_breaches(query("device_view_deps")), [])

    def test_the_backend_that_the_device_view_is_kept_from_is_there(self):
        self.assertIn(layers.BACKEND, libraries("blockbackend"))

    def test_of_drivers_only_the_factory_reaches_configurations(self):
        self.assertIn("//drivers:graph", query("driver_nodes_deps"))
        self.assertEqual(layers.driver_node_breaches(query("driver_nodes_deps")), [])
        self.assertIn("//config:options", query("drivers_deps"))

    def test_the_libraries_are_found_in_the_real_tree(self):
        self.assertIn("//base:check", libraries("base"))
        self.assertIn("//base:check", query("base_deps"))


class OwnDeviceTest(unittest.TestCase):
    """The example is a device as those in devices/ are, though its folder may see everything."""

    FOLDER = "//examples/own_device:"

    def test_the_drive_is_held_to_what_a_device_is(self):
        reached = query("own_device_deps")
        self.assertIn("//blockbackend:device_view", reached)
        self.assertEqual(
            layers.breaches("devices", [label for label in reached
                                        if not label.startswith(self.FOLDER)],
                            sees(), query("device_view_deps")), [])

    def test_the_drive_has_no_parts_but_its_registers(self):
        self.assertEqual(sorted(label for label in query("own_device_deps")
                                if label.startswith(self.FOLDER)),
                         [self.FOLDER + name
                          for name in ("toy_drive", "toy_register_file", "toy_registers")])

    def test_its_registers_know_no_backend(self):
        reached = query("own_device_registers_deps")
        self.assertIn("//devices/bus:io_space", reached)
        self.assertEqual([label for label in reached
                          if layers.room_of(label) not in ("examples", "devices", "aio", "base")],
                         [])


class BadTargetsTest(unittest.TestCase):
    """Real targets that break the rules, seen through real queries."""

    def breaches(self, room, name):
        labels = [label for label in query(name) if not label.startswith("//testing/layers/bad:")]
        return layers.breaches(room, labels, sees(), query("device_view_deps"))

    def test_a_device_that_reaches_more_than_the_device_view(self):
        found = self.breaches("devices", "bad_device_deps")
        self.assertIn("//blockbackend:error_action", found)
        self.assertIn("//config:parse", found)
        self.assertNotIn("//blockbackend:device_view", found)

    def test_a_driver_that_reaches_a_backend_and_a_device(self):
        self.assertEqual(
            sorted(label for label in self.breaches("drivers", "bad_driver_deps")
                   if layers.room_of(label) in ("blockbackend", "devices")),
            ["//blockbackend:device_view", "//devices:device"])


    def test_a_node_that_reads_configurations(self):
        self.assertIn("//config:options", layers.driver_node_breaches(query("bad_driver_node_deps")))


class RulesTest(unittest.TestCase):
    """The rules on made-up labels."""

    SEES = {"base": [], "aio": ["base"], "drivers": ["aio"], "blockbackend": ["drivers"],
            "devices": ["blockbackend"], "machine": ["devices"], "testing": ["*"]}
    VIEW = ["//base:a", "//aio:context", "//blockbackend:device_view", "//blockbackend:events"]

    def breaches(self, room, *labels):
        return layers.breaches(room, labels, self.SEES, self.VIEW)

    def test_a_device(self):
        self.assertEqual(self.breaches("devices", "//devices/ide:ide", *self.VIEW), [])
        for label in ("//drivers:node", "//drivers/raw:raw", "//blockbackend:block_backend",
                      "//machine:machine", "//testing/guest:bus"):
            self.assertEqual(self.breaches("devices", "//devices:x", label), [label])

    def test_a_driver(self):
        self.assertEqual(self.breaches("drivers", "//drivers/raw:raw", "//aio:c", "//base:a"), [])
        for label in ("//blockbackend:device_view", "//blockbackend:block_backend", "//devices:device"):
            self.assertEqual(self.breaches("drivers", label), [label])

    def test_what_a_room_sees_it_may_reach_through_others(self):
        self.assertEqual(self.breaches("machine", "//base:a", "//drivers:node"), [])
        self.assertEqual(self.breaches("aio", "//machine:machine"), ["//machine:machine"])

    def test_testing_reaches_everything(self):
        self.assertEqual(self.breaches("testing", "//machine:machine", "//drivers:node"), [])

    def test_the_device_view(self):
        self.assertEqual(layers.device_view_breaches(self.VIEW), [])
        bad = ["//drivers:node", "//blockbackend:block_backend", "//config:parse"]
        self.assertEqual(layers.device_view_breaches(self.VIEW + bad), bad)

    def test_a_driver_node(self):
        good = ["//drivers/raw:raw_node", "//drivers:edge", "//aio:c", "//base:a"]
        bad = ["//config:parse", "//config/proto:options_cc_proto", "//drivers/factory:open_node"]
        self.assertEqual(layers.driver_node_breaches(good + bad), bad)

    def test_what_nodes_are_made_of(self):
        libraries = {"//drivers:edge": [], "//drivers/factory:open_node": ["//drivers:edge"]}
        self.assertEqual(layers.without_factory(libraries), {"//drivers:edge": []})

    def test_a_library_that_nothing_leads_to(self):
        self.assertEqual(layers.missing(["//base:a", "//base:b"], ["//base:b", "//aio:c"]),
                         ["//base:a"])

    def test_roots(self):
        self.assertEqual(layers.roots({"//a:x": ["//a:y", "//b:z"], "//a:y": [], "//a:w": []}),
                         ["//a:w", "//a:x"])

    def test_full_labels(self):
        self.assertEqual(layers.full_label("a/b", ":c"), "//a/b:c")
        self.assertEqual(layers.full_label("a/b", "//d/e"), "//d/e:e")
        self.assertEqual(layers.full_label("a/b", "//d/e:f"), "//d/e:f")


if __name__ == "__main__":
    unittest.main()
