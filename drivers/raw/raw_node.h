// SPDX-License-Identifier: Apache-2.0
//
// RawNode: the driver `raw`: another node as it is, or a part of it. A request travels on as the
// same object with the offset added.
//
// Ownership: see BlockNode. Threading: any-context. Units: bytes.
// Errors: Create: EINVAL naming the size that does not fit. Truncate: ENOTSUP when the size is
//   fixed by the option.

#ifndef PLATTER_DRIVERS_RAW_RAW_NODE_H_
#define PLATTER_DRIVERS_RAW_RAW_NODE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "drivers/edge.h"
#include "drivers/node.h"

namespace platter {

struct RawOptions {
  uint64_t offset = 0;
  std::optional<uint64_t> size = std::nullopt;  // A multiple of 512. nullopt: to the end.
  bool read_only = false;
};

class RawNode final : public BlockNode, public EdgeParent {
 public:
  static absl::StatusOr<std::shared_ptr<RawNode>> Create(std::string node_name, NodeRef file,
                                                         const RawOptions& options);

  const char* driver_name() const override { return "raw"; }
  IoResult Start(IoRequest& request) override;
  void Cancel(IoRequest& request) override { file_.Cancel(request); }
  Task<absl::Status> Truncate(uint64_t new_length) override;
  Task<absl::StatusOr<BlockStatus>> GetBlockStatus(uint64_t offset, uint64_t bytes) override;
  std::optional<HostBlockSizes> ProbeBlockSizes() const override;
  absl::Status SetPermissions(Permissions cumulative) override;
  std::vector<Edge*> children() override { return {&file_}; }

  std::string Describe() const override { return "node '" + node_name() + "'"; }
  BlockNode* AsNode() override { return this; }
  void OnChildChanged() override;

 private:
  class GrowingWrite;

  RawNode(std::string node_name, const RawOptions& options);
  absl::Status Open(NodeRef file);
  void Refresh();

  const RawOptions options_;
  Edge file_{*this, "file"};
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_RAW_RAW_NODE_H_
