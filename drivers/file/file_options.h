// SPDX-License-Identifier: Apache-2.0
//
// FileOptions: what the drivers `file` and `host_device` can be told. The names in the comments are
// the field's (QEMU's BlockdevOptionsFile); the factory fills this from config/. The options that
// every driver has alike (discard, detect-zeroes, cache.no-flush) are NodePolicy's, see node.h.
//
// Ownership: values. Threading: any. Units: none. Errors: OpenHostFile checks them.

#ifndef PLATTER_DRIVERS_FILE_FILE_OPTIONS_H_
#define PLATTER_DRIVERS_FILE_FILE_OPTIONS_H_

#include <cstdint>
#include <string>

namespace platter {

// Which of the two drivers: they differ in what they open, in how they size, discard and zero it.
enum class FileDriver : uint8_t { kFile, kHostDevice };

enum class FileAccess : uint8_t {
  kReadWrite,
  kReadOnly,      // read-only=on
  kAutoReadOnly,  // auto-read-only=on: read-write where the host allows it
};

enum class FileCaching : uint8_t {
  kPageCache,
  kDirect,  // cache.direct=on: O_DIRECT
};

enum class FileLocking : uint8_t {
  kAuto,  // where the host has open-file-description locks
  kOn,    // an error where it has not
  kOff,
};

// The engine is the AioContext's: one node is used from several contexts of several kinds. The
// option is accepted so that command lines move over; kNative is checked as the field does.
enum class FileAioHint : uint8_t { kThreads, kNative, kIoUring };

// x-inline-writes: buffered writes to file systems other than tmpfs made in the submitting thread.
// Fast while the page cache takes them; write-back can stall the whole event loop.
enum class FileInlineWrites : uint8_t { kMemoryOnly, kAlways };

struct FileOptions {
  FileDriver driver = FileDriver::kFile;
  // A path. A leading "file:" (driver file) or "host_device:" is dropped; "./file:x" names a file
  // whose name starts with the prefix.
  std::string filename;
  FileAccess access = FileAccess::kReadWrite;
  FileCaching caching = FileCaching::kPageCache;
  FileLocking locking = FileLocking::kAuto;
  FileAioHint aio = FileAioHint::kThreads;
  FileInlineWrites inline_writes = FileInlineWrites::kMemoryOnly;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_FILE_OPTIONS_H_
