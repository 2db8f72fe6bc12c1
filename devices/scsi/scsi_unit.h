// SPDX-License-Identifier: Apache-2.0
//
// ScsiUnit: what all lanes of a logical unit share, whatever its type: who it is, what initiators
// have yet to be told, who reserved it. What only one type of device has is behind the virtual
// functions. A unit knows no adapter: it is executed through lanes (scsi_lane.h), one per context.
//
// Ownership: outlives its lanes; the backend outlives it. Threading: functions without a comment:
// any. Units: bytes; logical blocks where it says so. Errors: sense.

#ifndef PLATTER_DEVICES_SCSI_SCSI_UNIT_H_
#define PLATTER_DEVICES_SCSI_SCSI_UNIT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"

#include "blockbackend/device_view.h"
#include "devices/scsi/scsi_command.h"
#include "devices/scsi/sense.h"
#include "devices/scsi/unit_attentions.h"

namespace platter {

// Texts are cut off or padded with spaces to the lengths of INQUIRY (SPC-4, 6.6.2).
struct ScsiIdentity {
  ScsiDeviceType type = ScsiDeviceType::kDisk;
  bool removable = false;
  std::string vendor = "PLATTER";  // 8 bytes.
  std::string product = "DISK";    // 16.
  std::string revision = "1.0";    // 4.
  std::string serial = {};         // Empty: no page 80h.
  std::string device_id = {};      // For the T10 designator of page 83h; empty: the serial.
  uint64_t wwn = 0;                // NAA designator; 0: none.
};

class ScsiTray;

// What an adapter may tell its guest of, besides the attention that the next command gets.
enum class ScsiNews : uint8_t {
  kCapacity,  // Another length of the same medium.
  kTray,      // The host has moved the tray, or wishes the medium back.
};

class ScsiUnit {
 public:
  ScsiUnit(ScsiIdentity identity, BlockDeviceView& backend, uint32_t block_size);
  virtual ~ScsiUnit();

  const ScsiIdentity& identity() const { return identity_; }
  BlockDeviceView& backend() const { return backend_; }
  uint32_t block_size() const { return block_size_; }
  // Of the medium, in logical blocks; a partial one at the end is not there.
  uint64_t blocks() const { return backend_.length() / block_size_; }

  UnitAttentions& attentions() { return attentions_; }
  const UnitAttentions& attentions() const { return attentions_; }

  // The initiator that reserved the unit (SPC-2, 7.21), or kNobody.
  static constexpr int kNobody = -1;
  int reserved_by() const { return reserved_by_.load(std::memory_order_relaxed); }
  // False when another initiator has it.
  bool Reserve(uint8_t nexus);
  // Nothing happens unless `nexus` has it.
  void Release(uint8_t nexus);
  // An initiator, or kNobody: of a saved state.
  void RestoreReservation(int holder) { reserved_by_.store(holder); }

  // D_SENSE of the control mode page.
  SenseFormat sense_format() const {
    return descriptor_sense_.load(std::memory_order_relaxed) ? SenseFormat::kDescriptor
                                                             : SenseFormat::kFixed;
  }
  void set_descriptor_sense(bool on) { descriptor_sense_.store(on, std::memory_order_relaxed); }

  // After a reset of device, bus or unit: reservations, changed parameters and attentions are gone,
  // and `why` is to be told. Parameters stay when that is the loss of a nexus.
  virtual void Reset(SenseCode why);
  // Machine reset: as Reset, and a tray is closed. Control context.
  void ResetMachine();

  // Told in the control context when there is news that an adapter may pass on to its guest.
  // Attentions are established already.
  void set_on_news(absl::AnyInvocable<void(ScsiNews)> on_news) { on_news_ = std::move(on_news); }
  // For the parts of the unit. Control context.
  void TellNews(ScsiNews news) {
    if (on_news_) on_news_(news);
  }

  // Of a unit with removable media; nullptr of others, whose commands never leave their lane.
  ScsiTray* tray() const { return tray_.get(); }

  // --- What the type of device has. ---

  virtual const ScsiCommandTable& commands() const = 0;
  // Logical blocks in a physical one, as a power of two; whether UNMAP is there.
  virtual uint8_t physical_exponent() const { return 0; }
  virtual bool can_unmap() const { return false; }
  // nullptr when this unit has no such command.
  const ScsiCommand* FindCommand(uint8_t opcode, uint8_t action) const {
    const ScsiCommand* const command = commands().Find(opcode, action);
    return command != nullptr && Has(*command) ? command : nullptr;
  }
  // Whether the unit has a command of its table.
  bool Has(const ScsiCommand& command) const {
    return (command.flags & kNeedsUnmap) == 0 || can_unmap();
  }
  // Whether there is a medium that commands can use, and why not.
  virtual Sense Readiness() const = 0;
  // Writes the VPD page, header included, into `out`, which has room for kMaxReplyBytes zeroes.
  // Returns its length; 0 when there is no such page.
  static constexpr size_t kMaxReplyBytes = 512;
  virtual size_t WriteVpdPage(VpdPage page, std::span<uint8_t> out) const = 0;
  virtual std::span<const VpdPage> vpd_pages() const = 0;
  // The same for a mode page, with its two-byte header. `control` is not kSaved.
  virtual size_t WriteModePage(ModePage page, PageControl control,
                               std::span<uint8_t> out) const = 0;
  virtual std::span<const ModePage> mode_pages() const = 0;
  // The device-specific parameter of the mode parameter header (SBC-3, 6.4.1).
  virtual uint8_t mode_device_parameter() const = 0;
  // Takes what is changeable of a whole, well-formed mode page. The page is as long as
  // WriteModePage makes it, and differs from it in changeable bits only.
  virtual void SelectModePage(ModePage page, std::span<const uint8_t> data) = 0;

 protected:
  // In the constructor. See ScsiTray.
  ScsiTray& AddTray(AioContext& control, const Sense& removal);

 private:
  const ScsiIdentity identity_;
  BlockDeviceView& backend_;
  const uint32_t block_size_;
  UnitAttentions attentions_;
  std::atomic<int> reserved_by_{kNobody};
  std::atomic<bool> descriptor_sense_{false};
  absl::AnyInvocable<void(ScsiNews)> on_news_;
  std::unique_ptr<ScsiTray> tray_;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_SCSI_UNIT_H_
