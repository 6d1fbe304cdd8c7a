// Description rows in, synthesis rows out: a voice that is nobody's speaks the description.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "voiceanon/template_model.hpp"

namespace voiceanon {

struct VoiceSettings {
  float f0_hz = 150.0f;              // geometric mean of f0
  float f0_spread = 0.18f;           // deviation of log f0
  std::vector<float> colour;         // added to the values: what the voice's spectrum has beyond the template's
  float breathiness = 0.0f;          // added to the aperiodicity power, -1..1
  float gain_db = 0.0f;              // of the template's level
  float gate_db = -50.0f;            // relative level below which the background is silent
  int bands = 0;                     // aperiodicity bands of the rows; those beyond the template's repeat its last
};

class PseudoVoice {
 public:
  PseudoVoice(std::shared_ptr<const TemplateModel> model, const VoiceSettings& settings);

  void process(const float* description, std::size_t count, std::vector<float>& rows) const;

  int description_size() const;
  int row_size() const { return 2 + bands() + model_->values; }
  int bands() const { return settings_.bands > model_->bands ? settings_.bands : model_->bands; }

 private:
  std::shared_ptr<const TemplateModel> model_;
  VoiceSettings settings_;
};

}  // namespace voiceanon
