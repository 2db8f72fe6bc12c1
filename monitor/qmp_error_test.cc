// SPDX-License-Identifier: Apache-2.0

#include "monitor/qmp_error.h"

#include <cerrno>

#include "gtest/gtest.h"

#include "base/status.h"
#include "config/json_writer.h"

namespace platter {
namespace {

TEST(QmpErrorTest, AnyStatusIsAGenericError) {
  const absl::Status status = ErrorWithErrno(EBUSY, "node 'n0' is in use");
  EXPECT_EQ(ErrorClassOf(status), QmpErrorClass::kGenericError);
  EXPECT_EQ(FormatJson(ErrorValue(status)),
            R"({"class": "GenericError", "desc": "node 'n0' is in use"})");
  EXPECT_EQ(ErrorClassOf(QmpError(QmpErrorClass::kGenericError, "x")),
            QmpErrorClass::kGenericError);
}

TEST(QmpErrorTest, AClassStaysWithAnAnnotatedStatus) {
  const absl::Status status = Annotate(DeviceNotFound("cd9"), "eject");
  EXPECT_EQ(FormatJson(ErrorValue(status)),
            R"({"class": "DeviceNotFound", "desc": "eject: Device 'cd9' not found"})");
  EXPECT_EQ(ErrorClassOf(QmpError(QmpErrorClass::kCommandNotFound, "x")),
            QmpErrorClass::kCommandNotFound);
}

}  // namespace
}  // namespace platter
