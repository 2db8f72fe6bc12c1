// SPDX-License-Identifier: Apache-2.0
//
// The toy drive keeps the device contract. What its registers do is in toy_register_file_test.cc,
// what its guest's driver sees in testing/guest/toy_driver_test.cc.

#include "examples/own_device/toy_drive.h"

#include "gtest/gtest.h"

#include "testing/contract/device_contract.h"
#include "testing/contract/toy_drive_fixture.h"

namespace platter {
namespace {

INSTANTIATE_TEST_SUITE_P(ToyDrive, DeviceContractTest,
                         testing::Values(DeviceContractCase{"Mmio", &MakeToyDriveFixture}),
                         NameOfCase);

}  // namespace
}  // namespace platter
