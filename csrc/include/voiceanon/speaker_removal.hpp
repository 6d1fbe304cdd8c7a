// Analysis rows in, speaker-free description rows out.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "voiceanon/speaker_profile.hpp"

namespace voiceanon {

struct RemovalSettings {
  ProfileSettings profile;
  bool adapting = false;      // the profile follows the stream; otherwise it is given and fixed
  int pitch_levels = 16;      // over +-2.5 deviations; 0 keeps pitch as it is
  int detail_order = 0;       // values kept beyond the zeroth; the others are the template's. 0 keeps all
  float value_step = 0.125f;  // grid of the normalised values, in deviations; 0 keeps them
};

// Description row layout: voiced (0 or 1) | pitch in deviations, on its grid | level relative to active speech in whole
// dB, -200 where the recording is digitally silent | normalised values on their grid.
class SpeakerRemoval {
 public:
  static constexpr int kHeader = 3;

  SpeakerRemoval(std::shared_ptr<const TemplateModel> model, const RemovalSettings& settings);

  // Forgets what was adapted; a fixed profile stays.
  void reset();
  void process(const float* rows, std::size_t count, std::vector<float>& description);

  SpeakerProfile& profile() { return profile_; }
  int row_size() const { return 2 + model_->bands + model_->values; }
  int description_size() const { return kHeader + model_->values; }

 private:
  std::shared_ptr<const TemplateModel> model_;
  RemovalSettings settings_;
  SpeakerProfile profile_;
};

}  // namespace voiceanon
