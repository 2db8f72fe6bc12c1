// SPDX-License-Identifier: Apache-2.0

#include "drivers/factory/node_origin.h"

#include <memory>

#include "gtest/gtest.h"

#include "drivers/null/null_node.h"

namespace platter {
namespace {

TEST(NodeOriginTest, ANodeKeepsItsOptions) {
  NullNode node("n", {});
  EXPECT_EQ(OptionsOrigin::Of(node), nullptr);
  config::BlockdevOptions options;
  options.set_node_name("n");
  node.set_origin(std::make_unique<OptionsOrigin>(options));
  ASSERT_NE(OptionsOrigin::Of(node), nullptr);
  EXPECT_EQ(OptionsOrigin::Of(node)->node_name(), "n");
}

TEST(NodeOriginTest, WhatIsNotSaidIsActive) {
  config::BlockdevOptions options;
  EXPECT_TRUE(IsActive(options));
  options.set_active(true);
  EXPECT_TRUE(IsActive(options));
  options.set_active(false);
  EXPECT_FALSE(IsActive(options));
}

TEST(NodeOriginTest, FromAboveComeAccessAndActivity) {
  config::BlockdevOptions parent;
  config::BlockdevOptions child = WithInherited({}, parent);
  EXPECT_FALSE(child.read_only() || child.auto_read_only());
  EXPECT_TRUE(IsActive(child));
  parent.set_read_only(true);
  parent.set_auto_read_only(true);
  parent.set_active(false);
  child = WithInherited({}, parent);
  EXPECT_TRUE(child.read_only() && child.auto_read_only());
  EXPECT_FALSE(IsActive(child));
  // What it says of itself stays.
  config::BlockdevOptions read_only;
  read_only.set_read_only(true);
  EXPECT_TRUE(WithInherited(read_only, config::BlockdevOptions()).read_only());
}

}  // namespace
}  // namespace platter
