// The streaming analysis of analyzer.hpp.
#include "voiceanon/analyzer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace voiceanon {
namespace {

// Samples beyond this are clipped: 24 dB over full scale is no recording, and squares must stay finite.
constexpr float kLargestSample = 16.0f;
// Share of the previous voiced frame's periodicity in the smoothed one: the single-frame estimate has few degrees of freedom.
constexpr float kPeriodicityMemory = 0.6f;
// Noise power is (1 - r)^1.2 where r is the correlation left: calibrated on steady vowels with 3 to 20 % of noise, of
// which 1 - r itself reads 6 to 26 %.
constexpr float kNoisePowerExponent = 1.2f;
constexpr int kLowestRate = 8000, kHighestRate = 192000;
// Three periods of 50 Hz fit the FFT of the envelope; a period of 4 kHz is two samples of the tracker's low band.
constexpr float kLowestF0Hz = 50.0f, kHighestF0Hz = 4000.0f;
constexpr int kMostLookaheadFrames = 200;

// Before anything is allocated or divided by.
const AnalyzerSettings& checked(const AnalyzerSettings& settings) {
  if (settings.rate < kLowestRate || settings.rate > kHighestRate || settings.rate % kLowestRate != 0) {
    throw std::invalid_argument("analysis rate must be a multiple of 8000 Hz, up to 192000");
  }
  if (settings.order < 1 || settings.order >= analysis_fft_size(settings.rate) / 2) {
    throw std::invalid_argument("order must be 1 or more and below half the analysis FFT");
  }
  if (settings.basis_rows < 0 || settings.basis.size() != static_cast<std::size_t>(settings.basis_rows) * static_cast<std::size_t>(settings.order + 1)) {
    throw std::invalid_argument("basis must have order + 1 columns");
  }
  const F0Settings& f0 = settings.f0;
  if (!(f0.floor_hz >= kLowestF0Hz && f0.floor_hz < f0.ceil_hz && f0.ceil_hz <= kHighestF0Hz)) {
    throw std::invalid_argument("the range of f0 must ascend within 50 to 4000 Hz");
  }
  if (f0.lookahead_frames < 0 || f0.lookahead_frames > kMostLookaheadFrames) {
    throw std::invalid_argument("f0 is decided 0 to 200 frames late");
  }
  if (!std::isfinite(f0.voicing_threshold)) throw std::invalid_argument("the voicing threshold must be finite");
  return settings;
}

}  // namespace

Analyzer::Analyzer(const AnalyzerSettings& settings)
    : settings_(checked(settings)),
      hop_(settings.rate / kHopsPerSecond),
      reach_(EnvelopeEstimator::reach(settings.rate, std::min(settings.f0.floor_hz, EnvelopeEstimator::kUnvoicedF0Hz))),
      values_(settings.basis_rows > 0 ? settings.basis_rows : settings.order + 1),
      tracker_(settings.rate, hop_, settings.f0),
      envelope_(settings.rate, settings.order) {
  const auto block = static_cast<std::size_t>(hop_ * kLanes);
  history_ = History(static_cast<std::size_t>(std::max(tracker_.latency_samples(), reach_) + 2 * reach_) + 2 * block +
                     static_cast<std::size_t>(hop_) * 2);
  decided_.reserve(static_cast<std::size_t>(kLanes * 4 + settings.f0.lookahead_frames + 4));
  smoothed_periodicity_.assign(static_cast<std::size_t>(bands()), 0.0f);
  projected_ = AlignedFloats(static_cast<std::size_t>(values_) * static_cast<std::size_t>(kLanes));
  reset();
}

int Analyzer::latency_samples() const { return std::max(tracker_.latency_samples(), reach_); }

void Analyzer::reset() {
  tracker_.reset();
  history_.reset();
  decided_.clear();
  described_ = 0;
  std::fill(smoothed_periodicity_.begin(), smoothed_periodicity_.end(), 0.0f);
  received_ = 0;
  next_row_ = 0;
}

void Analyzer::process(const float* samples, std::size_t count, std::vector<float>& rows) {
  const auto block = static_cast<std::size_t>(hop_ * kLanes);
  while (count > 0) {
    const std::size_t n = std::min(count, block);
    float* x = history_.extend(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = std::min(std::max(samples[i], -kLargestSample), kLargestSample);
    tracker_.process(x, n, decided_);
    received_ += static_cast<std::int64_t>(n);
    describe_decided(rows);
    samples += n;
    count -= n;
  }
}

void Analyzer::finish(std::vector<float>& rows) {
  tracker_.finish(decided_);
  const std::int64_t needed = received_ + reach_ + hop_;
  while (history_.end() < needed) {
    const auto n = static_cast<std::size_t>(hop_);
    std::memset(history_.extend(n), 0, n * sizeof(float));
    describe_decided(rows);
  }
}

void Analyzer::describe_decided(std::vector<float>& rows) {
  const float* centre[kLanes];
  float f0[kLanes];
  const auto row_size = static_cast<std::size_t>(this->row_size());
  while (described_ < decided_.size()) {
    int frames = 0;
    for (; frames < kLanes && described_ + static_cast<std::size_t>(frames) < decided_.size(); ++frames) {
      const std::int64_t position = (next_row_ + frames) * hop_;
      if (position + reach_ > history_.end()) break;
      centre[frames] = history_.at(position);
      f0[frames] = decided_[described_ + static_cast<std::size_t>(frames)].f0_hz;
    }
    if (frames == 0) break;
    for (int lane = frames; lane < kLanes; ++lane) {
      centre[lane] = centre[0];
      f0[lane] = f0[0];
    }
    envelope_.estimate(centre, f0);
    const float* values = envelope_.cepstrum() ? reinterpret_cast<const float*>(envelope_.cepstrum()) : nullptr;
    if (settings_.basis_rows > 0) {
      const Lanes* cepstrum = envelope_.cepstrum();
      const float* basis = settings_.basis.data();
      Lanes* projected = projected_.lanes();
      const int columns = settings_.order + 1;
      for (int row = 0; row < settings_.basis_rows; ++row, basis += columns) {
        Lanes parts[4] = {};
        int q = 0;
        for (; q + 4 <= columns; q += 4) {
          for (int p = 0; p < 4; ++p) parts[p] += basis[q + p] * cepstrum[q + p];
        }
        for (; q < columns; ++q) parts[0] += basis[q] * cepstrum[q];
        projected[row] = (parts[0] + parts[1]) + (parts[2] + parts[3]);
      }
      values = projected_.data();
    }
    const std::size_t start = rows.size();
    rows.resize(start + static_cast<std::size_t>(frames) * row_size);
    const float* periodicity = reinterpret_cast<const float*>(envelope_.periodicity());
    for (int lane = 0; lane < frames; ++lane) {
      float* row = rows.data() + start + static_cast<std::size_t>(lane) * row_size;
      row[0] = f0[lane];
      row[1] = envelope_.level_db()[lane];
      for (int band = 0; band < bands(); ++band) {
        float& memory = smoothed_periodicity_[static_cast<std::size_t>(band)];
        if (f0[lane] > 0.0f) {
          const float now = periodicity[band * kLanes + lane];
          memory = memory > 0.0f ? kPeriodicityMemory * memory + (1.0f - kPeriodicityMemory) * now : now;
        } else {
          memory = 0.0f;
        }
        row[2 + band] = f0[lane] > 0.0f ? std::pow(std::max(0.0f, 1.0f - memory), 0.5f * kNoisePowerExponent) : 1.0f;
      }
      float* out = row + 2 + bands();
      for (int i = 0; i < values_; ++i) out[i] = values[i * kLanes + lane];
    }
    next_row_ += frames;
    described_ += static_cast<std::size_t>(frames);
  }
  decided_.erase(decided_.begin(), decided_.begin() + static_cast<std::ptrdiff_t>(described_));
  described_ = 0;
}

}  // namespace voiceanon
