// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes a virtqueue with virtio-blk behind it. The input is a program of a driver that mostly
// keeps the rules: whole requests with now and then one field wrong, raw writes to the ring,
// registers, resets, turns of the event loop. A part of the guest's memory has no host address and
// reads differently the second time (R-VQ-21). What must hold: nothing aborts, each request
// completes at most once, the device works after a reset.

#include <cstddef>
#include <cstdint>

#include "devices/virtio/blk_program.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  platter::BlkProgram program;
  program.Run({data, size});
  return 0;
}
