// SPDX-License-Identifier: Apache-2.0
//
// The text form: protobuf's own text format, with the field names of config/proto:
//
//   blockdevs { node_name: "disk0" file { filename: "disk.img" aio: FILE_AIO_IO_URING } }
//   devices { id: "vd0" virtio_blk { drive: "disk0" } }
//
// Ownership: borrows its arguments for the call. Threading: one thread per message.
// Units: lines and columns count from 1.
// Errors: EINVAL, "ROOT.file.cache.dirct: line 2, column 7: what is wrong", the first of them. The
//   path is that of the other syntaxes; a name that is not known comes with the nearest one to
//   write here. After an error the message holds a part of the text: throw it away.

#ifndef PLATTER_CONFIG_TEXT_H_
#define PLATTER_CONFIG_TEXT_H_

#include <string_view>

#include "absl/status/status.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace platter {

// Fills `message` with the text alone; CompleteOptions (completion.h) is the caller's next step.
absl::Status ParseText(std::string_view text, std::string_view root,
                       google::protobuf::Message* message);

}  // namespace platter

#endif  // PLATTER_CONFIG_TEXT_H_
