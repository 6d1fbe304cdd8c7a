// What is typical of one speaker, gathered row by row: the statistics that speaker removal subtracts.
//
// Sums are kept of the values as analysed; tract length, means, variances and the speaker's own place of every kind of
// sound are derived from the sums at growing intervals, so that a stream adapts and a first pass ends with the same
// numbers in the same order, whatever the chunks.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "voiceanon/template_model.hpp"

namespace voiceanon {

struct ProfileSettings {
  float prior_frames = 60.0f;   // weight of the template in means and variances
  float relevance = 20.0f;      // weight of the template in the place of a kind of sound (MAP adaptation, Reynolds 2000)
  float residual = 1.0f;        // share of a frame's detail around its kind of sound that is kept
  float pitch_prior_frames = 30.0f;  // weight of the template in mean and deviation of log f0; what they lean to it tells sex
};

class SpeakerProfile {
 public:
  SpeakerProfile(std::shared_ptr<const TemplateModel> model, const ProfileSettings& settings);

  int row_size() const { return 2 + model_->bands + model_->values; }
  void reset();
  // Row layout of Analyzer, with `values` basis rows.
  void update(const float* row);
  // Derives everything anew from the sums.
  void refresh();

  // Normalises one row's values, takes the speaker out of them and writes `values` numbers.
  void normalise(const float* row, float* out) const;
  float normalised_pitch(float f0_hz) const;
  // Mean power of voiced frames, dB re full scale.
  float active_level_db() const { return active_level_db_; }
  double voiced_frames() const { return kinds_[kVoiced].count; }

  // Everything gathered, as one array: written by one profile, read by another of the same model.
  std::vector<double> state() const;
  void set_state(const std::vector<double>& state);
  std::size_t state_size() const;

  // Warp index chosen, log f0 mean and deviation: shown to people.
  int warp_index() const { return warp_; }
  float log_f0_mean() const { return log_f0_mean_; }
  float log_f0_deviation() const { return log_f0_deviation_; }

 private:
  struct Kind {
    double count = 0.0;
    std::vector<double> sum;            // values
    std::vector<double> product;        // values x values, lower triangle
    std::vector<double> share;          // components: sum of posteriors
    std::vector<double> component_sum;  // components x values: posterior-weighted values
    std::vector<float> mean, inverse_deviation;  // of the warped values
    std::vector<float> correction;      // components x values: added, weighted by posterior
    std::vector<float> expansion;       // values: restores the variance that the shrinking took
  };

  int kind_of(const float* row) const;
  std::vector<float> expansion(const Mixture& mixture) const;
  void choose_warp();
  void derive(Kind& kind, int which);
  void warp_values(const float* values, float* out) const;

  std::shared_ptr<const TemplateModel> model_;
  ProfileSettings settings_;
  Kind kinds_[kKinds];
  double power_sum_ = 0.0, log_f0_sum_ = 0.0, log_f0_squares_ = 0.0;
  std::int64_t rows_ = 0;
  double next_refresh_ = 0.0;   // frames gathered at which to derive again
  float loudest_db_ = -200.0f;
  int warp_ = 0;
  float active_level_db_ = -200.0f;
  float log_f0_mean_ = 0.0f, log_f0_deviation_ = 0.2f;
  mutable AlignedFloats posterior_;
  mutable std::vector<float> warped_, normalised_;
};

}  // namespace voiceanon
