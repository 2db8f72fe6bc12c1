// SPDX-License-Identifier: Apache-2.0
//
// BlockBackend: the root of a tree of block nodes, as the host sees it: medium, size, policies,
// drain, host I/O, tray operations, statistics. The device model sees its BlockDeviceView side.
// A BackendRegistry holds the backends of one machine by name.
//
// Ownership: shared (BlockBackendRef). The last reference is dropped in the control context with no
//   device attached; it lets go of the medium, without a flush (RemoveRoot flushes).
// Threading: control context, except what device_view.h allows elsewhere. Tasks are awaited in the
//   control context; BlockOn() is the blocking form for a top level.
// Units: bytes. Errors: absl::Status naming the backend and the node or device concerned.

#ifndef PLATTER_BLOCKBACKEND_BLOCK_BACKEND_H_
#define PLATTER_BLOCKBACKEND_BLOCK_BACKEND_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "aio/task.h"
#include "base/log.h"
#include "blockbackend/block_stats.h"
#include "blockbackend/device_view.h"
#include "blockbackend/error_action.h"
#include "blockbackend/events.h"
#include "blockbackend/run_state.h"
#include "drivers/edge.h"
#include "drivers/node.h"

namespace platter {

class BackendRegistry;

// What a backend needs of its machine. All outlive it.
struct BackendServices {
  AioContext* control = nullptr;
  RunState* run_state = nullptr;     // nullptr: always running; "stop" then acts as "report".
  BlockEventSink* events = nullptr;  // nullptr: events are dropped.
  LogSink* log = nullptr;
};

struct BackendOptions {
  OnError read_error = OnError::kReport;
  OnError write_error = OnError::kEnospc;
  bool read_only = false;  // Even when the medium is not.
  bool write_cache = true;
};

enum class TrayResult : uint8_t {
  kMoved,
  kAlready,    // The tray was there, or the drive has none.
  kRequested,  // Locked: the guest got an eject request; nothing moved.
};

class BlockBackend;
using BlockBackendRef = std::shared_ptr<BlockBackend>;

class BlockBackend : public BlockDeviceView {
 public:
  virtual ~BlockBackend() = default;

  // --- Medium (rows 7, 42, 44). ---

  // The root node, nullptr when empty.
  virtual const NodeRef& root() const = 0;
  // Puts `node` in as the root. FAILED_PRECONDITION (EBUSY) when there is one or when permissions
  // collide; nothing changed then. Does not move a tray and tells no device: see LoadMedium.
  virtual Task<absl::Status> InsertRoot(NodeRef node) = 0;
  // Drains and takes the root out; OK when there is none.
  virtual Task<absl::Status> RemoveRoot() = 0;
  // Monitor semantics of blockdev-insert-medium / -remove-medium: drives with a tray need it open;
  // drives without one are told (change_media) at once.
  virtual Task<absl::Status> InsertMedium(NodeRef node) = 0;
  virtual Task<absl::Status> RemoveMedium() = 0;
  virtual Task<absl::StatusOr<TrayResult>> OpenTray(Force force) = 0;
  virtual Task<absl::StatusOr<TrayResult>> CloseTray() = 0;
  // eject: opens the tray and takes the medium out. FAILED_PRECONDITION (EBUSY, "is locked ...
  // eject requested") when the guest holds the lock and not forced.
  virtual Task<absl::Status> Eject(Force force) = 0;

  // --- Size. ---

  // Truncates the root and tells the attached device (row 33).
  virtual Task<absl::Status> Resize(uint64_t new_length) = 0;

  // --- Host I/O (row 18), on a channel of the control context; any alignment. Not held while the
  // machine is stopped; waits while the backend is drained by others. ---

  virtual Task<IoResult> Pread(uint64_t offset, std::span<uint8_t> data) = 0;
  virtual Task<IoResult> Pwrite(uint64_t offset, std::span<const uint8_t> data, IoFlags flags) = 0;
  virtual Task<IoResult> WriteZeroes(uint64_t offset, uint64_t bytes, IoFlags flags) = 0;
  virtual Task<IoResult> Discard(uint64_t offset, uint64_t bytes) = 0;
  virtual Task<IoResult> Flush() = 0;

  // --- Drain (row 25). ---

  // After the task nothing is in flight on any channel and nothing starts until EndDrain. Nests.
  virtual Task<void> BeginDrain() = 0;
  virtual void EndDrain() = 0;
  // Requests in flight now, summed over the channels; exact while drained.
  virtual uint32_t in_flight() const = 0;

  // --- Policy and status (rows 12-17). ---

  virtual absl::Status SetOnError(OnError read, OnError write) = 0;
  virtual OnError on_read_error() const = 0;
  virtual OnError on_write_error() const = 0;
  virtual bool iostatus_enabled() const = 0;
  virtual IoStatus iostatus() const = 0;
  virtual void ResetIostatus() = 0;

  virtual BlockStats Stats() const = 0;

  // --- Device. ---

  // Id of the attached device; nullopt when none is.
  virtual std::optional<std::string> attached_device() const = 0;
  virtual bool removable() const = 0;
  virtual bool has_tray() const = 0;
  virtual bool lockable() const = 0;
};

// The backends of one machine.
class BackendRegistry {
 public:
  explicit BackendRegistry(const BackendServices& services);
  BackendRegistry(const BackendRegistry&) = delete;
  BackendRegistry& operator=(const BackendRegistry&) = delete;
  // All backends are gone (checked).
  ~BackendRegistry();

  // A new empty backend. An empty name makes an anonymous one, which Find and the list leave out.
  // INVALID_ARGUMENT for an ill-formed name, ALREADY_EXISTS for one in use (row 1).
  absl::StatusOr<BlockBackendRef> Create(std::string_view name, const BackendOptions& options);
  // nullptr when there is none.
  BlockBackendRef Find(std::string_view name) const;
  // Named backends in order of creation; a snapshot, so removal during a walk is safe.
  std::vector<BlockBackendRef> List() const;
  // Also the anonymous ones: for drain-all, flush-all and shutdown.
  std::vector<BlockBackendRef> All() const;

  // Flushes every backend; the first error, naming its backend.
  Task<absl::Status> FlushAll();
  // Drains, flushes and removes the root of every backend, unnamed ones too: for shutdown.
  Task<void> RemoveAllRoots();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_BLOCK_BACKEND_H_
