// SPDX-License-Identifier: Apache-2.0

#include "benchmarks/throughput/bench_device.h"

#include "absl/strings/str_cat.h"

#include "benchmarks/throughput/ide_bench_device.h"
#include "benchmarks/throughput/scsi_bench_device.h"
#include "benchmarks/throughput/virtio_blk_bench_device.h"

namespace platter {

std::unique_ptr<BenchDevice> MakeBenchDevice(std::string_view model) {
  if (model == "virtio-blk") return std::make_unique<VirtioBlkBenchDevice>();
  if (model == "ide-disk") return std::make_unique<IdeDiskBenchDevice>();
  if (model == "ide-cd") return std::make_unique<IdeCdBenchDevice>();
  if (model == "scsi-disk") return std::make_unique<ScsiBenchDevice>(ScsiBenchDevice::Kind::kDisk);
  if (model == "scsi-cd") return std::make_unique<ScsiBenchDevice>(ScsiBenchDevice::Kind::kCd);
  return nullptr;
}

std::string IoThreadOptions(const Workload& workload) {
  std::string text;
  for (uint32_t i = 0; i < workload.iothreads; ++i) {
    absl::StrAppend(&text, ",iothread-vq-mapping.", i, ".iothread=io", i);
  }
  return text;
}

}  // namespace platter
