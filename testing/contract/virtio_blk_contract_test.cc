// SPDX-License-Identifier: Apache-2.0
//
// virtio-blk keeps the device contract, on both transports.

#include "testing/contract/device_contract.h"
#include "testing/contract/virtio_blk_fixture.h"

namespace platter {
namespace {

INSTANTIATE_TEST_SUITE_P(VirtioBlk, DeviceContractTest,
                         testing::Values(DeviceContractCase{"Mmio", &MakeVirtioBlkMmioFixture},
                                         DeviceContractCase{"Direct", &MakeVirtioBlkDirectFixture}),
                         NameOfCase);

}  // namespace
}  // namespace platter
