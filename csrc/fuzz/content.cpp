// Fuzzes the bottleneck: networks of any shape are refused or work, and any chunks of rows and frames give the same bits.
#include <memory>
#include <stdexcept>

#include "input.hpp"
#include "voiceanon/content_decoder.hpp"
#include "voiceanon/content_encoder.hpp"

using namespace voiceanon;

namespace {

constexpr float kLargest = 1000.0f;

std::shared_ptr<const StackModel> stack_from(fuzz::Input& in, int inputs, int outputs, bool wild) {
  int channels = 1 + in.upto(20);
  if (wild) {
    for (int* size : {&inputs, &channels, &outputs}) *size = in.flag() ? in.any_int() : *size;
  }
  std::vector<BlockShape> blocks;
  std::size_t weights = 3 * static_cast<std::size_t>(inputs) * static_cast<std::size_t>(channels), biases = static_cast<std::size_t>(channels);
  for (int i = in.upto(3); i > 0; --i) {
    blocks.push_back(wild ? BlockShape{in.any_int(), in.any_int()} : BlockShape{1 + in.upto(20), in.upto(1)});
    weights += 4 * static_cast<std::size_t>(channels) * static_cast<std::size_t>(channels);
    biases += 2 * static_cast<std::size_t>(channels);
  }
  weights += static_cast<std::size_t>(channels) * static_cast<std::size_t>(outputs);
  biases += static_cast<std::size_t>(outputs);
  if (wild || weights > 100000) weights = static_cast<std::size_t>(in.upto(500));
  if (wild || biases > 10000) biases = static_cast<std::size_t>(in.upto(500));
  check::Noise noise(17);
  std::vector<float> w(weights), b(biases);
  for (std::vector<float>* table : {&w, &b}) {
    for (float& value : *table) value = 0.5f * noise();
  }
  return std::make_shared<StackModel>(inputs, channels, outputs, std::move(blocks), w, b);
}

std::shared_ptr<BottleneckModel> bottleneck_from(fuzz::Input& in) {
  const bool wild = in.upto(7) == 7;
  auto voices = std::make_shared<TemplateModel>();
  voices->values = 1 + in.upto(6);
  const auto values = static_cast<std::size_t>(voices->values);
  for (int kind = 0; kind < kKinds; ++kind) {
    voices->mean[kind].assign(values, 0.5f);
    voices->deviation[kind].assign(values, 1.5f);
  }
  auto model = std::make_shared<BottleneckModel>();
  model->voices = voices;
  for (int i = (wild ? 0 : 1) + in.upto(5); i > 0; --i) model->levels.push_back(wild ? in.any_int() : 3 + 2 * in.upto(9));
  model->input_mean.assign(wild ? static_cast<std::size_t>(in.upto(9)) : values, 0.1f);
  model->input_scale.assign(wild ? static_cast<std::size_t>(in.upto(9)) : values, wild ? in.any_float() : 2.0f);
  const int row = kRowsPerUnit * (voices->values + 1);
  model->encoder = stack_from(in, row, model->digits() + 1, wild);
  model->decoder = stack_from(in, model->digits() + 2 + in.upto(3), row, wild);
  model->check();
  return model;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  try {
    const std::shared_ptr<BottleneckModel> model = bottleneck_from(in);
    EncoderSettings settings;
    settings.digits = 1 + in.upto(6);
    settings.pitch_levels = in.upto(300) - 2;
    settings.level_steps = in.upto(6);
    if (in.flag()) settings.accent = in.numbers(static_cast<std::size_t>(model->digits() * (1 + model->digits())), 1.0f);
    ContentEncoder encoder(model, settings);
    ContentDecoder decoder(model, std::vector<float>(static_cast<std::size_t>(in.upto(4) == 4 ? in.upto(9) : model->voice_size()), 0.3f));

    const bool is_sound = in.upto(3) != 3;
    const float largest = is_sound ? kLargest : std::numeric_limits<float>::infinity();
    const std::vector<std::size_t> cuts = in.cuts(1000);
    const auto width = static_cast<std::size_t>(encoder.row_size()), frame_width = static_cast<std::size_t>(encoder.frame_size());
    std::vector<float> rows = in.numbers(400 * width, largest);
    rows.resize(rows.size() / width * width);
    const std::size_t count = rows.size() / width, frames = (count + kRowsPerUnit - 1) / kRowsPerUnit;
    std::vector<float> whole, cut, spoken, spoken_cut, direct;
    encoder.process(rows.data(), count, whole);
    encoder.finish(whole);
    encoder.reset();
    fuzz::in_pieces(rows, width, cuts, [&](const float* piece, std::size_t n) { encoder.process(piece, n, cut); });
    encoder.finish(cut);
    CHECK(whole.size() == frames * frame_width);
    decoder.process(whole.data(), frames, spoken);
    decoder.finish(spoken);
    decoder.reset();
    fuzz::in_pieces(whole, frame_width, cuts, [&](const float* piece, std::size_t n) { decoder.process(piece, n, spoken_cut); });
    decoder.finish(spoken_cut);
    CHECK(spoken.size() == frames * kRowsPerUnit * static_cast<std::size_t>(decoder.row_size()));
    if (is_sound) {
      CHECK(fuzz::all_finite(whole) && fuzz::all_finite(spoken));
      CHECK(fuzz::same_bits(whole, cut));
      CHECK(fuzz::same_bits(spoken, spoken_cut));
    }
    // Frames that no encoder makes.
    std::vector<float> made_up = in.numbers(100 * frame_width, largest);
    made_up.resize(made_up.size() / frame_width * frame_width);
    decoder.reset();
    decoder.process(made_up.data(), made_up.size() / frame_width, direct);
    decoder.finish(direct);
    CHECK(direct.size() == made_up.size() / frame_width * kRowsPerUnit * static_cast<std::size_t>(decoder.row_size()));
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
