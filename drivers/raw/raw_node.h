// SPDX-License-Identifier: Apache-2.0
//
// RawNode: the driver `raw`: another node as it is, or a part of it. A request travels on as the
// same object with the offset added.
//
// Ownership: see BlockNode. Threading: any-context. Units: bytes.
// Errors: Create: EINVAL naming the size that does not fit. Truncate: ENOTSUP when the size is
//   fixed by the option. Both Truncate and PrepareReopen: EINVAL naming a device above that could
//   not use the length.

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
  // The whole file: a part of it is not the host's disk.
  BlockNode* FilteredChild() const override {
    return options_.offset == 0 && !options_.size.has_value() ? file_.child().get() : nullptr;
  }
  absl::Status SetPermissions(Permissions cumulative) override;
  std::vector<Edge*> children() override { return {&file_}; }
  void SetAccess(NodeAccess access) override;

  // Other options and, with `file`, another node below: found out by Prepare, which changes nothing
  // (errors as of Create, and of Edge::Attach), and done by Finish, which can't fail. The node that
  // was below is let go of with the Reopening. [drained]
  class Reopening {
   public:
    Reopening(RawNode& node, const RawOptions& options)
        : options_(options), coming_(node, "file"), going_(node, "file") {}

   private:
    friend class RawNode;
    RawOptions options_;
    Edge coming_;
    Edge going_;
  };
  absl::StatusOr<std::unique_ptr<Reopening>> PrepareReopen(const RawOptions& options, NodeRef file);
  void FinishReopen(Reopening& reopening);

  std::string Describe() const override { return "node '" + node_name() + "'"; }
  BlockNode* AsNode() override { return this; }
  absl::Status CheckChildLength(uint64_t new_length) const override {
    return CheckNewLength(LengthOver(new_length, options_));
  }
  void OnChildChanged() override;

 private:
  class GrowingWrite;

  RawNode(std::string node_name, const RawOptions& options);
  absl::Status Open(NodeRef file);
  absl::Status Check(const BlockNode& file, const RawOptions& options) const;
  // The length of a node with `options` above a file of that length.
  static uint64_t LengthOver(uint64_t file_length, const RawOptions& options);
  EdgeOptions EdgeOptionsFor(Permissions permissions) const;
  void Refresh();

  RawOptions options_;
  Edge file_{*this, "file"};
};

}  // namespace platter

#endif  // PLATTER_DRIVERS_RAW_RAW_NODE_H_
