// SPDX-License-Identifier: Apache-2.0
//
// virtio-blk and its guest driver for the device contract suite, on both transports.
//
// Ownership, threading, units, errors: see device_fixture.h.

#ifndef PLATTER_TESTING_CONTRACT_VIRTIO_BLK_FIXTURE_H_
#define PLATTER_TESTING_CONTRACT_VIRTIO_BLK_FIXTURE_H_

#include <memory>

#include "testing/contract/device_fixture.h"

namespace platter {

std::unique_ptr<DeviceFixture> MakeVirtioBlkMmioFixture();
std::unique_ptr<DeviceFixture> MakeVirtioBlkDirectFixture();

}  // namespace platter

#endif  // PLATTER_TESTING_CONTRACT_VIRTIO_BLK_FIXTURE_H_
