// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/msix.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/arith.h"
#include "base/bytes.h"
#include "base/check.h"

namespace platter {

namespace {

constexpr uint64_t kMinHalf = 2048;  // Table and pending bits, a page together at least.

// The words of an entry (6.8.2.6 to 6.8.2.9) and what of each software may write.
enum Word : uint32_t { kAddressLow, kAddressHigh, kData, kControl };
constexpr uint32_t kWordBitsWritable[] = {0xfffffffc, 0xffffffff, 0xffffffff, kMsixEntryMasked};

uint64_t HalfFor(uint32_t vectors) {
  return std::bit_ceil(std::max<uint64_t>(kMinHalf, uint64_t{kMsixEntryBytes} * vectors));
}

// Of a saved state.
uint32_t WordOf(const std::string& state, size_t index) {
  std::array<char, kPciDwordBytes> bytes{};
  std::copy_n(state.begin() + static_cast<ptrdiff_t>(index * kPciDwordBytes), bytes.size(),
              bytes.begin());
  return std::bit_cast<Le32>(bytes).get();
}

}  // namespace

Msix::Msix(uint32_t vectors, MessageSink& sink)
    : vectors_(vectors),
      pending_offset_(HalfFor(vectors)),
      sink_(sink),
      table_(size_t{vectors} * kEntryWords),
      pending_((vectors + kWordBits - 1) / kWordBits) {
  PLATTER_CHECK(vectors <= kMsixMaxVectors);
  Reset();
}

void Msix::ClearPending() {
  for (auto& word : pending_) word.store(0, std::memory_order_seq_cst);
}

void Msix::Reset() {
  control_.store(0, std::memory_order_seq_cst);
  for (size_t i = 0; i < table_.size(); ++i) {
    // 6.8.2.9: masked after reset.
    table_[i].store(i % kEntryWords == kControl ? kMsixEntryMasked : 0, std::memory_order_seq_cst);
  }
  ClearPending();
}

// --- Messages. ---

bool Msix::masked(uint32_t vector) const {
  return (control_.load(std::memory_order_seq_cst) & (kMsixFunctionMask | kMsixEnable)) !=
             kMsixEnable ||
         (table_[vector * kEntryWords + kControl].load(std::memory_order_seq_cst) &
          kMsixEntryMasked) != 0;
}

void Msix::Send(uint32_t vector) {
  const std::atomic<uint32_t>* entry = &table_[size_t{vector} * kEntryWords];
  // Software masks an entry before it changes it (6.8.2); one that doesn't gets a mixture.
  const uint64_t address = entry[kAddressLow].load(std::memory_order_acquire) |
                           uint64_t{entry[kAddressHigh].load(std::memory_order_acquire)} << 32;
  sink_.Send(address, entry[kData].load(std::memory_order_acquire));
}

void Msix::SendIfPending(uint32_t vector) {
  const uint32_t bit = uint32_t{1} << (vector % kWordBits);
  std::atomic<uint32_t>& word = pending_[vector / kWordBits];
  if ((word.load(std::memory_order_seq_cst) & bit) == 0) return;
  if ((word.fetch_and(~bit, std::memory_order_seq_cst) & bit) != 0) Send(vector);
}

void Msix::Raise(uint32_t vector) {
  if (vector >= vectors_) return;
  if (!masked(vector)) return Send(vector);
  pending_[vector / kWordBits].fetch_or(uint32_t{1} << (vector % kWordBits),
                                        std::memory_order_seq_cst);
  // Unmasked in between: whoever takes the bit away sends.
  if (!masked(vector)) SendIfPending(vector);
}

void Msix::SetControl(uint16_t control) {
  const uint16_t before = control_.exchange(control, std::memory_order_seq_cst);
  if (before == control) return;
  for (uint32_t i = 0; i < vectors_; ++i) {
    if (!masked(i)) SendIfPending(i);
  }
}

// --- Accesses. ---

uint32_t Msix::ReadWord(uint64_t offset) const {
  const uint64_t index = offset / kPciDwordBytes;
  if (index < table_.size()) return table_[index].load(std::memory_order_seq_cst);
  if (offset < pending_offset_) return 0;
  const uint64_t bits = (offset - pending_offset_) / kPciDwordBytes;
  return bits < pending_.size() ? pending_[bits].load(std::memory_order_seq_cst) : 0;
}

void Msix::WriteWord(uint64_t offset, uint32_t mask, uint32_t value) {
  const uint64_t index = offset / kPciDwordBytes;
  if (index >= table_.size()) return;  // 6.8.2.10: pending bits are read-only.
  mask &= kWordBitsWritable[index % kEntryWords];
  // Only the bits of the mask change, whoever writes others at the same time.
  const uint32_t before = table_[index].load(std::memory_order_seq_cst);
  table_[index].fetch_xor((before ^ value) & mask, std::memory_order_seq_cst);
  const auto vector = static_cast<uint32_t>(index / kEntryWords);
  if (index % kEntryWords == kControl && !masked(vector)) SendIfPending(vector);
}

uint64_t Msix::Read(uint64_t offset, unsigned width) const {
  uint64_t value = 0;
  for (unsigned i = 0; i < width; ++i) {
    const uint64_t at = offset + i;
    const uint32_t word = ReadWord(AlignDown(at, kPciDwordBytes));
    value |= uint64_t{(word >> (8 * (at % kPciDwordBytes))) & 0xff} << (8 * i);
  }
  return value;
}

void Msix::Write(uint64_t offset, unsigned width, uint64_t value) {
  const uint64_t end = offset + width;
  for (uint64_t word = AlignDown(offset, kPciDwordBytes); word < end; word += kPciDwordBytes) {
    uint32_t mask = 0;
    uint32_t bits = 0;
    for (uint64_t at = std::max(word, offset); at < std::min(word + kPciDwordBytes, end); ++at) {
      mask |= uint32_t{0xff} << (8 * (at - word));
      bits |= static_cast<uint32_t>((value >> (8 * (at - offset))) & 0xff) << (8 * (at - word));
    }
    WriteWord(word, mask, bits);
  }
}

// --- Saved state. ---

std::string Msix::Save() const {
  std::string state;
  const auto append = [&state](const std::vector<std::atomic<uint32_t>>& words) {
    for (const auto& word : words) {
      const auto bytes = std::bit_cast<std::array<char, kPciDwordBytes>>(Le32(word.load()));
      state.append(bytes.data(), bytes.size());
    }
  };
  append(table_);
  append(pending_);
  return state;
}

const char* Msix::Check(const std::string& state) const {
  if (state.size() != (table_.size() + pending_.size()) * kPciDwordBytes) {
    return "the size of its MSI-X table";
  }
  for (size_t i = 0; i < table_.size(); ++i) {
    if ((WordOf(state, i) & ~kWordBitsWritable[i % kEntryWords]) != 0) return "its MSI-X table";
  }
  if (vectors_ % kWordBits != 0 &&
      (WordOf(state, table_.size() + pending_.size() - 1) >> (vectors_ % kWordBits)) != 0) {
    return "its pending MSI-X vectors";
  }
  return nullptr;
}

void Msix::Restore(const std::string& state) {
  for (size_t i = 0; i < table_.size(); ++i) table_[i].store(WordOf(state, i));
  for (size_t i = 0; i < pending_.size(); ++i) {
    pending_[i].store(WordOf(state, table_.size() + i));
  }
}

}  // namespace platter
