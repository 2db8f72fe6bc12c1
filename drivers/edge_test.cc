// SPDX-License-Identifier: Apache-2.0
//
// What an Edge lets through, and what it answers itself.
#include "drivers/edge.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <span>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "aio/simulated/world.h"
#include "base/arith.h"
#include "testing/drivers/edge_fixture.h"
#include "testing/drivers/strict_node.h"
#include "testing/drivers/test_root.h"

namespace platter {
namespace {

using EdgeTest = EdgeFixture;

// --- Bounds. ---

struct OutOfRange {
  uint64_t offset;
  uint64_t bytes;
};

TEST_F(EdgeTest, R_FMT_14_NoDriverSeesARequestOutOfRange) {
  StrictNode& node = Open({.size = 64 * kKiB});
  const OutOfRange kTable[] = {
      {64 * kKiB, 1},      {64 * kKiB - 511, 512},       {0, 64 * kKiB + 1},
      {UINT64_MAX, 1},     {UINT64_MAX - 511, 512},      {UINT64_MAX, UINT64_MAX},
      {1, UINT64_MAX},     {uint64_t{1} << 63, 512},     {0, uint64_t{1} << 63},
      {512, UINT64_MAX},   {(uint64_t{1} << 63) - 1, 1}, {0, 3 * kGiB},
      {64 * kKiB + 512, 0}};
  for (const OutOfRange& row : kTable) {
    SCOPED_TRACE(::testing::Message() << row.offset << "+" << row.bytes);
    for (const IoOp op : {IoOp::kDiscard, IoOp::kWriteZeroes}) {
      EXPECT_EQ(DiskIo(root_, io_).Range(op, row.offset, row.bytes).Run(), -EIO);
    }
    for (const IoOp op : {IoOp::kRead, IoOp::kWrite}) {
      // The memory is never touched: the request does not get that far.
      uint8_t byte = 0;
      DiskIo io(root_, io_);
      io.TransferPieces(op, row.offset, {{&byte, row.bytes}});
      EXPECT_EQ(io.Run(), -EIO);
    }
  }
  EXPECT_EQ(node.started(), 0u);
}

TEST_F(EdgeTest, R_FMT_14_TwoGiBAndMoreInOneRequest) {
  StrictOptions options{.size = 3 * kMiB};
  options.limits.max_discard = 1 * kMiB;
  StrictNode& node = Open(options);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kDiscard, 0, 3 * kMiB).Run(), 0);
  EXPECT_EQ(node.started(IoOp::kDiscard), 3u);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kDiscard, 0, 2 * kGiB).Run(), -EIO);
}

TEST_F(EdgeTest, R_FMT_15_ZeroLengthSucceedsAnywhereInRange) {
  StrictOptions options{.size = 64 * kKiB};
  options.limits.request_alignment = 4096;
  Open(options);
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{4096}, 64 * kKiB}) {
    for (const IoOp op : {IoOp::kRead, IoOp::kWrite, IoOp::kDiscard, IoOp::kWriteZeroes}) {
      EXPECT_EQ(DiskIo(root_, io_).Range(op, offset, 0).Run(), 0) << offset;
    }
  }
}

// --- Policies and permissions. ---

TEST_F(EdgeTest, WhatFitsTravelsOnUnchanged) {
  StrictNode& node = Open({});
  std::vector<uint8_t> data(4096, 7);
  DiskIo io(root_, io_);
  EXPECT_EQ(io.Transfer(IoOp::kWrite, 512, data).Run(), 0);
  EXPECT_TRUE(io.at_once());
  EXPECT_EQ(node.started(), 1u);
}

TEST_F(EdgeTest, PolicyIgnoresDiscardsAndFlushesAndDetectsZeroes) {
  StrictNode& node = Open({});
  node.set_policy({.discard = NodePolicy::Discard::kIgnore,
                   .detect_zeroes = NodePolicy::DetectZeroes::kOn,
                   .flush = NodePolicy::Flush::kIgnore});
  std::vector<uint8_t> data(4096);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kDiscard, 0, 4096).Run(), 0);
  EXPECT_EQ(DiskIo(root_, io_).Range(IoOp::kFlush, 0, 0).Run(), 0);
  EXPECT_EQ(node.started(), 0u);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(IoFlags::kFua), 0);
  EXPECT_EQ(node.started(IoOp::kWriteZeroes), 1u);
  EXPECT_EQ(node.started(), 1u);
  data[4095] = 1;
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(), 0);
  EXPECT_EQ(node.started(IoOp::kWrite), 1u);
}

TEST_F(EdgeTest, WritesGrowOnlyWithPermission) {
  StrictOptions options{.size = 1000, .grows = true};
  options.limits.request_alignment = 512;
  node_ = std::make_shared<StrictNode>(options);
  EdgeOptions growing = ReadWriteOptions();
  ASSERT_TRUE(root_.edge().Attach(node_, growing).ok());
  std::vector<uint8_t> data(600, 9);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 5000, data).Run(), -EIO);
  growing.permissions.used = growing.permissions.used | Permission::kResize;
  growing.may_grow = true;
  ASSERT_TRUE(root_.edge().Change(growing).ok());
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 5000, data).Run(), 0);
  EXPECT_EQ(node_->length(), 5632u);
  std::vector<uint8_t> back(5632, 1);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, 0, back).Run(), 0);
  std::vector<uint8_t> expected(5632);
  std::fill(expected.begin() + 5000, expected.begin() + 5600, uint8_t{9});
  EXPECT_EQ(back, expected);
}

TEST_F(EdgeTest, WritesNeedAPermission) {
  StrictNode& node = Open({});
  EdgeOptions reading;
  reading.permissions.used = Permission::kConsistentRead;
  ASSERT_TRUE(root_.edge().Change(reading).ok());
  std::vector<uint8_t> data(512);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(), -EACCES);
  for (const IoOp op : {IoOp::kDiscard, IoOp::kWriteZeroes}) {
    EXPECT_EQ(DiskIo(root_, io_).Range(op, 0, 512).Run(), -EACCES);
  }
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kRead, 0, data).Run(), 0);
  EXPECT_EQ(node.started(), 1u);
}

TEST_F(EdgeTest, SerialisingNeedsAnEdgeThatSaidSo) {
  Open({});
  std::vector<uint8_t> data(512);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(IoFlags::kSerialising),
            -ENOTSUP);
  EdgeOptions options = ReadWriteOptions();
  options.may_serialise = true;
  ASSERT_TRUE(root_.edge().Change(options).ok());
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(IoFlags::kSerialising), 0);
}

// --- Another Edge of the same parent takes the child over. ---

TEST_F(EdgeTest, ATakeOverChangesNothingForTheChild) {
  StrictNode& node = Open({.size = 64 * kKiB});
  Edge spare(root_, "root");
  spare.TakeOver(root_.edge());
  EXPECT_EQ(root_.edge().child(), nullptr);
  EXPECT_EQ(spare.child(), node_);
  ASSERT_EQ(node.parents().size(), 1u);
  EXPECT_EQ(node.parents().front(), &spare);
  EXPECT_TRUE(spare.options().permissions.used.Has(Permission::kWrite));
  root_.edge().TakeOver(spare);
  EXPECT_EQ(node.parents().front(), &root_.edge());
  std::vector<uint8_t> data(512, 1);
  EXPECT_EQ(DiskIo(root_, io_).Transfer(IoOp::kWrite, 0, data).Run(), 0);
  EXPECT_EQ(node.started(IoOp::kWrite), 1u);
}

}  // namespace
}  // namespace platter
