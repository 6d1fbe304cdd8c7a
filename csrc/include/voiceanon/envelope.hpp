// The spectral envelope free of harmonics, as a cepstrum, and the band aperiodicity, of kLanes frames at once.
//
// Envelope: pitch-adaptive Hann window of three periods, power spectrum smoothed over two thirds of f0, logarithm, and
// a lifter that removes the remaining ripple and restores what smoothing took (Morise 2015, "CheapTrick, a spectral
// envelope estimator for high-quality speech synthesis", q1 = -0.15). It stays a cepstrum: log P(w) = c0 + 2 sum c_q cos(q w).
// Aperiodicity: how much of a band's autocorrelation is gone after one period; the magnitude of the analytic
// autocorrelation is taken, so that a small error of f0 does not turn the upper bands to noise.
#pragma once

#include <array>
#include <vector>

#include "voiceanon/aligned.hpp"
#include "voiceanon/fft.hpp"

namespace voiceanon {

// Upper edges of the aperiodicity bands that lie below `rate / 2`; the last band ends at rate / 2.
std::vector<float> aperiodicity_edges_hz(int rate);
// FFT size of the analysis: three periods of 50 Hz fit.
int analysis_fft_size(int rate);

class EnvelopeEstimator {
 public:
  static constexpr float kUnvoicedF0Hz = 250.0f;  // sets the window and smoothing of unvoiced frames
  static constexpr float kSilentLevelDb = -200.0f;

  // `order`: highest quefrency kept, below half the FFT size.
  EnvelopeEstimator(int rate, int order);

  // Half the longest window plus one: samples needed on either side of a frame's centre for f0 >= f0_floor_hz.
  static int reach(int rate, float f0_floor_hz);

  // centre[lane]: the frame's centre sample in a signal with `reach` readable samples on both sides; f0_hz[lane]: 0 if
  // unvoiced. Results stay valid until the next call.
  void estimate(const float* const* centre, const float* f0_hz);

  int bands() const { return static_cast<int>(band_ends_.size()); }
  const Lanes* cepstrum() const { return cepstrum_.lanes(); }        // order + 1 values, natural log of power
  const Lanes* periodicity() const { return periodicity_.lanes(); }  // per band, 0 noise .. 1 periodic
  const float* level_db() const { return level_db_.data(); }         // mean power of the frame, dB re full scale

 private:
  void cut_frame(const float* const* centre, Lanes period);
  void measure_periodicity(Lanes period);
  void mirror_below_f0(Lanes f0_bins);
  void smooth(Lanes half_width_bins);
  void to_cepstrum(Lanes f0_per_rate);

  float rate_;
  int order_;
  RealFft fft_, half_fft_;
  std::vector<int> band_ends_;         // last bin + 1 of each band
  std::vector<float> sine_, cosine_;   // of pi j / (N / 2)
  std::vector<float> de_emphasis_;     // cepstrum of the filter that undoes the pre-emphasis
  AlignedFloats raw_, frame_, power_, smoothed_, cepstrum_, periodicity_, level_db_;
};

}  // namespace voiceanon
