// The fundamental frequency of speech and whether it is voiced, frame by frame, with a fixed delay.
//
// Normalised autocorrelation of a Hann-windowed, band-weighted frame (Boersma 1993, "Accurate short-term analysis of
// the fundamental frequency and the harmonics-to-noise ratio of a sampled sound"), computed by FFT for kLanes frames
// at once; its best peaks are candidates, and the cheapest path through them (Ney 1983; Talkin 1995) is decided a
// fixed number of frames after the newest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "voiceanon/aligned.hpp"
#include "voiceanon/fft.hpp"
#include "voiceanon/history.hpp"

namespace voiceanon {

// The costs were chosen on training speech against Harvest, never on the measuring set.
struct F0Settings {
  float floor_hz = 65.0f;
  float ceil_hz = 600.0f;
  int lookahead_frames = 5;
  float voicing_threshold = 0.32f;  // strength of the unvoiced candidate
  float window_s = 0.045f;          // Hann, total length
  float octave_jump_cost = 0.6f;    // per octave of change between frames
  float voicing_cost = 0.2f;        // for a change between voiced and unvoiced
  float subharmonic_cost = 0.2f;    // times the correlation at a half, third or quarter of the lag
  float register_cost = 0.2f;       // per octave beyond half an octave from the speaker's running register
  float silence_threshold = 0.015f; // amplitude relative to the running peak below which frames tend to unvoiced
  float band_start_hz = 40.0f;
  float band_end_hz = 1900.0f;
  // Share of the power spectrum in what is transformed; the rest is the magnitude spectrum, in which a strong formant
  // or hum outweighs the other harmonics less (Tolonen & Karjalainen 2000, generalised autocorrelation).
  float power_share = 0.6f;
};

struct F0Frame {
  float f0_hz;     // 0 where unvoiced
  float strength;  // normalised autocorrelation at the chosen lag, 0..1
};

class F0Tracker {
 public:
  F0Tracker(int rate, int hop, const F0Settings& settings);

  void reset();
  // Takes at most `hop * kLanes` samples and appends the frames decided by them to `out`.
  void process(const float* samples, std::size_t count, std::vector<F0Frame>& out);
  // The signal is over after `total` samples: decides all frames up to floor(total / hop).
  void finish(std::vector<F0Frame>& out);

  // Samples that must follow a frame's centre before it is decided.
  int latency_samples() const;

 private:
  static constexpr int kCandidates = 6;  // voiced candidates a frame

  struct Column {  // one frame of the trellis; entry kCandidates is "unvoiced"
    float log2_f0[kCandidates + 1];
    float f0_hz[kCandidates + 1];
    float strength[kCandidates + 1];
    float cost[kCandidates + 1];
    int from[kCandidates + 1];
    int voiced_count;
  };

  void decimate_up_to(std::int64_t end);
  std::int64_t frames_ready() const;
  void analyse_ready(std::vector<F0Frame>& out);
  void analyse_batch(std::int64_t first, int frames, std::vector<F0Frame>& out);
  void find_candidates(const float* correlation, float level, Column& column);
  void connect(Column& column, const Column& previous) const;
  void push_column(std::vector<F0Frame>& out);
  F0Frame decide(std::int64_t frame);
  Column& column(std::int64_t frame) { return trellis_[static_cast<std::size_t>(frame % static_cast<std::int64_t>(trellis_.size()))]; }
  const Column& column(std::int64_t frame) const { return trellis_[static_cast<std::size_t>(frame % static_cast<std::int64_t>(trellis_.size()))]; }

  int hop_, factor_;
  float low_rate_;
  F0Settings settings_;
  int half_window_;                    // low-band samples
  int shortest_lag_, longest_lag_;     // low-band samples
  std::vector<float> decimator_;       // one side of the symmetric low-pass, centre first
  RealFft fft_;
  std::vector<float> band_;            // weight of each bin's power
  AlignedFloats window_;
  AlignedFloats inverse_window_correlation_;
  History input_, low_;
  AlignedFloats frame_, power_, magnitude_;
  std::vector<float> lane_correlation_;
  std::vector<Column> trellis_;
  float peak_ = 0.0f;                  // running maximum of the frame level
  float register_ = 0.0f;              // running mean of log2 f0 of clearly voiced frames; 0 while unknown
  std::int64_t received_ = 0;          // input samples
  std::int64_t next_low_ = 0;          // next low-band sample to make
  std::int64_t next_frame_ = 0;        // next frame to analyse
  std::int64_t next_decision_ = 0;     // next frame to hand out
};

}  // namespace voiceanon
