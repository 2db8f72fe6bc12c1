# SPDX-License-Identifier: Apache-2.0
"""Proves that the lists of targets.bzl lead to every library there is."""

import unittest

from testing.layers import layers
from testing.layers import layers_test


class CompleteTest(unittest.TestCase):

    def test_every_library_is_looked_at(self):
        for room in layers_test.held_rooms():
            with self.subTest(room=room):
                found = layers_test.libraries(room)
                self.assertEqual(layers.missing(found, layers_test.query(f"{room}_deps")), [],
                                 f"\nThe list for '{room}' in testing/layers/targets.bzl has to lead to "
                                 f"all of its libraries; this one would: {layers.roots(found)}")

    def test_every_library_of_a_node_is_looked_at(self):
        found = layers.without_factory(layers_test.libraries("drivers"))
        self.assertIn("//drivers/raw:raw_node", found)
        self.assertEqual(layers.missing(found, layers_test.query("driver_nodes_deps")), [],
                         "\nThe list 'driver_nodes' in testing/layers/targets.bzl has to lead to all "
                         f"libraries of drivers/ but the factory's; this one would: "
                         f"{layers.roots(found)}")


if __name__ == "__main__":
    unittest.main()
