// SPDX-License-Identifier: Apache-2.0
//
// BlockStats: the basic accounting of a backend.
//
// Threading: a value. Units: bytes, nanoseconds. Errors: none.

#ifndef PLATTER_BLOCKBACKEND_BLOCK_STATS_H_
#define PLATTER_BLOCKBACKEND_BLOCK_STATS_H_

#include <cstdint>

namespace platter {

// Totals since creation, of all channels (closed ones too).
struct BlockStats {
  struct Operation {
    uint64_t operations = 0;     // Ended well.
    uint64_t bytes = 0;          // Of these.
    uint64_t failed = 0;         // Ended with an error of the medium, ignored ones included.
    uint64_t invalid = 0;        // Refused before they reached the medium.
    uint64_t total_time_ns = 0;  // From Submit to OnBlockDone, of ended and failed ones.
  };
  Operation read, write, flush, unmap;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_BLOCK_STATS_H_
