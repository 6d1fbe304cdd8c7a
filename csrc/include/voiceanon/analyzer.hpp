// Samples in, description rows out: one row a hop with f0, level, band aperiodicity and the envelope's cepstrum.
#pragma once

#include <cstdint>
#include <vector>

#include "voiceanon/envelope.hpp"
#include "voiceanon/f0_tracker.hpp"
#include "voiceanon/history.hpp"

namespace voiceanon {

inline constexpr int kHopsPerSecond = 200;

struct AnalyzerSettings {
  int rate = 16000;  // Hz; a multiple of 8000
  int order = 255;   // highest quefrency of the envelope
  F0Settings f0;
  // Rows of a matrix (basis_rows x (order + 1)) that the cepstrum is multiplied by; empty: the cepstrum itself.
  std::vector<float> basis;
  int basis_rows = 0;
};

// Row layout: f0_hz (0 unvoiced) | level_db (-200: digital silence) | aperiodicity per band, amplitude ratio 0..1 |
// cepstrum (or its image under the basis).
class Analyzer {
 public:
  explicit Analyzer(const AnalyzerSettings& settings);

  void reset();
  // Appends the rows that became complete to `rows` (row_size() floats each).
  void process(const float* samples, std::size_t count, std::vector<float>& rows);
  // The signal is over: appends the remaining rows; floor(samples / hop) + 1 in total.
  void finish(std::vector<float>& rows);

  int hop() const { return hop_; }
  int bands() const { return envelope_.bands(); }
  int values() const { return values_; }
  int row_size() const { return 2 + bands() + values_; }
  // Samples that must follow a row's centre before the row is handed out.
  int latency_samples() const;

 private:
  void describe_decided(std::vector<float>& rows);

  AnalyzerSettings settings_;
  int hop_;
  int reach_;
  int values_;
  F0Tracker tracker_;
  EnvelopeEstimator envelope_;
  History history_;
  std::vector<F0Frame> decided_;
  std::size_t described_ = 0;        // of decided_
  std::vector<float> smoothed_periodicity_;
  AlignedFloats projected_;
  std::int64_t received_ = 0;
  std::int64_t next_row_ = 0;
};

}  // namespace voiceanon
