// SPDX-License-Identifier: Apache-2.0
//
// DiskModel: the reference for what a disk must hold: an array of bytes, and which of them may read
// as anything (discarded, or under a write that failed or was cut short).
//
// Ownership: owns its bytes. Threading: one thread. Units: bytes.
// Errors: ranges outside the disk are errors of the test and fail a check.

#ifndef PLATTER_TESTING_MODEL_DISK_MODEL_H_
#define PLATTER_TESTING_MODEL_DISK_MODEL_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace platter {

class DiskModel {
 public:
  // Reads as zeroes at first.
  explicit DiskModel(uint64_t size);

  uint64_t size() const { return bytes_.size(); }

  void Write(uint64_t offset, std::span<const uint8_t> data);
  void WriteZeroes(uint64_t offset, uint64_t length);
  // From now on the range may read as anything, until it is written.
  void MakeUndefined(uint64_t offset, uint64_t length);
  // Growth reads as zeroes.
  void Resize(uint64_t size);

  // What the disk must hold; undefined bytes are what was written there last.
  std::span<const uint8_t> Expected(uint64_t offset, uint64_t length) const;

  // nullopt when `data`, read from the disk at `offset`, is right; else a text that names the
  // first wrong byte: its offset, what it is and what it had to be.
  std::optional<std::string> Mismatch(uint64_t offset, std::span<const uint8_t> data) const;

 private:
  std::vector<uint8_t> bytes_;
  std::vector<bool> undefined_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_MODEL_DISK_MODEL_H_
