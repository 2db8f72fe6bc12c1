// SPDX-License-Identifier: Apache-2.0
//
// SimulatedHost, SimulatedDeviceHost: what a file node asks its host about, answered for a file or
// block device of a simulated world's disk, which has no such calls of its own.
//
// Ownership: shared; the disk outlives it. Threading: the world's thread. Units: bytes.
// Errors: as the disk's.

#ifndef PLATTER_DRIVERS_FILE_SIMULATED_HOST_H_
#define PLATTER_DRIVERS_FILE_SIMULATED_HOST_H_

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>

#include "aio/simulated/disk.h"
#include "drivers/file/fake_host_calls.h"

namespace platter {

// A host for the file at `path`, which is on the disk. It is an ordinary file system with direct
// I/O in units of 512 bytes; the test changes what it wants otherwise.
inline std::shared_ptr<FakeHostCalls> SimulatedHost(SimulatedDisk& disk, const std::string& path) {
  auto host = std::make_shared<FakeHostCalls>();
  host->length = [&disk, path] { return disk.Find(path)->size(); };
  host->truncate = [&disk, path](uint64_t length) { return disk.Find(path)->Truncate(length); };
  host->direct = DirectIoAlignment{.memory = 512, .offset = 512};
  return host;
}

// The same for the device at `path`, with sectors of 512 bytes.
inline std::shared_ptr<FakeHostCalls> SimulatedDeviceHost(SimulatedDisk& disk,
                                                          const std::string& path) {
  auto host = SimulatedHost(disk, path);
  host->kind = HostFileKind::kBlockDevice;
  host->truncate = [](uint64_t) { return -EINVAL; };
  return host;
}

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_SIMULATED_HOST_H_
