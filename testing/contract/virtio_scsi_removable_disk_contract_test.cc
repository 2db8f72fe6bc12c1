// SPDX-License-Identifier: Apache-2.0
//
// A SCSI disk with removable media behind virtio-scsi keeps the device contract on both transports.

#include "testing/contract/device_contract.h"
#include "testing/contract/virtio_scsi_fixture.h"

namespace platter {
namespace {

INSTANTIATE_TEST_SUITE_P(
    VirtioScsiRemovableDisk, DeviceContractTest,
    testing::Values(DeviceContractCase{"Mmio", &MakeVirtioScsiRemovableDiskMmioFixture},
                    DeviceContractCase{"Direct", &MakeVirtioScsiRemovableDiskDirectFixture}),
    NameOfCase);

}  // namespace
}  // namespace platter
