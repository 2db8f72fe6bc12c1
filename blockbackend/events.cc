// SPDX-License-Identifier: Apache-2.0
#include "blockbackend/events.h"

namespace platter {

const char* ErrorActionName(ErrorAction action) {
  switch (action) {
    case ErrorAction::kReport:
      return "report";
    case ErrorAction::kIgnore:
      return "ignore";
    case ErrorAction::kStop:
      return "stop";
    case ErrorAction::kStall:
      return "stall";
    case ErrorAction::kRetry:
      return "retry";
  }
  return "?";
}

}  // namespace platter
