// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/file_config.h"

#include "gtest/gtest.h"

#include "config/proto/blockdev.pb.h"

namespace platter {
namespace {

TEST(FileConfigTest, WhatIsLeftAwayIsTheDriversDefault) {
  config::BlockdevOptions options;
  options.mutable_file()->set_filename("/images/a.img");
  const FileOptions file = FileOptionsFrom(options);
  const FileOptions defaults;
  EXPECT_EQ(file.driver, FileDriver::kFile);
  EXPECT_EQ(file.filename, "/images/a.img");
  EXPECT_EQ(file.access, defaults.access);
  EXPECT_EQ(file.caching, defaults.caching);
  EXPECT_EQ(file.locking, defaults.locking);
  EXPECT_EQ(file.aio, defaults.aio);
  EXPECT_EQ(file.inline_writes, defaults.inline_writes);
}

TEST(FileConfigTest, EachOptionArrives) {
  config::BlockdevOptions options;
  options.set_auto_read_only(true);
  options.mutable_cache()->set_direct(true);
  config::FileDriverOptions& driver = *options.mutable_host_device();
  driver.set_filename("/dev/disk0");
  driver.set_aio(config::FILE_AIO_NATIVE);
  driver.set_locking(config::ON_OFF_AUTO_OFF);
  driver.set_x_inline_writes(true);
  FileOptions file = FileOptionsFrom(options);
  EXPECT_EQ(file.driver, FileDriver::kHostDevice);
  EXPECT_EQ(file.filename, "/dev/disk0");
  EXPECT_EQ(file.access, FileAccess::kAutoReadOnly);
  EXPECT_EQ(file.caching, FileCaching::kDirect);
  EXPECT_EQ(file.locking, FileLocking::kOff);
  EXPECT_EQ(file.aio, FileAioHint::kNative);
  EXPECT_EQ(file.inline_writes, FileInlineWrites::kAlways);

  options.set_read_only(true);
  driver.set_aio(config::FILE_AIO_IO_URING);
  driver.set_locking(config::ON_OFF_AUTO_ON);
  file = FileOptionsFrom(options);
  EXPECT_EQ(file.access, FileAccess::kReadOnly) << "read-only is the stronger word";
  EXPECT_EQ(file.aio, FileAioHint::kIoUring);
  EXPECT_EQ(file.locking, FileLocking::kOn);
}

}  // namespace
}  // namespace platter
