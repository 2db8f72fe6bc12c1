// SPDX-License-Identifier: Apache-2.0
//
// A SCSI disk, one with removable media and a SCSI CD drive behind virtio-scsi, with their guest
// driver, for the device contract suite, on both transports.
//
// Ownership, threading, units, errors: see device_fixture.h.

#ifndef PLATTER_TESTING_CONTRACT_VIRTIO_SCSI_FIXTURE_H_
#define PLATTER_TESTING_CONTRACT_VIRTIO_SCSI_FIXTURE_H_

#include <memory>

#include "testing/contract/device_fixture.h"

namespace platter {

std::unique_ptr<DeviceFixture> MakeVirtioScsiDiskMmioFixture();
std::unique_ptr<DeviceFixture> MakeVirtioScsiDiskDirectFixture();
std::unique_ptr<DeviceFixture> MakeVirtioScsiRemovableDiskMmioFixture();
std::unique_ptr<DeviceFixture> MakeVirtioScsiRemovableDiskDirectFixture();
std::unique_ptr<DeviceFixture> MakeVirtioScsiCdMmioFixture();
std::unique_ptr<DeviceFixture> MakeVirtioScsiCdDirectFixture();

}  // namespace platter

#endif  // PLATTER_TESTING_CONTRACT_VIRTIO_SCSI_FIXTURE_H_
