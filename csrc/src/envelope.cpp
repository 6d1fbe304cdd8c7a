// The envelope and aperiodicity estimators of envelope.hpp.
#include "voiceanon/envelope.hpp"

#include <algorithm>
#include <cmath>

namespace voiceanon {
namespace {

constexpr float kPi = 3.14159265f;
// Pre-emphasis keeps the dynamic range of a frame within float32; its cepstrum is subtracted exactly.
constexpr float kPreEmphasis = 0.9f;
constexpr float kPowerFloor = 1e-13f;  // -130 dB re full scale: under the quantisation noise of 16 bits
// Autocorrelation of a Hann window at one third of its length, relative to lag 0.
constexpr float kHannAtOnePeriod = 0.4712f;
// Equivalent degrees of freedom of a Hann-windowed noise band are bandwidth * duration * 0.514.
constexpr float kHannEffectiveLength = 0.514f;
constexpr float kCompensation0 = 1.18f, kCompensation1 = -0.09f;  // 1 - 2 q1' and q1' of Morise (2015), eq. 13

float window_period(int rate, float f0_hz) { return static_cast<float>(rate) / f0_hz; }

}  // namespace

std::vector<float> aperiodicity_edges_hz(int rate) {
  std::vector<float> edges;
  for (float edge : {1000.0f, 2000.0f, 3500.0f, 5500.0f, 8000.0f, 12000.0f}) {
    if (edge < 0.5f * static_cast<float>(rate)) edges.push_back(edge);
  }
  edges.push_back(0.5f * static_cast<float>(rate));
  return edges;
}

int analysis_fft_size(int rate) {
  int size = 256;
  while (size < 3 * rate / 50) size *= 2;
  return size;
}

EnvelopeEstimator::EnvelopeEstimator(int rate, int order)
    : rate_(static_cast<float>(rate)), order_(order), fft_(analysis_fft_size(rate)), half_fft_(fft_.size() / 2) {
  const auto lanes = static_cast<std::size_t>(kLanes);
  const auto bins = static_cast<std::size_t>(fft_.bins());
  for (float edge : aperiodicity_edges_hz(rate)) {
    band_ends_.push_back(std::min(fft_.bins(), static_cast<int>(std::lround(edge / rate_ * static_cast<float>(fft_.size())))));
  }
  frame_ = AlignedFloats(static_cast<std::size_t>(fft_.size()) * lanes);
  raw_ = AlignedFloats((static_cast<std::size_t>(fft_.size()) + 2) * lanes);
  power_ = AlignedFloats(3 * bins * lanes);
  smoothed_ = AlignedFloats(bins * lanes);
  cepstrum_ = AlignedFloats((static_cast<std::size_t>(order) + 1) * lanes);
  periodicity_ = AlignedFloats(band_ends_.size() * lanes);
  level_db_ = AlignedFloats(lanes);
  for (int j = 0; j < half_fft_.size(); ++j) {
    const double angle = 3.14159265358979323846 * j / half_fft_.size();
    sine_.push_back(static_cast<float>(std::sin(angle)));
    cosine_.push_back(static_cast<float>(std::cos(angle)));
  }
  de_emphasis_.push_back(0.0f);
  for (int q = 1; q <= order; ++q) {
    de_emphasis_.push_back(static_cast<float>(std::pow(static_cast<double>(kPreEmphasis), q) / q));
  }
}

int EnvelopeEstimator::reach(int rate, float f0_floor_hz) {
  return static_cast<int>(std::ceil(1.5f * window_period(rate, f0_floor_hz))) + 2;
}

void EnvelopeEstimator::estimate(const float* const* centre, const float* f0_hz) {
  Lanes f0{};
  for (int lane = 0; lane < kLanes; ++lane) f0[lane] = f0_hz[lane] > 0.0f ? f0_hz[lane] : kUnvoicedF0Hz;
  const Lanes period = rate_ / f0;
  const Lanes f0_bins = f0 * (static_cast<float>(fft_.size()) / rate_);
  cut_frame(centre, period);
  Lanes* power = power_.lanes() + fft_.bins();
  fft_.forward(frame_.lanes(), [power](int k, Lanes re, Lanes im) { power[k] = re * re + im * im + kPowerFloor; });
  measure_periodicity(period);
  mirror_below_f0(f0_bins);
  smooth((1.0f / 3.0f) * f0_bins);
  to_cepstrum(1.0f / period);
}

// Windows three periods around each centre, removes the weighted mean and normalises by the window's energy.
void EnvelopeEstimator::cut_frame(const float* const* centre, Lanes period) {
  const Lanes half = 1.5f * period;
  float longest = 0.0f;
  for (int lane = 0; lane < kLanes; ++lane) longest = std::max(longest, half[lane]);
  const int reach = std::min(static_cast<int>(longest), fft_.size() / 2 - 1);
  const int length = 2 * reach + 1;
  float* raw = raw_.data();
  for (int lane = 0; lane < kLanes; ++lane) {
    const float* x = centre[lane] - reach - 1;
    for (int n = 0; n <= length; ++n) raw[n * kLanes + lane] = x[n];
  }
  const Lanes step = 1.0f / half;
  Lanes* window = smoothed_.lanes();  // free until the smoothing; symmetric, so half of it is kept
  for (int n = 0; n <= reach; ++n) {
    const Lanes t = static_cast<float>(n) * step;
    const Lanes t_squared = t * t;
    window[n] = t_squared < 1.0f ? hann_of_square(t_squared) : Lanes{};
  }
  // The frame's centre lies at index 0 and its first half at the end of the buffer: a lane's place must not depend on
  // how long the other lanes' windows are.
  Lanes* x = frame_.lanes();
  const Lanes* sample = raw_.lanes() + 1;
  Lanes weight_sum{}, weight_energy{}, mean{}, energy{};
  for (int n = 0; n < length; ++n) {
    const int from_centre = n - reach;
    const Lanes w = window[std::abs(from_centre)];
    const Lanes weighted = (sample[n] - kPreEmphasis * sample[n - 1]) * w;
    weight_sum += w;
    weight_energy += w * w;
    energy += w * w * sample[n] * sample[n];
    mean += weighted;
    x[from_centre < 0 ? from_centre + fft_.size() : from_centre] = weighted;
  }
  mean /= weight_sum;
  const Lanes scale = 1.0f / sqrt_lanes(weight_energy);
  for (int n = -reach; n <= reach; ++n) {
    Lanes& value = x[n < 0 ? n + fft_.size() : n];
    value = (value - mean * window[std::abs(n)]) * scale;
  }
  for (int n = reach + 1; n < fft_.size() - reach; ++n) x[n] = Lanes{};
  const Lanes level = energy / weight_energy;
  for (int lane = 0; lane < kLanes; ++lane) {
    level_db_[static_cast<std::size_t>(lane)] = level[lane] > 0.0f ? std::max(10.0f * std::log10(level[lane]), kSilentLevelDb + 1.0f) : kSilentLevelDb;
  }
}

// |sum_k P(k) exp(i 2 pi k T / N)| / sum_k P(k) over a band, relative to what a perfectly periodic signal gives.
void EnvelopeEstimator::measure_periodicity(Lanes period) {
  const Lanes* power = power_.lanes() + fft_.bins();
  Lanes turn_re, turn_im;
  sincos_lanes(period * (2.0f * kPi / static_cast<float>(fft_.size())), turn_im, turn_re);
  Lanes phase_re = splat(1.0f), phase_im{};
  int k = 0;
  for (std::size_t band = 0; band < band_ends_.size(); ++band) {
    Lanes sum_re{}, sum_im{}, total{};
    const int first = k;
    for (; k < band_ends_[band]; ++k) {
      sum_re += power[k] * phase_re;
      sum_im += power[k] * phase_im;
      total += power[k];
      const Lanes next_re = phase_re * turn_re - phase_im * turn_im;
      phase_im = phase_re * turn_im + phase_im * turn_re;
      phase_re = next_re;
    }
    const Lanes bandwidth_per_sample = splat(static_cast<float>(k - first) / static_cast<float>(fft_.size()));
    const Lanes freedom = max_lanes(bandwidth_per_sample * period * (3.0f * kHannEffectiveLength), splat(1.0f));
    const Lanes bias = min_lanes(1.0f / (freedom * (kHannAtOnePeriod * kHannAtOnePeriod)), splat(0.7f));
    const Lanes squared = (sum_re * sum_re + sum_im * sum_im) / (total * total * (kHannAtOnePeriod * kHannAtOnePeriod));
    const Lanes unbiased = (squared - bias) / (1.0f - bias);
    periodicity_.lanes()[band] = sqrt_lanes(max_lanes(min_lanes(unbiased, splat(1.0f)), Lanes{}));
  }
}

// Below f0 there is no harmonic: the power there is replaced by the mirror image around f0 / 2 added to what is there.
void EnvelopeEstimator::mirror_below_f0(Lanes f0_bins) {
  float* power = power_.data() + static_cast<std::size_t>(fft_.bins()) * kLanes;
  const float* copy = smoothed_.data();
  float highest = 0.0f;
  for (int lane = 0; lane < kLanes; ++lane) highest = std::max(highest, f0_bins[lane]);
  const int top = static_cast<int>(highest) + 2;
  std::copy_n(power, (top + 1) * kLanes, smoothed_.data());
  for (int lane = 0; lane < kLanes; ++lane) {
    const float f0_bin = f0_bins[lane];
    for (int k = 0; static_cast<float>(k) < f0_bin; ++k) {
      const float position = f0_bin - static_cast<float>(k);
      const int i = static_cast<int>(position);
      const float part = position - static_cast<float>(i);
      power[k * kLanes + lane] += (1.0f - part) * copy[i * kLanes + lane] + part * copy[(i + 1) * kLanes + lane];
    }
  }
}

// Rectangle of +- half_width_bins (fractional ends) over the mirrored power spectrum, then the logarithm.
void EnvelopeEstimator::smooth(Lanes half_width_bins) {
  const int bins = fft_.bins();
  Lanes* power = power_.lanes() + bins;
  for (int k = 1; k < bins; ++k) {
    power[-k] = power[k];
    power[bins - 1 + k] = power[bins - 1 - k];
  }
  constexpr int kMostTaps = 64;
  Lanes weight[kMostTaps + 1];
  float widest = 0.0f;
  for (int lane = 0; lane < kLanes; ++lane) widest = std::max(widest, half_width_bins[lane]);
  const int taps = std::min(static_cast<int>(std::ceil(widest + 0.5f)), std::min(kMostTaps, bins - 1));
  const Lanes scale = 0.5f / half_width_bins;
  for (int j = 0; j <= taps; ++j) {
    weight[j] = scale * min_lanes(max_lanes(half_width_bins + 0.5f - static_cast<float>(j), Lanes{}), splat(1.0f));
  }
  Lanes* out = smoothed_.lanes();
  for (int k = 0; k < bins; ++k) {
    Lanes sum = weight[0] * power[k];
    for (int j = 1; j <= taps; ++j) sum += weight[j] * (power[k - j] + power[k + j]);
    out[k] = log_lanes(sum);
  }
}

void EnvelopeEstimator::to_cepstrum(Lanes f0_per_rate) {
  // The cosine transform of N/2 + 1 values through a real FFT of N/2 points: even quefrencies are its real parts, odd
  // ones a running sum of its imaginary parts (Press et al., Numerical Recipes, "cosine transform").
  const Lanes* log_power = smoothed_.lanes();
  Lanes* x = frame_.lanes();
  const int half = half_fft_.size();
  Lanes first_odd = 0.5f * (log_power[0] - log_power[half]);
  x[0] = 0.5f * (log_power[0] + log_power[half]);
  for (int j = 1; j < half; ++j) {
    const Lanes difference = log_power[j] - log_power[half - j];
    x[j] = 0.5f * (log_power[j] + log_power[half - j]) - sine_[static_cast<std::size_t>(j)] * difference;
    if (j < half - j) first_odd += cosine_[static_cast<std::size_t>(j)] * difference;
  }
  Lanes* cepstrum = cepstrum_.lanes();
  const float scale = 1.0f / static_cast<float>(half);
  Lanes* steps = power_.lanes();
  half_fft_.forward(x, [cepstrum, steps, scale, this](int k, Lanes re, Lanes im) {
    if (2 * k <= order_) cepstrum[2 * k] = scale * re;
    if (2 * k + 1 <= order_) steps[k] = im;
  });
  Lanes odd = first_odd;
  for (int k = 0; 2 * k + 1 <= order_; ++k) {
    if (k > 0) odd -= steps[k];
    cepstrum[2 * k + 1] = scale * odd;
  }
  Lanes turn_re, turn_im;
  const Lanes angle = kPi * f0_per_rate;
  sincos_lanes(angle, turn_im, turn_re);
  Lanes re = turn_re, im = turn_im;
  for (int q = 1; q <= order_; ++q) {
    const Lanes smoothing = im / (static_cast<float>(q) * angle);
    const Lanes compensation = kCompensation0 + 2.0f * kCompensation1 * (1.0f - 2.0f * im * im);
    cepstrum[q] = cepstrum[q] * smoothing * compensation + de_emphasis_[static_cast<std::size_t>(q)];
    const Lanes next_re = re * turn_re - im * turn_im;
    im = re * turn_im + im * turn_re;
    re = next_re;
  }
}

}  // namespace voiceanon
