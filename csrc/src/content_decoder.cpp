// The decoder of content_decoder.hpp.
#include "voiceanon/content_decoder.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace voiceanon {
namespace {

constexpr float kLevelScale = kLevelStepDb / 30.0f;  // of the network's input, as in training
constexpr float kLargestValue = 30.0f;               // deviations
// Pitch runs smoothly over the steps of its levels: a triangle over the voiced frames around.
constexpr int kPitchReach = 2;

}  // namespace

ContentDecoder::ContentDecoder(std::shared_ptr<const BottleneckModel> model, std::vector<float> voice)
    : model_(std::move(model)), voice_(std::move(voice)), network_(model_->decoder) {
  if (static_cast<int>(voice_.size()) != model_->voice_size()) throw std::invalid_argument("a voice has as many numbers as the decoder was trained with");
}

int ContentDecoder::lookahead_rows() const { return kRowsPerUnit * std::max(model_->decoder->lookahead_frames(), kPitchReach + 1); }

void ContentDecoder::reset() {
  network_.reset();
  made_.clear();
  prosody_.clear();
  first_ = taken_ = given_ = 0;
}

void ContentDecoder::process(const float* frames, std::size_t count, std::vector<float>& rows) {
  const auto digits = static_cast<std::size_t>(model_->digits()), size = static_cast<std::size_t>(model_->decoder->inputs);
  input_.resize(count * size);
  for (std::size_t i = 0; i < count; ++i, frames += frame_size()) {
    float* input = input_.data() + i * size;
    for (std::size_t d = 0; d < digits; ++d) input[d] = frames[d] / static_cast<float>(model_->levels[d] / 2);
    input[digits] = frames[digits];
    input[digits + 1] = kLevelScale * std::max(frames[digits + 1], kPauseStep);
    std::copy(voice_.begin(), voice_.end(), input + digits + 2);
    prosody_.insert(prosody_.end(), frames + digits, frames + digits + 3);
  }
  taken_ += static_cast<std::int64_t>(count);
  network_.process(input_.data(), count, made_);
  hand_out(false, rows);
}

void ContentDecoder::finish(std::vector<float>& rows) {
  network_.finish(made_);
  hand_out(true, rows);
}

void ContentDecoder::hand_out(bool is_over, std::vector<float>& rows) {
  const int values = model_->voices->values;
  const auto made_size = static_cast<std::size_t>(model_->decoder->outputs);
  std::size_t count = made_.size() / made_size;
  // The decoder looks ahead further than the smoothing of pitch does, but for networks without any.
  if (!is_over) count = std::min(count, static_cast<std::size_t>(std::max<std::int64_t>(0, taken_ - given_ - kPitchReach - 1)));
  for (std::size_t i = 0; i < count; ++i, ++given_) {
    const float* made = made_.data() + i * made_size;
    const float step = prosody_[static_cast<std::size_t>(given_ - first_) * 3 + 1];
    for (int r = 0; r < kRowsPerUnit; ++r, made += values + 1) {
      const int kind = made[0] > 0.0f ? kVoiced : kUnvoiced;
      rows.push_back(kind == kVoiced ? 1.0f : 0.0f);
      rows.push_back(kind == kVoiced ? pitch_at(given_, r) : 0.0f);
      rows.push_back(step <= kSilentStep ? -200.0f : kLevelStepDb * step);
      for (int d = 0; d < values; ++d) {
        const auto k = static_cast<std::size_t>(d);
        const float z = (made[1 + d] - model_->voices->mean[kind][k]) / model_->voices->deviation[kind][k];
        rows.push_back(std::clamp(z, -kLargestValue, kLargestValue));
      }
    }
  }
  made_.erase(made_.begin(), made_.begin() + static_cast<std::ptrdiff_t>(count * made_size));
  const std::int64_t oldest = std::max<std::int64_t>(first_, given_ - kPitchReach - 1);
  prosody_.erase(prosody_.begin(), prosody_.begin() + static_cast<std::ptrdiff_t>(3 * (oldest - first_)));
  first_ = oldest;
}

// The weighted mean of the pitch of voiced frames around a row; the weights fall linearly with the distance in time.
float ContentDecoder::pitch_at(std::int64_t frame, int row) const {
  const float centre = (static_cast<float>(row) + 0.5f) / kRowsPerUnit - 0.5f;  // in frames
  float sum = 0.0f, total = 0.0f;
  for (int off = -kPitchReach - 1; off <= kPitchReach + 1; ++off) {
    const std::int64_t at = frame + off;
    if (at < first_ || at >= taken_) continue;
    const float* prosody = prosody_.data() + 3 * (at - first_);
    const float weight = prosody[0] * std::max(0.0f, static_cast<float>(kPitchReach) + 0.5f - std::fabs(static_cast<float>(off) - centre));
    sum += weight * prosody[2];
    total += weight;
  }
  return total > 0.0f ? sum / total : 0.0f;
}

}  // namespace voiceanon
