// Memory for lane vectors: a fixed-size array of floats aligned to a cache line, allocated once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

#include "voiceanon/lanes.hpp"

namespace voiceanon {

class AlignedFloats {
 public:
  AlignedFloats() = default;
  explicit AlignedFloats(std::size_t size)
      : data_(static_cast<float*>(::operator new[](size * sizeof(float), kAlignment))), size_(size) {
    clear();
  }

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  float& operator[](std::size_t i) { return data_[i]; }
  float operator[](std::size_t i) const { return data_[i]; }
  void clear() { std::fill_n(data_.get(), size_, 0.0f); }

  // The same memory, seen as vectors of kLanes frames.
  Lanes* lanes() { return reinterpret_cast<Lanes*>(data_.get()); }
  const Lanes* lanes() const { return reinterpret_cast<const Lanes*>(data_.get()); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(float* p) const { ::operator delete[](p, kAlignment); }
  };
  std::unique_ptr<float[], Free> data_;
  std::size_t size_ = 0;
};

}  // namespace voiceanon
