// The pitch tracker of f0_tracker.hpp.
#include "voiceanon/f0_tracker.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace voiceanon {
namespace {

constexpr float kLowRate = 8000.0f;      // Hz; the low band carries the harmonics that decide pitch
// The decimator only keeps aliases out of the band below kBandEndHz; the spectrum is shaped bin by bin afterwards.
constexpr double kDecimatorCutHz = 3400.0;
constexpr double kDecimatorReachS = 0.0006;
constexpr float kBandFlatShare = 0.55f;
constexpr double kPi = 3.14159265358979323846;
constexpr float kClearlyVoiced = 0.75f;
constexpr float kRegisterRate = 0.01f;   // per clearly voiced frame: half a second
constexpr float kPeakDecay = 0.9985f;    // per frame: the running peak halves in about 2.3 s

int nearest_power_of_two_above(int n) {
  int size = 8;
  while (size < n) size *= 2;
  return size;
}

std::vector<float> low_pass(int rate) {
  const int reach = static_cast<int>(kDecimatorReachS * rate);
  std::vector<double> taps(static_cast<std::size_t>(reach) + 1);
  double sum = 0.0;
  for (int n = 0; n <= reach; ++n) {
    const double x = 2.0 * kDecimatorCutHz / rate * n;
    const double sinc = n == 0 ? 1.0 : std::sin(kPi * x) / (kPi * x);
    const double hann = 0.5 + 0.5 * std::cos(kPi * n / (reach + 1));
    taps[static_cast<std::size_t>(n)] = sinc * hann;
    sum += (n == 0 ? 1.0 : 2.0) * taps[static_cast<std::size_t>(n)];
  }
  std::vector<float> out;
  for (double tap : taps) out.push_back(static_cast<float>(tap / sum));
  return out;
}

}  // namespace

F0Tracker::F0Tracker(int rate, int hop, const F0Settings& settings)
    : hop_(hop),
      factor_(rate / static_cast<int>(kLowRate)),
      low_rate_(kLowRate),
      settings_(settings),
      half_window_(static_cast<int>(std::lround(0.5f * settings.window_s * kLowRate))),
      shortest_lag_(static_cast<int>(std::floor(kLowRate / settings.ceil_hz))),
      longest_lag_(static_cast<int>(std::ceil(kLowRate / settings.floor_hz))),
      decimator_(low_pass(rate)),
      fft_(nearest_power_of_two_above(2 * half_window_ + longest_lag_ + 2)) {
  const auto lanes = static_cast<std::size_t>(kLanes);
  const auto size = static_cast<std::size_t>(fft_.size());
  const auto window_length = static_cast<std::size_t>(2 * half_window_ + 1);
  window_ = AlignedFloats(window_length);
  for (int n = -half_window_; n <= half_window_; ++n) {
    window_[static_cast<std::size_t>(n + half_window_)] = static_cast<float>(0.5 + 0.5 * std::cos(kPi * n / (half_window_ + 1)));
  }
  inverse_window_correlation_ = AlignedFloats(static_cast<std::size_t>(longest_lag_) + 2);
  double energy = 0.0;
  for (std::size_t n = 0; n < window_length; ++n) energy += static_cast<double>(window_[n]) * window_[n];
  for (int lag = 0; lag <= longest_lag_ + 1; ++lag) {
    double sum = 0.0;
    for (std::size_t n = 0; n + static_cast<std::size_t>(lag) < window_length; ++n) {
      sum += static_cast<double>(window_[n]) * window_[n + static_cast<std::size_t>(lag)];
    }
    inverse_window_correlation_[static_cast<std::size_t>(lag)] = static_cast<float>(energy / sum);
  }
  for (int k = 0; k < fft_.bins(); ++k) {
    const float hz = static_cast<float>(k) * low_rate_ / static_cast<float>(fft_.size());
    const float beyond = std::clamp((hz / settings.band_end_hz - kBandFlatShare) / (1.0f - kBandFlatShare), 0.0f, 1.0f);
    band_.push_back(hz < settings.band_start_hz ? 0.0f : 0.5f + 0.5f * std::cos(static_cast<float>(kPi) * beyond));
  }
  frame_ = AlignedFloats(size * lanes);
  power_ = AlignedFloats((size / 2 + 1) * lanes);
  magnitude_ = AlignedFloats((size / 2 + 1) * lanes);
  lane_correlation_.resize(static_cast<std::size_t>(longest_lag_) + 2);
  trellis_.resize(static_cast<std::size_t>(settings.lookahead_frames) + 2);
  const auto block = static_cast<std::size_t>(hop_ * kLanes);
  input_ = History(block + 2 * decimator_.size() + 64);
  low_ = History((block + decimator_.size()) / static_cast<std::size_t>(factor_) + 4 * static_cast<std::size_t>(half_window_) +
                 block + 64);
  reset();
}

int F0Tracker::latency_samples() const {
  return half_window_ * factor_ + static_cast<int>(decimator_.size()) + settings_.lookahead_frames * hop_;
}

void F0Tracker::reset() {
  input_.reset();
  low_.reset();
  peak_ = 0.0f;
  register_ = 0.0f;
  received_ = 0;
  next_low_ = 0;
  next_frame_ = 0;
  next_decision_ = 0;
}

void F0Tracker::process(const float* samples, std::size_t count, std::vector<F0Frame>& out) {
  std::memcpy(input_.extend(count), samples, count * sizeof(float));
  received_ += static_cast<std::int64_t>(count);
  decimate_up_to(input_.end() - static_cast<std::int64_t>(decimator_.size()));
  analyse_ready(out);
}

void F0Tracker::finish(std::vector<F0Frame>& out) {
  const std::int64_t frames = received_ / hop_ + 1;
  const auto block = static_cast<std::size_t>(hop_);
  while (next_frame_ < frames) {
    std::memset(input_.extend(block), 0, block * sizeof(float));
    decimate_up_to(input_.end() - static_cast<std::int64_t>(decimator_.size()));
    const std::int64_t last = std::min(frames_ready(), frames);
    while (next_frame_ < last) {
      analyse_batch(next_frame_, static_cast<int>(std::min<std::int64_t>(kLanes, last - next_frame_)), out);
    }
  }
  while (next_decision_ < frames) out.push_back(decide(next_decision_++));
}

// Low-band sample m is centred on input sample factor * m: the low-pass is symmetric, so nothing is delayed.
void F0Tracker::decimate_up_to(std::int64_t end) {
  const std::int64_t last = end < 0 ? -1 : end / factor_;
  if (last < next_low_) return;
  const auto count = static_cast<std::size_t>(last - next_low_ + 1);
  float* out = low_.extend(count);
  const int reach = static_cast<int>(decimator_.size()) - 1;
  const float* centre = input_.at(next_low_ * factor_);
  for (std::size_t m = 0; m < count; ++m, centre += factor_) {
    float sum = decimator_[0] * centre[0];
    for (int n = 1; n <= reach; ++n) sum += decimator_[static_cast<std::size_t>(n)] * (centre[n] + centre[-n]);
    out[m] = sum;
  }
  next_low_ = last + 1;
}

// Frames whose window the low band covers; none before half a window has come (division would round towards zero).
std::int64_t F0Tracker::frames_ready() const {
  const std::int64_t newest_centre = low_.end() - half_window_ - 1;
  return newest_centre < 0 ? 0 : newest_centre * factor_ / hop_ + 1;
}

void F0Tracker::analyse_ready(std::vector<F0Frame>& out) {
  const std::int64_t ready = frames_ready();
  while (next_frame_ < ready) {
    analyse_batch(next_frame_, static_cast<int>(std::min<std::int64_t>(kLanes, ready - next_frame_)), out);
  }
}

void F0Tracker::analyse_batch(std::int64_t first, int frames, std::vector<F0Frame>& out) {
  const int length = 2 * half_window_ + 1;
  float* frame = frame_.data();
  for (int lane = 0; lane < kLanes; ++lane) {
    if (lane >= frames) {
      for (int n = 0; n < length; ++n) frame[n * kLanes + lane] = 0.0f;
      continue;
    }
    const float* x = low_.at((first + lane) * hop_ / factor_ - half_window_);
    for (int n = 0; n < length; ++n) frame[n * kLanes + lane] = x[n];
  }
  Lanes* x = frame_.lanes();
  Lanes mean{};
  for (int n = 0; n < length; ++n) mean += x[n];
  mean *= 1.0f / static_cast<float>(length);
  for (int n = 0; n < length; ++n) x[n] = (x[n] - mean) * window_[static_cast<std::size_t>(n)];
  for (int n = length; n < fft_.size(); ++n) x[n] = Lanes{};
  Lanes* power = power_.lanes();
  Lanes* magnitude = magnitude_.lanes();
  Lanes energy{}, loudness{};
  fft_.forward(x, [&](int k, Lanes re, Lanes im) {
    power[k] = band_[static_cast<std::size_t>(k)] * (re * re + im * im);
    magnitude[k] = sqrt_lanes(band_[static_cast<std::size_t>(k)] * power[k]);
    energy += power[k];
    loudness += magnitude[k];
  });
  const float size = 0.5f * static_cast<float>(fft_.size());
  const Lanes power_share = settings_.power_share * size / (energy + 1e-12f);
  const Lanes magnitude_share = (1.0f - settings_.power_share) * size / (loudness + 1e-12f);
  fft_.inverse(
      [&](int k, Lanes& re, Lanes& im) {
        re = power_share * power[k] + magnitude_share * magnitude[k];
        im = Lanes{};
      },
      x);
  for (int lag = 1; lag <= longest_lag_ + 1; ++lag) x[lag] *= inverse_window_correlation_[static_cast<std::size_t>(lag)];
  for (int lane = 0; lane < frames; ++lane) {
    for (int lag = 1; lag <= longest_lag_ + 1; ++lag) {
      lane_correlation_[static_cast<std::size_t>(lag)] = frame[lag * kLanes + lane];
    }
    find_candidates(lane_correlation_.data(), std::sqrt(energy[lane]), column(next_frame_));
    push_column(out);
  }
}

void F0Tracker::find_candidates(const float* r, float level, Column& column) {
  peak_ = std::max(peak_ * kPeakDecay, level);
  column.voiced_count = 0;
  float scores[kCandidates];
  for (int lag = std::max(shortest_lag_, 2); lag <= longest_lag_; ++lag) {
    const float y = r[lag];
    if (y < 0.2f || y < r[lag - 1] || y <= r[lag + 1]) continue;
    const float bend = r[lag - 1] - 2.0f * y + r[lag + 1];
    const float shift = bend < 0.0f ? 0.5f * (r[lag - 1] - r[lag + 1]) / bend : 0.0f;
    const float exact_lag = static_cast<float>(lag) + shift;
    const float height = std::min(y - 0.25f * (r[lag - 1] - r[lag + 1]) * shift, 1.0f);
    const float f0 = low_rate_ / exact_lag;
    if (f0 < settings_.floor_hz || f0 > settings_.ceil_hz) continue;
    const float log2_f0 = std::log2(f0);
    float divisor = 0.0f;
    for (int d = 2; d <= 4; ++d) {
      const float part = exact_lag / static_cast<float>(d);
      const int i = static_cast<int>(part);
      if (i < shortest_lag_) break;
      divisor = std::max(divisor, std::max(r[i], r[i + 1]));
    }
    const float score = height - settings_.subharmonic_cost * divisor -
                        (register_ > 0.0f ? settings_.register_cost * std::max(0.0f, std::fabs(log2_f0 - register_) - 0.5f) : 0.0f);
    int slot = column.voiced_count;
    if (slot == kCandidates) {
      slot = static_cast<int>(std::min_element(scores, scores + kCandidates) - scores);
      if (scores[slot] >= score) continue;
    } else {
      ++column.voiced_count;
    }
    scores[slot] = score;
    column.f0_hz[slot] = f0;
    column.log2_f0[slot] = log2_f0;
    column.strength[slot] = height;
    column.cost[slot] = -score;
  }
  const float relative = peak_ > 0.0f ? level / peak_ : 0.0f;
  const float silence = std::max(0.0f, 2.0f - relative * (1.0f + settings_.voicing_threshold) / settings_.silence_threshold);
  column.f0_hz[kCandidates] = 0.0f;
  column.strength[kCandidates] = 0.0f;
  column.cost[kCandidates] = -(settings_.voicing_threshold + silence);
}

void F0Tracker::connect(Column& to, const Column& from) const {
  float lowest = from.cost[kCandidates];
  for (int j = 0; j < from.voiced_count; ++j) lowest = std::min(lowest, from.cost[j]);
  for (int i = 0; i <= kCandidates; ++i) {
    if (i >= to.voiced_count && i != kCandidates) continue;
    const bool voiced = i != kCandidates;
    float best = from.cost[kCandidates] + (voiced ? settings_.voicing_cost : 0.0f);
    int origin = kCandidates;
    for (int j = 0; j < from.voiced_count; ++j) {
      const float change = voiced ? settings_.octave_jump_cost * std::fabs(to.log2_f0[i] - from.log2_f0[j]) : settings_.voicing_cost;
      if (from.cost[j] + change < best) {
        best = from.cost[j] + change;
        origin = j;
      }
    }
    to.cost[i] += best - lowest;  // the common part is dropped, so costs stay small for any length
    to.from[i] = origin;
  }
}

void F0Tracker::push_column(std::vector<F0Frame>& out) {
  if (next_frame_ > 0) connect(column(next_frame_), column(next_frame_ - 1));
  ++next_frame_;
  if (next_frame_ - 1 - next_decision_ >= settings_.lookahead_frames) out.push_back(decide(next_decision_++));
}

// Follows the cheapest path from the newest frame back to `frame`.
F0Frame F0Tracker::decide(std::int64_t frame) {
  const Column& newest = column(next_frame_ - 1);
  int state = kCandidates;
  for (int i = 0; i < newest.voiced_count; ++i) {
    if (newest.cost[i] < newest.cost[state]) state = i;
  }
  for (std::int64_t t = next_frame_ - 1; t > frame; --t) state = column(t).from[state];
  const Column& chosen = column(frame);
  if (chosen.strength[state] > kClearlyVoiced) {
    register_ = register_ > 0.0f ? register_ + kRegisterRate * (chosen.log2_f0[state] - register_) : chosen.log2_f0[state];
  }
  return {chosen.f0_hz[state], chosen.strength[state]};
}

}  // namespace voiceanon
