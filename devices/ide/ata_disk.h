// SPDX-License-Identifier: Apache-2.0
//
// AtaDisk: a hard disk on an IDE channel (ATA/ATAPI-4 to -7, TRIM of ACS-2): PIO, multiword and
// Ultra DMA; CHS, 28-bit and 48-bit addresses. ata_commands.h has its commands.
//
//   auto disk = AtaDisk::Create({.id = "hd0"}, channel.port(0), backend, control, control);
//
// Every number of the guest is checked before anything moves: a range that is not all on the disk
// is IDNF and transfers nothing; a DMA command is one request of the backend, so a write is done or
// reported failed, whatever the guest does to the bus master meanwhile.
//
// Ownership, threading: see IdeDrive. The port's channel outlives the disk.
// Units: on the wire, sectors of 512 bytes. Errors: Create: INVALID_ARGUMENT naming device and
//   property, or what Attach said; a disk needs a medium that can be written. To the guest: IDNF
//   for addresses, UNC for reads that fail, ABRT for all else.

#ifndef PLATTER_DEVICES_IDE_ATA_DISK_H_
#define PLATTER_DEVICES_IDE_ATA_DISK_H_

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "base/arith.h"
#include "blockbackend/device_view.h"
#include "devices/ide/ata_commands.h"
#include "devices/ide/ata_disk_options.h"
#include "devices/ide/ata_identify.h"
#include "devices/ide/dma_transfer.h"
#include "devices/ide/ide_drive.h"

namespace platter {

namespace state {
class AtaDisk;
}

class AtaDisk final : public IdeDrive, private BlockRequest {
 public:
  // The disk works in `context`; `control` is the backend's control context.
  static absl::StatusOr<std::unique_ptr<AtaDisk>> Create(const AtaDiskOptions& options,
                                                         IdePort& port, BlockDeviceView& backend,
                                                         AioContext& control, AioContext& context);

  const char* model() const override { return "ide-hd"; }

 private:
  // Where the command is.
  enum class Step : uint8_t {
    kIdle,
    kRead,       // The backend reads the next block for PIO.
    kReadData,   // The guest reads it.
    kWriteData,  // The guest writes a block by PIO.
    kWrite,      // The backend writes it.
    kVerify,
    kFlush,
    kDmaWait,  // For the bus master.
    kDma,
    kTrimWait,  // For the bus master to bring the ranges.
    kTrim,      // The backend discards one of them.
  };
  enum class Power : uint8_t { kActive, kStandby, kSleep };

  AtaDisk(Setup setup, const AtaDiskOptions& options);
  absl::Status Attach();

  // IdeDrive.
  void OnCommand(const TaskFile& file) override;
  void OnDataDone() override;
  void OnDmaReady(uint32_t prd_table) override;
  void OnReset(IdeReset kind) override;
  std::string Save() override;
  absl::Status Restore(const std::string& state) override;
  void TakeUpAgain() override;
  // IdeDevice.
  IdeSignature signature() const override { return kAtaSignature; }
  bool takes_device_reset() const override { return false; }
  // BlockRequest.
  void OnBlockDone(IoResult result) override;

  // --- Commands without I/O (ata_disk.cc). ---

  void Run();
  void RunSetting();
  void Identify();
  void SetMultiple();
  void SetFeatures();
  void ReadNativeMax();
  void Seek();
  void InitializeParameters();
  void Smart();
  // Gives one sector of the disk's own to the guest.
  void OfferSector(const std::array<uint8_t, kSectorSize>& data);

  void Succeed();
  void Fail(uint8_t error);
  uint64_t sectors() const;

  // --- Commands with I/O (ata_disk_transfer.cc). ---

  void StartTransfer();
  void StartPio(uint32_t sectors_per_block);
  void StartFlush();
  void StartTrim();
  // Fills in lba_ and left_; false: the command has failed.
  bool TakeRange(IoOp what);
  // The next block's length in sectors.
  uint32_t NextBlock() const;
  // One request, of [lba_, lba_ + sectors), to or from buffer_.
  void SubmitBlock(IoOp what, uint32_t sectors);
  void SubmitDma();
  void ReadTrimRanges(DmaEnd end);
  // The next range that is not empty, or the end of the command.
  void SubmitNextTrim();
  void FailDma(DmaEnd end);
  void OnPioRead();
  void OnPioWritten();
  void OnVerified();
  void OnFlushed();
  void OnDmaDone(IoResult result);
  // The backend failed request of the step.
  void FailIo(IoResult result);

  // --- Saved state (ata_disk_state.cc). ---

  // What of it needs this disk to be judged: nullptr, or what is wrong.
  const char* CheckCommand(const state::AtaDisk& from) const;
  const char* CheckTrim(const state::AtaDisk& from) const;
  const char* CheckTransfer(const state::AtaDisk& from, const AtaCommand& command) const;

  const AtaDiskOptions options_;  // Resolved.

  // In the context.
  AtaSettings settings_;
  Power power_ = Power::kActive;
  Step step_ = Step::kIdle;
  TaskFile file_;  // Of the command; what the guest reads at its end.
  const AtaCommand* command_ = nullptr;
  uint64_t lba_ = 0;           // Of the next block.
  uint32_t left_ = 0;          // Sectors from there on.
  uint32_t block_ = 1;         // Sectors in a DRQ block.
  uint32_t trim_next_ = 0;     // Entries of buffer_ looked at ...
  uint32_t trim_entries_ = 0;  // ... of so many.
  DmaEnd dma_end_ = DmaEnd::kExact;
  uint32_t prd_table_ = 0;  // Of dma_.
  DmaTransfer dma_;
  iovec piece_{};  // Of buffer_.
  alignas(4096) std::array<uint8_t, size_t{kAtaMaxMultiple} * kSectorSize> buffer_{};
};

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_ATA_DISK_H_
