// SPDX-License-Identifier: Apache-2.0
#include "drivers/file/kept_locks.h"

#include <algorithm>
#include <utility>

#include "drivers/edge.h"
#include "drivers/file/image_lock.h"

namespace platter {
namespace {

using Images = std::vector<LockedImage>;

bool Contains(const Images& images, const LockedImage& wanted) {
  return std::any_of(images.begin(), images.end(),
                     [&](const LockedImage& image) { return image.lock == wanted.lock; });
}

// Those of `node` and of all below it, each once.
void Collect(BlockNode& node, Images& images) {
  const LockedImage image = node.locked_image();
  if (image.lock != nullptr && !Contains(images, image)) images.push_back(image);
  for (const Edge* const edge : node.children()) {
    if (edge->child() != nullptr) Collect(*edge->child(), images);
  }
}

bool IsSameFile(const LockedImage& a, const LockedImage& b) {
  return a.inode != 0 && a.inode == b.inode && a.device == b.device;
}

}  // namespace

KeptLocks::KeptLocks(NodeRef going, NodeRef coming)
    : going_(std::move(going)), coming_(std::move(coming)) {
  Collect(*going_, kept_);
  Collect(*coming_, heirs_);
  // What is in both trees is no stranger to itself.
  std::erase_if(heirs_, [this](const LockedImage& heir) { return Contains(kept_, heir); });
  for (const LockedImage& image : kept_) {
    image.lock->Keep();
    for (const LockedImage& heir : heirs_) {
      if (IsSameFile(heir, image)) heir.lock->Succeed(*image.lock, *image.file);
    }
  }
}

KeptLocks::~KeptLocks() {
  for (const LockedImage& heir : heirs_) heir.lock->SucceedNone();
  for (const LockedImage& image : kept_) image.lock->Settle(*image.file);
}

}  // namespace platter
