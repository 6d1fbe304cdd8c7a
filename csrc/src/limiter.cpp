// The look-ahead limiter of limiter.hpp.
#include "voiceanon/limiter.hpp"

#include <algorithm>
#include <cmath>

namespace voiceanon {

Limiter::Limiter(float ceiling) : ceiling_(ceiling) { reset(); }

void Limiter::reset() {
  delayed_.assign(kLookahead, 0.0f);
  gains_.assign(kLookahead + 1, 1.0f);
  smallest_.assign(kLookahead, 1.0f);
  position_ = 0;
  idle_ = 2 * kLookahead;
}

// The minimum of the gains from the leaving sample to the newest, averaged over the look-ahead, reaches the needed gain
// exactly when the sample that needs it leaves the delay, and moves without a step before and after.
void Limiter::process(const float* samples, std::size_t count, std::vector<float>& out) {
  for (std::size_t i = 0; i < count; ++i) {
    const float x = samples[i];
    const float magnitude = std::fabs(x);
    const std::size_t slot = position_ % kLookahead, gain_slot = position_ % (kLookahead + 1);
    const float oldest = delayed_[slot];
    delayed_[slot] = x;
    ++position_;
    if (magnitude <= ceiling_ && idle_ >= 2 * kLookahead) {
      out.push_back(oldest);
      continue;
    }
    gains_[gain_slot] = magnitude > ceiling_ ? ceiling_ / magnitude : 1.0f;
    idle_ = magnitude > ceiling_ ? 0 : idle_ + 1;
    smallest_[slot] = *std::min_element(gains_.begin(), gains_.end());
    float sum = 0.0f;
    for (float gain : smallest_) sum += gain;
    out.push_back(std::min(std::max(oldest * (sum * (1.0f / kLookahead)), -ceiling_), ceiling_));
  }
}

}  // namespace voiceanon
