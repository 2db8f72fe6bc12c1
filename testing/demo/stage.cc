// SPDX-License-Identifier: Apache-2.0

#include "testing/demo/stage.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "aio/create.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "examples/own_device/toy_drive.h"
#include "testing/model/pattern.h"

namespace platter {
namespace {

// Behind the virtio-mmio slots, where nothing else is.
constexpr uint64_t kToyBase = 0x0b000000;
constexpr uint32_t kToyIrq = 60;
constexpr uint32_t kLines = 64;

}  // namespace

absl::Status Require(bool holds, std::string_view otherwise) {
  return holds ? absl::OkStatus() : ErrorWithErrno(EPROTO, otherwise);
}

Stage::Stage(const DemoOptions& options, const StageFiles& files, ScarceSpace& space,
             Narrator& narrator)
    : options_(options),
      files_(files),
      space_(space),
      narrator_(narrator),
      events_(narrator),
      random_(options.seed) {}

absl::StatusOr<std::unique_ptr<Stage>> Stage::Open(const DemoOptions& options,
                                                   const StageFiles& files, ScarceSpace& space,
                                                   Narrator& narrator) {
  std::unique_ptr<Stage> stage(new Stage(options, files, space, narrator));
  PLATTER_RETURN_IF_ERROR(stage->MakeContext());
  stage->MakeMachine();
  PLATTER_RETURN_IF_ERROR(stage->Configure());
  return stage;
}

Stage::~Stage() {
  // After a step that failed: the story is over.
  events_.Lose([](const MachineEvent&) { return true; });
  TakeDown();
}

void Stage::TakeDown() {
  vda_.reset();
  cd1_.reset();
  sd0_.reset();
  scsi0_.reset();
  if (machine_ != nullptr) {
    Run(machine_->Shutdown());
    space_.SetNode(nullptr);
    machine_.reset();
    bus_->mmio().Unmap(kToyBase);
  }
}

// io_uring may be off by a sysctl or a container's seccomp filter: threads do as well.
absl::Status Stage::MakeContext() {
  auto made = CreateAioContext({.kind = AioKind::kUring, .name = "control"});
  context_kind_ = "io_uring";
  if (!made.ok()) {
    made = CreateAioContext({.kind = AioKind::kThreads, .name = "control"});
    context_kind_ = "epoll and threads";
  }
  if (!made.ok()) return made.status();
  control_ = *std::move(made);
  bus_ = std::make_unique<InProcessBus>(*control_, InProcessBus::Options{.lines = kLines});
  wires_ = std::make_unique<InterruptWires>(*bus_);
  cd0_ = std::make_unique<ToyDriver>(*bus_, ToyDriver::Place{.base = kToyBase, .line = kToyIrq});
  return absl::OkStatus();
}

void Stage::MakeMachine() {
  MachineHost host;
  host.control = control_.get();
  host.log = &log_;
  host.events = &events_;
  host.interrupts = wires_.get();
  host.memory = bus_->memory();
  host.mmio = &bus_->mmio();
  host.ports = &bus_->ports();
  host.vcpus.pause = [this] { vcpus_running_ = false; };
  host.vcpus.resume = [this] { vcpus_running_ = true; };
  host.make_device = [this](Machine&, const config::DeviceOptions& device) {
    return MakeToyDrive(device.id(), device.x_toy_drive().drive());
  };
  machine_ = std::make_unique<Machine>(std::move(host));
}

absl::StatusOr<std::unique_ptr<Device>> Stage::MakeToyDrive(const std::string& id,
                                                            const std::string& backend_name) {
  const BlockBackendRef backend = machine_->backends().Find(backend_name);
  if (backend == nullptr) {
    return ErrorWithErrno(ENOENT, absl::StrCat("there is no block backend '", backend_name, "'"));
  }
  auto drive = ToyDrive::Create({.attachment = {.device_id = id},
                                 .backend = *backend,
                                 .control = *control_,
                                 .memory = bus_->memory(),
                                 .line = wires_->Line(kToyIrq)});
  if (!drive.ok()) return drive.status();
  PLATTER_RETURN_IF_ERROR(bus_->mmio().Map(kToyBase, toy::kWindowBytes, (*drive)->registers()));
  return std::unique_ptr<Device>(*std::move(drive));
}

absl::Status Stage::AddDisk() {
  PLATTER_RETURN_IF_ERROR(AddFileNode("vda-file", files_.disk));
  config::DeviceOptions device;
  device.set_id("vda");
  device.mutable_virtio_blk()->set_drive("vda-file");
  device.mutable_virtio_blk()->set_serial(Sabotaged(Sabotage::kWrongSerial) ? "another" : kSerial);
  if (Sabotaged(Sabotage::kFailingWrites)) {
    config::BlockdevOptions node;
    node.set_node_name("vda-debug");
    node.mutable_blkdebug()->mutable_image()->set_reference("vda-file");
    config::BlkdebugInjectError* rule = node.mutable_blkdebug()->add_inject_error();
    rule->set_event(config::BLKDEBUG_EVENT_NONE);
    rule->set_iotype(config::BLKDEBUG_IO_TYPE_WRITE);
    rule->set_once(true);
    PLATTER_RETURN_IF_ERROR(Run(machine_->BlockdevAdd(node)));
    device.mutable_virtio_blk()->set_drive("vda-debug");
  }
  return Run(machine_->DeviceAdd(device));
}

absl::Status Stage::AddToyDrive() {
  PLATTER_RETURN_IF_ERROR(AddFileNode("disc-a", files_.disc_a));
  PLATTER_RETURN_IF_ERROR(AddFileNode("disc-b", files_.disc_b));
  PLATTER_RETURN_IF_ERROR(Run(machine_->BackendAdd("tray", "disc-a", {})));
  return AddDevice("x-toy-drive,id=cd0,drive=tray");
}

absl::Status Stage::AddCdDrive() {
  for (const auto& [name, disc] : {std::pair("iso-a", &files_.iso_a), {"iso-b", &files_.iso_b}}) {
    config::BlockdevOptions node;
    node.set_node_name(name);
    node.set_read_only(true);
    node.mutable_file()->set_filename(disc->path);
    PLATTER_RETURN_IF_ERROR(Run(machine_->BlockdevAdd(node)));
  }
  return AddDevice(absl::StrCat("ide-cd,id=cd1,bus=ide.0,drive=iso-a,serial=",
                                Sabotaged(Sabotage::kWrongDriveSerial) ? "another" : kDriveSerial));
}

absl::Status Stage::AddScsiDisk() {
  PLATTER_RETURN_IF_ERROR(AddFileNode("sd0-file", files_.scsi_disk));
  PLATTER_RETURN_IF_ERROR(AddDevice("virtio-scsi,id=scsi0"));
  return AddDevice(absl::StrCat("scsi-hd,id=sd0,bus=scsi0.0,drive=sd0-file,serial=",
                                Sabotaged(Sabotage::kWrongScsiSerial) ? "another" : kScsiSerial));
}

absl::Status Stage::Configure() {
  PLATTER_RETURN_IF_ERROR(AddDisk());
  PLATTER_RETURN_IF_ERROR(AddToyDrive());
  PLATTER_RETURN_IF_ERROR(AddCdDrive());
  return AddScsiDisk();
}

absl::Status Stage::AddFileNode(const std::string& node_name, const std::string& path) {
  config::BlockdevOptions node;
  node.set_node_name(node_name);
  node.mutable_file()->set_filename(path);
  return Run(machine_->BlockdevAdd(node));
}

absl::Status Stage::AddDevice(const std::string& text) {
  const auto device = ParseDevice(text);
  if (!device.ok()) return device.status();
  return Run(machine_->DeviceAdd(*device));
}

absl::StatusOr<std::unique_ptr<VirtioGuestDisk>> Stage::FindDisk(const std::string& device_id) {
  const auto at = machine_->LocationOf<VirtioMmioLocation>(device_id);
  if (!at.ok()) return at.status();
  auto disk = std::make_unique<VirtioGuestDisk>(
      *bus_, VirtioMmioDriver::Place{.base = at->mmio_base, .line = at->irq}, options_.patience);
  PLATTER_RETURN_IF_ERROR(disk->Probe());
  return disk;
}

absl::StatusOr<std::unique_ptr<ScsiGuestDisk>> Stage::FindScsiDisk(const std::string& device_id) {
  const auto at = machine_->LocationOf<ScsiLocation>(device_id);
  if (!at.ok()) return at.status();
  auto disk = std::make_unique<ScsiGuestDisk>(
      scsi0_->driver(), guest::ScsiLunOf(at->target, at->lun), options_.patience);
  PLATTER_RETURN_IF_ERROR(disk->Probe());
  return disk;
}

absl::Status Stage::WaitFor(absl::FunctionRef<bool()> done, std::string_view what) {
  if (bus_->WaitFor(done, options_.patience)) return absl::OkStatus();
  return ErrorWithErrno(ETIMEDOUT, absl::StrCat(std::string(what), " did not happen within ",
                                                FormatDuration(options_.patience)));
}

void Stage::Promise(const std::string& image, const std::vector<DiskPiece>& pieces) {
  for (const DiskPiece& piece : pieces) {
    promises_[{image, piece.offset, piece.data.size()}] = Checksum(piece.data);
  }
}

}  // namespace platter
