// The limiter: never over the ceiling, nothing done to quiet signals, no step in its gain, any chunks.
#include "voiceanon/limiter.hpp"

#include <algorithm>

#include "check.hpp"

using namespace voiceanon;

namespace {

constexpr std::size_t kDelay = Limiter::kLookahead;

std::vector<float> limited(Limiter& limiter, const std::vector<float>& x, std::size_t chunk) {
  std::vector<float> y;
  for (std::size_t at = 0; at < x.size(); at += chunk) limiter.process(x.data() + at, std::min(chunk, x.size() - at), y);
  CHECK(y.size() == x.size());
  return y;
}

std::vector<float> noise(std::size_t count, float amplitude) {
  check::Noise source(3);
  std::vector<float> out(count);
  for (float& value : out) value = amplitude * source();
  return out;
}

void test_quiet_signals_pass_bit_for_bit() {
  Limiter limiter(0.99f);
  const std::vector<float> x = noise(5000, 0.98f);
  const std::vector<float> y = limited(limiter, x, 5000);
  for (std::size_t n = 0; n < x.size(); ++n) CHECK(y[n] == (n < kDelay ? 0.0f : x[n - kDelay]));
}

void test_they_pass_again_after_a_loud_one() {
  Limiter limiter(0.99f);
  std::vector<float> x = noise(500, 0.98f);
  x[100] = -30.0f;
  const std::vector<float> y = limited(limiter, x, 7);
  for (std::size_t n = kDelay; n < x.size(); ++n) {
    if (n < 100 || n >= 100 + 3 * kDelay) CHECK(y[n] == x[n - kDelay]);
  }
}

void test_nothing_comes_over_the_ceiling() {
  for (float amplitude : {1.0f, 1.5f, 40.0f, 1e20f}) {
    Limiter limiter(0.99f);
    for (float value : limited(limiter, noise(20000, amplitude), 999)) CHECK_AT_MOST(std::fabs(value), 0.99f);
  }
}

// One loud sample in a constant: the gain that its neighbours get must fall and rise in equal steps, and have reached
// what the loud sample needs before that comes out, so that the final clip never bites.
void test_the_gain_has_no_step() {
  Limiter limiter(0.99f);
  std::vector<float> x(200, 0.5f);
  x[80] = 3.96f;  // needs a gain of 1/4
  const std::vector<float> y = limited(limiter, x, 200);
  std::vector<double> gain;
  for (std::size_t n = 40; n < 140; ++n) gain.push_back(y[n + kDelay] / x[n]);
  CHECK_AT_MOST(std::fabs(gain[40] - 0.25), 1e-6);
  for (std::size_t n = 1; n < gain.size(); ++n) CHECK_AT_MOST(std::fabs(gain[n] - gain[n - 1]), 0.75 / kDelay + 1e-6);
  for (std::size_t n = 0; n < kDelay; ++n) CHECK_AT_MOST(std::fabs(gain[41 + n] - (0.25 + 0.75 * static_cast<double>(n + 1) / kDelay)), 1e-6);
}

void test_chunks_and_reset() {
  const std::vector<float> x = noise(3000, 2.0f);
  Limiter limiter(0.99f);
  const std::vector<float> whole = limited(limiter, x, 3000);
  for (std::size_t chunk : {1, 2, 15, 16, 17, 1000}) {
    limiter.reset();
    CHECK(limited(limiter, x, chunk) == whole);
  }
}

}  // namespace

int main() {
  test_quiet_signals_pass_bit_for_bit();
  test_they_pass_again_after_a_loud_one();
  test_nothing_comes_over_the_ceiling();
  test_the_gain_has_no_step();
  test_chunks_and_reset();
}
