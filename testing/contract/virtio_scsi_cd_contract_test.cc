// SPDX-License-Identifier: Apache-2.0
//
// A SCSI CD drive behind virtio-scsi keeps the device contract, on both transports.

#include "testing/contract/device_contract.h"
#include "testing/contract/virtio_scsi_fixture.h"

namespace platter {
namespace {

INSTANTIATE_TEST_SUITE_P(VirtioScsiCd, DeviceContractTest,
                         testing::Values(DeviceContractCase{"Mmio", &MakeVirtioScsiCdMmioFixture},
                                         DeviceContractCase{"Direct",
                                                            &MakeVirtioScsiCdDirectFixture}),
                         NameOfCase);

}  // namespace
}  // namespace platter
