// SPDX-License-Identifier: Apache-2.0
//
// Cdb: a command descriptor block, copied once from the guest, and the ranges of blocks that the
// media access commands name in it.
//
// Ownership: a value. Threading: any. Units: logical blocks.
// Errors: bytes beyond what the guest gave are zero.

#ifndef PLATTER_DEVICES_SCSI_CDB_H_
#define PLATTER_DEVICES_SCSI_CDB_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace platter {

struct BlockRange {
  uint64_t lba = 0;
  uint64_t blocks = 0;
  friend bool operator==(const BlockRange&, const BlockRange&) = default;
};

class Cdb {
 public:
  static constexpr size_t kMaxBytes = 32;

  Cdb() = default;
  // Takes the first kMaxBytes of `bytes`.
  explicit Cdb(std::span<const uint8_t> bytes);

  uint8_t opcode() const { return bytes_[0]; }
  uint8_t operator[](size_t index) const { return bytes_[index]; }
  bool Bit(size_t byte, unsigned bit) const { return (bytes_[byte] >> bit & 1) != 0; }
  // Big-endian numbers at `index`.
  uint16_t Be16At(size_t index) const;
  uint32_t Be32At(size_t index) const;
  uint64_t Be64At(size_t index) const;
  // The service action (SPC-4, 4.3.4.2).
  uint8_t action() const { return bytes_[1] & 0x1f; }

  // The length that the operation code's group fixes (SPC-4, 4.2.5.1); 0 for groups that fix none.
  size_t ExpectedBytes() const;
  // The range in the places that READ, WRITE and their kin have it, by the group of the operation
  // code. A READ(6) or WRITE(6) of length 0 is one of 256 blocks (SBC-2, 5.5).
  BlockRange Range() const;

 private:
  std::array<uint8_t, kMaxBytes> bytes_{};
};

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_CDB_H_
