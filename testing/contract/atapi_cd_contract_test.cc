// SPDX-License-Identifier: Apache-2.0
//
// The ATAPI drive keeps the device contract, by DMA and by PIO.

#include "testing/contract/atapi_cd_fixture.h"
#include "testing/contract/device_contract.h"

namespace platter {
namespace {

INSTANTIATE_TEST_SUITE_P(AtapiCd, DeviceContractTest,
                         testing::Values(DeviceContractCase{"Dma", &MakeAtapiCdDmaFixture},
                                         DeviceContractCase{"Pio", &MakeAtapiCdPioFixture}),
                         NameOfCase);

}  // namespace
}  // namespace platter
