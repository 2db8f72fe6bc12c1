// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/id.h"
#include "base/status.h"
#include "blockbackend/backend_impl.h"
#include "blockbackend/block_backend.h"
#include "drivers/empty/empty_node.h"

namespace platter {

struct BackendRegistry::Impl {
  BackendServices services;
  ThrottleGroups throttle_groups;
  std::vector<BlockBackendImpl*> backends;  // In order of creation.
  size_t alive = 0;                         // With those that finish their work.
};

BackendRegistry::BackendRegistry(const BackendServices& services)
    : impl_(std::make_unique<Impl>()) {
  PLATTER_CHECK(services.control != nullptr);
  impl_->services = services;
}

ThrottleGroups& BackendRegistry::throttle_groups() { return impl_->throttle_groups; }

BackendRegistry::~BackendRegistry() { PLATTER_CHECK(impl_->alive == 0); }

absl::StatusOr<BlockBackendRef> BackendRegistry::Create(std::string_view name,
                                                        const BackendOptions& options) {
  if (!name.empty()) {
    PLATTER_RETURN_IF_ERROR(CheckId("block backend", name));
    if (Find(name) != nullptr) {
      return absl::AlreadyExistsError(
          absl::StrCat("block backend '", std::string(name), "' exists"));
    }
  }
  PLATTER_RETURN_IF_ERROR(BlockBackendImpl::CheckPolicies(
      {.read = options.read_error, .write = options.write_error, .retry = options.retry},
      name.empty() ? "anonymous block backend"
                   : absl::StrCat("block backend '", std::string(name), "'")));
  if (!BlockBackendImpl::IsValid(options.stats)) {
    return absl::InvalidArgumentError(
        absl::StrCat("block backend '", std::string(name), "': at most ", kMaxStatsIntervals,
                     " intervals of statistics, each of 2 ns or more"));
  }
  auto made = std::make_unique<BlockBackendImpl>(impl_->services, std::string(name), options,
                                                 impl_->throttle_groups);
  Impl* const impl = impl_.get();
  ++impl->alive;
  impl->backends.push_back(made.get());
  return BlockBackendRef(
      std::shared_ptr<BlockBackendImpl>(made.release(), [impl](BlockBackendImpl* backend) {
        std::erase(impl->backends, backend);
        BlockBackendImpl::Dispose(std::unique_ptr<BlockBackendImpl>(backend),
                                  [impl] { --impl->alive; });
      }));
}

absl::StatusOr<BlockBackendRef> BackendRegistry::CreateWithEmptyRoot(
    std::string_view name, const BackendOptions& options) {
  absl::StatusOr<BlockBackendRef> backend = Create(name, options);
  if (!backend.ok()) return backend;
  // Nobody else knows either of them yet, so there is nothing to drain.
  auto& made = static_cast<BlockBackendImpl&>(**backend);
  PLATTER_RETURN_IF_ERROR(made.AttachFirstRoot(
      std::make_shared<EmptyNode>(absl::StrCat("#empty-", std::string(name)))));
  return backend;
}

Task<absl::StatusOr<BlockBackendRef>> BackendRegistry::CreateAndOpen(std::string name,
                                                                     BackendOptions options,
                                                                     NodeOpener open) {
  absl::StatusOr<BlockBackendRef> backend = Create(name, options);
  if (!backend.ok()) co_return backend.status();
  absl::StatusOr<NodeRef> node = co_await std::move(open)();
  if (!node.ok()) {
    co_return Annotate(node.status(), absl::StrCat("block backend '", name, "'"));
  }
  if (absl::Status inserted = co_await (*backend)->InsertRoot(*std::move(node)); !inserted.ok()) {
    co_return inserted;
  }
  co_return *std::move(backend);
}

BlockBackendRef BackendRegistry::Find(std::string_view name) const {
  if (name.empty()) return nullptr;
  for (BlockBackendImpl* const backend : impl_->backends) {
    if (backend->name() == name) return backend->shared_from_this();
  }
  return nullptr;
}

std::vector<BlockBackendRef> BackendRegistry::List() const {
  std::vector<BlockBackendRef> named;
  for (BlockBackendImpl* const backend : impl_->backends) {
    if (!backend->name().empty()) named.push_back(backend->shared_from_this());
  }
  return named;
}

std::vector<BlockBackendRef> BackendRegistry::All() const {
  std::vector<BlockBackendRef> all;
  all.reserve(impl_->backends.size());
  for (BlockBackendImpl* const backend : impl_->backends)
    all.push_back(backend->shared_from_this());
  return all;
}

Task<absl::Status> BackendRegistry::FlushAll() {
  absl::Status first;
  for (const BlockBackendRef& backend : All()) {
    if (!backend->is_inserted()) continue;
    const IoResult result = co_await backend->Flush();
    if (result < 0 && first.ok()) {
      first = ErrnoError(-result, absl::StrCat("flushing block backend '", backend->name(), "'"));
    }
  }
  co_return first;
}

Task<void> BackendRegistry::RemoveAllRoots() {
  for (const BlockBackendRef& backend : All()) {
    // It finds no reason to fail.
    (co_await backend->RemoveRoot()).IgnoreError();
  }
}

}  // namespace platter
