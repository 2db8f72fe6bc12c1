// SPDX-License-Identifier: Apache-2.0

#include "testing/scenarios/path_machine.h"

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): POSIX.
#include <unistd.h>

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "aio/task.h"
#include "base/status.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"

namespace platter {
namespace {

constexpr char kNull[] = "driver=null-co,node-name=d0,size=16M";
constexpr char kMemory[] = "driver=memory,node-name=d0,size=16M";
constexpr char kFile[] = "driver=file,node-name=d0,filename=$FILE";
constexpr char kRawFile[] = "driver=raw,node-name=d0,file.driver=file,file.filename=$FILE";

}  // namespace

void PrintTo(const CostPath& path, std::ostream* os) { *os << path.name; }

std::string NameOfPath(const testing::TestParamInfo<CostPath>& path) { return path.param.name; }

std::vector<CostPath> CostPaths() {
  return {
      {"NullOnRing", AioKind::kUring, kNull},      {"NullOnThreads", AioKind::kThreads, kNull},
      {"MemoryOnRing", AioKind::kUring, kMemory},  {"MemoryOnThreads", AioKind::kThreads, kMemory},
      {"FileOnRing", AioKind::kUring, kFile},      {"FileOnThreads", AioKind::kThreads, kFile},
      {"RawFileOnRing", AioKind::kUring, kRawFile}};
}

PathMachine::TemporaryFile::TemporaryFile() {
  const int fd = mkstemp(path_.data());
  valid_ = fd >= 0 && ftruncate(fd, static_cast<off_t>(kPathDiskBytes)) == 0;
  if (fd >= 0) close(fd);
}

PathMachine::TemporaryFile::~TemporaryFile() { unlink(path_.data()); }

PathMachine::PathMachine() = default;

PathMachine::~PathMachine() { Shutdown(); }

void PathMachine::Shutdown() {
  if (machine_ == nullptr) return;
  BlockOn(*context_, machine_->Shutdown());
  machine_.reset();
}

absl::Status PathMachine::Start(const CostPath& path, int io_threads) {
  if (!file_.valid()) return absl::InternalError("no temporary file");
  absl::StatusOr<std::unique_ptr<AioContext>> context =
      CreateAioContext({.kind = path.kind, .name = "control"});
  if (!context.ok()) return context.status();
  context_ = *std::move(context);
  InProcessBus::Options bus_options;
  bus_options.regions = {{0x40000000, 64 * kMiB}};
  bus_options.lines = kVirtioMmioFirstIrq + kVirtioMmioSlots;
  bus_ = std::make_unique<InProcessBus>(*context_, bus_options);
  MachineHost host;
  host.control = context_.get();
  host.log = &log_;
  host.interrupts = this;
  host.io_kind = path.kind;
  host.memory = bus_->memory();
  host.mmio = &bus_->mmio();
  machine_ = std::make_unique<Machine>(std::move(host));
  for (int i = 0; i < io_threads; ++i) {
    PLATTER_RETURN_IF_ERROR(machine_->ObjectAdd(*ParseObject(absl::StrCat("iothread,id=io", i))));
  }
  std::string blockdev = path.blockdev;
  if (const size_t at = blockdev.find("$FILE"); at != std::string::npos) {
    blockdev.replace(at, 5, file_.path());
  }
  const absl::StatusOr<config::BlockdevOptions> node = ParseBlockdev(blockdev);
  if (!node.ok()) return node.status();
  return BlockOn(*context_, machine_->BlockdevAdd(*node));
}

absl::Status PathMachine::AddDevice(const std::string& options) {
  const absl::StatusOr<config::DeviceOptions> device = ParseDevice(options);
  if (!device.ok()) return device.status();
  return BlockOn(*context_, machine_->DeviceAdd(*device));
}

}  // namespace platter
