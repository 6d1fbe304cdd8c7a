// Fuzzes profile, removal and pseudo-voice under templates of odd sizes, with rows and states of any numbers.
#include <memory>
#include <stdexcept>

#include "input.hpp"
#include "voiceanon/pseudo_voice.hpp"
#include "voiceanon/speaker_removal.hpp"
#include "voiceanon/synthesizer.hpp"

using namespace voiceanon;

namespace {

constexpr float kLargest = 1000.0f;

// A template is shipped with the package: its sizes are odd here, its numbers are sound.
std::shared_ptr<TemplateModel> template_from(fuzz::Input& in) {
  auto model = std::make_shared<TemplateModel>();
  model->values = 1 + in.upto(10);
  model->bands = 1 + in.upto(5);
  model->warps = 1 + in.upto(6);
  check::Noise noise(11);
  const auto fill = [&noise](std::vector<float>& to, int count, float middle, float spread) {
    for (int i = 0; i < count; ++i) to.push_back(middle + spread * noise());
  };
  fill(model->warp, model->warps * model->values * model->values, 0.0f, 1.0f);
  fill(model->warp_log_det, model->warps, 0.0f, 1.0f);
  fill(model->aperiodicity, model->bands * (model->values + 1), 0.2f, 0.2f);
  model->log_f0_mean = 5.0f;
  for (int kind = 0; kind < kKinds; ++kind) {
    fill(model->mean[kind], model->values, 0.0f, 2.0f);
    fill(model->deviation[kind], model->values, 1.0f, 0.5f);
    const int components = in.upto(9) == 9 ? in.upto(40) : 16 * (1 + in.upto(2));
    std::vector<float> means, variances;
    fill(means, components * model->values, 0.0f, 1.0f);
    fill(variances, components * model->values, 1.0f, 0.5f);
    const std::vector<float> weights(static_cast<std::size_t>(components), 1.0f / static_cast<float>(std::max(components, 1)));
    model->set_mixture(kind, weights.data(), means.data(), variances.data(), components);
  }
  return model;
}

RemovalSettings settings_from(fuzz::Input& in) {
  RemovalSettings settings;
  settings.profile.residual = in.flag() ? 0.3f : in.within(1.0f);
  settings.profile.pitch_prior_frames = in.flag() ? 0.0f : in.within(100.0f);
  settings.adapting = in.flag();
  settings.pitch_levels = in.upto(300) - 2;
  settings.detail_order = in.upto(20) - 2;
  settings.value_step = in.flag() ? 0.125f : in.within(10.0f);
  return settings;
}

VoiceSettings voice_from(fuzz::Input& in, const TemplateModel& model) {
  VoiceSettings settings;
  settings.f0_hz = in.within(1000.0f);
  settings.f0_spread = in.within(2.0f);
  settings.breathiness = in.within(1.0f);
  settings.gain_db = in.within(60.0f);
  settings.gate_db = in.within(120.0f);
  settings.bands = in.upto(7);
  settings.colour = in.numbers(static_cast<std::size_t>(in.upto(2 * model.values)), 10.0f);
  return settings;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  try {
    const std::shared_ptr<TemplateModel> model = template_from(in);
    SpeakerRemoval removal(model, settings_from(in));
    const PseudoVoice voice(model, voice_from(in, *model));
    const bool is_sound = in.upto(3) != 3;
    const float largest = is_sound ? kLargest : std::numeric_limits<float>::infinity();
    if (in.upto(3) == 3) {
      std::vector<double> state = removal.profile().state();
      if (in.flag()) state.resize(static_cast<std::size_t>(in.upto(2000)));
      for (double& value : state) value = in.is_over() ? 1.0 : static_cast<double>(in.any_float());
      try {
        removal.profile().set_state(state);
      } catch (const std::invalid_argument&) {
      }
      removal.profile().reset();
    }
    const auto width = static_cast<std::size_t>(removal.row_size());
    const std::vector<std::size_t> cuts = in.cuts(1000);
    std::vector<float> rows = in.numbers(300 * width, largest);
    rows.resize(rows.size() / width * width);
    std::vector<float> whole, cut, spoken;
    removal.process(rows.data(), rows.size() / width, whole);
    removal.reset();
    fuzz::in_pieces(rows, width, cuts, [&](const float* piece, std::size_t count) { removal.process(piece, count, cut); });
    CHECK(whole.size() == rows.size() / width * static_cast<std::size_t>(removal.description_size()));
    CHECK(cut.size() == whole.size());
    voice.process(whole.data(), rows.size() / width, spoken);
    CHECK(spoken.size() == rows.size() / width * static_cast<std::size_t>(voice.row_size()));
    if (is_sound) {
      CHECK(fuzz::same_bits(whole, cut));
      CHECK(fuzz::all_finite(whole));
      CHECK(fuzz::all_finite(spoken));
    }
    SpeakerProfile profile(model, {});
    for (std::size_t row = 0; row + width <= rows.size(); row += width) profile.update(rows.data() + row);
    profile.refresh();
    SpeakerProfile again(model, {});
    again.set_state(profile.state());
    if (is_sound) {
      CHECK(std::isfinite(profile.log_f0_mean()) && std::isfinite(profile.active_level_db()));
      CHECK(again.state() == profile.state());
      CHECK(again.warp_index() == profile.warp_index());
    }
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
