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
  config::BlockdevOptions said;
  said.set_node_name("n");
  config::BlockdevOptions options = said;
  options.set_read_only(true);
  node.set_origin(std::make_unique<OptionsOrigin>(said, options, OptionsOrigin::Place::kNested));
  const OptionsOrigin* const origin = OptionsOrigin::Of(node);
  ASSERT_NE(origin, nullptr);
  EXPECT_EQ(origin->said().node_name(), "n");
  EXPECT_FALSE(origin->said().read_only());
  EXPECT_TRUE(origin->options().read_only());
  EXPECT_EQ(origin->place(), OptionsOrigin::Place::kNested);
}

TEST(NodeOriginTest, WhatIsNotSaidIsActive) {
  config::BlockdevOptions options;
  EXPECT_TRUE(IsActive(options));
  options.set_active(true);
  EXPECT_TRUE(IsActive(options));
  options.set_active(false);
  EXPECT_FALSE(IsActive(options));
}

TEST(NodeOriginTest, FromAboveComesWhatIsNotSaid) {
  config::BlockdevOptions parent;
  config::BlockdevOptions child = WithInherited({}, parent);
  EXPECT_FALSE(child.read_only() || child.auto_read_only());
  EXPECT_FALSE(child.cache().direct() || child.cache().no_flush());
  EXPECT_TRUE(IsActive(child));
  parent.set_read_only(true);
  parent.set_auto_read_only(true);
  parent.mutable_cache()->set_direct(true);
  parent.mutable_cache()->set_no_flush(true);
  parent.set_detect_zeroes(config::DETECT_ZEROES_ON);
  parent.set_active(false);
  child = WithInherited({}, parent);
  EXPECT_TRUE(child.read_only() && child.auto_read_only());
  EXPECT_TRUE(child.cache().direct() && child.cache().no_flush());
  EXPECT_FALSE(IsActive(child));
  EXPECT_EQ(child.detect_zeroes(), config::DETECT_ZEROES_OFF) << "that is each node's own";
}

TEST(NodeOriginTest, WhatIsSaidStaysEitherWay) {
  for (const bool on : {false, true}) {
    config::BlockdevOptions said;
    said.set_read_only(on);
    said.set_auto_read_only(on);
    said.mutable_cache()->set_direct(on);
    said.mutable_cache()->set_no_flush(on);
    config::BlockdevOptions parent;
    parent.set_read_only(!on);
    parent.set_auto_read_only(!on);
    parent.mutable_cache()->set_direct(!on);
    parent.mutable_cache()->set_no_flush(!on);
    const config::BlockdevOptions child = WithInherited(said, parent);
    EXPECT_EQ(child.read_only(), on);
    EXPECT_EQ(child.auto_read_only(), on);
    EXPECT_EQ(child.cache().direct(), on);
    EXPECT_EQ(child.cache().no_flush(), on);
  }
}

TEST(NodeOriginTest, DiscardsArePassedOnWhateverTheNodeAboveDoes) {
  config::BlockdevOptions parent;
  EXPECT_EQ(WithInherited({}, parent).discard(), config::DISCARD_UNMAP);
  parent.set_discard(config::DISCARD_IGNORE);
  EXPECT_EQ(WithInherited({}, parent).discard(), config::DISCARD_UNMAP);
  config::BlockdevOptions said;
  said.set_discard(config::DISCARD_IGNORE);
  parent.set_discard(config::DISCARD_UNMAP);
  EXPECT_EQ(WithInherited(said, parent).discard(), config::DISCARD_IGNORE);
}

}  // namespace
}  // namespace platter
