// SPDX-License-Identifier: Apache-2.0
//
// The ATAPI drive and its guest driver for the device contract suite, by DMA and by PIO. Its guest
// does what guests of such drives do: it tries again after news, and looks for events and the
// capacity when somebody wants to know.
//
// Ownership, threading, units, errors: see device_fixture.h.

#ifndef PLATTER_TESTING_CONTRACT_ATAPI_CD_FIXTURE_H_
#define PLATTER_TESTING_CONTRACT_ATAPI_CD_FIXTURE_H_

#include <memory>

#include "testing/contract/device_fixture.h"

namespace platter {

std::unique_ptr<DeviceFixture> MakeAtapiCdDmaFixture();
std::unique_ptr<DeviceFixture> MakeAtapiCdPioFixture();

}  // namespace platter

#endif  // PLATTER_TESTING_CONTRACT_ATAPI_CD_FIXTURE_H_
