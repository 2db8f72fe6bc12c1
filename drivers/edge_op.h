// SPDX-License-Identifier: Apache-2.0
//
// EdgeOp: a request that an Edge has made into something else (pieces, a bounce, a hop to another
// context), and the list of those that one context has in flight, so that a cancel finds its way.
//
// Ownership: the ops own themselves. Threading: in their context. Errors: none.

#ifndef PLATTER_DRIVERS_EDGE_OP_H_
#define PLATTER_DRIVERS_EDGE_OP_H_

#include "aio/io_request.h"

namespace platter {

class AioContext;

class EdgeOp {
 public:
  EdgeOp(const EdgeOp&) = delete;
  EdgeOp& operator=(const EdgeOp&) = delete;
  // A hint, as BlockNode::Cancel.
  virtual void CancelOp() = 0;

  // For EdgeOpList.
  EdgeOp* newer = nullptr;
  EdgeOp* older = nullptr;
  bool Is(const IoRequest& parent) const { return &parent_ == &parent; }

 protected:
  explicit EdgeOp(IoRequest& parent) : parent_(parent) {}
  ~EdgeOp() = default;

  IoRequest& parent_;  // What the Edge was given.
};

class EdgeOpList {
 public:
  explicit EdgeOpList(AioContext&) {}

  bool empty() const { return newest_ == nullptr; }
  void Add(EdgeOp& op) {
    op.older = newest_;
    if (newest_ != nullptr) newest_->newer = &op;
    newest_ = &op;
  }
  void Remove(EdgeOp& op) {
    (op.newer == nullptr ? newest_ : op.newer->older) = op.older;
    if (op.older != nullptr) op.older->newer = op.newer;
  }
  // The op that `parent` became, or nullptr.
  EdgeOp* Find(const IoRequest& parent) const {
    EdgeOp* op = newest_;
    while (op != nullptr && !op->Is(parent)) op = op->older;
    return op;
  }

 private:
  EdgeOp* newest_ = nullptr;
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_EDGE_OP_H_
