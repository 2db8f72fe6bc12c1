// SPDX-License-Identifier: Apache-2.0
//
// The C interface's machine: its life, its event loop, its parts and its registers. Media and what
// else the host does with drives are in host_operations.cc.

#include "capi/platter.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"

#include "aio/create.h"
#include "base/status.h"
#include "capi/call.h"
#include "capi/machine_handle.h"
#include "config/parse.h"
#include "config/proto/blockdev.pb.h"
#include "config/proto/device.pb.h"
#include "config/proto/machine.pb.h"
#include "devices/virtio/mmio_transport.h"

namespace platter::capi {
namespace {

// Of the first version of each structure.
constexpr size_t kFirstHost = sizeof(platter_host);
constexpr size_t kFirstLocation = sizeof(platter_location);
// Turns of one platter_run: a guest that always has work for the loop doesn't keep the caller.
constexpr int kMaxTurns = 64;
constexpr unsigned kMaxQueue = 0xffff;

#define PLATTER_TEXT(number) #number
#define PLATTER_DOTTED(major, minor, patch) \
  PLATTER_TEXT(major) "." PLATTER_TEXT(minor) "." PLATTER_TEXT(patch)
constexpr char kVersion[] =
    PLATTER_DOTTED(PLATTER_VERSION_MAJOR, PLATTER_VERSION_MINOR, PLATTER_VERSION_PATCH);

// The loop of the kind, which for "auto" it sets.
absl::StatusOr<std::unique_ptr<AioContext>> CreateLoop(uint32_t aio, AioKind& kind) {
  if (aio != PLATTER_AIO_AUTO && aio != PLATTER_AIO_IO_URING && aio != PLATTER_AIO_THREADS) {
    return ErrorWithErrno(EINVAL, absl::StrCat("platter_host.aio: there is no kind ", aio));
  }
  kind = aio == PLATTER_AIO_THREADS ? AioKind::kThreads : AioKind::kUring;
  auto made = CreateAioContext({.kind = kind, .name = "platter"});
  if (made.ok() || aio != PLATTER_AIO_AUTO) return made;
  kind = AioKind::kThreads;
  return CreateAioContext({.kind = kind, .name = "platter"});
}

// nullptr: the machine makes its own.
absl::StatusOr<std::shared_ptr<const GuestMemory>> MapMemory(const platter_host& host) {
  if (host.memory == nullptr && host.memory_count == 0) {
    return std::shared_ptr<const GuestMemory>();
  }
  if (host.memory == nullptr || host.memory_count == 0) {
    return ErrorWithErrno(EINVAL,
                          "platter_host.memory: an address without a count, or a count "
                          "without an address");
  }
  std::vector<GuestMemory::Region> regions;
  for (size_t i = 0; i < host.memory_count; ++i) {
    const platter_memory_region& region = host.memory[i];
    if (region.host == nullptr || region.reserved != 0) {
      return ErrorWithErrno(
          EINVAL, absl::StrCat("platter_host.memory[", i, "]: ",
                               region.host == nullptr ? "'host' is NULL" : "'reserved' is not 0"));
    }
    regions.push_back({.address = region.address,
                       .size = region.size,
                       .host = static_cast<uint8_t*>(region.host),
                       .read_only = region.read_only != 0});
  }
  auto map = GuestMemory::Create(std::move(regions), nullptr);
  if (!map.ok()) return Annotate(map.status(), "platter_host.memory");
  return map;
}

absl::StatusOr<std::unique_ptr<platter_machine>> Create(const platter_host& host) {
  auto memory = MapMemory(host);
  if (!memory.ok()) return memory.status();
  AioKind kind = AioKind::kUring;
  auto loop = CreateLoop(host.aio, kind);
  if (!loop.ok()) return loop.status();
  if ((*loop)->PollFd() < 0) return ErrnoError(ENOSYS, "the event loop's descriptor");
  auto made = std::make_unique<platter_machine>(host, *std::move(loop));
  MachineHost surroundings;
  surroundings.control = made->control.get();
  surroundings.log = &made->calls;
  surroundings.events = &made->calls;
  surroundings.interrupts = &made->calls;
  surroundings.io_kind = kind;
  surroundings.memory = *std::move(memory);
  surroundings.vcpus = made->calls.Vcpus();
  made->machine = std::make_unique<Machine>(std::move(surroundings));
  return made;
}

// Turns until nothing is ready, or there were many. Whether anything was done.
bool Turn(AioContext& loop) {
  for (int turns = 0; turns < kMaxTurns; ++turns) {
    if (!loop.RunReady()) return turns > 0;
  }
  return true;
}

// -1: no deadline. Rounded up, so that a deadline is past then.
int MillisecondsLeft(AioContext& loop) {
  const std::optional<Instant> deadline = loop.NextDeadline();
  if (!deadline.has_value()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - loop.Now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, INT_MAX));
}

int Run(AioContext& loop, int timeout_ms) {
  if (Turn(loop)) return 1;
  if (timeout_ms == 0) return 0;
  const int left = MillisecondsLeft(loop);
  const int wait = timeout_ms < 0 || (left >= 0 && left < timeout_ms) ? left : timeout_ms;
  pollfd ready = {.fd = loop.PollFd(), .events = POLLIN, .revents = 0};
  if (poll(&ready, 1, wait) < 0 && errno != EINTR) {
    return Report(ErrnoError(errno, "platter_run: waiting"));
  }
  return Turn(loop) ? 1 : 0;
}

// A help text is what the caller wants to read, not an error's.
int ReportOptions(const absl::Status& status) {
  if (const std::optional<std::string> help = HelpRequested(status)) {
    return Report(ErrorWithErrno(EINVAL, *help));
  }
  return Report(status);
}

// The life of the functions that take a text of options: check, parse, do.
template <typename Parse, typename Act>
int WithOptions(const char* function, platter_machine* machine, const char* text, Parse parse,
                Act act) {
  return Guarded(function, [&] {
    if (const int checked = CheckOwnThread(function, machine); checked < 0) return checked;
    if (const int given = CheckGiven(function, text, "options"); given < 0) return given;
    auto options = parse(std::string_view(text));
    if (!options.ok()) return ReportOptions(options.status());
    return Report(act(*options));
  });
}

// Those that take a name.
template <typename Act>
int WithName(const char* function, platter_machine* machine, const char* name,
             const char* parameter, Act act) {
  return Guarded(function, [&] {
    if (const int checked = CheckOwnThread(function, machine); checked < 0) return checked;
    if (const int given = CheckGiven(function, name, parameter); given < 0) return given;
    return Report(act(std::string(name)));
  });
}

// Those that take the machine alone.
template <typename Act>
int OnMachine(const char* function, platter_machine* machine, Act act) {
  return Guarded(function, [&] {
    if (const int checked = CheckOwnThread(function, machine); checked < 0) return checked;
    return act();
  });
}

absl::Status FillLocation(const Machine& machine, const std::string& id, platter_location& to) {
  to.size = sizeof(to);
  if (const auto at = machine.LocationOf<VirtioMmioLocation>(id); at.ok()) {
    to.kind = PLATTER_AT_VIRTIO_MMIO;
    to.mmio_base = at->mmio_base;
    to.irq = at->irq;
    return absl::OkStatus();
  }
  if (const auto at = machine.LocationOf<IdeLocation>(id); at.ok()) {
    to.kind = PLATTER_AT_IDE;
    to.command_port = at->command;
    to.control_port = at->control;
    to.bus_master_port = at->bus_master;
    to.irq = at->irq;
    to.unit = at->unit;
    return absl::OkStatus();
  }
  if (const auto at = machine.LocationOf<ScsiLocation>(id); at.ok()) {
    to.kind = PLATTER_AT_SCSI;
    to.target = at->target;
    to.lun = at->lun;
    at->adapter.copy(to.adapter, sizeof(to.adapter) - 1);
    return absl::OkStatus();
  }
  return ErrorWithErrno(ENODEV, absl::StrCat("there is no device '", id, "' on a bus"));
}

int CheckAccess(const char* function, const platter_machine* machine, unsigned width) {
  if (const int checked = CheckHandle(function, machine); checked < 0) return checked;
  if (width == 1 || width == 2 || width == 4 || width == 8) return 0;
  return Refuse(EINVAL, function, "'width' is not 1, 2, 4 or 8");
}

int ReadSpace(const char* function, const platter_machine* machine, unsigned width,
              uint64_t address, uint64_t* value, IoSpace& (Machine::*space)()) {
  return Guarded(function, [&] {
    if (const int checked = CheckAccess(function, machine, width); checked < 0) return checked;
    if (const int given = CheckGiven(function, value, "value"); given < 0) return given;
    *value = ((*machine->machine).*space)().Read(address, width);
    return 0;
  });
}

int WriteSpace(const char* function, const platter_machine* machine, unsigned width,
               uint64_t address, uint64_t value, IoSpace& (Machine::*space)()) {
  return Guarded(function, [&] {
    if (const int checked = CheckAccess(function, machine, width); checked < 0) return checked;
    ((*machine->machine).*space)().Write(address, width, value);
    return 0;
  });
}

}  // namespace
}  // namespace platter::capi

using namespace platter;        // NOLINT(google-build-using-namespace): what follows is C's.
using namespace platter::capi;  // NOLINT(google-build-using-namespace)

const char* platter_version(void) { return kVersion; }

const char* platter_last_error(void) { return LastError(); }

int platter_machine_create(const platter_host* host, platter_machine** machine) {
  return Guarded(__func__, [&, function = __func__] {
    if (const int given = CheckGiven(function, static_cast<const void*>(machine), "machine");
        given < 0)
      return given;
    *machine = nullptr;
    if (const int given = CheckGiven(function, host, "host"); given < 0) return given;
    if (CallbackScope::active()) return CheckHandle(function, nullptr);
    platter_host known = {};
    if (const int copied = CopyIn(function, *host, kFirstHost, known); copied < 0) return copied;
    if (known.reserved != 0) return Refuse(EINVAL, function, "platter_host.reserved is not 0");
    auto made = Create(known);
    if (!made.ok()) return Report(made.status());
    *machine = made->release();
    return 0;
  });
}

int platter_machine_destroy(platter_machine* machine) {
  if (machine == nullptr) return 0;
  return OnMachine(__func__, machine, [&] {
    Wait(*machine, machine->machine->Shutdown());
    machine->machine.reset();
    while (machine->control->RunReady()) {
    }
    delete machine;
    return 0;
  });
}

int platter_bind_thread(platter_machine* machine) {
  return Guarded(__func__, [&, function = __func__] {
    if (const int checked = CheckHandle(function, machine); checked < 0) return checked;
    machine->control->BindToThisThread();
    return 0;
  });
}

int platter_run(platter_machine* machine, int timeout_ms) {
  return OnMachine(__func__, machine, [&] { return Run(*machine->control, timeout_ms); });
}

int platter_poll_fd(platter_machine* machine) {
  return OnMachine(__func__, machine, [&] { return machine->control->PollFd(); });
}

int platter_timeout(platter_machine* machine, int* timeout_ms) {
  return OnMachine(__func__, machine, [&, function = __func__] {
    if (const int given = CheckGiven(function, timeout_ms, "timeout_ms"); given < 0) return given;
    *timeout_ms = MillisecondsLeft(*machine->control);
    return 0;
  });
}

int platter_wake(platter_machine* machine) {
  return Guarded(__func__, [&, function = __func__] {
    if (const int given = CheckGiven(function, machine, "machine"); given < 0) return given;
    machine->wake.Schedule();
    return 0;
  });
}

int platter_configure(platter_machine* machine, const char* text) {
  return WithOptions(__func__, machine, text, ParseMachineText,
                     [&](const config::MachineConfig& config) {
                       return Wait(*machine, machine->machine->Configure(config));
                     });
}

int platter_object_add(platter_machine* machine, const char* options) {
  return WithOptions(
      __func__, machine, options, ParseObject,
      [&](const config::ObjectOptions& object) { return machine->machine->ObjectAdd(object); });
}

int platter_object_del(platter_machine* machine, const char* id) {
  return WithName(__func__, machine, id, "id",
                  [&](const std::string& name) { return machine->machine->ObjectDel(name); });
}

int platter_blockdev_add(platter_machine* machine, const char* options) {
  return WithOptions(__func__, machine, options, ParseBlockdev,
                     [&](const config::BlockdevOptions& node) {
                       return Wait(*machine, machine->machine->BlockdevAdd(node));
                     });
}

int platter_blockdev_del(platter_machine* machine, const char* node_name) {
  return WithName(__func__, machine, node_name, "node_name", [&](const std::string& name) {
    return Wait(*machine, machine->machine->BlockdevDel(name));
  });
}

int platter_device_add(platter_machine* machine, const char* options) {
  return WithOptions(__func__, machine, options, ParseDevice,
                     [&](const config::DeviceOptions& device) {
                       return Wait(*machine, machine->machine->DeviceAdd(device));
                     });
}

int platter_device_del(platter_machine* machine, const char* id) {
  return WithName(__func__, machine, id, "id", [&](const std::string& name) {
    return Wait(*machine, machine->machine->DeviceDel(name));
  });
}

int platter_location_of(platter_machine* machine, const char* id, platter_location* where) {
  return OnMachine(__func__, machine, [&, function = __func__] {
    if (const int given = CheckGiven(function, id, "id"); given < 0) return given;
    if (const int given = CheckGiven(function, where, "where"); given < 0) return given;
    platter_location found = {};
    if (absl::Status filled = FillLocation(*machine->machine, id, found); !filled.ok()) {
      return Report(filled);
    }
    return CopyOut(function, found, kFirstLocation, *where);
  });
}

int platter_guest_memory(platter_machine* machine, uint64_t address, uint64_t bytes, void** host) {
  return Guarded(__func__, [&, function = __func__] {
    if (const int checked = CheckHandle(function, machine); checked < 0) return checked;
    if (const int given = CheckGiven(function, static_cast<const void*>(host), "host"); given < 0)
      return given;
    const std::shared_ptr<const GuestMemory>& memory = machine->machine->memory();
    *host = memory == nullptr ? nullptr : memory->TryMap(address, bytes, DmaAccess::kDeviceWrites);
    if (*host != nullptr) return 0;
    return Refuse(EFAULT, function,
                  absl::StrCat(bytes, " bytes at guest address ", address,
                               " are not in one region of memory that devices may write"));
  });
}

int platter_mmio_read(platter_machine* machine, uint64_t address, unsigned width, uint64_t* value) {
  return ReadSpace(__func__, machine, width, address, value, &Machine::mmio);
}

int platter_mmio_write(platter_machine* machine, uint64_t address, unsigned width, uint64_t value) {
  return WriteSpace(__func__, machine, width, address, value, &Machine::mmio);
}

int platter_port_read(platter_machine* machine, uint64_t port, unsigned width, uint64_t* value) {
  return ReadSpace(__func__, machine, width, port, value, &Machine::ports);
}

int platter_port_write(platter_machine* machine, uint64_t port, unsigned width, uint64_t value) {
  return WriteSpace(__func__, machine, width, port, value, &Machine::ports);
}

int platter_notify(platter_machine* machine, const platter_location* where, unsigned queue) {
  return Guarded(__func__, [&, function = __func__] {
    if (const int checked = CheckHandle(function, machine); checked < 0) return checked;
    if (const int given = CheckGiven(function, where, "where"); given < 0) return given;
    if (where->size < kFirstLocation || where->kind != PLATTER_AT_VIRTIO_MMIO) {
      return Refuse(EINVAL, function, "'where' is no place of a virtio device");
    }
    if (queue > kMaxQueue) return Refuse(EINVAL, function, "'queue' is above 65535");
    const uint64_t address = where->mmio_base + static_cast<uint64_t>(MmioRegister::kQueueNotify);
    machine->machine->mmio().Write(address, sizeof(uint32_t), queue);
    return 0;
  });
}

int platter_stop(platter_machine* machine) {
  return OnMachine(__func__, machine, [&] {
    Wait(*machine, machine->machine->Stop());
    return 0;
  });
}

int platter_cont(platter_machine* machine) {
  return OnMachine(__func__, machine,
                   [&] { return Report(Wait(*machine, machine->machine->Cont())); });
}

int platter_reset(platter_machine* machine) {
  return OnMachine(__func__, machine, [&] {
    Wait(*machine, machine->machine->Reset());
    return 0;
  });
}

int platter_get_state(platter_machine* machine) {
  return OnMachine(__func__, machine, [&]() -> int {
    switch (machine->machine->state()) {
      case MachineState::kRunning:
        return PLATTER_RUNNING;
      case MachineState::kPaused:
        return PLATTER_PAUSED;
      case MachineState::kIncoming:
        return PLATTER_INCOMING;
      case MachineState::kIoError:
        break;
    }
    return PLATTER_IO_ERROR;
  });
}
