// SPDX-License-Identifier: Apache-2.0
//
// ScsiFixture: a SCSI disk or CD-ROM drive over a fake backend, and one call per command, for
// tests.
//
// Ownership: of a test. Threading: the test's. Units: bytes. Errors: in the result.

#ifndef PLATTER_DEVICES_SCSI_SCSI_FIXTURE_H_
#define PLATTER_DEVICES_SCSI_SCSI_FIXTURE_H_

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/simulated/world.h"
#include "base/check.h"
#include "devices/scsi/scsi_cd.h"
#include "devices/scsi/scsi_disk.h"
#include "devices/scsi/scsi_lane.h"
#include "devices/scsi/scsi_task.h"
#include "devices/scsi/scsi_tray.h"
#include "devices/testing/fake_block_device.h"

namespace platter {

struct ScsiResult {
  ScsiStatus status = ScsiStatus::kGood;
  Sense sense;
  uint64_t transferred = 0;
  bool overrun = false;
  std::vector<uint8_t> data;  // All of the data-in buffer.

  // What is in `data` at `at`: text, or a big-endian number.
  std::string Text(size_t at, size_t bytes) const {
    return {data.begin() + static_cast<long>(at), data.begin() + static_cast<long>(at + bytes)};
  }
  uint64_t Number(size_t at, size_t bytes) const {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value = value << 8 | data[at + i];
    return value;
  }
  bool good() const { return status == ScsiStatus::kGood && !overrun; }
};

class ScsiFixture {
 public:
  // A task in a buffer cut into pieces of `piece` bytes, as scattered guest memory is.
  class Task final : public ScsiTask {
   public:
    Task(std::initializer_list<uint8_t> command, std::vector<uint8_t> out, size_t in_bytes,
         size_t piece = 512)
        : out_(std::move(out)), in_(in_bytes, 0xee) {
      cdb = Cdb(std::span(command.begin(), command.size()));
      data_out = Cut(out_, piece, out_pieces_);
      data_in = Cut(in_, piece, in_pieces_);
    }
    void OnTaskDone() override { ++completions; }
    ScsiResult result() const {
      return {.status = status,
              .sense = sense,
              .transferred = transferred,
              .overrun = overrun,
              .data = in_};
    }
    int completions = 0;

   private:
    static ScsiBuffer Cut(std::vector<uint8_t>& memory, size_t piece, std::vector<iovec>& pieces) {
      for (size_t at = 0; at < memory.size(); at += piece) {
        pieces.push_back({&memory[at], std::min(piece, memory.size() - at)});
      }
      return {.pieces = pieces, .bytes = memory.size()};
    }
    std::vector<uint8_t> out_;
    std::vector<uint8_t> in_;
    std::vector<iovec> out_pieces_;
    std::vector<iovec> in_pieces_;
  };

  explicit ScsiFixture(uint64_t bytes = 1 << 20) : backend(bytes) {}
  ~ScsiFixture() { Stop(); }

  // Takes the first attention away, as the first command of an initiator does.
  void Start(ScsiDiskOptions options = {}) {
    if (options.id.empty()) options.id = "disk0";
    auto created = ScsiDisk::Create(std::move(options), backend);
    PLATTER_CHECK(created.ok());
    disk = *std::move(created);
    lane = std::make_unique<ScsiLane>(*disk, context, client);
    disk->attentions().Clear();
  }
  // A disk with removable media, executed in `where` (nullptr: the control context).
  void StartRemovable(ScsiDiskOptions options = {}, AioContext* where = nullptr) {
    if (options.id.empty()) options.id = "disk0";
    auto created = ScsiDisk::CreateRemovable(std::move(options), backend, context);
    PLATTER_CHECK(created.ok());
    disk = *std::move(created);
    lane = std::make_unique<ScsiLane>(*disk, where == nullptr ? context : *where, client);
    disk->attentions().Clear();
  }
  // A drive, executed in `where` (nullptr: the control context).
  void StartCd(MmcInterface interface = MmcInterface::kScsi, AioContext* where = nullptr) {
    auto created = ScsiCd::Create({.id = "cd0", .interface = interface}, backend, context);
    PLATTER_CHECK(created.ok());
    drive = *std::move(created);
    lane = std::make_unique<ScsiLane>(*drive, where == nullptr ? context : *where, client);
    drive->attentions().Clear();
  }
  void Stop() {
    lane.reset();
    disk.reset();
    drive.reset();
  }

  ScsiResult Execute(std::initializer_list<uint8_t> cdb, std::vector<uint8_t> out = {},
                     size_t in_bytes = 0, uint8_t nexus = 0) {
    Task task(cdb, std::move(out), in_bytes);
    return Execute(task, nexus);
  }
  ScsiResult Execute(Task& task, uint8_t nexus = 0) {
    if (lane->Execute(task, nexus) == Execution::kGoesOn) {
      world.RunUntil([&] { return task.completions > 0; });
      PLATTER_CHECK(task.completions == 1);
    } else {
      PLATTER_CHECK(task.completions == 0);
    }
    return task.result();
  }

  // Bytes that differ from block to block and from seed to seed.
  static std::vector<uint8_t> Pattern(size_t bytes, uint8_t seed) {
    std::vector<uint8_t> data(bytes);
    for (size_t i = 0; i < bytes; ++i) data[i] = static_cast<uint8_t>(seed + i * 7 + i / 251);
    return data;
  }
  bool MediumHas(uint64_t offset, const std::vector<uint8_t>& data) const {
    return std::equal(data.begin(), data.end(), backend.data.begin() + static_cast<long>(offset));
  }

  struct Client final : ChannelClient {
    void OnBatchDone() override { ++batches; }
    int batches = 0;
  };

  SimulatedWorld world{1};
  AioContext& context = world.NewContext("control");
  FakeBlockDevice backend;
  Client client;
  std::unique_ptr<ScsiDisk> disk;
  std::unique_ptr<ScsiCd> drive;
  std::unique_ptr<ScsiLane> lane;
};

}  // namespace platter

#endif  // PLATTER_DEVICES_SCSI_SCSI_FIXTURE_H_
