// SPDX-License-Identifier: Apache-2.0
//
// The toy drive and its guest driver for the device contract suite.
//
// Ownership, threading, units, errors: see device_fixture.h.

#ifndef PLATTER_TESTING_CONTRACT_TOY_DRIVE_FIXTURE_H_
#define PLATTER_TESTING_CONTRACT_TOY_DRIVE_FIXTURE_H_

#include <memory>

#include "testing/contract/device_fixture.h"

namespace platter {

std::unique_ptr<DeviceFixture> MakeToyDriveFixture();

}  // namespace platter

#endif  // PLATTER_TESTING_CONTRACT_TOY_DRIVE_FIXTURE_H_
