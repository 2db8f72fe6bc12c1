// SPDX-License-Identifier: Apache-2.0
//
// VhostUserBenchTarget: a vhost-user-blk back-end of any make, to be measured: the guest's driver
// over our own front-end, connected to its socket.
//
// Ownership: owns memory, connection and driver. Threading: its creator's thread.
// Units: bytes. Errors: "--target: ..." for the socket and what the back-end refuses.

#ifndef PLATTER_BENCHMARKS_THROUGHPUT_VHOST_USER_TARGET_H_
#define PLATTER_BENCHMARKS_THROUGHPUT_VHOST_USER_TARGET_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "benchmarks/throughput/bench_target.h"
#include "testing/guest/vhost_user_bus.h"
#include "testing/guest/vhost_user_front_end.h"
#include "testing/guest/virtio_blk_driver.h"
#include "testing/guest/virtio_vhost_user_driver.h"

namespace platter {

class VhostUserBenchTarget final : public BenchTarget {
 public:
  // The workload has a target.
  static absl::StatusOr<std::unique_ptr<BenchTarget>> Create(const Workload& workload);
  ~VhostUserBenchTarget() override;

  GuestBus& bus() override { return bus_; }
  std::unique_ptr<LoadQueue> MakeQueue(uint32_t index) override;
  void TakeInterrupts() override;
  void Turn(uint32_t done, Duration limit) override;
  absl::Status Health() override;

 private:
  explicit VhostUserBenchTarget(const Workload& workload);
  absl::Status Connect();

  const Workload& workload_;
  VhostUserBus bus_;
  std::unique_ptr<VhostUserFrontEnd> front_;
  std::unique_ptr<VirtioVhostUserDriver> transport_;
  std::unique_ptr<VirtioBlkDriver> driver_;
};

}  // namespace platter

#endif  // PLATTER_BENCHMARKS_THROUGHPUT_VHOST_USER_TARGET_H_
