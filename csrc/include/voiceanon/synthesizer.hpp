// Description rows in, samples out: a pulse-and-noise source through time-varying minimum-phase filters.
//
// Every row shapes a Hann-windowed stretch of two hops of the source; neighbouring stretches overlap and add up to the
// unchanged source. The filter is the row's minimum-phase spectrum (Oppenheim & Schafer, homomorphic systems: the
// causal part of the cepstrum), so pulses and noise pass one product per bin. Pulses are placed between samples exactly,
// as phases. Every output sample is a function of the rows and the noise key alone.
#pragma once

#include <cstdint>
#include <vector>

#include "voiceanon/aligned.hpp"
#include "voiceanon/fft.hpp"
#include "voiceanon/limiter.hpp"

namespace voiceanon {

struct SynthesizerSettings {
  int rate = 16000;
  int values = 256;           // cepstral values of a row
  std::uint64_t noise_key = 0;
  // Matrix (basis_rows x values) from a row's values to the cepstrum to speak; empty: the values are the cepstrum.
  std::vector<float> basis;
  int basis_rows = 0;
  std::vector<float> bias;    // added to the cepstrum to speak; empty: nothing
};

class Synthesizer {
 public:
  explicit Synthesizer(const SynthesizerSettings& settings);

  void reset();
  // Appends the samples that became final: `count` rows later by two hops and the limiter's look-ahead.
  void process(const float* rows, std::size_t count, std::vector<float>& samples);
  // The last row has been given: appends the rest, so that `total` samples came out since the last reset.
  void finish(std::int64_t total, std::vector<float>& samples);

  int row_size() const { return 2 + bands_ + settings_.values; }
  int latency_samples() const { return 2 * hop_ + Limiter::kLookahead; }

 private:
  struct Pulse {
    double time;      // samples
    float amplitude;  // square root of the period: unit power density
  };

  void take_row(const float* row);
  void place_pulses(float from_hz, float to_hz);
  void speak_batch(std::int64_t first, int frames);
  void source_spectrum(std::int64_t first, int frames);
  void emit(std::int64_t end, std::vector<float>& samples);
  const float* row(std::int64_t index) const { return rows_.data() + (index % kRowSlots) * static_cast<std::int64_t>(row_size()); }

  static constexpr std::int64_t kRowSlots = 4 * kLanes;

  SynthesizerSettings settings_;
  int hop_, bands_, order_;
  RealFft fft_;
  Limiter limiter_;
  std::vector<float> window_;              // Hann of two hops
  std::vector<int> band_of_bin_;
  std::vector<float> part_of_bin_;         // how far towards the next band
  std::vector<float> noise_of_bin_;        // gain of the noise: 1 but for the lowest bins
  std::vector<float> fade_of_bin_;         // share of the lowest band's noise in voiced frames
  AlignedFloats rows_, frame_, spectrum_, source_, noise_, values_;
  std::vector<float> pending_;             // overlap-add sums from position pending_start_ on
  std::vector<Pulse> pulses_;
  double phase_ = 1.0;                     // cycles since the last pulse
  std::int64_t taken_ = 0;                 // rows taken
  std::int64_t spoken_ = 0;                // rows spoken
  std::int64_t pending_start_ = 0;
  std::int64_t emitted_ = 0;               // samples handed out
  std::vector<float> limited_;
};

}  // namespace voiceanon
