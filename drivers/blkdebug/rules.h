// SPDX-License-Identifier: Apache-2.0
//
// BlkdebugRules: what the driver `blkdebug` is told to do to requests: fail, be held, or change the
// state that other rules ask for.
//
// A rule takes effect at an event. An error rule is armed by its event and stays armed until
// another event arms others; one for kNone is armed from the start and stays so. A suspend rule
// holds the request at whose event it fires, once; one for kNone fires at any request.
//
// Ownership: a value. Threading: one thread at a time (the node locks).
// Units: bytes. Errors: none.

#ifndef PLATTER_DRIVERS_BLKDEBUG_RULES_H_
#define PLATTER_DRIVERS_BLKDEBUG_RULES_H_

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aio/io_request.h"

namespace platter {

// The events that the field knows; the numbers are those of the schema
// (config/proto/blkdebug.proto). The node itself raises kReadAio, kWriteAio, kPwritev,
// kPwritevZero, kPwritevDone, kFlushToOs and kFlushToDisk; the others are for the drivers above.
enum class BlkdebugEvent : uint8_t {
  kNone = 0,
  kL1Update = 1,
  kL1GrowAllocTable = 2,
  kL1GrowWriteTable = 3,
  kL1GrowActivateTable = 4,
  kL2Load = 5,
  kL2Update = 6,
  kL2UpdateCompressed = 7,
  kL2AllocCowRead = 8,
  kL2AllocWrite = 9,
  kReadAio = 10,
  kReadBackingAio = 11,
  kReadCompressed = 12,
  kWriteAio = 13,
  kWriteCompressed = 14,
  kVmstateLoad = 15,
  kVmstateSave = 16,
  kCowRead = 17,
  kCowWrite = 18,
  kReftableLoad = 19,
  kReftableGrow = 20,
  kReftableUpdate = 21,
  kRefblockLoad = 22,
  kRefblockUpdate = 23,
  kRefblockUpdatePart = 24,
  kRefblockAlloc = 25,
  kRefblockAllocHookup = 26,
  kRefblockAllocWrite = 27,
  kRefblockAllocWriteBlocks = 28,
  kRefblockAllocWriteTable = 29,
  kRefblockAllocSwitchTable = 30,
  kClusterAlloc = 31,
  kClusterAllocBytes = 32,
  kClusterFree = 33,
  kFlushToOs = 34,
  kFlushToDisk = 35,
  kPwritevRmwHead = 36,
  kPwritevRmwAfterHead = 37,
  kPwritevRmwTail = 38,
  kPwritevRmwAfterTail = 39,
  kPwritev = 40,
  kPwritevZero = 41,
  kPwritevDone = 42,
  kEmptyImagePrepare = 43,
  kL1ShrinkWriteTable = 44,
  kL1ShrinkFreeL2Clusters = 45,
  kCorWrite = 46,
  kClusterAllocSpace = 47,
};

enum class BlkdebugIoType : uint8_t {
  kRead,
  kWrite,
  kWriteZeroes,
  kDiscard,
  kFlush,
  kBlockStatus,
};
BlkdebugIoType IoTypeOf(IoOp op);

// Bytes [offset, offset + bytes), for rules about a place. A flush is at no place.
struct BlkdebugRange {
  uint64_t offset = 0;
  uint64_t bytes = UINT64_MAX;
};

inline constexpr uint64_t kBlkdebugForEver = UINT64_MAX;

struct BlkdebugErrorRule {
  enum class Failure : uint8_t { kInALaterTurn, kImmediately };

  BlkdebugEvent event = BlkdebugEvent::kNone;
  std::optional<uint32_t> state = std::nullopt;         // nullopt: any.
  std::optional<BlkdebugIoType> iotype = std::nullopt;  // nullopt: all but kBlockStatus.
  std::optional<BlkdebugRange> range = std::nullopt;    // nullopt: anywhere.
  int error = EIO;
  uint64_t count = kBlkdebugForEver;  // Requests that fail before the rule is used up.
  Failure failure = Failure::kInALaterTurn;
};

struct BlkdebugStateRule {
  BlkdebugEvent event = BlkdebugEvent::kNone;
  std::optional<uint32_t> state = std::nullopt;
  uint32_t new_state = 1;
};

struct BlkdebugSuspendRule {
  BlkdebugEvent event = BlkdebugEvent::kNone;
  std::string tag;
  std::optional<BlkdebugIoType> iotype = std::nullopt;  // nullopt: all.
  std::optional<BlkdebugRange> range = std::nullopt;
  uint64_t count = 1;  // Requests that are held before the rule is used up.
};

class BlkdebugRules {
 public:
  // The request that an event or a question is about.
  struct Subject {
    BlkdebugIoType iotype = BlkdebugIoType::kRead;
    uint64_t offset = 0;
    uint64_t bytes = 0;
  };

  void Add(const BlkdebugErrorRule& rule);
  void Add(const BlkdebugStateRule& rule) { state_rules_.push_back(rule); }
  void Add(const BlkdebugSuspendRule& rule) { suspend_rules_.push_back(rule); }
  void Clear();
  // Suspend rules only, those with `tag`.
  void RemoveSuspend(std::string_view tag);

  bool empty() const {
    return error_rules_.empty() && state_rules_.empty() && suspend_rules_.empty();
  }
  bool HasEvent(BlkdebugEvent event) const;

  // An event happened: arms rules and changes the state.
  void OnEvent(BlkdebugEvent event);
  // The tag by which a request is to be held at `event`, or nullopt.
  std::optional<std::string> TakeSuspend(BlkdebugEvent event, const Subject& subject);
  // How the request is to fail, or nullopt.
  struct Fault {
    int error;
    BlkdebugErrorRule::Failure failure;
  };
  std::optional<Fault> TakeFault(const Subject& subject);

  uint32_t state() const { return state_; }

 private:
  struct ArmedRule {
    BlkdebugErrorRule rule;
    bool armed;
  };

  std::vector<ArmedRule> error_rules_;
  std::vector<BlkdebugStateRule> state_rules_;
  std::vector<BlkdebugSuspendRule> suspend_rules_;
  uint32_t state_ = 1;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_BLKDEBUG_RULES_H_
