// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/scsi_initiator.h"

#include <algorithm>

namespace platter {
namespace {

constexpr uint8_t kUnitAttention = 6;
// No unit has more kinds of attention than that.
constexpr int kMaxAttentions = 32;

void Put(std::vector<uint8_t>& cdb, size_t at, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    cdb[at + i] = static_cast<uint8_t>(value >> (8 * (bytes - 1 - i)));
  }
}

std::vector<uint8_t> Cdb10(uint8_t opcode, uint32_t lba, uint16_t count) {
  std::vector<uint8_t> cdb(10);
  cdb[0] = opcode;
  Put(cdb, 2, lba, 4);
  Put(cdb, 7, count, 2);
  return cdb;
}

std::vector<uint8_t> Cdb16(uint8_t opcode, uint64_t lba, uint32_t count) {
  std::vector<uint8_t> cdb(16);
  cdb[0] = opcode;
  Put(cdb, 2, lba, 8);
  Put(cdb, 10, count, 4);
  return cdb;
}

bool IsDescriptor(const std::vector<uint8_t>& sense) { return (sense[0] & 0x7f) >= 0x72; }

}  // namespace

uint8_t ScsiAnswer::key() const {
  if (sense.size() < 3) return 0;
  return sense[IsDescriptor(sense) ? 1 : 2] & 0xf;
}

uint16_t ScsiAnswer::code() const {
  if (sense.size() < 4) return 0;
  const size_t at = IsDescriptor(sense) ? 2 : 12;
  if (sense.size() < at + 2) return 0;
  return static_cast<uint16_t>(sense[at] << 8 | sense[at + 1]);
}

uint64_t ScsiAnswer::Number(size_t at, size_t bytes) const {
  if (at + bytes > data.size()) return 0;
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | data[at + i];
  return value;
}

std::vector<uint8_t> ScsiRead10(uint32_t lba, uint16_t blocks) { return Cdb10(0x28, lba, blocks); }
std::vector<uint8_t> ScsiWrite10(uint32_t lba, uint16_t blocks) { return Cdb10(0x2a, lba, blocks); }
std::vector<uint8_t> ScsiRead16(uint64_t lba, uint32_t blocks) { return Cdb16(0x88, lba, blocks); }
std::vector<uint8_t> ScsiWrite16(uint64_t lba, uint32_t blocks) { return Cdb16(0x8a, lba, blocks); }
std::vector<uint8_t> ScsiSynchronizeCache10() { return Cdb10(0x35, 0, 0); }
std::vector<uint8_t> ScsiUnmap10(uint16_t list_bytes) { return Cdb10(0x42, 0, list_bytes); }
std::vector<uint8_t> ScsiWriteSame16(uint64_t lba, uint32_t blocks) {
  return Cdb16(0x93, lba, blocks);
}

std::vector<uint8_t> ScsiUnmapList(uint64_t lba, uint32_t blocks) {
  std::vector<uint8_t> list(24);
  Put(list, 0, 22, 2);
  Put(list, 2, 16, 2);
  Put(list, 8, lba, 8);
  Put(list, 16, blocks, 4);
  return list;
}

ScsiInitiator::Answer ScsiInitiator::TestUnitReady() {
  return transport_.Execute(std::vector<uint8_t>(6), {}, 0);
}

ScsiInitiator::Answer ScsiInitiator::Inquiry(uint16_t allocation) {
  std::vector<uint8_t> cdb = {0x12, 0, 0, 0, 0, 0};
  Put(cdb, 3, allocation, 2);
  return In(cdb, allocation);
}

ScsiInitiator::Answer ScsiInitiator::InquiryPage(uint8_t page, uint16_t allocation) {
  std::vector<uint8_t> cdb = {0x12, 1, page, 0, 0, 0};
  Put(cdb, 3, allocation, 2);
  return In(cdb, allocation);
}

ScsiInitiator::Answer ScsiInitiator::RequestSense(uint8_t allocation) {
  return In(std::vector<uint8_t>{0x03, 0, 0, 0, allocation, 0}, allocation);
}

ScsiInitiator::Answer ScsiInitiator::ModeSense6(uint8_t page, uint8_t allocation) {
  return In(std::vector<uint8_t>{0x1a, 0, page, 0, allocation, 0}, allocation);
}

ScsiInitiator::Answer ScsiInitiator::ModeSense10(uint8_t page, uint16_t allocation) {
  std::vector<uint8_t> cdb = Cdb10(0x5a, 0, allocation);
  cdb[2] = page;
  return In(cdb, allocation);
}

ScsiInitiator::Answer ScsiInitiator::ReportLuns(uint32_t allocation, uint8_t select) {
  std::vector<uint8_t> cdb(12);
  cdb[0] = 0xa0;
  cdb[2] = select;
  Put(cdb, 6, allocation, 4);
  return In(cdb, allocation);
}

ScsiInitiator::Answer ScsiInitiator::StartStopUnit(StartStop what) {
  return In(std::vector<uint8_t>{0x1b, 0, 0, 0, static_cast<uint8_t>(what), 0}, 0);
}

ScsiInitiator::Answer ScsiInitiator::PreventAllow(Removal removal) {
  return In(std::vector<uint8_t>{0x1e, 0, 0, 0, static_cast<uint8_t>(removal), 0}, 0);
}

ScsiInitiator::Answer ScsiInitiator::ReadCapacity10() { return In(Cdb10(0x25, 0, 0), 8); }

ScsiInitiator::Answer ScsiInitiator::ReadCapacity16() {
  std::vector<uint8_t> cdb = Cdb16(0x9e, 0, 32);
  cdb[1] = 0x10;
  return In(cdb, 32);
}

ScsiInitiator::Answer ScsiInitiator::Read10(uint32_t lba, uint16_t blocks, uint32_t block_size) {
  return In(ScsiRead10(lba, blocks), size_t{blocks} * block_size);
}

ScsiInitiator::Answer ScsiInitiator::Read16(uint64_t lba, uint32_t blocks, uint32_t block_size) {
  return In(ScsiRead16(lba, blocks), size_t{blocks} * block_size);
}

ScsiInitiator::Answer ScsiInitiator::Write10(uint32_t lba, uint16_t blocks,
                                             std::span<const uint8_t> data) {
  return transport_.Execute(ScsiWrite10(lba, blocks), data, 0);
}

ScsiInitiator::Answer ScsiInitiator::Write16(uint64_t lba, uint32_t blocks,
                                             std::span<const uint8_t> data) {
  return transport_.Execute(ScsiWrite16(lba, blocks), data, 0);
}

ScsiInitiator::Answer ScsiInitiator::SynchronizeCache() { return In(ScsiSynchronizeCache10(), 0); }

ScsiInitiator::Answer ScsiInitiator::Unmap(uint64_t lba, uint32_t blocks) {
  const std::vector<uint8_t> list = ScsiUnmapList(lba, blocks);
  return transport_.Execute(ScsiUnmap10(static_cast<uint16_t>(list.size())), list, 0);
}

ScsiInitiator::Answer ScsiInitiator::WriteSame16(uint64_t lba, uint32_t blocks,
                                                 std::span<const uint8_t> block) {
  return transport_.Execute(ScsiWriteSame16(lba, blocks), block, 0);
}

ScsiInitiator::Answer ScsiInitiator::GetEventStatus() {
  std::vector<uint8_t> cdb = Cdb10(0x4a, 0, 8);
  cdb[1] = 1;
  cdb[4] = 1 << 4;
  return In(cdb, 8);
}

ScsiInitiator::Answer ScsiInitiator::ReadToc(uint8_t format) {
  constexpr uint16_t kAllocation = 512;
  std::vector<uint8_t> cdb = Cdb10(0x43, 0, kAllocation);
  cdb[2] = format;
  return In(cdb, kAllocation);
}

ScsiInitiator::Answer ScsiInitiator::ClearAttentions() {
  Answer answer = TestUnitReady();
  for (int i = 0; i < kMaxAttentions && answer.ok() && answer->key() == kUnitAttention; ++i) {
    answer = TestUnitReady();
  }
  return answer;
}

}  // namespace platter
