// SPDX-License-Identifier: Apache-2.0
//
// NodeHammer: keeps a part of a node busy from one context: writes a pattern, reads it back, and
// again, several requests at a time, parking while the root is quiesced.
//
// Ownership: outlives its requests: destroy it when stopped(). Threading: works in its context;
// Start, Stop and the counts from any thread; failures() when stopped. Units: bytes.

#ifndef PLATTER_TESTING_DRIVERS_NODE_HAMMER_H_
#define PLATTER_TESTING_DRIVERS_NODE_HAMMER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aio/aio_context.h"
#include "aio/work_item.h"
#include "testing/drivers/test_root.h"
#include "testing/model/random.h"

namespace platter {

struct HammerOptions {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t seed = 1;
  bool verify = true;
  int depth = 4;
  uint64_t max_bytes = 12 * 1024;
};

class NodeHammer {
 public:
  NodeHammer(TestRoot& root, AioContext& context, const HammerOptions& options);
  ~NodeHammer();

  void Start();
  void Stop() { stop_.store(true); }
  bool stopped() const { return running_.load() == 0; }
  uint64_t completed() const { return completed_.load(); }
  // What went wrong first; empty when nothing did.
  const std::string& failures() const { return failures_; }

 private:
  // One of several requests in turn, with its own part of the range.
  class Lane;
  void Fail(std::string text);

  TestRoot& root_;
  AioContext& context_;
  const HammerOptions options_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::atomic<bool> stop_{false};
  std::atomic<int> running_{0};
  std::atomic<uint64_t> completed_{0};
  std::string failures_;
};

}  // namespace platter

#endif  // PLATTER_TESTING_DRIVERS_NODE_HAMMER_H_
