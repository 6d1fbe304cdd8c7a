// How the fuzzers turn bytes into settings, samples and rows: every byte sequence is a valid input.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "../tests/check.hpp"

namespace fuzz {

// Reads from the front; past the end everything is 0.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}

  bool is_over() const { return left_ == 0; }

  std::uint32_t bits32() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(byte()) << (8 * i);
    return value;
  }

  std::uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }

  bool flag() { return (byte() & 1) != 0; }

  // 0 to `most`.
  int upto(int most) {
    const std::uint32_t value = most < 256 ? byte() : most < 65536 ? byte() | static_cast<std::uint32_t>(byte()) << 8 : bits32();
    return static_cast<int>(value % (static_cast<std::uint32_t>(most) + 1));
  }

  int any_int() { return static_cast<int>(bits32()); }

  // Also NaN, infinities and subnormals.
  float any_float() {
    constexpr float kOdd[] = {0.0f, -0.0f, 1.0f, -1.0f, 1e-42f, 1.2e-38f, 16.0f, 1e30f, -3e38f, 65536.0f, 1e-5f,
                              std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                              -std::numeric_limits<float>::infinity(), 100.0f, 440.0f};
    const std::uint8_t kind = byte();
    if (kind < 128) return kOdd[kind % 16];
    if (kind < 192) return static_cast<float>(static_cast<std::int8_t>(byte())) / 128.0f;
    const std::uint32_t bits = bits32();
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }

  // Finite, within +-`largest`.
  float within(float largest) {
    const float value = any_float();
    return std::isfinite(value) ? std::fmax(std::fmin(value, largest), -largest) : 0.0f;
  }

  float sample(float largest) { return std::isfinite(largest) ? within(largest) : any_float(); }

  // A stretch of numbers: a few bytes make many, for a fuzzer grows its inputs slowly.
  std::vector<float> numbers(std::size_t most, float largest) {
    std::vector<float> out;
    while (!is_over() && out.size() < most) {
      const int kind = upto(5), length = 1 + upto(kind < 2 ? 7 : 999);
      const float value = sample(largest), period = 2.0f + static_cast<float>(kind < 2 ? 0 : byte());
      check::Noise noise(static_cast<std::uint64_t>(length));
      for (int n = 0; n < length && out.size() < most; ++n) {
        switch (kind) {
          case 0: out.push_back(n == 0 ? value : sample(largest)); break;
          case 1: out.push_back(n == 0 ? value : 0.0f); break;
          case 2: out.push_back(value); break;
          case 3: out.push_back(n % 2 ? value : -value); break;
          case 4: out.push_back(std::fmod(static_cast<float>(n), period) < 1.0f ? value : 0.0f); break;
          default: out.push_back(value * noise());
        }
      }
    }
    return out;
  }

  // Lengths that a stretch of `total` is cut into; none of them is 0 for ever.
  std::vector<std::size_t> cuts(std::size_t total) {
    constexpr int kTypical[] = {0, 1, 2, 79, 80, 81, 333, 1000};
    std::vector<std::size_t> out;
    for (int i = upto(12); i > 0; --i) out.push_back(static_cast<std::size_t>(kTypical[upto(7)]));
    out.push_back(total);
    return out;
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

inline bool all_finite(const std::vector<float>& values) {
  for (const float value : values) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// Gives `all` (rows of `width` numbers) to `process` in pieces; each piece is memory of its own, so that a sanitizer
// sees whatever reads beyond.
template <class Process>
void in_pieces(const std::vector<float>& all, std::size_t width, const std::vector<std::size_t>& cuts, Process&& process) {
  std::size_t at = 0;
  const std::size_t rows = all.size() / width;
  for (const std::size_t cut : cuts) {
    const std::size_t count = cut < rows - at ? cut : rows - at;
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at * width);
    const std::vector<float> piece(begin, begin + static_cast<std::ptrdiff_t>(count * width));
    process(piece.data(), count);
    at += count;
  }
}

}  // namespace fuzz
