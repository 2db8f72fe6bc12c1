// SPDX-License-Identifier: Apache-2.0
//
// OptionsOrigin: the options that a node was opened with, kept with the node.
//
// Ownership: the node's. Threading: control context. Errors: none.

#ifndef PLATTER_DRIVERS_FACTORY_NODE_ORIGIN_H_
#define PLATTER_DRIVERS_FACTORY_NODE_ORIGIN_H_

#include <utility>

#include "config/proto/blockdev.pb.h"
#include "drivers/node.h"

namespace platter {

class OptionsOrigin final : public NodeOrigin {
 public:
  explicit OptionsOrigin(config::BlockdevOptions options) : options_(std::move(options)) {}

  // Complete, and with what the node has taken from the one above it.
  const config::BlockdevOptions& options() const { return options_; }

  // Of a node that OpenNode has opened; nullptr: of another.
  static const config::BlockdevOptions* Of(const BlockNode& node) {
    const auto* const origin = dynamic_cast<const OptionsOrigin*>(node.origin());
    return origin == nullptr ? nullptr : &origin->options();
  }

 private:
  const config::BlockdevOptions options_;
};

// Unless told otherwise.
inline bool IsActive(const config::BlockdevOptions& options) {
  return !options.has_active() || options.active();
}

// What a node takes from the one above it that it is made for.
inline config::BlockdevOptions WithInherited(config::BlockdevOptions definition,
                                             const config::BlockdevOptions& parent) {
  if (!IsActive(parent)) definition.set_active(false);
  if (parent.read_only()) definition.set_read_only(true);
  if (parent.auto_read_only()) definition.set_auto_read_only(true);
  return definition;
}

}  // namespace platter

#endif  // PLATTER_DRIVERS_FACTORY_NODE_ORIGIN_H_
