// SPDX-License-Identifier: Apache-2.0
//
// The ATA disk and its guest driver for the device contract suite, by DMA and by PIO.
//
// Ownership, threading, units, errors: see device_fixture.h.

#ifndef PLATTER_TESTING_CONTRACT_ATA_DISK_FIXTURE_H_
#define PLATTER_TESTING_CONTRACT_ATA_DISK_FIXTURE_H_

#include <memory>

#include "testing/contract/device_fixture.h"

namespace platter {

std::unique_ptr<DeviceFixture> MakeAtaDiskDmaFixture();
std::unique_ptr<DeviceFixture> MakeAtaDiskPioFixture();

}  // namespace platter

#endif  // PLATTER_TESTING_CONTRACT_ATA_DISK_FIXTURE_H_
