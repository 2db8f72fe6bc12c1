// SPDX-License-Identifier: Apache-2.0
//
// FileNode: the drivers `file` (a regular file) and `host_device` (a block device).
//
// An any-context node. Reads and writes of what is in memory are made inline, as far as a turn's
// budget goes (inline_budget.h); everything else goes through the FileIo port of the context in
// which the request was started (transfer.h, range_op.h, sync_queue.h).
//
// The file's length need not be a multiple of request_alignment (direct I/O): the last block reads
// as zeroes behind the end, and a write to it makes the host's file a whole number of blocks, but
// not the node longer. A write beyond that block makes the node longer when it completes.
//
// Ownership: shared; holds the descriptor and the image locks. The control context outlives it.
// Threading and errors: as drivers/node.h says. Units: bytes.

#ifndef PLATTER_DRIVERS_FILE_FILE_NODE_H_
#define PLATTER_DRIVERS_FILE_FILE_NODE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/io_request.h"
#include "aio/task.h"
#include "base/log.h"
#include "drivers/file/file_options.h"
#include "drivers/file/file_state.h"
#include "drivers/file/host_calls.h"
#include "drivers/file/image_lock.h"
#include "drivers/file/inline_budget.h"
#include "drivers/file/open_file.h"
#include "drivers/file/shrink_reporter.h"
#include "drivers/file/sync_queue.h"
#include "drivers/node.h"

namespace platter {

// What a file node needs of its surroundings; all outlive it.
struct FileServices {
  AioContext* control = nullptr;
  LogSink* log = nullptr;
  std::shared_ptr<HostCalls> host;  // nullptr: the kernel's.
};

class FileNode final : public BlockNode, private FileState {
 public:
  // Opens and probes. No image lock is held until a parent attaches (SetPermissions).
  static absl::StatusOr<std::shared_ptr<FileNode>> Open(const FileServices& services,
                                                        std::string node_name,
                                                        const FileOptions& options);
  ~FileNode() override;

  const char* driver_name() const override {
    return options_.driver == FileDriver::kFile ? "file" : "host_device";
  }

  IoResult Start(IoRequest& request) override;

  Task<absl::Status> Truncate(uint64_t new_length) override;
  Task<absl::StatusOr<BlockStatus>> GetBlockStatus(uint64_t offset, uint64_t bytes) override;
  std::optional<HostBlockSizes> ProbeBlockSizes() const override;
  // Of a device; from a port's thread, as it may wait.
  Task<absl::StatusOr<int>> Ioctl(uint64_t request, void* argument) override;
  std::optional<DiskGeometry> ProbeGeometry() const override;
  absl::Status SetPermissions(Permissions cumulative) override;
  LockedImage locked_image() override;
  // Its length. A sticky flush error stays: this process may have lost the writes.
  absl::Status Invalidate() override;

  // Opens the file anew with other options, keeping the image locks (another file that has got the
  // name meanwhile is locked anew); everything found out by
  // probing is found out again, and a sticky flush error ends. On failure nothing has changed.
  // EINVAL when `options` name another file or driver, or when a device above could not use the
  // length; EBUSY when another file that has got the name is in use; EACCES when a parent writes
  // and the new opening is read-only. [drained]
  absl::Status Reopen(const FileOptions& options);
  // The same in two steps. The second one can't fail, and undoes itself when it is done again.
  // Between the two nothing happens to the node.
  struct Reopening {
    OpenedFile opened;
    FileOptions options;
    std::unique_ptr<ImageLock> lock = nullptr;
    IoResult sync_error = 0;
    uint32_t missing_methods = 0;
  };
  absl::StatusOr<std::unique_ptr<Reopening>> PrepareReopen(const FileOptions& options);
  void FinishReopen(Reopening& reopening);

  const FileGeometry& geometry() const { return geometry_; }
  const std::string& path() const { return file_.get().path; }

 private:
  FileNode(const FileServices& services, std::string node_name);

  // Takes over a fresh opening: every member that depends on it is set here.
  void Adopt(OpenedFile opened, const FileOptions& options);
  bool IsSameFile(const HostFile& other) const;
  // nullptr: without locks.
  absl::StatusOr<std::unique_ptr<ImageLock>> MakeLock(const HostFile& file, FileLocking locking);

  IoResult StartRead(IoRequest& request);
  IoResult StartWrite(IoRequest& request);
  // -EIO, and reported, when the file is shorter than it is known to be.
  IoResult CheckLength();
  absl::Status TruncateFile(uint64_t new_length);
  absl::Status MeasureDevice(uint64_t new_length);

  void OnGrown(uint64_t end) override;
  void OnShrunk(uint64_t offset) override;

  FileServices services_;
  FileOptions options_;
  OwnedFile file_;
  FileGeometry geometry_;
  std::unique_ptr<ImageLock> lock_;
  Permissions permissions_;
  std::shared_ptr<ShrinkReporter> shrink_reporter_;

  SyncQueue sync_queue_;
  InlineBudget budget_;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_FILE_FILE_NODE_H_
