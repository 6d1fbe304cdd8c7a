// The speaker removal of speaker_removal.hpp.
#include "voiceanon/speaker_removal.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace voiceanon {
namespace {

constexpr float kPitchSpan = 5.0f;  // deviations from the lowest to the highest level
constexpr float kSilentDb = -190.0f;
constexpr float kMostPriorFrames = 1e6f;
constexpr float kFinestStep = 0.001f, kCoarsestStep = 100.0f;

float on_grid(float value, float step) { return step > 0.0f ? step * std::nearbyint(value / step) : value; }

}  // namespace

SpeakerRemoval::SpeakerRemoval(std::shared_ptr<const TemplateModel> model, const RemovalSettings& settings)
    : model_(model), settings_(settings), profile_(std::move(model), settings.profile) {
  if (!(settings.profile.residual >= 0.0f && settings.profile.residual <= 1.0f)) throw std::invalid_argument("residual is a share, 0 to 1");
  if (!(settings.profile.pitch_prior_frames >= 0.0f && settings.profile.pitch_prior_frames <= kMostPriorFrames)) {
    throw std::invalid_argument("the weight of the template's pitch is 0 to 1,000,000 frames");
  }
  if (settings.pitch_levels < 0 || settings.detail_order < 0) throw std::invalid_argument("levels and order are 0 or more");
  if (settings.value_step != 0.0f && !(settings.value_step >= kFinestStep && settings.value_step <= kCoarsestStep)) {
    throw std::invalid_argument("the grid of values is 0 or within 0.001 to 100 deviations");
  }
}

void SpeakerRemoval::reset() {
  if (settings_.adapting) profile_.reset();
}

void SpeakerRemoval::process(const float* rows, std::size_t count, std::vector<float>& description) {
  const auto size = static_cast<std::size_t>(row_size());
  const float pitch_step = settings_.pitch_levels > 0 ? kPitchSpan / static_cast<float>(settings_.pitch_levels) : 0.0f;
  for (std::size_t i = 0; i < count; ++i) {
    const float* row = rows + i * size;
    if (settings_.adapting) profile_.update(row);
    const std::size_t start = description.size();
    description.resize(start + static_cast<std::size_t>(description_size()));
    float* out = description.data() + start;
    const bool voiced = row[0] > 0.0f;
    out[0] = voiced ? 1.0f : 0.0f;
    out[1] = voiced ? on_grid(profile_.normalised_pitch(row[0]), pitch_step) : 0.0f;
    out[2] = row[1] < kSilentDb ? -200.0f : std::clamp(std::nearbyint(row[1] - profile_.active_level_db()), -120.0f, 40.0f);
    float* values = out + kHeader;
    profile_.normalise(row, values);
    const int kept = settings_.detail_order > 0 ? std::min(settings_.detail_order + 1, model_->values) : model_->values;
    for (int d = 0; d < kept; ++d) values[d] = on_grid(values[d], settings_.value_step);
    for (int d = kept; d < model_->values; ++d) values[d] = 0.0f;
  }
}

}  // namespace voiceanon
