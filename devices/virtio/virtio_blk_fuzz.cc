// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes a virtqueue with virtio-blk behind it. The input is a program of a driver that mostly
// keeps the rules: whole requests with now and then one field wrong, raw writes to the ring,
// registers or calls, resets, turns of the event loop. Parts of the guest's memory, rings and
// tables too, have no host address and read differently the second time (R-VQ-21). What must hold:
// nothing aborts, each request completes at most once, the device works after a reset;
// blk_program.h says it exactly.

#include <cstddef>
#include <cstdint>

#include "devices/virtio/blk_program.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  platter::BlkProgram program;
  program.Run({data, size});
  return 0;
}
