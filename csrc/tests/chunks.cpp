// Analysis and synthesis give the same bits for any chunks, as many rows and samples as promised, and anew after a reset.
#include <algorithm>

#include "check.hpp"
#include "voiceanon/analyzer.hpp"
#include "voiceanon/synthesizer.hpp"

using namespace voiceanon;

namespace {

std::vector<float> rows_of(Analyzer& analyzer, const std::vector<float>& x, std::size_t chunk) {
  std::vector<float> rows;
  for (std::size_t at = 0; at < x.size(); at += chunk) {
    const std::size_t count = std::min(chunk, x.size() - at);
    // Exactly `count` readable samples: a sanitizer sees whatever reads beyond.
    const std::vector<float> piece(x.begin() + static_cast<std::ptrdiff_t>(at), x.begin() + static_cast<std::ptrdiff_t>(at + count));
    analyzer.process(piece.data(), count, rows);
  }
  analyzer.finish(rows);
  const auto frames = x.size() / static_cast<std::size_t>(analyzer.hop()) + 1;
  CHECK(rows.size() == frames * static_cast<std::size_t>(analyzer.row_size()));
  return rows;
}

std::vector<float> samples_of(Synthesizer& synthesizer, const std::vector<float>& rows, std::size_t chunk, std::int64_t total) {
  const auto size = static_cast<std::size_t>(synthesizer.row_size());
  const std::size_t count = rows.size() / size;
  std::vector<float> samples;
  for (std::size_t at = 0; at < count; at += chunk) {
    synthesizer.process(rows.data() + at * size, std::min(chunk, count - at), samples);
  }
  synthesizer.finish(total, samples);
  CHECK(static_cast<std::int64_t>(samples.size()) == total);
  return samples;
}

AnalyzerSettings analysis(int rate, int order) {
  AnalyzerSettings settings;
  settings.rate = rate;
  settings.order = order;
  return settings;
}

SynthesizerSettings synthesis(int rate, int order) {
  SynthesizerSettings settings;
  settings.rate = rate;
  settings.values = order + 1;
  settings.noise_key = 42;
  return settings;
}

void test_rate(int rate, int order) {
  const std::vector<float> x = check::mixture(rate, rate / 2 + 13);
  const auto total = static_cast<std::int64_t>(x.size());
  Analyzer analyzer(analysis(rate, order));
  Synthesizer synthesizer(synthesis(rate, order));
  const std::vector<float> rows = rows_of(analyzer, x, x.size());
  for (std::size_t chunk : {1, 2, 79, 80, 81, 320, 333, 640, 1280, 5000}) {
    analyzer.reset();
    CHECK(rows_of(analyzer, x, chunk) == rows);
  }
  const std::vector<float> samples = samples_of(synthesizer, rows, 1000, total);
  for (std::size_t chunk : {1, 2, 3, 7, 15, 16, 17, 50}) {
    synthesizer.reset();
    CHECK(samples_of(synthesizer, rows, chunk, total) == samples);
  }
  float loudest = 0.0f;
  for (float value : samples) loudest = std::max(loudest, std::fabs(value));
  CHECK(loudest > 0.01f && loudest <= 0.99f);
}

// Every length from none on, for the ends have cases of their own.
void test_short_signals() {
  Analyzer analyzer(analysis(16000, 255));
  Synthesizer synthesizer(synthesis(16000, 255));
  const std::vector<float> long_one = check::mixture(16000, 1000);
  for (std::size_t length = 0; length < 1000; length += length < 100 ? 1 : 89) {
    const std::vector<float> x(long_one.begin(), long_one.begin() + static_cast<std::ptrdiff_t>(length));
    analyzer.reset();
    synthesizer.reset();
    const std::vector<float> rows = rows_of(analyzer, x, 64);
    analyzer.reset();
    CHECK(rows_of(analyzer, x, 1) == rows);
    for (float value : samples_of(synthesizer, rows, 2, static_cast<std::int64_t>(length))) CHECK(std::isfinite(value));
  }
}

void test_silence_stays_silence() {
  Analyzer analyzer(analysis(16000, 255));
  Synthesizer synthesizer(synthesis(16000, 255));
  const std::vector<float> rows = rows_of(analyzer, std::vector<float>(8000), 100);
  for (float value : samples_of(synthesizer, rows, 10, 8000)) CHECK(value == 0.0f);
}

void test_wild_samples_give_finite_ones() {
  for (float amplitude : {1e-42f, 1.2e-38f, 1.0f, 16.0f, 1e30f, 3e38f}) {
    Analyzer analyzer(analysis(16000, 255));
    Synthesizer synthesizer(synthesis(16000, 255));
    check::Noise noise(5);
    std::vector<float> x(8000);
    for (std::size_t n = 0; n < x.size(); ++n) x[n] = amplitude * (n < 2000 ? 1.0f : n < 4000 ? (n / 40 % 2 ? 1.0f : -1.0f) : n < 6000 ? noise() : n % 100 == 0);
    const std::vector<float> rows = rows_of(analyzer, x, 500);
    for (float value : rows) CHECK(std::isfinite(value));
    for (float value : samples_of(synthesizer, rows, 100, 8000)) CHECK_AT_MOST(std::fabs(value), 1.0);
  }
}

}  // namespace

int main() {
  test_rate(16000, 255);
  test_rate(16000, 199);
  test_rate(24000, 511);
  test_rate(48000, 1023);
  test_short_signals();
  test_silence_stays_silence();
  test_wild_samples_give_finite_ones();
}
