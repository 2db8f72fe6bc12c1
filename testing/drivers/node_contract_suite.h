// SPDX-License-Identifier: Apache-2.0
//
// NodeContractTest: what every driver must do, on every kind of context. A driver's test links
// //testing/drivers:node_contract_suite and says how its node is made:
//
//   class NullSubject final : public NodeSubject { ... };
//   INSTANTIATE_TEST_SUITE_P(Null, NodeContractTest,
//                            EveryKind({{"co", [] { return std::make_unique<NullSubject>(); }}}),
//                            NodeContractName);
//
// Tag the test `threads`: part of it runs on several.
//
// Ownership: the subject makes the node and outlives it. Threading: the test's thread but for
// Start. Units: bytes. Errors: failures of the test.

#ifndef PLATTER_TESTING_DRIVERS_NODE_CONTRACT_SUITE_H_
#define PLATTER_TESTING_DRIVERS_NODE_CONTRACT_SUITE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"

#include "drivers/node.h"
#include "testing/drivers/contract_world.h"
#include "testing/drivers/test_root.h"

namespace platter {

// A driver under test: makes a node and looks behind it.
class NodeSubject {
 public:
  virtual ~NodeSubject() = default;

  // Empty, or the reason of testing/allowed_skips.txt for which this machine has no such node; then
  // the test skips. Asked once, before Open.
  virtual std::string WhyNot(ContractWorld& /*world*/) { return ""; }
  // A writable node of Size() bytes that reads as zeroes (when it holds data at all).
  virtual NodeRef Open(ContractWorld& world) = 0;
  // What the medium holds, read past the node, when there is a way; the node is idle.
  virtual std::optional<std::vector<uint8_t>> Behind(uint64_t /*offset*/, uint64_t /*bytes*/) {
    return std::nullopt;
  }

  virtual uint64_t Size() const { return 1 << 20; }
  // Reads give what was written.
  virtual bool HoldsData() const { return true; }
  virtual bool CanTruncate() const { return true; }
  // Once warm, requests allocate nothing, and take no lock.
  virtual bool AllocatesNothing() const { return true; }
  virtual bool LocksNothing() const { return true; }
};

struct NodeSubjectMaker {
  std::string name;
  std::function<std::unique_ptr<NodeSubject>()> make;
};

using NodeContractParam = std::tuple<NodeSubjectMaker, ContextKind>;

// The makers given on each kind of context.
inline auto EveryKind(const std::vector<NodeSubjectMaker>& makers) {
  return ::testing::Combine(
      ::testing::ValuesIn(makers),
      ::testing::Values(ContextKind::kSimulated, ContextKind::kThreads, ContextKind::kUring));
}
std::string NodeContractName(const ::testing::TestParamInfo<NodeContractParam>& info);

class NodeContractTest : public ::testing::TestWithParam<NodeContractParam> {
 protected:
  void SetUp() override;
  void TearDown() override;

  AioContext& io() { return world_->control(); }
  uint64_t size() const { return subject_->Size(); }
  // A request of the control context.
  DiskIo Io() { return DiskIo(*root_, io()); }
  IoResult Write(uint64_t offset, std::vector<uint8_t> data);
  std::vector<uint8_t> Read(uint64_t offset, uint64_t bytes);

  std::unique_ptr<ContractWorld> world_;
  std::unique_ptr<NodeSubject> subject_;
  NodeRef node_;
  std::unique_ptr<TestRoot> root_;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(NodeContractTest);

}  // namespace platter

#endif  // PLATTER_TESTING_DRIVERS_NODE_CONTRACT_SUITE_H_
