// The encoder of content_encoder.hpp.
#include "voiceanon/content_encoder.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace voiceanon {
namespace {

constexpr int kHeader = 3;             // of a row: voiced, pitch, level
constexpr float kPitchSpan = 5.0f;     // deviations from the lowest to the highest level
constexpr float kLowestDb = -60.0f, kHighestDb = 12.0f, kSilentDb = -190.0f;
constexpr float kFaintestStep = -6.0f;  // of speech
constexpr float kLargestInput = 5.0f;  // deviations, as in training
constexpr float kLargestPlain = 60.0f;

}  // namespace

void BottleneckModel::check() const {
  const auto values = static_cast<std::size_t>(voices->values);
  const int row = kRowsPerUnit * (voices->values + 1);
  if (levels.empty() || input_mean.size() != values || input_scale.size() != values) {
    throw std::invalid_argument("the bottleneck's scales do not fit the template's values");
  }
  for (const int level : levels) {
    if (level < 3 || level > 255 || level % 2 == 0) throw std::invalid_argument("a digit has an odd number of levels, 3 to 255");
  }
  for (const float scale : input_scale) {
    if (!(scale > 0.0f)) throw std::invalid_argument("the bottleneck's scales must be positive");
  }
  if (encoder->inputs != row || encoder->outputs != digits() + 1 || decoder->outputs != row || voice_size() < 0) {
    throw std::invalid_argument("the bottleneck's networks do not fit its digits and values");
  }
}

ContentEncoder::ContentEncoder(std::shared_ptr<const BottleneckModel> model, const EncoderSettings& settings)
    : model_(std::move(model)), settings_(settings), network_(model_->encoder) {
  if (settings.digits < 1 || settings.digits > model_->digits()) throw std::invalid_argument("a unit keeps 1 digit or more, as many as it has at most");
  if (settings.level_steps < 1) throw std::invalid_argument("level is kept in steps of 6 dB, 1 or more at once");
  const auto digits = static_cast<std::size_t>(model_->digits());
  if (!settings.accent.empty() && settings.accent.size() != digits * (1 + digits)) throw std::invalid_argument("an accent has a shift of every digit, and a share of every digit in every other");
  for (const float share : settings.accent) {
    if (!std::isfinite(share)) throw std::invalid_argument("an accent must be finite");
  }
  said_.resize(2 * digits);
}

void ContentEncoder::reset() {
  network_.reset();
  for (std::vector<float>* part : {&rows_, &input_, &prosody_, &places_}) part->clear();
}

void ContentEncoder::process(const float* rows, std::size_t count, std::vector<float>& frames) {
  const auto size = static_cast<std::size_t>(row_size());
  for (std::size_t i = 0; i < count; ++i, rows += size) {
    rows_.insert(rows_.end(), rows, rows + size);
    if (rows_.size() == kRowsPerUnit * size) take_frame();
  }
  hear();
  hand_out(frames);
}

void ContentEncoder::finish(std::vector<float>& frames) {
  const auto size = static_cast<std::size_t>(row_size());
  if (!rows_.empty()) {
    const std::vector<float> last(rows_.end() - static_cast<std::ptrdiff_t>(size), rows_.end());
    while (rows_.size() < kRowsPerUnit * size) rows_.insert(rows_.end(), last.begin(), last.end());
    take_frame();
  }
  hear();
  network_.finish(places_);
  hand_out(frames);
}

// The network hears all frames at once: its weights are read once for them.
void ContentEncoder::hear() {
  network_.process(input_.data(), input_.size() / static_cast<std::size_t>(model_->encoder->inputs), places_);
  input_.clear();
}

void ContentEncoder::take_frame() {
  const int values = model_->voices->values;
  int voiced_rows = 0;
  float level = -200.0f, pitch = 0.0f;
  input_.resize(input_.size() + static_cast<std::size_t>(model_->encoder->inputs));
  float* input = input_.data() + input_.size() - static_cast<std::size_t>(model_->encoder->inputs);
  for (int i = 0; i < kRowsPerUnit; ++i) {
    const float* row = rows_.data() + i * row_size();
    const int kind = row[0] > 0.5f ? kVoiced : kUnvoiced;
    if (kind == kVoiced) {
      ++voiced_rows;
      pitch += row[1];
    }
    level = std::max(level, row[2]);
    *input++ = kind == kVoiced ? 1.0f : 0.0f;
    for (int d = 0; d < values; ++d) {
      const auto k = static_cast<std::size_t>(d);
      const float plain = model_->voices->mean[kind][k] + model_->voices->deviation[kind][k] * row[kHeader + d];
      const float scaled = (std::clamp(plain, -kLargestPlain, kLargestPlain) - model_->input_mean[k]) / model_->input_scale[k];
      *input++ = std::clamp(scaled, -kLargestInput, kLargestInput);
    }
  }
  float step = std::nearbyint(std::clamp(level, kLowestDb, kHighestDb) / kLevelStepDb);
  if (step < kFaintestStep) {
    step = level < kSilentDb ? kSilentStep : kPauseStep;
  } else if (settings_.level_steps > 1) {
    const auto steps = static_cast<float>(settings_.level_steps);
    step = std::clamp(steps * std::nearbyint(step / steps), kFaintestStep, std::nearbyint(kHighestDb / kLevelStepDb));
  }
  const bool is_voiced = 2 * voiced_rows >= kRowsPerUnit && step >= kFaintestStep;
  pitch = is_voiced ? pitch / static_cast<float>(voiced_rows) : 0.0f;
  if (settings_.pitch_levels > 0) {
    const float width = kPitchSpan / static_cast<float>(settings_.pitch_levels);
    const auto highest = static_cast<float>(settings_.pitch_levels / 2);
    pitch = width * std::clamp(std::nearbyint(pitch / width), -highest, highest);
  }
  prosody_.push_back(is_voiced ? 1.0f : 0.0f);
  prosody_.push_back(step);
  prosody_.push_back(pitch);
  rows_.clear();
}

void ContentEncoder::hand_out(std::vector<float>& frames) {
  const auto digits = static_cast<std::size_t>(model_->digits());
  const std::size_t count = places_.size() / (digits + 1);
  for (std::size_t i = 0; i < count; ++i) {
    const float* places = places_.data() + i * (digits + 1);
    float voiced = prosody_[3 * i], step = prosody_[3 * i + 1], pitch = prosody_[3 * i + 2];
    if (places[digits] > 0.0f && step > kPauseStep) {
      voiced = pitch = 0.0f;
      step = kPauseStep;
    }
    float* bounded = said_.data();
    float* accented = bounded + digits;
    for (std::size_t d = 0; d < digits; ++d) bounded[d] = accented[d] = std::tanh(places[d]);
    if (!settings_.accent.empty()) speak_otherwise(bounded, accented);
    for (std::size_t d = 0; d < digits; ++d) {
      const float half = static_cast<float>(model_->levels[d] / 2);
      const bool is_kept = step >= kFaintestStep && d < static_cast<std::size_t>(settings_.digits);
      frames.push_back(is_kept ? std::nearbyint(half * accented[d]) : 0.0f);
    }
    for (const float part : {voiced, step, pitch}) frames.push_back(part);
  }
  places_.clear();
  prosody_.erase(prosody_.begin(), prosody_.begin() + static_cast<std::ptrdiff_t>(3 * count));
}

// A constant accent: all of a recording's sounds lie elsewhere, as another speaker's do.
void ContentEncoder::speak_otherwise(const float* bounded, float* accented) const {
  const auto digits = static_cast<std::size_t>(model_->digits());
  const float* share = settings_.accent.data();
  for (std::size_t d = 0; d < digits; ++d) {
    float sum = bounded[d] + *share++;
    for (std::size_t e = 0; e < digits; ++e) sum += *share++ * bounded[e];
    accented[d] = std::clamp(sum, -1.0f, 1.0f);
  }
}

}  // namespace voiceanon
