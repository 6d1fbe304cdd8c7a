// Binds the core's classes that remember something between two calls; arrays arrive checked by voiceanon/audio.py.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "voiceanon/analyzer.hpp"
#include "voiceanon/content_decoder.hpp"
#include "voiceanon/content_encoder.hpp"
#include "voiceanon/pseudo_voice.hpp"
#include "voiceanon/speaker_removal.hpp"
#include "voiceanon/synthesizer.hpp"

#define VOICEANON_TEXT_(x) #x
#define VOICEANON_TEXT(x) VOICEANON_TEXT_(x)

namespace py = pybind11;
using voiceanon::Analyzer;
using voiceanon::AnalyzerSettings;
using voiceanon::BottleneckModel;
using voiceanon::ContentDecoder;
using voiceanon::ContentEncoder;
using voiceanon::PseudoVoice;
using voiceanon::SpeakerProfile;
using voiceanon::SpeakerRemoval;
using voiceanon::Synthesizer;
using voiceanon::SynthesizerSettings;
using voiceanon::TemplateModel;

namespace {

using FloatArray = py::array_t<float, py::array::c_style>;
using StateArray = py::array_t<double, py::array::c_style>;

bool cpu_supports(const std::string& level) {
#if defined(__x86_64__)
  if (level == "v3") {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2");
  }
  if (level == "v4") {
    return cpu_supports("v3") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
#endif
  return level == "baseline";
}

void need_vector(const FloatArray& array) {
  if (array.ndim() != 1) throw std::invalid_argument("expected a one-dimensional float32 array");
}

void need_rows(const FloatArray& array, int row_size) {
  if (array.ndim() != 2 || array.shape(1) != row_size) {
    throw std::invalid_argument("expected float32 rows of " + std::to_string(row_size) + " values");
  }
}

FloatArray to_vector(const std::vector<float>& values) {
  return FloatArray(static_cast<py::ssize_t>(values.size()), values.data());
}

FloatArray to_rows(const std::vector<float>& values, int row_size) {
  const auto columns = static_cast<py::ssize_t>(row_size);
  return FloatArray({static_cast<py::ssize_t>(values.size()) / columns, columns}, values.data());
}

void take_basis(const std::optional<FloatArray>& basis, std::vector<float>& values, int& rows) {
  if (!basis) return;
  if (basis->ndim() != 2) throw std::invalid_argument("a basis is a matrix");
  values.assign(basis->data(), basis->data() + basis->size());
  rows = static_cast<int>(basis->shape(0));
}

void bind_analyzer(py::module_& module) {
  py::class_<Analyzer>(module, "Analyzer", "Samples in, description rows out; see voiceanon.frames for the public face.")
      .def(py::init([](int rate, int order, const std::optional<FloatArray>& basis, float f0_floor_hz, float f0_ceil_hz,
                       int lookahead_frames, float voicing_threshold) {
             AnalyzerSettings settings;
             settings.rate = rate;
             settings.order = order;
             take_basis(basis, settings.basis, settings.basis_rows);
             settings.f0.floor_hz = f0_floor_hz;
             settings.f0.ceil_hz = f0_ceil_hz;
             settings.f0.lookahead_frames = lookahead_frames;
             settings.f0.voicing_threshold = voicing_threshold;
             return Analyzer(settings);
           }),
           py::arg("rate"), py::kw_only(), py::arg("order") = 255, py::arg("basis") = py::none(),
           py::arg("f0_floor_hz") = voiceanon::F0Settings{}.floor_hz, py::arg("f0_ceil_hz") = voiceanon::F0Settings{}.ceil_hz,
           py::arg("lookahead_frames") = voiceanon::F0Settings{}.lookahead_frames,
           py::arg("voicing_threshold") = voiceanon::F0Settings{}.voicing_threshold)
      .def_property_readonly("hop", &Analyzer::hop)
      .def_property_readonly("bands", &Analyzer::bands)
      .def_property_readonly("row_size", &Analyzer::row_size)
      .def_property_readonly("latency_samples", &Analyzer::latency_samples)
      .def("reset", &Analyzer::reset)
      .def("process",
           [](Analyzer& self, const FloatArray& samples) {
             need_vector(samples);
             std::vector<float> rows;
             {
               py::gil_scoped_release released;
               self.process(samples.data(), static_cast<std::size_t>(samples.size()), rows);
             }
             return to_rows(rows, self.row_size());
           },
           py::arg("samples").noconvert())
      .def("finish", [](Analyzer& self) {
        std::vector<float> rows;
        {
          py::gil_scoped_release released;
          self.finish(rows);
        }
        return to_rows(rows, self.row_size());
      });
}

void bind_synthesizer(py::module_& module) {
  py::class_<Synthesizer>(module, "Synthesizer", "Description rows in, samples out; see voiceanon.frames for the public face.")
      .def(py::init([](int rate, int values, std::uint64_t noise_key, const std::optional<FloatArray>& basis,
                       const std::optional<FloatArray>& bias) {
             SynthesizerSettings settings;
             settings.rate = rate;
             settings.values = values;
             settings.noise_key = noise_key;
             take_basis(basis, settings.basis, settings.basis_rows);
             if (bias) settings.bias.assign(bias->data(), bias->data() + bias->size());
             return Synthesizer(settings);
           }),
           py::arg("rate"), py::kw_only(), py::arg("values"), py::arg("noise_key"), py::arg("basis") = py::none(),
           py::arg("bias") = py::none())
      .def_property_readonly("row_size", &Synthesizer::row_size)
      .def_property_readonly("latency_samples", &Synthesizer::latency_samples)
      .def("reset", &Synthesizer::reset)
      .def("process",
           [](Synthesizer& self, const FloatArray& rows) {
             need_rows(rows, self.row_size());
             std::vector<float> samples;
             {
               py::gil_scoped_release released;
               self.process(rows.data(), static_cast<std::size_t>(rows.shape(0)), samples);
             }
             return to_vector(samples);
           },
           py::arg("rows").noconvert())
      .def("finish",
           [](Synthesizer& self, std::int64_t total_samples) {
             std::vector<float> samples;
             {
               py::gil_scoped_release released;
               self.finish(total_samples, samples);
             }
             return to_vector(samples);
           },
           py::arg("total_samples"));
}

std::vector<double> to_doubles(const StateArray& array) { return {array.data(), array.data() + array.size()}; }

std::vector<float> to_floats(const FloatArray& array) { return {array.data(), array.data() + array.size()}; }

void need_size(const FloatArray& array, py::ssize_t size, const char* what) {
  if (array.size() != size) throw std::invalid_argument(std::string("template table of the wrong size: ") + what);
}

void bind_template(py::module_& module) {
  py::class_<TemplateModel, std::shared_ptr<TemplateModel>>(module, "TemplateModel", "The tables of voiceanon/models/template.npz.")
      .def(py::init([](const FloatArray& warp, const FloatArray& warp_log_det, const FloatArray& mean, const FloatArray& deviation,
                       const FloatArray& aperiodicity, float log_f0_mean, float log_f0_deviation) {
             auto model = std::make_shared<TemplateModel>();
             if (warp.ndim() != 3 || aperiodicity.ndim() != 2) throw std::invalid_argument("template tables of the wrong shape");
             const py::ssize_t values = warp.shape(1);
             model->warps = static_cast<int>(warp.shape(0));
             model->values = static_cast<int>(values);
             model->bands = static_cast<int>(aperiodicity.shape(0));
             need_size(warp, model->warps * values * values, "warp");
             need_size(warp_log_det, model->warps, "warp_log_det");
             need_size(mean, voiceanon::kKinds * values, "mean");
             need_size(deviation, voiceanon::kKinds * values, "deviation");
             need_size(aperiodicity, model->bands * (values + 1), "aperiodicity");
             model->warp = to_floats(warp);
             model->warp_log_det = to_floats(warp_log_det);
             model->aperiodicity = to_floats(aperiodicity);
             for (int kind = 0; kind < voiceanon::kKinds; ++kind) {
               model->mean[kind].assign(mean.data() + kind * values, mean.data() + (kind + 1) * values);
               model->deviation[kind].assign(deviation.data() + kind * values, deviation.data() + (kind + 1) * values);
             }
             model->log_f0_mean = log_f0_mean;
             model->log_f0_deviation = log_f0_deviation;
             return model;
           }),
           py::kw_only(), py::arg("warp"), py::arg("warp_log_det"), py::arg("mean"), py::arg("deviation"), py::arg("aperiodicity"),
           py::arg("log_f0_mean"), py::arg("log_f0_deviation"))
      .def("set_mixture",
           [](TemplateModel& self, int kind, const FloatArray& weight, const FloatArray& mean, const FloatArray& variance) {
             if (kind < 0 || kind >= voiceanon::kKinds) throw std::invalid_argument("kind is 0 (voiced) or 1 (unvoiced)");
             need_size(mean, weight.size() * self.values, "mixture mean");
             need_size(variance, weight.size() * self.values, "mixture variance");
             self.set_mixture(kind, weight.data(), mean.data(), variance.data(), static_cast<int>(weight.size()));
           },
           py::arg("kind"), py::arg("weight"), py::arg("mean"), py::arg("variance"))
      .def_readonly("values", &TemplateModel::values)
      .def_readonly("bands", &TemplateModel::bands);
}

voiceanon::ProfileSettings profile_settings(float residual) {
  voiceanon::ProfileSettings settings;
  settings.residual = residual;
  return settings;
}

void bind_profile(py::module_& module) {
  py::class_<SpeakerProfile>(module, "SpeakerProfile", "Statistics of one speaker, gathered from analysis rows.")
      .def(py::init([](std::shared_ptr<TemplateModel> model, float residual) {
             return SpeakerProfile(std::move(model), profile_settings(residual));
           }),
           py::arg("model"), py::kw_only(), py::arg("residual") = 1.0f)
      .def("reset", &SpeakerProfile::reset)
      .def("update",
           [](SpeakerProfile& self, const FloatArray& rows) {
             need_rows(rows, self.row_size());
             py::gil_scoped_release released;
             for (py::ssize_t i = 0; i < rows.shape(0); ++i) self.update(rows.data(i, 0));
           },
           py::arg("rows").noconvert())
      .def("refresh", &SpeakerProfile::refresh)
      .def("state",
           [](const SpeakerProfile& self) {
             const std::vector<double> state = self.state();
             return StateArray(static_cast<py::ssize_t>(state.size()), state.data());
           })
      .def("set_state", [](SpeakerProfile& self, const StateArray& state) { self.set_state(to_doubles(state)); },
           py::arg("state").noconvert())
      .def_property_readonly("active_level_db", &SpeakerProfile::active_level_db)
      .def_property_readonly("voiced_frames", &SpeakerProfile::voiced_frames)
      .def_property_readonly("warp_index", &SpeakerProfile::warp_index)
      .def_property_readonly("log_f0_mean", &SpeakerProfile::log_f0_mean)
      .def_property_readonly("log_f0_deviation", &SpeakerProfile::log_f0_deviation);
}

void bind_removal(py::module_& module) {
  py::class_<SpeakerRemoval>(module, "SpeakerRemoval", "Analysis rows in, speaker-free description rows out.")
      .def(py::init([](std::shared_ptr<TemplateModel> model, const std::optional<StateArray>& profile_state, float residual,
                       float pitch_prior_frames, int pitch_levels, int detail_order, float value_step) {
             voiceanon::RemovalSettings settings;
             settings.profile = profile_settings(residual);
             settings.profile.pitch_prior_frames = pitch_prior_frames;
             settings.adapting = !profile_state.has_value();
             settings.pitch_levels = pitch_levels;
             settings.detail_order = detail_order;
             settings.value_step = value_step;
             SpeakerRemoval removal(std::move(model), settings);
             if (profile_state) removal.profile().set_state(to_doubles(*profile_state));
             return removal;
           }),
           py::arg("model"), py::arg("profile_state"), py::kw_only(), py::arg("residual"),
           py::arg("pitch_prior_frames") = voiceanon::ProfileSettings{}.pitch_prior_frames, py::arg("pitch_levels"),
           py::arg("detail_order"), py::arg("value_step"))
      .def_property_readonly("description_size", &SpeakerRemoval::description_size)
      .def("reset", &SpeakerRemoval::reset)
      .def("process",
           [](SpeakerRemoval& self, const FloatArray& rows) {
             need_rows(rows, self.row_size());
             std::vector<float> description;
             {
               py::gil_scoped_release released;
               self.process(rows.data(), static_cast<std::size_t>(rows.shape(0)), description);
             }
             return to_rows(description, self.description_size());
           },
           py::arg("rows").noconvert());
}

void bind_voice(py::module_& module) {
  py::class_<PseudoVoice>(module, "PseudoVoice", "Description rows in, synthesis rows out.")
      .def(py::init([](std::shared_ptr<TemplateModel> model, float f0_hz, float f0_spread, const std::vector<float>& colour,
                       float breathiness, float gain_db, float gate_db, int bands) {
             return PseudoVoice(std::move(model), {f0_hz, f0_spread, colour, breathiness, gain_db, gate_db, bands});
           }),
           py::arg("model"), py::kw_only(), py::arg("f0_hz"), py::arg("f0_spread"), py::arg("colour"), py::arg("breathiness"),
           py::arg("gain_db"), py::arg("gate_db"), py::arg("bands") = 0)
      .def("process",
           [](const PseudoVoice& self, const FloatArray& description) {
             need_rows(description, self.description_size());
             std::vector<float> rows;
             {
               py::gil_scoped_release released;
               self.process(description.data(), static_cast<std::size_t>(description.shape(0)), rows);
             }
             return to_rows(rows, self.row_size());
           },
           py::arg("description").noconvert());
}

std::shared_ptr<voiceanon::StackModel> to_stack(int inputs, int channels, int outputs, const std::vector<std::pair<int, int>>& blocks,
                                                const FloatArray& weights, const FloatArray& biases) {
  std::vector<voiceanon::BlockShape> shapes;
  for (const auto& [dilation, ahead] : blocks) shapes.push_back({dilation, ahead});
  return std::make_shared<voiceanon::StackModel>(inputs, channels, outputs, std::move(shapes), to_floats(weights), to_floats(biases));
}

using Blocks = std::vector<std::pair<int, int>>;
using Sizes = std::tuple<int, int, int>;

// Without state: all threads share the network, and every call makes what it remembers.
void bind_network(py::module_& module) {
  using voiceanon::StackModel;
  py::class_<StackModel, std::shared_ptr<StackModel>>(module, "Network", "Frames in, frames out, through a stack of convolutions.")
      .def(py::init([](const Sizes& sizes, const Blocks& blocks, const FloatArray& weights, const FloatArray& biases) {
             const auto [inputs, channels, outputs] = sizes;
             return to_stack(inputs, channels, outputs, blocks, weights, biases);
           }),
           py::kw_only(), py::arg("sizes"), py::arg("blocks"), py::arg("weights"), py::arg("biases"))
      .def("whole",
           [](const std::shared_ptr<StackModel>& self, const FloatArray& rows) {
             need_rows(rows, self->inputs);
             std::vector<float> out;
             {
               py::gil_scoped_release released;
               voiceanon::ConvolutionStack stack(self);
               stack.process(rows.data(), static_cast<std::size_t>(rows.shape(0)), out);
               stack.finish(out);
             }
             return to_rows(out, self->outputs);
           },
           py::arg("rows").noconvert(), "Return as many frames as are given, zeros lying before and after them.");
}

void bind_bottleneck(py::module_& module) {
  py::class_<BottleneckModel, std::shared_ptr<BottleneckModel>>(module, "BottleneckModel", "The tables of voiceanon/models/bottleneck.npz.")
      .def(py::init([](std::shared_ptr<TemplateModel> voices, const std::vector<int>& levels, const FloatArray& input_mean,
                       const FloatArray& input_scale, const Sizes& encoder_sizes, const Blocks& encoder_blocks,
                       const FloatArray& encoder_weights, const FloatArray& encoder_biases, const Sizes& decoder_sizes,
                       const Blocks& decoder_blocks, const FloatArray& decoder_weights, const FloatArray& decoder_biases) {
             auto model = std::make_shared<BottleneckModel>();
             model->voices = std::move(voices);
             model->levels = levels;
             model->input_mean = to_floats(input_mean);
             model->input_scale = to_floats(input_scale);
             const auto [ein, echannels, eout] = encoder_sizes;
             const auto [din, dchannels, dout] = decoder_sizes;
             model->encoder = to_stack(ein, echannels, eout, encoder_blocks, encoder_weights, encoder_biases);
             model->decoder = to_stack(din, dchannels, dout, decoder_blocks, decoder_weights, decoder_biases);
             model->check();
             return model;
           }),
           py::kw_only(), py::arg("voices"), py::arg("levels"), py::arg("input_mean"), py::arg("input_scale"), py::arg("encoder_sizes"),
           py::arg("encoder_blocks"), py::arg("encoder_weights"), py::arg("encoder_biases"), py::arg("decoder_sizes"),
           py::arg("decoder_blocks"), py::arg("decoder_weights"), py::arg("decoder_biases"))
      .def_property_readonly("digits", &BottleneckModel::digits)
      .def_property_readonly("voice_size", &BottleneckModel::voice_size);

  py::class_<ContentEncoder>(module, "ContentEncoder", "Speaker-removed rows in, frames of units out.")
      .def(py::init([](std::shared_ptr<BottleneckModel> model, int digits, int pitch_levels, int level_steps, std::vector<float> accent) {
             return ContentEncoder(std::move(model), {digits, pitch_levels, level_steps, std::move(accent)});
           }),
           py::arg("model"), py::kw_only(), py::arg("digits"), py::arg("pitch_levels"), py::arg("level_steps") = 1,
           py::arg("accent") = std::vector<float>())
      .def_property_readonly("frame_size", &ContentEncoder::frame_size)
      .def_property_readonly("lookahead_rows", &ContentEncoder::lookahead_rows)
      .def("reset", &ContentEncoder::reset)
      .def("process",
           [](ContentEncoder& self, const FloatArray& rows) {
             need_rows(rows, self.row_size());
             std::vector<float> frames;
             {
               py::gil_scoped_release released;
               self.process(rows.data(), static_cast<std::size_t>(rows.shape(0)), frames);
             }
             return to_rows(frames, self.frame_size());
           },
           py::arg("rows").noconvert())
      .def("finish", [](ContentEncoder& self) {
        std::vector<float> frames;
        {
          py::gil_scoped_release released;
          self.finish(frames);
        }
        return to_rows(frames, self.frame_size());
      });

  py::class_<ContentDecoder>(module, "ContentDecoder", "Frames of units in, description rows out.")
      .def(py::init([](std::shared_ptr<BottleneckModel> model, const std::vector<float>& voice) {
             return ContentDecoder(std::move(model), voice);
           }),
           py::arg("model"), py::kw_only(), py::arg("voice"))
      .def_property_readonly("row_size", &ContentDecoder::row_size)
      .def_property_readonly("lookahead_rows", &ContentDecoder::lookahead_rows)
      .def("reset", &ContentDecoder::reset)
      .def("process",
           [](ContentDecoder& self, const FloatArray& frames) {
             need_rows(frames, self.frame_size());
             std::vector<float> rows;
             {
               py::gil_scoped_release released;
               self.process(frames.data(), static_cast<std::size_t>(frames.shape(0)), rows);
             }
             return to_rows(rows, self.row_size());
           },
           py::arg("frames").noconvert())
      .def("finish", [](ContentDecoder& self) {
        std::vector<float> rows;
        {
          py::gil_scoped_release released;
          self.finish(rows);
        }
        return to_rows(rows, self.row_size());
      });
}

}  // namespace

PYBIND11_MODULE(VOICEANON_MODULE, module) {
  module.doc() = "The streaming core, compiled for one SIMD level.";
  module.attr("LEVEL") = VOICEANON_TEXT(VOICEANON_LEVEL);
  module.attr("LANES") = VOICEANON_LANES;
  module.def("cpu_supports", &cpu_supports, py::arg("level"), "Whether this processor runs the code of a SIMD level.");
  module.def("aperiodicity_edges_hz", &voiceanon::aperiodicity_edges_hz, py::arg("rate"));
  bind_analyzer(module);
  bind_synthesizer(module);
  bind_template(module);
  bind_profile(module);
  bind_removal(module);
  bind_voice(module);
  bind_network(module);
  bind_bottleneck(module);
}
