// The pitch tracker on sounds of known pitch, on noise and on silence, at every internal rate.
#include "voiceanon/f0_tracker.hpp"

#include <algorithm>

#include "check.hpp"

using namespace voiceanon;

namespace {

std::vector<F0Frame> track(const std::vector<float>& x, int rate, std::size_t chunk) {
  const int hop = rate / 200;
  F0Tracker tracker(rate, hop, F0Settings{});
  std::vector<F0Frame> out;
  chunk = std::min(chunk, static_cast<std::size_t>(hop * kLanes));
  for (std::size_t at = 0; at < x.size(); at += chunk) {
    tracker.process(x.data() + at, std::min(chunk, x.size() - at), out);
    // A frame is decided at the latest when as many samples as promised follow its centre.
    const auto heard = static_cast<std::int64_t>(std::min(at + chunk, x.size()));
    const std::int64_t promised = (heard - tracker.latency_samples()) / hop;
    CHECK(static_cast<std::int64_t>(out.size()) >= promised);
  }
  tracker.finish(out);
  CHECK(out.size() == x.size() / static_cast<std::size_t>(hop) + 1);
  return out;
}

void test_known_pitch(int rate) {
  for (double hz : {70.0, 98.7, 131.3, 200.0, 317.9, 450.0}) {
    const std::vector<F0Frame> frames = track(check::pulses(hz, hz, rate, rate / 2), rate, 1000);
    for (std::size_t t = 6; t + 6 < frames.size(); ++t) CHECK_AT_MOST(std::fabs(1200.0 * std::log2(frames[t].f0_hz / hz)), 3.0);
  }
  const std::vector<F0Frame> sine = track(check::sine(220.0, 0.1, rate, rate / 2), rate, 1000);
  for (std::size_t t = 6; t + 6 < sine.size(); ++t) CHECK_AT_MOST(std::fabs(1200.0 * std::log2(sine[t].f0_hz / 220.0)), 5.0);
}

void test_a_glide(int rate) {
  const std::vector<F0Frame> frames = track(check::pulses(100.0, 200.0, rate, rate), rate, 1000);
  for (std::size_t t = 10; t + 10 < frames.size(); ++t) {
    const double truth = 100.0 + 100.0 * static_cast<double>(t) / 200.0;
    CHECK_AT_MOST(std::fabs(1200.0 * std::log2(frames[t].f0_hz / truth)), 10.0);
  }
}

void test_no_pitch_in_noise_and_silence(int rate) {
  for (const F0Frame& frame : track(std::vector<float>(static_cast<std::size_t>(rate)), rate, 1000)) CHECK(frame.f0_hz == 0.0f);
  check::Noise noise(11);
  std::vector<float> x(static_cast<std::size_t>(rate));
  for (float& value : x) value = 0.1f * noise();
  int voiced = 0;
  for (const F0Frame& frame : track(x, rate, 1000)) voiced += frame.f0_hz > 0.0f;
  CHECK_AT_MOST(voiced, 4);  // of 201
}

void test_any_chunks(int rate) {
  const std::vector<float> x = check::mixture(rate, rate / 2);
  const std::vector<F0Frame> whole = track(x, rate, 1000000);
  for (std::size_t chunk : {1, 7, 40, 79, 80, 81, 161, 320, 639}) {
    const std::vector<F0Frame> cut = track(x, rate, chunk);
    for (std::size_t t = 0; t < whole.size(); ++t) CHECK(cut[t].f0_hz == whole[t].f0_hz && cut[t].strength == whole[t].strength);
  }
}

}  // namespace

int main() {
  for (int rate : {16000, 24000, 48000}) {
    test_known_pitch(rate);
    test_a_glide(rate);
    test_no_pitch_in_noise_and_silence(rate);
    test_any_chunks(rate);
  }
}
