// SPDX-License-Identifier: Apache-2.0

#include "devices/ide/atapi_cd_options.h"

#include "gtest/gtest.h"

#include "base/status.h"

namespace platter {
namespace {

TEST(AtapiCdOptionsTest, WhatIsLeftOpenIsFilledIn) {
  EXPECT_EQ(ResolveAtapiCdOptions({.id = "cd0"}).serial, "cd0");
  EXPECT_EQ(ResolveAtapiCdOptions({.id = std::string(30, 'i')}).serial, std::string(20, 'i'));
  EXPECT_EQ(ResolveAtapiCdOptions({.id = "cd0", .serial = "S"}).serial, "S");
  EXPECT_TRUE(CheckAtapiCdOptions(ResolveAtapiCdOptions({.id = "cd0"})).ok());
}

TEST(AtapiCdOptionsTest, MistakesNameDeviceAndProperty) {
  const auto message = [](const AtapiCdOptions& options) {
    const absl::Status status = CheckAtapiCdOptions(options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return MessageOf(status);
  };
  EXPECT_EQ(message({.id = "cd0", .serial = std::string(21, 's')}),
            "ATAPI drive 'cd0': serial 'sssssssssssssssssssss' is longer than 20 characters");
  EXPECT_EQ(message({.id = "cd0", .model = "\t"}),
            "ATAPI drive 'cd0': model has characters that are not printable ASCII");
  EXPECT_EQ(message({.id = "cd0", .ver = "123456789"}),
            "ATAPI drive 'cd0': ver '123456789' is longer than 8 characters");
  EXPECT_EQ(message({.id = "cd0", .rerror = OnError::kEnospc}),
            "ATAPI drive 'cd0': rerror 'enospc' is only for writes");
  EXPECT_FALSE(CheckAtapiCdOptions({.id = ""}).ok());
}

}  // namespace
}  // namespace platter
