// A window that slides over an endless signal: samples are addressed by their absolute position, old ones are forgotten.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "voiceanon/aligned.hpp"

namespace voiceanon {

class History {
 public:
  History() = default;
  // Keeps at least `reach` samples behind the newest; before position 0 the signal is zero.
  explicit History(std::size_t reach) : buffer_(3 * reach + 256), reach_(reach) { reset(); }

  void reset() {
    buffer_.clear();
    begin_ = -static_cast<std::int64_t>(reach_);
    used_ = reach_;
  }

  // Position after the newest sample.
  std::int64_t end() const { return begin_ + static_cast<std::int64_t>(used_); }

  // Makes room for `count` (at most reach) new samples and returns where to write them.
  float* extend(std::size_t count) {
    if (used_ + count > buffer_.size()) {
      const std::size_t dropped = used_ - reach_;
      std::memmove(buffer_.data(), buffer_.data() + dropped, reach_ * sizeof(float));
      begin_ += static_cast<std::int64_t>(dropped);
      used_ = reach_;
    }
    if (used_ + count > buffer_.size()) throw std::length_error("history: block larger than its reach");
    float* where = buffer_.data() + used_;
    used_ += count;
    return where;
  }

  const float* at(std::int64_t position) const { return buffer_.data() + (position - begin_); }

 private:
  AlignedFloats buffer_;
  std::size_t reach_ = 0;
  std::size_t used_ = 0;
  std::int64_t begin_ = 0;
};

}  // namespace voiceanon
