// SPDX-License-Identifier: Apache-2.0
//
// The smallest complete use of Platter: a machine with one virtio disk, and what a hypervisor does
// for it: give it an event loop and interrupts, forward register accesses, stop it.

#include <cstdio>

#include "aio/create.h"
#include "aio/task.h"
#include "config/parse.h"
#include "config/proto/machine.pb.h"
#include "machine/machine.h"

struct Interrupts final : platter::InterruptController, platter::InterruptLine {
  platter::InterruptLine& Line(uint32_t) override { return *this; }
  void Set(platter::LineLevel) override {}  // Tell your interrupt controller.
};

int main() {
  using namespace platter;  // NOLINT: an example
  StderrLog log;
  Interrupts interrupts;
  std::unique_ptr<AioContext> loop = CreateAioContext({.kind = AioKind::kThreads}).value();
  Machine machine({.control = loop.get(), .log = &log, .interrupts = &interrupts});
  const config::MachineConfig config = ParseMachineText(R"(
      blockdevs { node_name: "disk" memory { size: 1048576 } }
      devices { id: "vd0" virtio_blk { drive: "disk" serial: "EMBED-1" } })")
                                           .value();
  if (absl::Status s = BlockOn(*loop, machine.Configure(config)); !s.ok()) {
    return std::fprintf(stderr, "%s\n", std::string(s.message()).c_str()), 1;
  }
  // A vCPU's MMIO exit becomes one call; your loop calls loop->RunReady() when PollFd() is
  // readable.
  const auto at = machine.LocationOf<VirtioMmioLocation>("vd0").value();
  const uint64_t magic = machine.mmio().Read(at.mmio_base, 4);
  std::printf("vd0 at %#lx, irq %u: magic %#lx\n", at.mmio_base, at.irq, magic);
  BlockOn(*loop, machine.Shutdown());
  return magic == 0x74726976 ? 0 : 1;  // "virt": a virtio device is there.
}
