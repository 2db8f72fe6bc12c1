// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/id.h"
#include "base/status.h"
#include "blockbackend/backend_impl.h"
#include "blockbackend/block_backend.h"

namespace platter {

struct BackendRegistry::Impl {
  BackendServices services;
  std::vector<BlockBackendImpl*> backends;  // In order of creation.
  size_t alive = 0;                         // With those that finish their work.
};

BackendRegistry::BackendRegistry(const BackendServices& services)
    : impl_(std::make_unique<Impl>()) {
  PLATTER_CHECK(services.control != nullptr);
  impl_->services = services;
}

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
      options.read_error, options.write_error,
      name.empty() ? "anonymous block backend"
                   : absl::StrCat("block backend '", std::string(name), "'")));
  auto made = std::make_unique<BlockBackendImpl>(impl_->services, std::string(name), options);
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
