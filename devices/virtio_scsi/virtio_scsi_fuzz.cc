// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes a virtio-scsi adapter with a disk and a drive behind it: rings, requests, CDBs, task
// management and events, while the host plugs, pulls and changes media. scsi_program.h says what
// must hold.

#include <cstddef>
#include <cstdint>

#include "devices/virtio_scsi/scsi_program.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  platter::ScsiProgram program;
  program.Run({data, size});
  return 0;
}
