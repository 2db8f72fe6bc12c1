// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/file_config.h"

#include "base/check.h"
#include "config/proto/blockdev.pb.h"

namespace platter {

namespace {

FileLocking LockingFrom(config::OnOffAuto value) {
  switch (value) {
    case config::ON_OFF_AUTO_ON:
      return FileLocking::kOn;
    case config::ON_OFF_AUTO_OFF:
      return FileLocking::kOff;
    default:
      return FileLocking::kAuto;
  }
}

FileAioHint AioFrom(config::FileAio value) {
  switch (value) {
    case config::FILE_AIO_NATIVE:
      return FileAioHint::kNative;
    case config::FILE_AIO_IO_URING:
      return FileAioHint::kIoUring;
    default:
      return FileAioHint::kThreads;
  }
}

}  // namespace

FileOptions FileOptionsFrom(const config::BlockdevOptions& options) {
  PLATTER_CHECK(options.has_file() || options.has_host_device());
  const config::FileDriverOptions& driver =
      options.has_file() ? options.file() : options.host_device();
  FileOptions file;
  file.driver = options.has_file() ? FileDriver::kFile : FileDriver::kHostDevice;
  file.filename = driver.filename();
  if (options.read_only()) {
    file.access = FileAccess::kReadOnly;
  } else if (options.auto_read_only()) {
    file.access = FileAccess::kAutoReadOnly;
  }
  if (options.cache().direct()) file.caching = FileCaching::kDirect;
  file.locking = LockingFrom(driver.locking());
  file.aio = AioFrom(driver.aio());
  if (driver.x_inline_writes()) file.inline_writes = FileInlineWrites::kAlways;
  return file;
}

}  // namespace platter
