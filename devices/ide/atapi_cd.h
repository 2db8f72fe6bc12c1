// SPDX-License-Identifier: Apache-2.0
//
// AtapiCd: a CD and DVD-ROM drive with a tray on an IDE channel (ATA/ATAPI-4 to -7 with the PACKET
// feature set; MMC-6 inside of packets). atapi_commands.h has its ATA commands; the commands inside
// of packets are those of the logical unit that it owns, a ScsiCd. What it adds is the way of their
// data: by PIO in blocks as the guest's byte count limit wants them, or by the bus master straight
// into the guest's memory; and the sense, which stays here until the guest asks for it.
//
//   auto cd = AtapiCd::Create({.id = "cd0"}, channel.port(1), backend, control);
//
// A change of the medium is told as ATAPI drivers expect it: "not ready" (2/3A/00), then "changed"
// (6/28/00), and in GET EVENT STATUS NOTIFICATION; never by an interrupt without a command.
//
// Ownership, threading: see IdeDrive. It works in the backend's control context, where its tray is.
// Units: on the wire, blocks of 2048 bytes. Errors: Create: INVALID_ARGUMENT naming device and
//   property, or what Attach said; a drive may be empty. To the guest: sense, or ABRT where a
//   command is none of a packet drive's.

#ifndef PLATTER_DEVICES_IDE_ATAPI_CD_H_
#define PLATTER_DEVICES_IDE_ATAPI_CD_H_

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"

#include "aio/aio_context.h"
#include "base/arith.h"
#include "blockbackend/device_view.h"
#include "devices/ide/atapi_cd_options.h"
#include "devices/ide/atapi_commands.h"
#include "devices/ide/dma_transfer.h"
#include "devices/ide/ide_drive.h"
#include "devices/ide/transfer_modes.h"
#include "devices/scsi/medium_read.h"
#include "devices/scsi/scsi_cd.h"
#include "devices/scsi/scsi_lane.h"
#include "devices/scsi/scsi_task.h"
#include "devices/scsi/scsi_tray.h"

namespace platter {

namespace state {
class AtapiCd;
}

class AtapiCd final : public IdeDrive, private ScsiTask {
 public:
  // What is read of the medium at a time for a guest that takes it by PIO.
  static constexpr uint32_t kBufferBytes = 64 * kKiB;

  // `control` is the backend's control context.
  static absl::StatusOr<std::unique_ptr<AtapiCd>> Create(const AtapiCdOptions& options,
                                                         IdePort& port, BlockDeviceView& backend,
                                                         AioContext& control);

  const char* model() const override { return "ide-cd"; }
  // Control context.
  const Tray& tray() const { return unit_->tray()->mechanism(); }

 private:
  // Where the command is.
  enum class Step : uint8_t {
    kIdle,
    kPacket,       // The guest writes the packet.
    kExecute,      // The unit is at it; what it gives goes to buffer_.
    kData,         // The guest reads a block of buffer_ by PIO.
    kReplyWait,    // What is in buffer_ waits for the bus master.
    kReadWait,     // A read of the medium waits for the bus master.
    kReadDma,      // It goes straight into the guest's memory.
    kDataOut,      // The guest writes a block of buffer_ by PIO.
    kDataOutWait,  // What the command takes from the guest waits for the bus master.
  };
  enum class Power : uint8_t { kActive, kStandby, kSleep };

  AtapiCd(Setup setup, const AtapiCdOptions& options, std::unique_ptr<ScsiCd> unit);
  absl::Status Attach();

  // IdeDrive.
  void OnCommand(const TaskFile& file) override;
  void OnDataDone() override;
  void OnDmaReady(uint32_t prd_table) override;
  void OnResetBegins() override { lane_->Cancel(*this); }
  void OnReset(IdeReset kind) override;
  std::string Save() override;
  absl::Status Restore(const std::string& state) override;
  void TakeUpAgain() override;
  // IdeDevice.
  IdeSignature signature() const override { return kPacketSignature; }
  bool takes_device_reset() const override { return true; }
  // ScsiTask.
  void OnTaskDone() override;

  // --- ATA commands (atapi_cd.cc). ---

  void IdentifyPacket();
  void AbortWithSignature();
  void SetFeatures();
  void Succeed();
  void Abort();

  // --- Packets (atapi_cd_packet.cc). ---

  void AskForPacket();
  void RunPacket();
  // REQUEST SENSE while there is some of the command before.
  void AnswerWithSense();
  void StartRead(const SectorRead& read);
  // Reads the next part of the medium into buffer_.
  void ReadNextPart();
  // Has the unit do what is in `cdb`, with this memory for what it gives.
  void Execute(std::span<iovec> pieces, uint64_t length);
  // The unit is told once more: it had admitted the command.
  void ExecuteAgain(std::span<iovec> pieces, uint64_t length);
  void OnExecuted();
  // Whether the guest's byte count limit, if it matters, lets so many bytes through.
  bool CanMove(uint64_t length) const;
  // The command's data, or the next part of them, are the first `length` bytes of buffer_.
  void Deliver(uint32_t length);
  void OfferNextBlock();
  // Shows the next `block` bytes of buffer_ in the registers, and counts them as offered.
  std::span<uint8_t> NextBlock(uint8_t reason, uint32_t block);
  // The unit has admitted the command, and takes so many bytes from the guest.
  void AskForData(uint32_t length);
  void AskForNextBlock();
  void TakeDataByDma(uint32_t prd_table);
  // All of the data are in buffer_.
  void ExecuteWithData();
  void OnReadDmaDone();
  void FailDma(DmaEnd end);
  // For a byte count limit that lets nothing through (R-IDE-10).
  void AbortPacket();
  // The command is over: good, or as sense_ says.
  void Complete(std::optional<DmaEnd> dma = std::nullopt,
                IdeInterrupt interrupt = IdeInterrupt::kYes);

  // --- Saved state (atapi_cd_state.cc). ---

  // What is wrong with the command under way; nullptr: nothing.
  const char* CheckCommand(const state::AtapiCd& from) const;
  // What a block of data is a part of.
  std::span<uint8_t> PioBuffer(Step step) {
    return step == Step::kPacket ? std::span<uint8_t>(packet_) : std::span<uint8_t>(buffer_);
  }

  const AtapiCdOptions options_;  // Resolved.
  const std::unique_ptr<ScsiCd> unit_;
  std::optional<ScsiLane> lane_;  // From Attach on.

  AtaTransferModes modes_;
  Power power_ = Power::kActive;
  Step step_ = Step::kIdle;
  TaskFile file_;  // Of the command; what the guest reads at its end.
  Sense sense_;    // Of the packet command before, until the guest has asked for it.
  // Of the packet command under way.
  bool by_dma_ = false;
  uint32_t limit_ = 0;         // The guest's byte count limit.
  BlockRange to_read_;         // Of the medium, and not read yet ...
  uint32_t sector_bytes_ = 0;  // ... with so much of each sector.
  uint64_t to_move_ = 0;       // Bytes that have yet to be offered (or asked for) by PIO ...
  uint32_t filled_ = 0;        // ... of which buffer_ has (or takes) so many ...
  uint32_t offered_ = 0;       // ... and those were.
  DmaEnd dma_end_ = DmaEnd::kExact;
  uint32_t prd_table_ = 0;  // Of dma_, for the medium's data.
  DmaTransfer dma_;
  std::array<uint8_t, kAtapiPacketBytes> packet_{};
  iovec piece_{};  // Of buffer_.
  alignas(4096) std::array<uint8_t, kBufferBytes> buffer_{};
};

}  // namespace platter

#endif  // PLATTER_DEVICES_IDE_ATAPI_CD_H_
