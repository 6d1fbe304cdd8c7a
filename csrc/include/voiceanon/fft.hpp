// Real FFT of kLanes signals at once: power of two, radix 4, in place, no bit reversal pass.
//
// A real signal of N samples is read as N/2 complex numbers z[n] = x[2n] + i x[2n+1] (its own memory order); one
// complex FFT of N/2 points and a split step give the N/2 + 1 bins (Sorensen et al. 1987, "Real-valued FFT
// algorithms"). Decimation in frequency leaves the bins in digit-reversed order; the split step reads them through a
// table, and the inverse starts from the same order, so nothing is ever reordered.
#pragma once

#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <vector>

#include "voiceanon/lanes.hpp"

namespace voiceanon {

class RealFft {
 public:
  explicit RealFft(int size) : size_(size), half_(size / 2) {
    if (size < 8 || (size & (size - 1)) != 0) throw std::invalid_argument("FFT size must be a power of two, at least 8");
    position_.resize(static_cast<std::size_t>(half_));
    fill_positions(0, half_, 0, 1);
    for (int n = half_; n >= 4; n /= 4) {
      for (int j = 0; j < n / 4; ++j) {
        for (int r = 1; r <= 3; ++r) push_root(twiddles_, -static_cast<double>(j) * r / n);
      }
    }
    for (int k = 0; k <= half_ / 2; ++k) push_root(split_, -static_cast<double>(k) / size_);
  }

  int size() const { return size_; }
  int bins() const { return half_ + 1; }

  // Forward transform of x[0..N) (destroyed). `visit(k, re, im)` is called once for every bin 0..N/2, in no set order.
  template <class Visit>
  void forward(Lanes* x, Visit&& visit) const {
    forward_stages(x);
    const Lanes zero{};
    visit(0, x[0] + x[1], zero);
    visit(half_, x[0] - x[1], zero);
    for (int k = 1; k <= half_ / 2; ++k) {
      const Lanes* a = x + 2 * position_[static_cast<std::size_t>(k)];
      const Lanes* b = x + 2 * position_[static_cast<std::size_t>(half_ - k)];
      const float wr = split_[static_cast<std::size_t>(2 * k)], wi = split_[static_cast<std::size_t>(2 * k + 1)];
      const Lanes even_re = 0.5f * (a[0] + b[0]), even_im = 0.5f * (a[1] - b[1]);
      const Lanes odd_re = 0.5f * (a[1] + b[1]), odd_im = 0.5f * (b[0] - a[0]);
      const Lanes turned_re = wr * odd_re - wi * odd_im, turned_im = wr * odd_im + wi * odd_re;
      visit(k, even_re + turned_re, even_im + turned_im);
      if (k != half_ - k) visit(half_ - k, even_re - turned_re, turned_im - even_im);
    }
  }

  // Inverse transform, scaled so that inverse(forward(x)) == x. `bin(k, re, im)` fills in bin k, 0..N/2; the imaginary
  // parts of bins 0 and N/2 are ignored.
  template <class Bin>
  void inverse(Bin&& bin, Lanes* x) const {
    const float scale = 1.0f / static_cast<float>(half_);
    Lanes re0{}, im0{}, re1{}, im1{};
    bin(0, re0, im0);
    bin(half_, re1, im1);
    x[0] = (0.5f * scale) * (re0 + re1);
    x[1] = (0.5f * scale) * (re0 - re1);
    for (int k = 1; k <= half_ / 2; ++k) {
      bin(k, re0, im0);
      bin(half_ - k, re1, im1);
      const float wr = split_[static_cast<std::size_t>(2 * k)], wi = split_[static_cast<std::size_t>(2 * k + 1)];
      const Lanes even_re = (0.5f * scale) * (re0 + re1), even_im = (0.5f * scale) * (im0 - im1);
      const Lanes turned_re = (0.5f * scale) * (re0 - re1), turned_im = (0.5f * scale) * (im0 + im1);
      const Lanes odd_re = wr * turned_re + wi * turned_im, odd_im = wr * turned_im - wi * turned_re;
      Lanes* a = x + 2 * position_[static_cast<std::size_t>(k)];
      Lanes* b = x + 2 * position_[static_cast<std::size_t>(half_ - k)];
      a[0] = even_re - odd_im;
      a[1] = even_im + odd_re;
      b[0] = even_re + odd_im;
      b[1] = odd_re - even_im;
    }
    inverse_stages(x);
  }

 private:
  static void push_root(std::vector<float>& table, double turns) {
    const double angle = 6.283185307179586 * turns;
    table.push_back(static_cast<float>(std::cos(angle)));
    table.push_back(static_cast<float>(std::sin(angle)));
  }

  // Where bin `offset + stride * k'` of a block of n points, starting at `start`, lies after the forward stages.
  void fill_positions(int start, int n, int offset, int stride) {
    if (n == 1) {
      position_[static_cast<std::size_t>(offset)] = start;
      return;
    }
    const int radix = n == 2 ? 2 : 4;
    for (int r = 0; r < radix; ++r) fill_positions(start + r * (n / radix), n / radix, offset + r * stride, stride * radix);
  }

  void forward_stages(Lanes* x) const {
    const float* w = twiddles_.data();
    for (int n = half_; n >= 4; n /= 4) {
      const int q = n / 4;
      for (Lanes* block = x; block < x + 2 * half_; block += 2 * n) {
        for (int j = 0; j < q; ++j) {
          Lanes *a = block + 2 * j, *b = a + 2 * q, *c = b + 2 * q, *d = c + 2 * q;
          const float* t = w + 6 * j;
          const Lanes ac_re = a[0] + c[0], ac_im = a[1] + c[1], am_re = a[0] - c[0], am_im = a[1] - c[1];
          const Lanes bd_re = b[0] + d[0], bd_im = b[1] + d[1], bm_re = b[0] - d[0], bm_im = b[1] - d[1];
          a[0] = ac_re + bd_re;
          a[1] = ac_im + bd_im;
          multiply(am_re + bm_im, am_im - bm_re, t[0], t[1], b);
          multiply(ac_re - bd_re, ac_im - bd_im, t[2], t[3], c);
          multiply(am_re - bm_im, am_im + bm_re, t[4], t[5], d);
        }
      }
      w += 6 * q;
    }
    if (last_radix_is_two()) {
      for (Lanes* p = x; p < x + 2 * half_; p += 4) pair(p);
    }
  }

  void inverse_stages(Lanes* x) const {
    if (last_radix_is_two()) {
      for (Lanes* p = x; p < x + 2 * half_; p += 4) pair(p);
    }
    const float* w = twiddles_.data() + twiddles_.size();
    for (int n = last_radix_is_two() ? 8 : 4; n <= half_; n *= 4) {
      const int q = n / 4;
      w -= 6 * q;
      for (Lanes* block = x; block < x + 2 * half_; block += 2 * n) {
        for (int j = 0; j < q; ++j) {
          Lanes *a = block + 2 * j, *b = a + 2 * q, *c = b + 2 * q, *d = c + 2 * q;
          const float* t = w + 6 * j;
          Lanes tb[2], tc[2], td[2];
          multiply(b[0], b[1], t[0], -t[1], tb);
          multiply(c[0], c[1], t[2], -t[3], tc);
          multiply(d[0], d[1], t[4], -t[5], td);
          const Lanes ac_re = a[0] + tc[0], ac_im = a[1] + tc[1], am_re = a[0] - tc[0], am_im = a[1] - tc[1];
          const Lanes bd_re = tb[0] + td[0], bd_im = tb[1] + td[1], bm_re = tb[0] - td[0], bm_im = tb[1] - td[1];
          a[0] = ac_re + bd_re;
          a[1] = ac_im + bd_im;
          b[0] = am_re - bm_im;
          b[1] = am_im + bm_re;
          c[0] = ac_re - bd_re;
          c[1] = ac_im - bd_im;
          d[0] = am_re + bm_im;
          d[1] = am_im - bm_re;
        }
      }
    }
  }

  bool last_radix_is_two() const { return __builtin_ctz(static_cast<unsigned>(half_)) % 2 == 1; }

  static void multiply(Lanes re, Lanes im, float wr, float wi, Lanes* out) {
    out[0] = re * wr - im * wi;
    out[1] = re * wi + im * wr;
  }

  static void pair(Lanes* p) {
    const Lanes re = p[0], im = p[1];
    p[0] = re + p[2];
    p[1] = im + p[3];
    p[2] = re - p[2];
    p[3] = im - p[3];
  }

  int size_;
  int half_;
  std::vector<int> position_;    // where each complex bin lies after the forward stages
  std::vector<float> twiddles_;  // three roots per butterfly, stage by stage from the largest
  std::vector<float> split_;     // exp(-2 pi i k / N), k = 0..N/4
};

}  // namespace voiceanon
