// SPDX-License-Identifier: Apache-2.0
//
// WorkItem: something an AioContext runs once, queued through a pointer in the item itself. A
// BottomHalf is the kind that may be scheduled again and again from any thread: scheduling one that
// is already scheduled does nothing.
//
// Ownership: an item outlives its stay in a queue.
// Threading: see AioContext::Post and Defer for WorkItem; BottomHalf::Schedule from any thread.

#ifndef PLATTER_AIO_WORK_ITEM_H_
#define PLATTER_AIO_WORK_ITEM_H_

#include <atomic>

namespace platter {

class WorkItem {
 public:
  WorkItem() = default;
  WorkItem(const WorkItem&) = delete;
  WorkItem& operator=(const WorkItem&) = delete;

  // Runs in the context it was queued to. The item is out of the queue: it may queue itself again
  // or be freed here.
  virtual void Run() = 0;

  WorkItem* next = nullptr;

 protected:
  ~WorkItem() = default;
};

}  // namespace platter

#endif  // PLATTER_AIO_WORK_ITEM_H_
