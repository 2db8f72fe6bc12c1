// SPDX-License-Identifier: Apache-2.0
//
// Platter in C: a machine's block devices for a hypervisor that is not written in C++. C99; the
// same functions are what libplatter.so exports. docs/embedding.md tells the whole story.
//
//   struct platter_host host = {.size = sizeof(host), .set_interrupt = on_interrupt};
//   platter_machine* machine = NULL;
//   if (platter_machine_create(&host, &machine) < 0) fail(platter_last_error());
//   platter_blockdev_add(machine, "file,node-name=d0,filename=disk.img");   // open
//   platter_device_add(machine, "ide-hd,id=hd0,drive=d0");                  // attach
//   ... a vCPU's exits become platter_port_read and _write, platter_mmio_read and _write ...
//   while (running) platter_run(machine, -1);
//   platter_machine_destroy(machine);
//
// Ownership: the caller owns the machine, and gives the library nothing: strings and structures
//   are read during the call. What a callback is given is valid while it runs.
// Threading: a machine belongs to the thread that made it (or called platter_bind_thread last).
//   Functions that say "any thread" may be called by all at once; every other one only there:
//   -EPERM. One callback's rule is the same for all: inside of it only platter_wake and
//   platter_last_error may be called; the others give -EDEADLK.
// Units: bytes, guest physical addresses, port numbers, milliseconds.
// Errors: 0 or more is success; a negative errno is failure, and platter_last_error() has a text
//   that names the thing. -EINVAL: an argument is wrong, NULL where something is needed, an
//   unknown or ill-formed option. -ENOENT: no such block node, block backend, object or drive.
//   -ENODEV: no such device. -EBUSY: in use, or held by the guest's lock. A failed call has changed
//   nothing but where it says so. A guest's mistakes are never errors here.
// ABI: handles are opaque, and a structure begins with its size, which the caller sets to sizeof.
//   Members are only added, at the end: a program runs with any later library of the same SONAME.

#ifndef PLATTER_CAPI_PLATTER_H_
#define PLATTER_CAPI_PLATTER_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLATTER_VERSION_MAJOR 0
#define PLATTER_VERSION_MINOR 1
#define PLATTER_VERSION_PATCH 0

// Of the library that runs: "0.1.0". Any thread.
const char* platter_version(void);

// What the last failed call of this thread said; "" before the first. Valid until the next call on
// this thread fails. Any thread.
const char* platter_last_error(void);

typedef struct platter_machine platter_machine;

// --- What a machine gets from its hypervisor. ---

enum platter_aio {
  PLATTER_AIO_AUTO = 0,  // io_uring where the host allows it, else threads.
  PLATTER_AIO_IO_URING = 1,
  PLATTER_AIO_THREADS = 2,  // epoll, and a pool of threads for files.
};

enum platter_log_level {
  PLATTER_LOG_INFO = 0,
  PLATTER_LOG_WARNING = 1,
  PLATTER_LOG_ERROR = 2,
};

// Guest memory that the caller has mapped. It outlives the machine.
struct platter_memory_region {
  uint64_t address;    // Guest physical.
  uint64_t size;       // Bytes, above 0; regions do not overlap.
  void* host;          // Where it is in this process.
  uint32_t read_only;  // Not 0: devices do not write there.
  uint32_t reserved;   // 0.
};

enum platter_event_type {
  PLATTER_EVENT_STOP = 1,    // The machine has stopped; io_error.
  PLATTER_EVENT_RESUME = 2,  // It goes on.
  PLATTER_EVENT_RESET = 3,
  PLATTER_EVENT_DEVICE_DELETED = 4,   // device.
  PLATTER_EVENT_TRAY_MOVED = 5,       // device, drive, tray_open.
  PLATTER_EVENT_IO_ERROR = 6,         // device, drive, node, reason, is_write, action, no_space.
  PLATTER_EVENT_WRITE_THRESHOLD = 7,  // node, threshold, exceeded.
};

enum platter_error_action {
  PLATTER_ACTION_REPORT = 0,  // The guest is told.
  PLATTER_ACTION_IGNORE = 1,  // The guest is told that all went well.
  PLATTER_ACTION_STOP = 2,    // The machine stops; the request is tried again when it goes on.
  PLATTER_ACTION_STALL = 3,   // The drive alone stands still; tried again when it goes on.
  PLATTER_ACTION_RETRY = 4,   // Tried again after a while.
};

struct platter_event {
  size_t size;         // Set by the library.
  uint32_t type;       // enum platter_event_type.
  uint32_t action;     // enum platter_error_action.
  const char* device;  // Its id. This and the following are "" where there is nothing to say.
  const char* drive;   // Name of the block backend.
  const char* node;    // Name of the block node.
  const char* reason;  // What the host's kernel said.
  uint32_t is_write;
  uint32_t no_space;
  uint32_t tray_open;
  uint32_t io_error;   // STOP: because of an I/O error.
  uint64_t threshold;  // Bytes; see platter_set_write_threshold.
  uint64_t exceeded;   // Bytes of the write beyond it.
};

struct platter_host {
  size_t size;   // sizeof(struct platter_host)
  void* opaque;  // Handed to each callback.
  // Sets an interrupt line: level 1 or 0. Lines are level-triggered; a level may come twice. Any
  // thread, at the same time for different devices. NULL: nobody hears interrupts.
  void (*set_interrupt)(void* opaque, uint32_t irq, int level);
  // Something has happened, in the order in which it did. The machine's thread. May be NULL.
  void (*event)(void* opaque, const struct platter_event* event);
  // A line for the host's operator, without its newline. Any thread. NULL: to stderr.
  void (*log)(void* opaque, enum platter_log_level level, const char* text);
  // The machine stops, or goes on, also by itself after an I/O error. The first returns when no
  // vCPU runs guest code; one that waits inside of platter_mmio_write doesn't. The machine's
  // thread. Each may be NULL.
  void (*pause_vcpus)(void* opaque);
  void (*resume_vcpus)(void* opaque);
  // The guest's memory; NULL and 0: RAM at address 0, of the size that the configuration says.
  const struct platter_memory_region* memory;
  size_t memory_count;
  uint32_t aio;       // enum platter_aio: of the machine's own event loop.
  uint32_t reserved;  // 0.
};

// --- The machine. ---

// An empty machine, running, in *machine. The calling thread becomes its own. On failure *machine
// is NULL. -EINVAL: a structure's size or a member is wrong; -E2BIG: made for a later library, with
// a member that this one does not know; -ENOSYS and others: what the kernel refused.
int platter_machine_create(const struct platter_host* host, platter_machine** machine);

// Unplugs every device, flushes and closes every block node, and frees the machine; waits for it.
// No other thread is in a call of this machine, or begins one. NULL is fine.
int platter_machine_destroy(platter_machine* machine);

// The calling thread becomes the machine's. Call it in the new thread, while the old one does
// nothing with the machine and, with io_uring, no request is under way in its loop: stop the
// machine first.
int platter_bind_thread(platter_machine* machine);

// --- Its event loop. ---

// Does what is ready. When nothing is, waits for up to `timeout_ms` (negative: without end) and
// does what came. 1: something was done; 0: nothing came, or a signal did.
int platter_run(platter_machine* machine, int timeout_ms);
// For a loop of the caller's own: readable when platter_run(machine, 0) has something to do. Call
// that until it gives 0, then wait for up to platter_timeout(). It belongs to the machine.
int platter_poll_fd(platter_machine* machine);
// Milliseconds until platter_run is due at the latest in *timeout_ms; -1: not before the
// descriptor is readable.
int platter_timeout(platter_machine* machine, int* timeout_ms);
// Makes a platter_run that waits return soon, or the next one return at once. Any thread.
int platter_wake(platter_machine* machine);

// --- Its parts. Options are texts as QEMU's command line takes them ("file,node-name=d0,...") or
// JSON where they begin with '{'; "help" for `options` fails and leaves the list of what there is
// in platter_last_error(). No other thread is in a register access while devices come or go. ---

// A whole machine: memory, objects, block nodes, devices; JSON, or protobuf's text format. On
// failure what this call has made is gone again.
int platter_configure(platter_machine* machine, const char* text);
int platter_object_add(platter_machine* machine, const char* options);  // "iothread,id=t0"
int platter_object_del(platter_machine* machine, const char* id);
// Opens a block node, which needs a node-name.
int platter_blockdev_add(platter_machine* machine, const char* options);
int platter_blockdev_del(platter_machine* machine, const char* node_name);
// Attaches a device to the node or block backend that its property `drive` names.
int platter_device_add(platter_machine* machine, const char* options);
// Takes it away as if pulled out; waits until its requests have ended.
int platter_device_del(platter_machine* machine, const char* id);

enum platter_location_kind {
  PLATTER_AT_VIRTIO_MMIO = 1,  // mmio_base, irq.
  PLATTER_AT_IDE = 2,          // command_port, control_port, bus_master_port, irq, unit.
  PLATTER_AT_SCSI = 3,         // adapter, target, lun.
};

// Where the guest's driver finds a device.
struct platter_location {
  size_t size;    // sizeof(struct platter_location)
  uint32_t kind;  // enum platter_location_kind
  uint32_t irq;
  uint64_t mmio_base;
  uint64_t command_port;
  uint64_t control_port;
  uint64_t bus_master_port;
  uint32_t unit;
  uint32_t target;
  uint32_t lun;
  uint32_t reserved;
  char adapter[128];  // Id of the SCSI adapter, with its end.
};

// -ENODEV: there is no device of that id on a bus.
int platter_location_of(platter_machine* machine, const char* id, struct platter_location* where);

// The host's address of a range of guest memory that devices may write, in *host. -EFAULT: it is
// not all in one region. Any thread once the machine is configured.
int platter_guest_memory(platter_machine* machine, uint64_t address, uint64_t bytes, void** host);

// --- What the guest does. Any thread, all at once. `width` is 1, 2, 4 or 8 bytes: -EINVAL; values
// are little-endian and zero-extended. Where no device is, reads give all ones and writes are
// ignored. A write that resets a device may wait until its requests have ended, which needs the
// machine's thread in platter_run; on the machine's own thread nothing waits. ---

int platter_mmio_read(platter_machine* machine, uint64_t address, unsigned width, uint64_t* value);
int platter_mmio_write(platter_machine* machine, uint64_t address, unsigned width, uint64_t value);
int platter_port_read(platter_machine* machine, uint64_t port, unsigned width, uint64_t* value);
int platter_port_write(platter_machine* machine, uint64_t port, unsigned width, uint64_t value);
// Tells a virtio device that a queue has something new, as the guest's write to its notify
// register: what a hypervisor's ioeventfd calls. -EINVAL: no virtio location, or a queue above
// 65535; a queue that the device has not is ignored.
int platter_notify(platter_machine* machine, const struct platter_location* where, unsigned queue);

// --- Stopping, going on, reset. Each waits until it is done. ---

enum platter_state {
  PLATTER_RUNNING = 0,
  PLATTER_PAUSED = 1,
  PLATTER_IO_ERROR = 2,  // Stopped by an error; platter_cont tries again what has failed.
  PLATTER_INCOMING = 3,  // It waits for another one's state; see platter_expect_incoming.
};

int platter_stop(platter_machine* machine);
// Takes images back that were given away: the errors of that, and the machine still stands.
int platter_cont(platter_machine* machine);
int platter_reset(platter_machine* machine);
// An enum platter_state.
int platter_get_state(platter_machine* machine);

// --- What the host does with drives. `drive` is the id of a device or the name of a block
// backend, `force` an enum platter_force. ---

enum platter_force {
  PLATTER_POLITELY = 0,  // A tray that the guest has locked stays: it is asked to open it.
  PLATTER_FORCE = 1,
};

enum platter_tray {
  PLATTER_TRAY_MOVED = 0,
  PLATTER_TRAY_ALREADY = 1,    // It was there, or the drive has none.
  PLATTER_TRAY_REQUESTED = 2,  // Locked: the guest has been asked; nothing moved.
};

// Opens the tray and takes the medium out. -EBUSY: locked; the guest has been asked.
int platter_eject(platter_machine* machine, const char* drive, int force);
// Both give an enum platter_tray.
int platter_open_tray(platter_machine* machine, const char* drive, int force);
int platter_close_tray(platter_machine* machine, const char* drive);
// Where there is a tray it has to be open: -EINVAL.
int platter_insert_medium(platter_machine* machine, const char* drive, const char* node_name);
int platter_remove_medium(platter_machine* machine, const char* drive);
// Opens `options` (as platter_blockdev_add's; its name, if any, is not used) and puts it in place
// of the medium, through the tray, which is closed afterwards. It goes with the next medium.
int platter_change_medium(platter_machine* machine, const char* drive, const char* options,
                          int force);
// Truncates or grows the medium and tells the guest. -ENOMEDIUM: there is none.
int platter_resize(platter_machine* machine, const char* drive, uint64_t bytes);

// One event, PLATTER_EVENT_WRITE_THRESHOLD, when a write to the block node ends beyond byte
// `threshold`; 0: not any more.
int platter_set_write_threshold(platter_machine* machine, const char* node_name,
                                uint64_t threshold);

// What a drive counted.
struct platter_io_count {
  uint64_t operations;  // Ended well.
  uint64_t bytes;       // Of these.
  uint64_t failed;
};

struct platter_drive_info {
  size_t size;      // sizeof(struct platter_drive_info)
  uint64_t length;  // Bytes of the medium; 0 when there is none.
  uint32_t inserted;
  uint32_t read_only;
  uint32_t removable;
  uint32_t has_tray;
  uint32_t tray_open;
  uint32_t lockable;
  uint32_t locked;     // By the guest.
  uint32_t io_status;  // 0: well; 1: failed; 2: no space left. Cleared when the machine goes on.
  struct platter_io_count read;
  struct platter_io_count write;
  struct platter_io_count flush;
};

int platter_get_drive_info(platter_machine* machine, const char* drive,
                           struct platter_drive_info* info);

// --- Saved state of a stopped machine's devices: -EBUSY while it runs. Memory and media are the
// caller's to bring along. ---

// *data is freed by platter_free.
int platter_save_state(platter_machine* machine, void** data, size_t* bytes);
// Into a machine of the same configuration that was stopped (platter_stop or
// platter_expect_incoming) before it was configured, with that memory and those media. Nobody is
// trusted: -EINVAL says what is wrong, and every device is as after a reset.
int platter_restore_state(platter_machine* machine, const void* data, size_t bytes);
// Between processes that share the images. The new one, with nothing in it yet (-EBUSY), stands
// still and opens images without locks and writes, until platter_cont.
int platter_expect_incoming(platter_machine* machine);
// The old one, stopped (-EBUSY): its images are flushed and another process may take them.
int platter_inactivate(platter_machine* machine);
// NULL is fine. Any thread.
void platter_free(void* data);

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // PLATTER_CAPI_PLATTER_H_
