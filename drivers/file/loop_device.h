// SPDX-License-Identifier: Apache-2.0
//
// LoopDevice: a loop device over a file of a test. Making one needs rights that the sandbox takes
// away: the test is tagged `local`, and skips with kWhyNot where the machine does not let it.
//
// Ownership: a value of the test; the device goes with its last descriptor. Threading: one thread.
// Units: bytes. Errors: ok() says whether there is one.

#ifndef PLATTER_DRIVERS_FILE_LOOP_DEVICE_H_
#define PLATTER_DRIVERS_FILE_LOOP_DEVICE_H_

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace platter {

class LoopDevice {
 public:
  explicit LoopDevice(const std::string& file) {
    const int control = ::open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) return;
    // Another process may take the free number first.
    for (int attempt = 0; attempt < 20 && fd_ < 0; ++attempt) {
      const int number = ::ioctl(control, LOOP_CTL_GET_FREE);
      if (number < 0) break;
      Configure("/dev/loop" + std::to_string(number), file);
    }
    ::close(control);
  }
  ~LoopDevice() {
    if (fd_ >= 0) ::close(fd_);
  }
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;

  // Of a test that skips when there is none: a row of testing/allowed_skips.txt.
  static constexpr const char* kWhyNot = "no-loop-device: none can be made here";

  bool ok() const { return fd_ >= 0; }
  const std::string& path() const { return path_; }
  // The file under it has become longer.
  void TakeNewSize() { EXPECT_EQ(::ioctl(fd_, LOOP_SET_CAPACITY), 0); }

 private:
  void Configure(const std::string& device, const std::string& file) {
    const int fd = ::open(device.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    loop_config config = {};
    const int backing = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    config.fd = static_cast<uint32_t>(backing);
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
      fd_ = fd;
      path_ = device;
    } else {
      ::close(fd);
    }
    ::close(backing);
  }

  int fd_ = -1;
  std::string path_;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_LOOP_DEVICE_H_
