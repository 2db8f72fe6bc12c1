// SPDX-License-Identifier: Apache-2.0

#include "testing/guest/blk_request_builder.h"

#include "base/check.h"

namespace platter {

BlkRequestBuilder& BlkRequestBuilder::Type(uint32_t type) {
  header_.type = type;
  return *this;
}

BlkRequestBuilder& BlkRequestBuilder::Sector(uint64_t sector) {
  header_.sector = sector;
  return *this;
}

BlkRequestBuilder& BlkRequestBuilder::Range(uint64_t sector, uint32_t sectors, uint32_t flags) {
  PLATTER_CHECK(ranges_.size() < kMaxRanges);
  ranges_.push_back({.sector = sector, .sectors = sectors, .flags = flags});
  return *this;
}

BlkRequestBuilder& BlkRequestBuilder::To(uint64_t address, uint32_t bytes) {
  data_.push_back({{address, bytes}, true});
  return *this;
}

BlkRequestBuilder& BlkRequestBuilder::From(uint64_t address, uint32_t bytes) {
  data_.push_back({{address, bytes}, false});
  return *this;
}

BlkRequestBuilder& BlkRequestBuilder::HeaderBytes(uint32_t bytes) {
  header_bytes_ = bytes;
  return *this;
}

BlkRequestBuilder& BlkRequestBuilder::SplitHeaderAt(uint32_t bytes) {
  split_at_ = bytes;
  return *this;
}

BlkRequestBuilder& BlkRequestBuilder::StatusBytes(uint32_t bytes) {
  PLATTER_CHECK(bytes <= kRangesOffset - kStatusOffset);
  status_bytes_ = bytes;
  return *this;
}

uint64_t BlkRequestBuilder::StatusAddress() const {
  return scratch_ + kStatusOffset + (status_bytes_ == 0 ? 0 : status_bytes_ - 1);
}

ChainBuilder BlkRequestBuilder::Chain() const {
  bus_.Write(scratch_, std::span(reinterpret_cast<const uint8_t*>(&header_), sizeof(header_)));
  bus_.Write(StatusAddress(), std::span(&guest::kBlkNotWritten, 1));

  ChainBuilder chain;
  if (split_at_ > 0 && split_at_ < header_bytes_) {
    chain.Readable(scratch_, split_at_);
    chain.Readable(scratch_ + split_at_, header_bytes_ - split_at_);
  } else if (header_bytes_ > 0) {
    chain.Readable(scratch_, header_bytes_);
  }
  if (!ranges_.empty()) {
    const auto bytes = static_cast<uint32_t>(ranges_.size() * sizeof(guest::BlkRange));
    bus_.Write(scratch_ + kRangesOffset,
               std::span(reinterpret_cast<const uint8_t*>(ranges_.data()), bytes));
    chain.Readable(scratch_ + kRangesOffset, bytes);
  }
  for (const Data& data : data_) {
    if (data.writable) {
      chain.Writable(data.segment.address, data.segment.bytes);
    } else {
      chain.Readable(data.segment.address, data.segment.bytes);
    }
  }
  if (status_bytes_ > 0) chain.Writable(scratch_ + kStatusOffset, status_bytes_);
  return chain;
}

uint8_t BlkRequestBuilder::Status() const {
  uint8_t status = guest::kBlkNotWritten;
  bus_.Read(StatusAddress(), std::span(&status, 1));
  return status;
}

}  // namespace platter
