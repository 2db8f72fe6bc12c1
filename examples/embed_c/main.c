/* SPDX-License-Identifier: Apache-2.0
 *
 * The C interface in one program: an IDE disk over an image, a guest's driver that reads its first
 * sector through the ports, and a host that changes the disc in a CD-ROM drive.
 *
 *   embed_c IMAGE */
#include <platter/platter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, MEMORY = 1 << 20, MAX_OPTIONS = 8192, ANSWER_MS = 10000 };

/* ATA's registers, from the command block's first port on, and what is in them. */
enum { DATA = 0, COUNT = 2, LBA_LOW = 3, LBA_MID = 4, LBA_HIGH = 5, DEVICE = 6, COMMAND = 7 };
enum { STATUS = COMMAND, BUSY = 0x80, DATA_REQUEST = 0x08, ERROR = 0x01 };
enum { BY_LBA = 0x40, READ_SECTORS = 0x20 };

static void fail(const char* what) {
  fprintf(stderr, "embed_c: %s: %s\n", what, platter_last_error());
  exit(1);
}

/* Any thread may come here; this program has one. */
static void on_interrupt(void* opaque, uint32_t irq, int level) {
  (void)irq;
  *(int*)opaque += level;
}

static void on_event(void* opaque, const struct platter_event* event) {
  (void)opaque;
  if (event->type == PLATTER_EVENT_TRAY_MOVED) {
    printf("host: the tray of %s is %s\n", event->device, event->tray_open ? "open" : "closed");
  }
}

/* A comma ends a value, and two of them are a comma in it. */
static void open_disk(platter_machine* machine, const char* path) {
  char options[MAX_OPTIONS] = "file,node-name=disk,filename=";
  size_t end = strlen(options);
  for (; *path != '\0'; ++path) {
    if (end + 3 > sizeof(options)) {
      fprintf(stderr, "embed_c: the path is too long\n");
      exit(1);
    }
    options[end++] = *path;
    if (*path == ',') options[end++] = ',';
  }
  options[end] = '\0';
  if (platter_blockdev_add(machine, options) < 0) fail("opening the image");
}

static uint8_t in(platter_machine* machine, uint64_t port) {
  uint64_t value = 0;
  if (platter_port_read(machine, port, 1, &value) < 0) fail("port");
  return (uint8_t)value;
}

static void out(platter_machine* machine, uint64_t port, uint8_t value) {
  if (platter_port_write(machine, port, 1, value) < 0) fail("port");
}

/* The guest's driver: READ SECTORS of one sector by programmed I/O. */
static void read_sector(platter_machine* machine, const struct platter_location* at, uint32_t lba,
                        uint8_t* sector) {
  const uint64_t port = at->command_port;
  uint8_t status;
  int i;
  out(machine, port + DEVICE, (uint8_t)(BY_LBA | at->unit << 4 | (lba >> 24 & 0xf)));
  out(machine, port + COUNT, 1);
  out(machine, port + LBA_LOW, (uint8_t)lba);
  out(machine, port + LBA_MID, (uint8_t)(lba >> 8));
  out(machine, port + LBA_HIGH, (uint8_t)(lba >> 16));
  out(machine, port + COMMAND, READ_SECTORS);
  while ((status = in(machine, port + STATUS)) & BUSY) {
    const int done = platter_run(machine, ANSWER_MS);
    if (done < 0) fail("platter_run");
    if (done == 0) {
      fprintf(stderr, "embed_c: the disk does not answer\n");
      exit(1);
    }
  }
  if ((status & ERROR) || !(status & DATA_REQUEST)) {
    fprintf(stderr, "embed_c: the disk refuses: status %#x\n", status);
    exit(1);
  }
  for (i = 0; i < SECTOR; i += 2) {
    uint64_t word = 0;
    if (platter_port_read(machine, port + DATA, 2, &word) < 0) fail("port");
    sector[i] = (uint8_t)word;
    sector[i + 1] = (uint8_t)(word >> 8);
  }
}

static void show_drive(platter_machine* machine, const char* drive) {
  struct platter_drive_info info = {.size = sizeof(info)};
  if (platter_get_drive_info(machine, drive, &info) < 0) fail(drive);
  printf("host: %s: %s, %llu bytes\n", drive, info.inserted ? "a medium" : "no medium",
         (unsigned long long)info.length);
}

int main(int argc, char** argv) {
  int interrupts = 0;
  void* const ram = calloc(1, MEMORY);
  const struct platter_memory_region memory = {.address = 0, .size = MEMORY, .host = ram};
  const struct platter_host host = {.size = sizeof(host),
                                    .opaque = &interrupts,
                                    .set_interrupt = on_interrupt,
                                    .event = on_event,
                                    .memory = &memory,
                                    .memory_count = 1};
  struct platter_location at = {.size = sizeof(at)};
  platter_machine* machine = NULL;
  uint8_t sector[SECTOR];
  int i;
  if (argc != 2 || ram == NULL) {
    fprintf(stderr, "usage: embed_c IMAGE\n");
    return 2;
  }
  if (platter_machine_create(&host, &machine) < 0) fail("a machine");
  open_disk(machine, argv[1]);
  if (platter_device_add(machine, "ide-hd,id=hd0,drive=disk,serial=EMBED-C") < 0) fail("hd0");
  if (platter_device_add(machine, "ide-cd,id=cd0") < 0) fail("cd0");
  if (platter_location_of(machine, "hd0", &at) < 0) fail("hd0");
  show_drive(machine, "hd0");

  read_sector(machine, &at, 0, sector);
  printf("guest: sector 0 begins:");
  for (i = 0; i < 16; ++i) printf(" %02x", sector[i]);
  printf("\nguest: %s\n", interrupts > 0 ? "an interrupt came" : "no interrupt came");

  if (platter_change_medium(machine, "cd0", "memory,size=1M,read-only=on", PLATTER_POLITELY) < 0) {
    fail("changing the disc");
  }
  show_drive(machine, "cd0");
  if (platter_eject(machine, "cd0", PLATTER_POLITELY) < 0) fail("ejecting the disc");
  show_drive(machine, "cd0");
  if (platter_close_tray(machine, "cd0") < 0) fail("closing the tray");

  if (platter_machine_destroy(machine) < 0) fail("the end");
  free(ram);
  return interrupts > 0 ? 0 : 1;
}
