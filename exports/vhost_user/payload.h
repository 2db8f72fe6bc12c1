// SPDX-License-Identifier: Apache-2.0
//
// Reading a message's payload, whose length a RequestRule has checked, into a struct of the
// protocol: copied once.
//
// Threading: pure. Errors: too short a payload is a failed check.

#ifndef PLATTER_EXPORTS_VHOST_USER_PAYLOAD_H_
#define PLATTER_EXPORTS_VHOST_USER_PAYLOAD_H_

#include <cstddef>
#include <cstring>
#include <type_traits>

#include "base/check.h"
#include "exports/vhost_user/message_stream.h"

namespace platter {

template <typename T>
T PayloadAs(const VhostUserMessage& message, size_t offset = 0) {
  static_assert(std::is_trivially_copyable_v<T>);
  PLATTER_CHECK(offset + sizeof(T) <= message.payload.size());
  T value;
  std::memcpy(&value, message.payload.data() + offset, sizeof(T));
  return value;
}

}  // namespace platter

#endif  // PLATTER_EXPORTS_VHOST_USER_PAYLOAD_H_
