// What every test program of the core uses: a check that says what was compared, and signals made without a library.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                           \
    }                                                                         \
  } while (false)

// `value` must be at most `most`; both are shown if it is not.
#define CHECK_AT_MOST(value, most)                                            \
  do {                                                                        \
    const double value_ = (value), most_ = (most);                            \
    if (!(value_ <= most_)) {                                                 \
      std::fprintf(stderr, "%s:%d: %s is %.9g, more than %.9g\n", __FILE__, __LINE__, #value, value_, most_); \
      std::exit(1);                                                           \
    }                                                                         \
  } while (false)

namespace check {

inline constexpr double kPi = 3.14159265358979323846;

// Uniform noise in -1..1, the same everywhere (xorshift64*).
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed * 2685821657736338717ull + 1) {}
  float operator()() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    const auto high = static_cast<std::uint32_t>((state_ * 2685821657736338717ull) >> 32);
    return static_cast<float>(high) / 2147483648.0f - 1.0f;
  }

 private:
  std::uint64_t state_;
};

inline std::vector<float> sine(double hz, double amplitude, int rate, int count) {
  std::vector<float> out;
  for (int n = 0; n < count; ++n) out.push_back(static_cast<float>(amplitude * std::sin(2.0 * kPi * hz * n / rate)));
  return out;
}

// The sum of all harmonics below 3.6 kHz, f0 running from one value to the other along a straight line.
inline std::vector<float> pulses(double from_hz, double to_hz, int rate, int count) {
  std::vector<float> out;
  double phase = 0.0;
  for (int n = 0; n < count; ++n) {
    const double hz = from_hz + (to_hz - from_hz) * n / count;
    double sum = 0.0;
    for (int harmonic = 1; harmonic * hz < 3600.0; ++harmonic) sum += std::cos(harmonic * phase);
    out.push_back(static_cast<float>(0.02 * sum));
    phase += 2.0 * kPi * hz / rate;
  }
  return out;
}

// A glide of pulses, noise, pulses, silence and pulses after one another: something for every branch, voiced at once.
inline std::vector<float> mixture(int rate, int count) {
  std::vector<float> out = pulses(110.0, 190.0, rate, count);
  Noise noise(7);
  for (int n = 0; n < count; ++n) {
    const auto i = static_cast<std::size_t>(n);
    if (n > count / 5 && n < 2 * count / 5) out[i] = 0.1f * noise();
    if (n > 3 * count / 5 && n < 4 * count / 5) out[i] = 0.0f;
  }
  return out;
}

}  // namespace check
