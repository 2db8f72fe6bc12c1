// SPDX-License-Identifier: Apache-2.0
//
// The ATA disk keeps the device contract, by DMA and by PIO.

#include "testing/contract/ata_disk_fixture.h"
#include "testing/contract/device_contract.h"

namespace platter {
namespace {

INSTANTIATE_TEST_SUITE_P(AtaDisk, DeviceContractTest,
                         testing::Values(DeviceContractCase{"Dma", &MakeAtaDiskDmaFixture},
                                         DeviceContractCase{"Pio", &MakeAtaDiskPioFixture}),
                         NameOfCase);

}  // namespace
}  // namespace platter
