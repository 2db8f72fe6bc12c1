// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio_scsi/scsi_program.h"

#include <algorithm>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "devices/scsi/scsi_cd.h"
#include "devices/scsi/scsi_disk.h"
#include "devices/virtio/virtio_spec.h"

namespace platter {

namespace {

using Part = HostileMemory::Part;

// Each queue's rings.
constexpr uint64_t kRingBytes = 0x200;
constexpr uint64_t kAvailAt = 0x80;
constexpr uint64_t kUsedAt = 0x100;
constexpr uint64_t RingsOf(uint16_t queue) {
  return HostileMemory::Begin(Part::kRings) + queue * kRingBytes;
}
// Each head's table and request, of all queues.
constexpr uint64_t kTableBytes = 64;
constexpr uint64_t kSlotBytes = 160;
constexpr uint64_t kResponseAt = 51;
constexpr uint32_t kRequestBytes = 51;
constexpr uint32_t kResponseBytes = 108;
constexpr uint64_t TableOf(uint16_t slot) {
  return HostileMemory::Begin(Part::kTables) + slot * kTableBytes;
}
constexpr uint64_t SlotOf(uint16_t slot) {
  return HostileMemory::Begin(Part::kHeaders) + slot * kSlotBytes;
}
static_assert(3 * kRingBytes <= HostileMemory::Bytes(Part::kRings));
static_assert(24 * kTableBytes <= HostileMemory::Bytes(Part::kTables));
static_assert(24 * kSlotBytes <= HostileMemory::Bytes(Part::kHeaders));

uint8_t Take8(std::span<const uint8_t>& bytes) {
  if (bytes.empty()) return 0;
  const uint8_t value = bytes.front();
  bytes = bytes.subspan(1);
  return value;
}

uint64_t Take(std::span<const uint8_t>& bytes, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | Take8(bytes);
  return value;
}

}  // namespace

ScsiProgram::ScsiProgram() : control_(world_.NewContext("control")), io_(world_.NewContext("io")) {
  for (FakeBlockDevice* device : {&disk_, &cd_, &plugged_}) device->record = false;
  for (size_t i = 0; i < disk_.data.size(); ++i) disk_.data[i] = static_cast<uint8_t>(i * 7);
  adapter_ =
      *VirtioScsi::Create({.id = "fuzz", .queue_size = kSize, .iothreads = {&io_}}, control_);
  PLATTER_CHECK(adapter_->AddUnit({}, *ScsiDisk::Create({.id = "d"}, disk_)).ok());
  PLATTER_CHECK(
      adapter_->AddUnit({.target = 0, .lun = 1}, *ScsiCd::Create({.id = "c"}, cd_, control_)).ok());
  InterruptVectors& vectors = *this;
  transport_ = std::make_unique<DirectTransport>(*adapter_, vectors);
  Start(0);
}

ScsiProgram::~ScsiProgram() {
  for (FakeBlockDevice* device : {&disk_, &cd_, &plugged_}) device->Release();
  bool done = false;
  adapter_->Unplug([&] { done = true; });
  world_.RunUntil([&] { return done; });
  adapter_.reset();
}

// --- Lives. ---

void ScsiProgram::Reset() {
  for (FakeBlockDevice* device : {&disk_, &cd_, &plugged_}) {
    device->Release();
    device->next_error = 0;
  }
  bool done = false;
  adapter_->Reset([&] { done = true; });
  world_.RunUntil([&] { return done; });
  world_.RunUntilIdle();
}

void ScsiProgram::Start(uint8_t hidden) {
  Reset();
  memory_.Clear();
  PLATTER_CHECK(transport_->SetMemory(memory_.Map(hidden & 0xf)).ok());
  PLATTER_CHECK(transport_->SetFeatures(transport_->offered_features()).ok());
  for (uint16_t i = 0; i < kQueues; ++i) {
    queues_[i] = {};
    PLATTER_CHECK(transport_
                      ->StartQueue(i, {.size = kSize,
                                       .descriptors = RingsOf(i),
                                       .driver = RingsOf(i) + kAvailAt,
                                       .device = RingsOf(i) + kUsedAt})
                      .ok());
  }
  honest_ = true;
  world_.RunUntilIdle();
}

uint16_t ScsiProgram::UsedIndex(uint16_t queue) {
  return memory_.Peek<Le16>(RingsOf(queue) + kUsedAt + kVirtqUsedIdx).get();
}

void ScsiProgram::Turn() {
  const uint16_t before = UsedIndex(2);
  for (uint16_t i = 0; i < kQueues; ++i) transport_->Kick(i);
  world_.RunUntilIdle();
  answers_ += std::min<uint16_t>(static_cast<uint16_t>(UsedIndex(2) - before), kSize);
  if (!honest_ || disk_.held() + cd_.held() + plugged_.held() != 0) return;
  PLATTER_CHECK(!transport_->needs_reset());
  for (const uint16_t queue : {0, 2}) {
    PLATTER_CHECK(UsedIndex(queue) == queues_[queue].made_available);
  }
}

void ScsiProgram::CheckInvariants() {
  PLATTER_CHECK(memory_.GuardIsIntact());
  PLATTER_CHECK(disk_.held() + cd_.held() + plugged_.held() <= kSize);
}

// --- Chains. ---

void ScsiProgram::MakeAvailable(uint16_t queue, uint16_t head) {
  Queue& to = queues_[queue];
  const uint64_t avail = RingsOf(queue) + kAvailAt;
  memory_.Poke(avail + kVirtqAvailRing + uint64_t{2} * (to.made_available % kSize), Le16(head));
  memory_.Poke(avail + kVirtqAvailIdx, Le16(++to.made_available));
}

// The head of the next chain: one that is not in flight, when there is any.
uint16_t ScsiProgram::Head(uint16_t queue) {
  Queue& of = queues_[queue];
  for (; honest_ && of.reaped != UsedIndex(queue); ++of.reaped) {
    const uint64_t element = RingsOf(queue) + kUsedAt + kVirtqUsedRing +
                             kVirtqUsedElement * (uint64_t{of.reaped} % kSize);
    of.in_flight[memory_.Peek<Le32>(element).get() % kSize] = false;
  }
  for (uint16_t i = 0; i < kSize && of.in_flight[of.next_head]; ++i) {
    of.next_head = (of.next_head + 1) % kSize;
  }
  return of.next_head;
}

// An indirect chain of what has bytes.
void ScsiProgram::PutChain(uint16_t queue, uint64_t readable, uint32_t readable_bytes, uint64_t out,
                           uint32_t out_bytes, uint64_t writable, uint32_t writable_bytes,
                           uint64_t in, uint32_t in_bytes) {
  Queue& to = queues_[queue];
  const uint16_t head = Head(queue);
  // None is free: a driver that keeps the rules waits.
  if (to.in_flight[head] && honest_) return;
  to.in_flight[head] = true;
  to.next_head = (head + 1) % kSize;
  const uint64_t table = TableOf(static_cast<uint16_t>(queue * kSize + head));
  const struct {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags;
  } parts[] = {{readable, readable_bytes, 0},
               {out, out_bytes, 0},
               {writable, writable_bytes, kVirtqDescWrite},
               {in, in_bytes, kVirtqDescWrite}};
  uint16_t count = 0;
  for (const auto& part : parts) {
    if (part.bytes == 0) continue;
    memory_.Poke(
        table + count * sizeof(VirtqDesc),
        VirtqDesc{part.address, part.bytes, static_cast<uint16_t>(part.flags | kVirtqDescNext),
                  static_cast<uint16_t>(count + 1)});
    ++count;
  }
  const uint64_t last = table + (count - 1) * sizeof(VirtqDesc) + offsetof(VirtqDesc, flags);
  memory_.Poke(last, Le16(memory_.Peek<Le16>(last).get() & kVirtqDescWrite));
  memory_.Poke(
      RingsOf(queue) + head * sizeof(VirtqDesc),
      VirtqDesc{table, static_cast<uint32_t>(count * sizeof(VirtqDesc)), kVirtqDescIndirect, 0});
  MakeAvailable(queue, head);
}

uint64_t ScsiProgram::PickData(std::span<const uint8_t>& bytes) {
  const uint8_t pick = Take8(bytes);
  if (pick < 40) return HostileMemory::Begin(Part::kDevice) + uint64_t{pick} * 64;
  if (pick < 48) return HostileMemory::Begin(Part::kDevice) - pick;  // Across the border.
  return HostileMemory::Begin(Part::kData) + uint64_t{pick} * 64 % 0x3000;
}

void ScsiProgram::PickLun(uint8_t pick, uint64_t address) {
  LunBytes lun = {1, 0, 0x40, static_cast<uint8_t>(pick % 4 == 1)};
  if (pick % 16 == 14) lun[1] = 1;             // Where a unit comes and goes.
  if (pick % 32 == 15) lun = {0xc1, 1};        // The adapter's REPORT LUNS unit.
  if (pick % 32 == 31) lun = {1, 0, 0xc1, 1};  // The target's.
  if (pick == 255) lun.fill(0xff);
  memory_.Poke(address, lun);
}

void ScsiProgram::Command(std::span<const uint8_t>& bytes) {
  static constexpr uint8_t kOpcodes[] = {0x28, 0x2a, 0x28, 0x2a, 0x88, 0x8a, 0x00, 0x12,
                                         0x03, 0x1a, 0x5a, 0x15, 0x55, 0x25, 0x9e, 0x35,
                                         0x42, 0x93, 0x41, 0x2f, 0x2e, 0xa0, 0xa3, 0x1b,
                                         0x1e, 0x43, 0x4a, 0x46, 0xbd, 0xbe, 0x16, 0x17};
  const auto slot = static_cast<uint16_t>(2 * kSize + Head(2));
  const uint64_t at = SlotOf(slot);
  PickLun(Take8(bytes), at);
  memory_.Poke(at + 8, Le64(Take8(bytes) % 8));
  std::array<uint8_t, 32> cdb{};
  const uint8_t pick = Take8(bytes);
  cdb[0] = kOpcodes[pick % std::size(kOpcodes)];
  if (pick >= 192) {  // Any operation, any field.
    for (size_t i = 0; i < 16; ++i) cdb[i] = Take8(bytes);
  } else {
    cdb[1] = Take8(bytes) % 32 == 1 ? Take8(bytes) : uint8_t{0};
    if (cdb[0] == 0x9e) cdb[1] = 0x10;
    cdb[2] = cdb[0] == 0x1a || cdb[0] == 0x5a ? Take8(bytes) : uint8_t{0};
    cdb[4] = Take8(bytes);
    const bool is16 = cdb[0] >= 0x80 && cdb[0] < 0xa0;
    cdb[is16 ? 9 : 5] = Take8(bytes) % 130;
    cdb[is16 ? 13 : 8] = Take8(bytes) % 6;
  }
  memory_.Poke(at + 19, cdb);
  const uint8_t shape = Take8(bytes);
  const uint32_t data = 512u * (shape % 6);
  const bool out = cdb[0] == 0x2a || cdb[0] == 0x8a || cdb[0] == 0x42 || cdb[0] == 0x93 ||
                   cdb[0] == 0x41 || cdb[0] == 0x15 || cdb[0] == 0x55 || cdb[0] == 0x2e ||
                   cdb[0] == 0x2f;
  PutChain(2, at, kRequestBytes, PickData(bytes), out ? data : 0, at + kResponseAt, kResponseBytes,
           PickData(bytes), out ? 0 : data);
}

void ScsiProgram::Control(std::span<const uint8_t>& bytes) {
  const uint16_t slot = Head(0);
  const uint64_t at = SlotOf(slot);
  const uint8_t kind = Take8(bytes);
  const uint32_t type = kind % 8 == 7 ? 1 : kind % 8 == 6 ? 2 : 0;
  memory_.Poke(at, Le32(type));
  if (type == 0) {
    memory_.Poke(at + 4, Le32(Take8(bytes) % 9u));
    PickLun(Take8(bytes), at + 8);
    memory_.Poke(at + 16, Le64(Take8(bytes) % 8));
    return PutChain(0, at, 24, 0, 0, at + kResponseAt, 1, 0, 0);
  }
  PickLun(Take8(bytes), at + 4);
  memory_.Poke(at + 12, Le32(Take8(bytes)));
  PutChain(0, at, 16, 0, 0, at + kResponseAt, 5, 0, 0);
}

void ScsiProgram::EventBuffer(std::span<const uint8_t>& bytes) {
  const auto slot = static_cast<uint16_t>(kSize + Head(1));
  const uint8_t size = Take8(bytes);
  PutChain(1, 0, 0, 0, 0, SlotOf(slot), size < 16 ? 1u + size : 16u, 0, 0);
}

// --- What goes wrong. ---

void ScsiProgram::Mutate(std::span<const uint8_t>& bytes) {
  constexpr uint64_t kPlainBytes = HostileMemory::Begin(Part::kDevice) - HostileMemory::kBase;
  honest_ = false;
  const uint8_t kind = Take8(bytes);
  const auto slot = static_cast<uint16_t>(Take8(bytes) % (kQueues * kSize));
  const uint64_t desc = TableOf(slot) + (kind / 16 % 4) * sizeof(VirtqDesc);
  const auto queue = static_cast<uint16_t>(slot / kSize);
  switch (kind % 8) {
    case 0:
      return memory_.Poke(desc, Le64(Take(bytes, kind < 128 ? 8 : 2)));
    case 1:
      return memory_.Poke(desc + 8, Le32(static_cast<uint32_t>(Take(bytes, 4))));
    case 2:
      return memory_.Poke(desc + 8, Le32(Take8(bytes)));
    case 3:
      return memory_.Poke(desc + 12, Le16(Take8(bytes) % 8));
    case 4:
      return MakeAvailable(queue, Take8(bytes) % (kSize + 1));
    case 5:
      return memory_.ChangeOnRead(SlotOf(slot), kSlotBytes, Take8(bytes));
    case 6:
      return memory_.ChangeOnRead(RingsOf(queue), kRingBytes, Take8(bytes));
    default: {
      const uint64_t at = HostileMemory::kBase + Take(bytes, 2) % kPlainBytes;
      return memory_.Poke(at, Take8(bytes));
    }
  }
}

void ScsiProgram::Host(std::span<const uint8_t>& bytes) {
  const uint8_t what = Take8(bytes);
  FakeBlockDevice& device = what % 2 == 0 ? disk_ : cd_;
  switch (what / 2 % 10) {
    case 0:
      device.hold = true;
      return;
    case 1:
      return device.Release();
    case 2:
      device.next_error = -Take8(bytes);
      return;
    case 3:
      device.on_cancel = static_cast<FakeBlockDevice::OnCancel>(Take8(bytes) % 2);
      return;
    case 4:
      cd_.ops.change_media(Take8(bytes) % 2 == 0 ? MediumMove::kEject : MediumMove::kLoad);
      return;
    case 5:
      cd_.ops.eject_request(Take8(bytes) % 2 == 0 ? Force::kNo : Force::kYes);
      return;
    case 6:
      if (plugged_.attached) return;
      PLATTER_CHECK(
          adapter_->AddUnit({.target = 1, .lun = 0}, *ScsiDisk::Create({.id = "p"}, plugged_))
              .ok());
      return;
    case 7:
      static_cast<void>(adapter_->RemoveUnit({.target = 1, .lun = 0}, [] {}).ok());
      return;
    case 8: {
      // sense_size or cdb_size; chains are then not what they were meant to be.
      const uint8_t byte = Take8(bytes);
      honest_ = false;
      return transport_->WriteConfig(20 + byte % 8, std::span(&byte, 1));
    }
    default:
      disk_.Resize(std::min<size_t>(disk_.data.size() + size_t{512} * Take8(bytes), 256 * 1024));
  }
}

void ScsiProgram::Step(std::span<const uint8_t>& bytes) {
  const uint8_t action = Take8(bytes);
  if (action < 120) {
    Command(bytes);
  } else if (action < 140) {
    Control(bytes);
  } else if (action < 150) {
    EventBuffer(bytes);
  } else if (action < 165) {
    Mutate(bytes);
  } else if (action < 195) {
    Host(bytes);
  } else if (action < 250) {
    Turn();
  } else if (action < 252) {
    adapter_->Reset([] {});
    honest_ = false;
  } else {
    Start(Take8(bytes));
  }
  CheckInvariants();
}

void ScsiProgram::CheckWorks() {
  if (transport_->needs_reset()) ++broken_;
  Start(0);
  constexpr uint64_t kData = HostileMemory::Begin(Part::kData);
  // The attentions first.
  for (int tries = 0; tries < 16; ++tries) {
    const uint64_t at = SlotOf(static_cast<uint16_t>(2 * kSize + Head(2)));
    memory_.Poke(at, LunBytes{1, 0, 0x40, 0});
    const std::array<uint8_t, 32> cdb = {0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0};
    memory_.Poke(at + 19, cdb);
    const uint16_t used = UsedIndex(2);
    PutChain(2, at, kRequestBytes, 0, 0, at + kResponseAt, kResponseBytes, kData, 512);
    Turn();
    PLATTER_CHECK(UsedIndex(2) == used + 1);
    PLATTER_CHECK(memory_.Peek<uint8_t>(at + kResponseAt + 11) == 0);
    if (memory_.Peek<uint8_t>(at + kResponseAt + 10) != 0) continue;
    PLATTER_CHECK(
        std::equal(disk_.data.begin() + 512, disk_.data.begin() + 1024, memory_.At(kData, 512)));
    ++good_;
    return CheckInvariants();
  }
  PLATTER_CHECK(false);
}

void ScsiProgram::Run(std::span<const uint8_t> bytes) {
  Start(Take8(bytes));
  while (!bytes.empty()) Step(bytes);
  CheckWorks();
}

}  // namespace platter
