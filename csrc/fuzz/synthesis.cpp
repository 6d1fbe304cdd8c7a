// Fuzzes the synthesiser: any settings are refused or work, any rows end in as many samples as asked for, within +-1.
#include <stdexcept>

#include "input.hpp"
#include "voiceanon/synthesizer.hpp"

using namespace voiceanon;

namespace {

// Natural log of power: what 16 bits can hold lies within +-30 in sum.
constexpr float kLargestCepstrum = 10.0f;

SynthesizerSettings settings_from(fuzz::Input& in) {
  constexpr int kRates[] = {8000, 16000, 24000, 48000};
  SynthesizerSettings settings;
  const bool wild = in.upto(7) == 7;
  settings.rate = wild ? in.any_int() : kRates[in.upto(3)];
  settings.values = wild ? in.any_int() : 1 + in.upto(40);
  settings.noise_key = static_cast<std::uint64_t>(in.bits32()) << 32 | in.bits32();
  check::Noise noise(3);
  if (in.flag()) {
    settings.basis_rows = wild ? in.any_int() : 1 + in.upto(60);
    const int size = wild ? in.upto(300) : settings.basis_rows * settings.values;
    for (int i = 0; i < size; ++i) settings.basis.push_back(0.2f * noise());
  }
  if (in.flag()) {
    const int size = wild ? in.upto(300) : settings.basis_rows > 0 ? settings.basis_rows : settings.values;
    for (int i = 0; i < size; ++i) settings.bias.push_back(0.1f * noise());
  }
  return settings;
}

std::vector<float> row_from(fuzz::Input& in, int size, int values, float largest) {
  std::vector<float> row(static_cast<std::size_t>(size), 0.0f);
  row[0] = in.flag() ? 50.0f + static_cast<float>(in.upto(600)) : in.sample(largest);
  row[1] = in.flag() ? -20.0f : in.sample(largest);
  const int bands = size - 2 - values;
  for (int band = 0; band < bands; ++band) row[static_cast<std::size_t>(2 + band)] = in.sample(largest);
  for (int i = in.upto(5); i > 0; --i) {
    const float limit = std::isfinite(largest) ? kLargestCepstrum : largest;
    row[static_cast<std::size_t>(2 + bands + in.upto(values - 1))] = in.sample(limit);
  }
  return row;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  const SynthesizerSettings settings = settings_from(in);
  try {
    Synthesizer synthesizer(settings);
    const float largest = in.upto(3) == 3 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::max();
    const std::vector<std::size_t> cuts = in.cuts(64);
    const int left_out = in.upto(20);
    std::vector<float> rows;
    const auto width = static_cast<std::size_t>(synthesizer.row_size());
    while (!in.is_over() && rows.size() < 60 * width) {
      const std::vector<float> row = row_from(in, synthesizer.row_size(), settings.values, largest);
      for (int repeat = 1 + in.upto(15); repeat > 0; --repeat) rows.insert(rows.end(), row.begin(), row.end());
    }
    const auto count = static_cast<std::int64_t>(rows.size() / width);
    const std::int64_t total = std::max<std::int64_t>(0, count * (settings.rate / 200) - left_out * 13);
    std::vector<float> whole, cut;
    for (std::vector<float>* out : {&whole, &cut}) {
      fuzz::in_pieces(rows, width, out == &whole ? std::vector<std::size_t>{static_cast<std::size_t>(count)} : cuts,
                      [&](const float* piece, std::size_t n) { synthesizer.process(piece, n, *out); });
      synthesizer.finish(total, *out);
      // A row more than `total` may have been final before the end was known.
      CHECK(count == 0 || static_cast<std::int64_t>(out->size()) >= total);
      out->resize(std::min(out->size(), static_cast<std::size_t>(total)));
      synthesizer.reset();
    }
    if (std::isfinite(largest)) {
      for (const float value : whole) CHECK_AT_MOST(std::fabs(value), 1.0);
      CHECK(fuzz::same_bits(whole, cut));
    }
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
