// SPDX-License-Identifier: Apache-2.0
//
// ScsiInitiator: the SCSI commands that guests send, by name, over any transport; and what a
// command came to.
//
//   ScsiInitiator disk(unit);                       // A ScsiTransport: virtio_scsi_driver.h has
//   one. auto answer = disk.Read10(lba, blocks, 512);    // answer->good(), answer->data
//
// Ownership: the transport outlives it. Threading: as the transport's.
// Units: logical blocks; bytes. Errors: those of the transport; what the unit answers is a value.

#ifndef PLATTER_TESTING_GUEST_SCSI_INITIATOR_H_
#define PLATTER_TESTING_GUEST_SCSI_INITIATOR_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace platter {

struct ScsiAnswer {
  // The transport's own answer; 0 when the unit has answered.
  uint8_t transport = 0;
  uint8_t status = 0;
  std::vector<uint8_t> sense;
  uint64_t residual = 0;      // Bytes of the buffer that were not transferred.
  std::vector<uint8_t> data;  // Data-in, as far as it was transferred.

  bool good() const { return transport == 0 && status == 0; }
  // Of the sense data (fixed or descriptor format): the key, and additional code and qualifier as
  // one number; 0 without any.
  uint8_t key() const;
  uint16_t code() const;
  bool IsSense(uint8_t want_key, uint16_t want_code) const {
    return transport == 0 && status == 2 && key() == want_key && code() == want_code;
  }
  // A big-endian number in `data`; 0 beyond its end.
  uint64_t Number(size_t at, size_t bytes) const;
};

class ScsiTransport {
 public:
  // Sends a command to the unit and waits. Either `out` or `in_bytes` is empty.
  virtual absl::StatusOr<ScsiAnswer> Execute(std::span<const uint8_t> cdb,
                                             std::span<const uint8_t> out, size_t in_bytes) = 0;

 protected:
  ~ScsiTransport() = default;
};

class ScsiInitiator {
 public:
  using Answer = absl::StatusOr<ScsiAnswer>;

  explicit ScsiInitiator(ScsiTransport& transport) : transport_(transport) {}

  // --- All types. ---
  Answer TestUnitReady();
  Answer Inquiry(uint16_t allocation = 96);
  Answer InquiryPage(uint8_t page, uint16_t allocation = 255);
  Answer RequestSense(uint8_t allocation = 18);
  Answer ModeSense6(uint8_t page, uint8_t allocation = 255);
  Answer ModeSense10(uint8_t page, uint16_t allocation = 512);
  Answer ReportLuns(uint32_t allocation = 4096, uint8_t select = 0);
  // START STOP UNIT with LoEj as Start says: kEject (without Start), kLoad (with).
  enum class StartStop : uint8_t { kStop = 0, kStart = 1, kEject = 2, kLoad = 3 };
  Answer StartStopUnit(StartStop what);
  enum class Removal : uint8_t { kAllow = 0, kPrevent = 1 };
  Answer PreventAllow(Removal removal);

  // --- Blocks. ---
  Answer ReadCapacity10();
  Answer ReadCapacity16();
  Answer Read10(uint32_t lba, uint16_t blocks, uint32_t block_size);
  Answer Read16(uint64_t lba, uint32_t blocks, uint32_t block_size);
  Answer Write10(uint32_t lba, uint16_t blocks, std::span<const uint8_t> data);
  Answer Write16(uint64_t lba, uint32_t blocks, std::span<const uint8_t> data);
  Answer SynchronizeCache();
  Answer Unmap(uint64_t lba, uint32_t blocks);
  // WRITE SAME(16) of one block.
  Answer WriteSame16(uint64_t lba, uint32_t blocks, std::span<const uint8_t> block);

  // --- CD and DVD. ---
  // The media class, polled.
  Answer GetEventStatus();
  Answer ReadToc(uint8_t format = 0);

  // Attentions taken away, as an initiator does that has just found the unit: TEST UNIT READY until
  // nothing is pending. The last answer.
  Answer ClearAttentions();

 private:
  Answer In(std::span<const uint8_t> cdb, size_t bytes) {
    return transport_.Execute(cdb, {}, bytes);
  }

  ScsiTransport& transport_;
};

// CDBs that callers of asynchronous forms need too.
std::vector<uint8_t> ScsiRead10(uint32_t lba, uint16_t blocks);
std::vector<uint8_t> ScsiWrite10(uint32_t lba, uint16_t blocks);
std::vector<uint8_t> ScsiRead16(uint64_t lba, uint32_t blocks);
std::vector<uint8_t> ScsiWrite16(uint64_t lba, uint32_t blocks);
std::vector<uint8_t> ScsiSynchronizeCache10();
std::vector<uint8_t> ScsiUnmap10(uint16_t list_bytes);
std::vector<uint8_t> ScsiWriteSame16(uint64_t lba, uint32_t blocks);
// The parameter list of an UNMAP of one range.
std::vector<uint8_t> ScsiUnmapList(uint64_t lba, uint32_t blocks);

}  // namespace platter

#endif  // PLATTER_TESTING_GUEST_SCSI_INITIATOR_H_
