// The rendering of pseudo_voice.hpp.
#include "voiceanon/pseudo_voice.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "voiceanon/speaker_removal.hpp"

namespace voiceanon {
namespace {

constexpr float kNaturalLogPerDb = 0.230258509f;  // of power
constexpr float kExpansionStartDb = 12.0f;        // above the gate, background begins to fade

}  // namespace

PseudoVoice::PseudoVoice(std::shared_ptr<const TemplateModel> model, const VoiceSettings& settings)
    : model_(std::move(model)), settings_(settings) {
  settings_.colour.resize(static_cast<std::size_t>(model_->values), 0.0f);
}

int PseudoVoice::description_size() const { return SpeakerRemoval::kHeader + model_->values; }

void PseudoVoice::process(const float* description, std::size_t count, std::vector<float>& rows) const {
  const int bands = this->bands(), values = model_->values;
  for (std::size_t i = 0; i < count; ++i, description += description_size()) {
    const std::size_t start = rows.size();
    rows.resize(start + static_cast<std::size_t>(row_size()));
    float* row = rows.data() + start;
    const bool voiced = description[0] > 0.5f;
    const float level = description[2];
    const float* z = description + SpeakerRemoval::kHeader;
    row[0] = voiced ? std::clamp(settings_.f0_hz * std::exp(settings_.f0_spread * description[1]), 40.0f, 1000.0f) : 0.0f;
    row[1] = level > settings_.gate_db ? level : -200.0f;
    for (int band = 0; band < bands; ++band) {
      float power = 1.0f;
      if (voiced) {
        const float* weights = model_->aperiodicity.data() + std::min(band, model_->bands - 1) * (values + 1);
        power = weights[values] + settings_.breathiness;
        for (int d = 0; d < values; ++d) power += weights[d] * z[d];
      }
      row[2 + band] = std::sqrt(std::clamp(power, 0.0f, 1.0f));
    }
    const int kind = voiced ? kVoiced : kUnvoiced;
    float* out = row + 2 + bands;
    for (int d = 0; d < values; ++d) {
      const auto k = static_cast<std::size_t>(d);
      out[d] = model_->mean[kind][k] + model_->deviation[kind][k] * z[d] + settings_.colour[k];
    }
    // Downward expansion, one more dB for each dB, towards the gate.
    const float below = settings_.gate_db + kExpansionStartDb - level;
    out[0] += kNaturalLogPerDb * (settings_.gain_db - std::max(below, 0.0f));
  }
}

}  // namespace voiceanon
