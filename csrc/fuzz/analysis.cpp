// Fuzzes the analyser: any settings are refused or work, any samples give the promised rows whatever the chunks.
#include <stdexcept>

#include "input.hpp"
#include "voiceanon/analyzer.hpp"

using namespace voiceanon;

namespace {

AnalyzerSettings settings_from(fuzz::Input& in) {
  constexpr int kRates[] = {8000, 16000, 24000, 48000};
  AnalyzerSettings settings;
  const bool wild = in.upto(7) == 7;
  settings.rate = wild ? in.any_int() : kRates[in.upto(3)];
  settings.order = wild ? in.any_int() : 1 + in.upto(254);
  if (in.flag()) {
    settings.f0.floor_hz = wild ? in.any_float() : 50.0f + static_cast<float>(in.upto(255));
    settings.f0.ceil_hz = wild ? in.any_float() : settings.f0.floor_hz + 1.0f + static_cast<float>(in.upto(3000));
    settings.f0.lookahead_frames = wild ? in.any_int() : in.upto(12);
    settings.f0.voicing_threshold = in.any_float();
  }
  if (in.flag()) {
    settings.basis_rows = wild ? in.any_int() : 1 + in.upto(6);
    const int columns = wild ? in.upto(20) : settings.order + 1;
    const int rows = wild ? in.upto(20) : settings.basis_rows;
    check::Noise noise(3);
    for (int i = 0; i < rows * columns; ++i) settings.basis.push_back(noise());
  }
  return settings;
}

std::vector<float> rows_of(Analyzer& analyzer, const std::vector<float>& samples, const std::vector<std::size_t>& cuts) {
  std::vector<float> rows;
  fuzz::in_pieces(samples, 1, cuts, [&](const float* piece, std::size_t count) { analyzer.process(piece, count, rows); });
  analyzer.finish(rows);
  return rows;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  const AnalyzerSettings settings = settings_from(in);
  try {
    Analyzer analyzer(settings);
    const float largest = in.upto(3) == 3 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::max();
    const auto most = static_cast<std::size_t>(settings.rate / 8);
    const std::vector<std::size_t> cuts = in.cuts(most);
    const std::vector<float> samples = in.numbers(most, largest);
    const std::vector<float> rows = rows_of(analyzer, samples, {samples.size()});
    const std::size_t count = samples.size() / static_cast<std::size_t>(analyzer.hop()) + 1;
    CHECK(rows.size() == count * static_cast<std::size_t>(analyzer.row_size()));
    analyzer.reset();
    const std::vector<float> cut_rows = rows_of(analyzer, samples, cuts);
    CHECK(cut_rows.size() == rows.size());
    if (fuzz::all_finite(samples)) {
      CHECK(fuzz::all_finite(rows));
      CHECK(fuzz::same_bits(rows, cut_rows));
    }
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
