// SPDX-License-Identifier: Apache-2.0
//
// Events of block backends for the machine's owner: the field's BLOCK_IO_ERROR and
// DEVICE_TRAY_MOVED, delivered in the order in which they happened.
//
// Ownership: the sink outlives the backends. Threading: OnBlockEvent runs in the control context.

#ifndef PLATTER_BLOCKBACKEND_EVENTS_H_
#define PLATTER_BLOCKBACKEND_EVENTS_H_

#include <cstdint>
#include <string>
#include <variant>

namespace platter {

enum class ErrorAction : uint8_t { kReport, kIgnore, kStop, kStall, kRetry };
// "report", "ignore", ...: as QMP has it.
const char* ErrorActionName(ErrorAction action);
enum class IoDirection : uint8_t { kRead, kWrite };

struct BlockIoErrorEvent {
  std::string backend;  // Its name; may be empty.
  std::string device_id;
  std::string node_name;  // Of the root; empty without a medium.
  IoDirection operation = IoDirection::kRead;
  ErrorAction action = ErrorAction::kReport;
  bool nospace = false;
  std::string reason;  // strerror.
};

struct TrayMovedEvent {
  std::string backend;
  std::string device_id;
  bool tray_open = false;
};

using BlockEvent = std::variant<BlockIoErrorEvent, TrayMovedEvent>;

class BlockEventSink {
 public:
  virtual void OnBlockEvent(const BlockEvent& event) = 0;

 protected:
  ~BlockEventSink() = default;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_EVENTS_H_
