// SPDX-License-Identifier: Apache-2.0
//
// A SCSI disk behind virtio-scsi keeps the device contract, on both transports.

#include "testing/contract/device_contract.h"
#include "testing/contract/virtio_scsi_fixture.h"

namespace platter {
namespace {

INSTANTIATE_TEST_SUITE_P(VirtioScsiDisk, DeviceContractTest,
                         testing::Values(DeviceContractCase{"Mmio", &MakeVirtioScsiDiskMmioFixture},
                                         DeviceContractCase{"Direct",
                                                            &MakeVirtioScsiDiskDirectFixture}),
                         NameOfCase);

}  // namespace
}  // namespace platter
