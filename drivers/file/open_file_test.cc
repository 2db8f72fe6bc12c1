// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "base/status.h"
#include "drivers/file/fake_host_calls.h"
#include "drivers/file/kernel_files.h"

namespace platter {
namespace {

using ::testing::HasSubstr;

class OpenFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<OpenedFile> Open(const std::string& path) {
    options_.filename = path;
    return OpenHostFile(io_, host_, options_);
  }
  // The error, which must name the path.
  absl::Status Error(const std::string& path) {
    const absl::Status status = Open(path).status();
    EXPECT_THAT(MessageOf(status), HasSubstr("'" + path + "'"));
    return status;
  }

  TempFolder folder_;
  SyncFileIo io_;
  KernelHostCalls host_;
  FileOptions options_;
};

TEST_F(OpenFileTest, OpensARegularFileForReadingAndWriting) {
  const absl::StatusOr<OpenedFile> opened = Open(folder_.Make("disk.img", 12345));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->length, 12345u);
  EXPECT_FALSE(opened->read_only);
  EXPECT_EQ(opened->geometry.request_alignment, 1u) << "the page cache takes any alignment";
  EXPECT_EQ(opened->geometry.memory_alignment, 1u);
}

// Whoever reads the message may read it on a terminal.
TEST_F(OpenFileTest, NoMessageHasAControlByteOfThePath) {
  const auto message = [this](const std::string& path) { return MessageOf(Open(path).status()); };
  const std::string shown = "\\x01\\x1b[2J.img'";
  EXPECT_THAT(message("/gone/\x01\x1B[2J.img"), HasSubstr("cannot open '/gone/" + shown));
  const std::string path = folder_.Make("\x01\x1B[2J.img", 512);
  options_.driver = FileDriver::kHostDevice;
  EXPECT_THAT(message(path), HasSubstr(shown + " is a regular file"));
  options_.driver = FileDriver::kFile;
  options_.aio = FileAioHint::kNative;
  EXPECT_THAT(message(path), HasSubstr(shown + ": aio=native needs"));
}

TEST_F(OpenFileTest, DropsTheFieldsPrefix) {
  const std::string path = folder_.Make("disk.img", 512);
  EXPECT_TRUE(Open("file:" + path).ok());
  options_.filename = "./file:x";
  EXPECT_EQ(PathOf(options_), "./file:x");
  options_.filename = "host_device:/dev/x";
  EXPECT_EQ(PathOf(options_), "host_device:/dev/x");
  options_.driver = FileDriver::kHostDevice;
  EXPECT_EQ(PathOf(options_), "/dev/x");
}

TEST_F(OpenFileTest, RefusesWhatIsNoImageAndSaysWhy) {
  EXPECT_EQ(ErrnoOf(Error("/nowhere/at/all")), ENOENT);
  EXPECT_EQ(ErrnoOf(Error(folder_.path())), EISDIR);
  EXPECT_THAT(MessageOf(Error("/dev/null")), HasSubstr("character device"));
  const std::string fifo = folder_.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  // It does not wait for the other end either.
  EXPECT_EQ(ErrnoOf(Error(fifo)), ENOTSUP);
  EXPECT_THAT(MessageOf(Open("").status()), HasSubstr("filename is empty"));
  EXPECT_THAT(MessageOf(Open(std::string("a\0b", 3)).status()), HasSubstr("NUL"));
}

TEST_F(OpenFileTest, SaysWhichDriverIsTheRightOne) {
  const std::string path = folder_.Make("disk.img", 512);
  options_.driver = FileDriver::kHostDevice;
  EXPECT_THAT(MessageOf(Error(path)), HasSubstr("use driver=file"));

  FakeHostCalls device;
  device.kind = HostFileKind::kBlockDevice;
  options_.driver = FileDriver::kFile;
  options_.filename = "/dev/disk0";
  EXPECT_THAT(MessageOf(OpenHostFile(io_, device, options_).status()),
              HasSubstr("'/dev/disk0' is a block device: use driver=host_device"));
}

TEST_F(OpenFileTest, AutoReadOnlyOpensForReadingWhereTheHostAllowsNoMore) {
  const std::string path = folder_.Make("disk.img", 512);
  // A port that refuses to write, since root may write anything.
  class ReadOnlyFileIo final : public FileIoDecorator {
   public:
    using FileIoDecorator::FileIoDecorator;
    int Open(const char* name, int flags, int mode) override {
      if ((flags & O_ACCMODE) != O_RDONLY) return -error;
      return FileIoDecorator::Open(name, flags, mode);
    }
    int error = EACCES;
  };
  ReadOnlyFileIo read_only(io_);
  for (const int error : {EACCES, EROFS, EPERM}) {
    read_only.error = error;
    options_.filename = path;
    options_.access = FileAccess::kReadWrite;
    const absl::Status refused = OpenHostFile(read_only, host_, options_).status();
    EXPECT_EQ(ErrnoOf(refused), error);
    EXPECT_THAT(MessageOf(refused), HasSubstr("read-only=on"));
    options_.access = FileAccess::kAutoReadOnly;
    const absl::StatusOr<OpenedFile> opened = OpenHostFile(read_only, host_, options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_TRUE(opened->read_only);
  }
  // Any other error is one.
  read_only.error = EBUSY;
  EXPECT_EQ(ErrnoOf(OpenHostFile(read_only, host_, options_).status()), EBUSY);
  // Where writing is allowed it is used.
  const absl::StatusOr<OpenedFile> writable = Open(path);
  ASSERT_TRUE(writable.ok());
  EXPECT_FALSE(writable->read_only);
}

TEST_F(OpenFileTest, AioNativeNeedsDirectIo) {
  const std::string path = folder_.Make("disk.img", 512);
  options_.aio = FileAioHint::kNative;
  EXPECT_THAT(MessageOf(Error(path)), HasSubstr("aio=native needs cache.direct=on"));
  options_.aio = FileAioHint::kIoUring;
  EXPECT_TRUE(Open(path).ok());
}

TEST_F(OpenFileTest, AnErrorLeavesNoDescriptorOpen) {
  const std::string path = folder_.Make("disk.img", 512);
  FakeHostCalls host;
  host.direct = DirectIoAlignment{.memory = 512, .offset = 0};
  options_.caching = FileCaching::kDirect;
  options_.filename = path;
  FileIoDecorator counted(io_);
  EXPECT_FALSE(OpenHostFile(counted, host, options_).ok());
  EXPECT_EQ(counted.open_files(), 0);
  options_.caching = FileCaching::kPageCache;
  {
    const absl::StatusOr<OpenedFile> opened = OpenHostFile(counted, host, options_);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(counted.open_files(), 1);
  }
  EXPECT_EQ(counted.open_files(), 0);
}

}  // namespace
}  // namespace platter
