// SPDX-License-Identifier: Apache-2.0
//
// OptionsOrigin: the options that a node was opened with, kept with the node; and what a node that
// is made for another one, nested in its options, takes from it.
//
// Ownership: the node's. Threading: control context. Errors: none.

#ifndef PLATTER_DRIVERS_FACTORY_NODE_ORIGIN_H_
#define PLATTER_DRIVERS_FACTORY_NODE_ORIGIN_H_

#include <cstdint>
#include <utility>

#include "config/proto/blockdev.pb.h"
#include "drivers/node.h"

namespace platter {

class OptionsOrigin final : public NodeOrigin {
 public:
  enum class Place : uint8_t { kOwn, kNested };

  OptionsOrigin(config::BlockdevOptions said, config::BlockdevOptions options, Place place)
      : said_(std::move(said)), options_(std::move(options)), place_(place) {}

  // As the user gave them, complete but for what blockdev.proto says of nested nodes. What the node
  // above takes next counts where something is not said here.
  const config::BlockdevOptions& said() const { return said_; }
  // With what the node has taken from the one above it.
  const config::BlockdevOptions& options() const { return options_; }
  Place place() const { return place_; }

  // Of a node that OpenNode has opened; nullptr: of another.
  static const OptionsOrigin* Of(const BlockNode& node) {
    return dynamic_cast<const OptionsOrigin*>(node.origin());
  }

 private:
  const config::BlockdevOptions said_;
  const config::BlockdevOptions options_;
  const Place place_;
};

// Unless told otherwise.
inline bool IsActive(const config::BlockdevOptions& options) {
  return !options.has_active() || options.active();
}

// A nested node whose user says nothing of discards does those that the node above it, which has a
// setting of its own, lets through.
inline void PassDiscardsUnlessSaid(config::BlockdevOptions& nested) {
  if (!nested.has_discard()) nested.set_discard(config::DISCARD_UNMAP);
}

// What `said` of a node comes to below `parent`, which is complete, that it is made for.
inline config::BlockdevOptions WithInherited(config::BlockdevOptions said,
                                             const config::BlockdevOptions& parent) {
  if (!IsActive(parent)) said.set_active(false);
  if (!said.has_read_only()) said.set_read_only(parent.read_only());
  if (!said.has_auto_read_only()) said.set_auto_read_only(parent.auto_read_only());
  config::CacheOptions& cache = *said.mutable_cache();
  if (!cache.has_direct()) cache.set_direct(parent.cache().direct());
  if (!cache.has_no_flush()) cache.set_no_flush(parent.cache().no_flush());
  PassDiscardsUnlessSaid(said);
  return said;
}

}  // namespace platter

#endif  // PLATTER_DRIVERS_FACTORY_NODE_ORIGIN_H_
