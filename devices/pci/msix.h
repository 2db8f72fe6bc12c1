// SPDX-License-Identifier: Apache-2.0
//
// Msix: the table and the pending bits of MSI-X (PCI 3.0, 6.8.2) and the messages that come of
// them. A vector that is masked, by its entry or with the whole function, is pending instead, and
// sent when it is unmasked. Vectors that are raised several times meanwhile are sent once.
//
// The table is at the start of its BAR, the pending bits at pending_offset(); what is neither reads
// zero. Software should use aligned accesses of 4 or 8 bytes; here every width at every offset is
// served, byte by byte. Reserved bits (of the control word, of the address below 4) read zero.
//
// Ownership: the sink outlives it. Threading: any thread, all of it; Raise takes no lock and
//   allocates nothing. Units: bytes. Errors: vectors that are not there are ignored.

#ifndef PLATTER_DEVICES_PCI_MSIX_H_
#define PLATTER_DEVICES_PCI_MSIX_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "devices/bus/message_sink.h"
#include "devices/pci/pci_spec.h"

namespace platter {

class Msix {
 public:
  // As many as vectors, at most kMsixMaxVectors.
  Msix(uint32_t vectors, MessageSink& sink);

  uint32_t vectors() const { return vectors_; }
  uint64_t bar_bytes() const { return 2 * pending_offset_; }
  uint64_t pending_offset() const { return pending_offset_; }

  // The capability's message control: enable and function mask. What is pending and is not masked
  // any more is sent.
  void SetControl(uint16_t control);
  bool enabled() const { return (control_.load(std::memory_order_seq_cst) & kMsixEnable) != 0; }
  // enabled().
  void Raise(uint32_t vector);

  uint64_t Read(uint64_t offset, unsigned width) const;
  void Write(uint64_t offset, unsigned width, uint64_t value);

  // Nothing is pending any more.
  void ClearPending();
  // As after power-on.
  void Reset();

  // --- Saved state: the table and the pending bits as software reads them. ---

  std::string Save() const;
  // nullptr, or what is wrong with it.
  const char* Check(const std::string& state) const;
  // Of a state that Check has passed. SetControl comes next.
  void Restore(const std::string& state);

 private:
  static constexpr uint32_t kEntryWords = kMsixEntryBytes / kPciDwordBytes;
  static constexpr uint32_t kWordBits = 32;

  // What is at a multiple of four.
  uint32_t ReadWord(uint64_t offset) const;
  void WriteWord(uint64_t offset, uint32_t mask, uint32_t value);
  bool masked(uint32_t vector) const;
  void Send(uint32_t vector);
  void SendIfPending(uint32_t vector);

  const uint32_t vectors_;
  const uint64_t pending_offset_;
  MessageSink& sink_;

  // Sequentially consistent: who masks or unmasks and who raises see each other.
  std::atomic<uint16_t> control_{0};
  std::vector<std::atomic<uint32_t>> table_;    // Four words each.
  std::vector<std::atomic<uint32_t>> pending_;  // A bit each.
};

}  // namespace platter

#endif  // PLATTER_DEVICES_PCI_MSIX_H_
