// Keeps |y| at or under a ceiling with a short look-ahead; passes quieter signals bit for bit, only delayed.
#pragma once

#include <cstddef>
#include <vector>

namespace voiceanon {

class Limiter {
 public:
  static constexpr int kLookahead = 16;  // samples; a power of two, so that the mean of ones is exactly one

  explicit Limiter(float ceiling = 0.99f);

  void reset();
  // Appends `count` samples to `out`, kLookahead samples late (the first ones are zeros).
  void process(const float* samples, std::size_t count, std::vector<float>& out);

 private:
  float ceiling_;
  std::vector<float> delayed_;   // ring of the last kLookahead samples
  std::vector<float> gains_;     // ring of the gains that they and the newest sample asked for
  std::vector<float> smallest_;  // ring of the running minima
  std::size_t position_ = 0;
  int idle_ = 0;                 // samples since anything asked for a gain below one
};

}  // namespace voiceanon
