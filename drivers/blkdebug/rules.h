// SPDX-License-Identifier: Apache-2.0
//
// BlkdebugRules: what the driver `blkdebug` is told to do to requests: fail, be held, or change the
// state that other rules ask for.
//
// A rule takes effect at an event. An error rule is armed by its event and stays armed until
// another event arms others; one for kNone is armed from the start and stays so. A state rule for
// kNone takes effect as it is added. A suspend rule holds the request at whose event it fires,
// once; one for kNone fires at any request.
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

// The events that the node raises; the numbers are those of the schema
// (config/proto/blkdebug.proto), which has none for the events of the field that nothing here
// raises: those of image formats, and of the read-modify-write that an Edge does above the node.
enum class BlkdebugEvent : uint8_t {
  kNone = 0,
  kReadAio = 10,      // A read; next it reaches the child.
  kWriteAio = 13,     // A write; next: kPwritev.
  kFlushToOs = 34,    // A flush; next: kFlushToDisk.
  kFlushToDisk = 35,  // Next it reaches the child.
  kPwritev = 40,      // Next it reaches the child.
  kPwritevZero = 41,  // A write of zeroes; next it reaches the child.
  kPwritevDone = 42,  // A write or a write of zeroes ended, well or not, by a rule or in the child.
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
  void Add(const BlkdebugStateRule& rule);
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
