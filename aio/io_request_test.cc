// SPDX-License-Identifier: Apache-2.0

#include "aio/io_request.h"

#include <array>

#include "gtest/gtest.h"

namespace platter {
namespace {

constexpr std::array kAllFlags = {IoFlags::kFua, IoFlags::kMayUnmap, IoFlags::kNoFallback,
                                  IoFlags::kSerialising};

TEST(IoFlags, EachIsABitOfItsOwn) {
  for (const IoFlags flag : kAllFlags) {
    EXPECT_FALSE(Has(IoFlags::kNone, flag));
    for (const IoFlags other : kAllFlags) EXPECT_EQ(Has(flag, other), flag == other);
  }
}

TEST(IoFlags, AreAddedAndTakenAwayOneByOne) {
  const IoFlags both = IoFlags::kFua | IoFlags::kSerialising;
  EXPECT_TRUE(Has(both, IoFlags::kFua));
  EXPECT_TRUE(Has(both, IoFlags::kSerialising));
  EXPECT_FALSE(Has(both, IoFlags::kMayUnmap));
  EXPECT_EQ(Without(both, IoFlags::kFua), IoFlags::kSerialising);
  EXPECT_EQ(Without(both, IoFlags::kMayUnmap), both);
}

TEST(IoOp, WhatEachOperationIs) {
  struct Row {
    IoOp op;
    bool moves_data;
    bool is_write_like;
  };
  constexpr std::array kRows = {
      Row{IoOp::kRead, true, false},        Row{IoOp::kWrite, true, true},
      Row{IoOp::kFlush, false, false},      Row{IoOp::kDiscard, false, true},
      Row{IoOp::kWriteZeroes, false, true},
  };
  static_assert(kRows.size() == kIoOpCount);
  for (const Row& row : kRows) {
    EXPECT_EQ(IsDataTransfer(row.op), row.moves_data) << static_cast<int>(row.op);
    EXPECT_EQ(IsWriteLike(row.op), row.is_write_like) << static_cast<int>(row.op);
  }
}

}  // namespace
}  // namespace platter
