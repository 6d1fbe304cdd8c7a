// What a speaker's units, level and pitch are like on the whole, taken out: everybody's come to be distributed alike.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace voiceanon {

inline constexpr int kPitchBins = 101;  // of 0.05 deviations, the middle one around 0
inline constexpr int kLevelBins = 73;   // of 1 dB, the first around -60

// How many speakers' content is distributed: the tables of voiceanon/models/content_reference.npz.
struct ContentReference {
  std::vector<float> place_mean, place_covariance;  // of the digits' places within +-1, in speech
  std::vector<float> pitch_shares, level_shares;    // of the bins, adding up to 1

  int digits() const { return static_cast<int>(place_mean.size()); }
  // Throws std::invalid_argument where the parts do not fit each other.
  void check() const;
};

// One recording's content against that of many. Places get their mean and covariance by the map that moves them least
// (Gaussian optimal transport: Knott & Smith 1984; second-order alignment: Sun, Feng & Saenko 2016, CORAL). Level and
// pitch get their distributions (histogram equalisation: de la Torre et al. 2005, "Histogram equalization of speech
// representation for robust speech recognition"). Where little was heard, the reference counts as a second of speech.
class ContentEqualiser {
 public:
  explicit ContentEqualiser(std::shared_ptr<const ContentReference> reference);

  void reset();
  // Take a frame of speech into account.
  void hear(const float* places, bool is_voiced, float level_db, float pitch);
  // Frames heard so far.
  double heard() const { return count_; }
  // Have `equalise` rest on all that was heard.
  void refresh();
  void equalise(float* places, bool is_voiced, float& level_db, float& pitch);

 private:
  // Of each bin, its place in the reference's distribution.
  std::vector<float> matched(const std::vector<double>& counts, const std::vector<float>& shares) const;

  std::shared_ptr<const ContentReference> reference_;
  double count_ = 0.0;
  std::vector<double> sum_, product_;                  // of places; lower triangle
  std::vector<double> pitch_counts_, level_counts_;
  std::vector<float> map_, shift_, moved_;             // of places, row by row
  std::vector<float> pitch_bins_, level_bins_;         // where each bin comes to lie, in bins
};

}  // namespace voiceanon
