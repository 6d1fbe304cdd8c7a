// The synthesis of synthesizer.hpp.
#include "voiceanon/synthesizer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "voiceanon/analyzer.hpp"

namespace voiceanon {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr float kSilentDb = -190.0f;
// No sound of speech has noise below this; envelopes there are the room's rumble or a guess.
constexpr float kNoiseStartHz = 200.0f;
// Aperiodicity measured on speech counts the motion of f0 within the window, which the pulses have already; with less
// noise in mixed frames, DNSMOS of training speakers' resynthesis rises from 2.8 to 3.1. 0 and 1 stay what they are.
constexpr float kNoiseExponent = 1.0f + 2.0f / 3.0f;
constexpr int kLowestRate = 8000, kHighestRate = 192000;
constexpr float kLowestF0Hz = 1.0f;
constexpr float kUniformScale = 1.7320508f / 2147483648.0f;  // unit variance from a signed 32-bit integer

// Filter responses decay within 20 ms; two hops of source must fit beside them.
int synthesis_fft_size(int rate) {
  int size = 256;
  while (size < rate * 32 / 1000) size *= 2;
  return size;
}

// White noise as a function of key and sample position (a finaliser after Steele & Vigna 2021, "Computationally easy,
// spectrally good multipliers"): any chunking hears the same noise.
std::uint32_t mix(std::uint64_t key, std::uint64_t position) {
  std::uint64_t z = key + position * 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93ull;
  z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93ull;
  return static_cast<std::uint32_t>(z >> 32);
}

// Before anything is allocated or divided by.
const SynthesizerSettings& checked(const SynthesizerSettings& settings) {
  if (settings.rate < kLowestRate || settings.rate > kHighestRate || settings.rate % kHopsPerSecond != 0) {
    throw std::invalid_argument("synthesis rate must be a multiple of 200 Hz, 8000 to 192000");
  }
  if (settings.values < 1 || settings.basis_rows < 0) throw std::invalid_argument("a row needs a value or more");
  if (settings.basis.size() != static_cast<std::size_t>(settings.basis_rows) * static_cast<std::size_t>(settings.values)) {
    throw std::invalid_argument("basis must have one column per value");
  }
  return settings;
}

}  // namespace

Synthesizer::Synthesizer(const SynthesizerSettings& settings)
    : settings_(checked(settings)),
      hop_(settings.rate / kHopsPerSecond),
      bands_(static_cast<int>(aperiodicity_edges_hz(settings.rate).size())),
      order_((settings.basis_rows > 0 ? settings.basis_rows : settings.values) - 1),
      fft_(synthesis_fft_size(settings.rate)) {
  if (order_ >= fft_.size() / 2) throw std::invalid_argument("cepstrum longer than half the synthesis FFT");
  if (!settings.bias.empty() && settings.bias.size() != static_cast<std::size_t>(order_) + 1) {
    throw std::invalid_argument("bias must have one value per quefrency");
  }
  const auto lanes = static_cast<std::size_t>(kLanes);
  for (int n = 0; n < 2 * hop_; ++n) window_.push_back(static_cast<float>(0.5 - 0.5 * std::cos(kPi * n / hop_)));
  const std::vector<float> edges = aperiodicity_edges_hz(settings.rate);
  std::vector<float> centres;
  for (std::size_t b = 0; b < edges.size(); ++b) centres.push_back(0.5f * (edges[b] + (b == 0 ? 0.0f : edges[b - 1])));
  for (int k = 0; k < fft_.bins(); ++k) {
    const float hz = static_cast<float>(k) * static_cast<float>(settings.rate) / static_cast<float>(fft_.size());
    int band = 0;
    while (band + 1 < bands_ && hz >= centres[static_cast<std::size_t>(band) + 1]) ++band;
    float part = 0.0f;
    if (band + 1 < bands_) {
      const auto b = static_cast<std::size_t>(band);
      part = std::max(0.0f, (hz - centres[b]) / (centres[b + 1] - centres[b]));
    }
    band_of_bin_.push_back(band);
    const float towards_first = std::min(1.0f, hz / centres[0]);
    fade_of_bin_.push_back(towards_first * towards_first);
    const float towards_speech = std::min(1.0f, hz / kNoiseStartHz);
    noise_of_bin_.push_back(towards_speech * towards_speech);
    part_of_bin_.push_back(part);
  }
  rows_ = AlignedFloats(static_cast<std::size_t>(kRowSlots) * static_cast<std::size_t>(row_size()));
  frame_ = AlignedFloats(static_cast<std::size_t>(fft_.size()) * lanes);
  spectrum_ = AlignedFloats(2 * static_cast<std::size_t>(fft_.bins()) * lanes);
  source_ = AlignedFloats(2 * static_cast<std::size_t>(fft_.bins()) * lanes);
  noise_ = AlignedFloats((lanes + 1) * static_cast<std::size_t>(hop_));
  values_ = AlignedFloats(static_cast<std::size_t>(settings.values) * lanes);
  pending_.assign(static_cast<std::size_t>(fft_.size() + (kLanes + 2) * hop_), 0.0f);
  pulses_.reserve(256);
  reset();
}

void Synthesizer::reset() {
  limiter_.reset();
  std::fill(pending_.begin(), pending_.end(), 0.0f);
  pulses_.clear();
  phase_ = 1.0;
  taken_ = 0;
  spoken_ = 0;
  pending_start_ = -hop_;
  emitted_ = -Limiter::kLookahead;
}

void Synthesizer::process(const float* rows, std::size_t count, std::vector<float>& samples) {
  const auto size = static_cast<std::size_t>(row_size());
  for (std::size_t i = 0; i < count; ++i) {
    take_row(rows + i * size);
    const std::int64_t ready = taken_ - 1 - spoken_;  // a row's stretch ends where the next row lies
    if (ready == kLanes || (i + 1 == count && ready > 0)) {
      speak_batch(spoken_, static_cast<int>(ready));
      emit((spoken_ - 1) * hop_, samples);
    }
  }
}

void Synthesizer::finish(std::int64_t total, std::vector<float>& samples) {
  if (taken_ == 0) return;
  const std::vector<float> last(row(taken_ - 1), row(taken_ - 1) + row_size());
  const std::size_t start = samples.size();
  const std::int64_t before = std::max<std::int64_t>(emitted_, 0);
  while (emitted_ < total) process(last.data(), 1, samples);
  samples.resize(start + static_cast<std::size_t>(std::max<std::int64_t>(total - before, 0)));
}

void Synthesizer::take_row(const float* incoming) {
  float* slot = rows_.data() + (taken_ % kRowSlots) * static_cast<std::int64_t>(row_size());
  std::memcpy(slot, incoming, static_cast<std::size_t>(row_size()) * sizeof(float));
  // Pulses of a pitch beyond the band, or of none that is a number, would have no end; the power of one is its period.
  slot[0] = slot[0] >= kLowestF0Hz ? std::min(slot[0], 0.5f * static_cast<float>(settings_.rate)) : 0.0f;
  if (taken_ > 0) place_pulses(row(taken_ - 1)[0], slot[0]);
  ++taken_;
}

// Pulses between the last row and the one being taken. f0 runs linearly between two voiced rows; where only one of
// them is voiced, voicing begins or ends half-way.
void Synthesizer::place_pulses(float from_hz, float to_hz) {
  if (from_hz <= 0.0f && to_hz <= 0.0f) {
    phase_ = 1.0;  // the next voiced stretch opens with a pulse
    return;
  }
  const double start = static_cast<double>(taken_ - 1) * hop_;
  const double begin = from_hz > 0.0f ? 0.0 : 0.5 * hop_;
  const double end = to_hz > 0.0f ? hop_ : 0.5 * hop_;
  const double first = (from_hz > 0.0f ? from_hz : to_hz) / settings_.rate;
  const double last = (to_hz > 0.0f ? to_hz : from_hz) / settings_.rate;
  const double slope = (last - first) / hop_;
  double t = begin;
  double f = first + slope * t;
  for (;;) {
    // Solve phase + f s + slope s^2 / 2 = 1 for the time s to the next pulse, in the form that is stable for slope -> 0.
    const double missing = std::max(0.0, 1.0 - phase_);
    const double root = f * f + 2.0 * slope * missing;
    const double step = root > 0.0 ? 2.0 * missing / (f + std::sqrt(root)) : 1e9;
    if (t + step >= end) {
      const double rest = end - t;
      phase_ += f * rest + 0.5 * slope * rest * rest;
      break;
    }
    t += step;
    f = first + slope * t;
    phase_ = 0.0;
    pulses_.push_back({start + t, static_cast<float>(std::sqrt(1.0 / f))});
  }
  if (to_hz <= 0.0f) phase_ = 1.0;
}

// Spectrum of each row's stretch of source: pulses into source_[2k], source_[2k + 1]; noise left in spectrum_.
void Synthesizer::source_spectrum(std::int64_t first, int frames) {
  const int bins = fft_.bins();
  const std::int64_t noise_start = (first - 1) * hop_;
  float* noise = noise_.data();
  for (int n = 0; n < (kLanes + 1) * hop_; ++n) {
    noise[n] = kUniformScale * static_cast<float>(static_cast<std::int32_t>(mix(settings_.noise_key, static_cast<std::uint64_t>(noise_start + n))));
  }
  Lanes* x = frame_.lanes();
  for (int n = 0; n < 2 * hop_; ++n) {
    Lanes sample;
    for (int lane = 0; lane < kLanes; ++lane) sample[lane] = noise[lane * hop_ + n];
    x[n] = sample * window_[static_cast<std::size_t>(n)];
  }
  for (int n = 2 * hop_; n < fft_.size(); ++n) x[n] = Lanes{};
  Lanes* noise_spectrum = spectrum_.lanes();
  fft_.forward(x, [noise_spectrum, this](int k, Lanes re, Lanes im) {
    const float gain = noise_of_bin_[static_cast<std::size_t>(k)];
    noise_spectrum[2 * k] = gain * re;
    noise_spectrum[2 * k + 1] = gain * im;
  });

  Lanes* source = source_.lanes();
  for (int k = 0; k < 2 * bins; ++k) source[k] = Lanes{};
  std::size_t next[kLanes] = {};
  const double turn = -2.0 * kPi / fft_.size();
  for (;;) {
    Lanes amplitude{}, angle{};
    bool any = false;
    for (int lane = 0; lane < frames; ++lane) {
      const double start = static_cast<double>(first + lane - 1) * hop_;
      std::size_t& i = next[lane];
      while (i < pulses_.size() && pulses_[i].time <= start) ++i;
      if (i >= pulses_.size() || pulses_[i].time >= start + 2 * hop_) continue;
      const double offset = pulses_[i].time - start;
      amplitude[lane] = pulses_[i].amplitude * static_cast<float>(0.5 - 0.5 * std::cos(kPi * offset / hop_));
      angle[lane] = static_cast<float>(turn * offset);
      any = true;
      ++i;
    }
    if (!any) break;
    Lanes turn_re, turn_im;
    sincos_lanes(angle, turn_im, turn_re);
    Lanes re = amplitude, im{};
    for (int k = 0; k < bins; ++k) {
      source[2 * k] += re;
      source[2 * k + 1] += im;
      const Lanes next_re = re * turn_re - im * turn_im;
      im = re * turn_im + im * turn_re;
      re = next_re;
    }
  }
}

void Synthesizer::speak_batch(std::int64_t first, int frames) {
  const int bins = fft_.bins();
  source_spectrum(first, frames);
  Lanes* source = source_.lanes();
  const Lanes* noise = spectrum_.lanes();

  // Mix pulses and noise by the aperiodicity, power interpolated between band centres.
  Lanes noise_power[16];
  for (int band = 0; band < bands_; ++band) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const float a = row(first + std::min(lane, frames - 1))[2 + band];
      noise_power[band][lane] = std::pow(std::min(std::max(a * a, 0.0f), 1.0f), kNoiseExponent);
    }
  }
  noise_power[bands_] = noise_power[bands_ - 1];
  // Below the first centre noise fades towards 0 Hz, where a voice has none; unvoiced frames are noise all through.
  const Lanes lowest = noise_power[0];
  const LaneMask is_noise = lowest >= 1.0f;
  for (int k = 0; k < bins; ++k) {
    const int band = band_of_bin_[static_cast<std::size_t>(k)];
    const float part = part_of_bin_[static_cast<std::size_t>(k)];
    const Lanes between = (1.0f - part) * noise_power[band] + part * noise_power[band + 1];
    const float fade = fade_of_bin_[static_cast<std::size_t>(k)];
    const Lanes a2 = fade < 1.0f ? (is_noise ? lowest : fade * lowest) : between;
    const Lanes noise_gain = sqrt_lanes(a2), pulse_gain = sqrt_lanes(1.0f - a2);
    source[2 * k] = pulse_gain * source[2 * k] + noise_gain * noise[2 * k];
    source[2 * k + 1] = pulse_gain * source[2 * k + 1] + noise_gain * noise[2 * k + 1];
  }

  // The causal part of the cepstrum of the amplitude: its transform is log amplitude and minimum phase.
  Lanes* values = values_.lanes();
  Lanes audible{};
  for (int lane = 0; lane < kLanes; ++lane) {
    const float* from = row(first + std::min(lane, frames - 1));
    audible[lane] = from[1] > kSilentDb && lane < frames ? 1.0f : 0.0f;
    float* to = values_.data() + lane;
    for (int i = 0; i < settings_.values; ++i) to[i * kLanes] = from[2 + bands_ + i];
  }
  Lanes* x = frame_.lanes();
  if (settings_.basis_rows > 0) {
    const float* basis = settings_.basis.data();
    for (int q = 0; q <= order_; ++q, basis += settings_.values) {
      Lanes even{}, odd{};
      int i = 0;
      for (; i + 2 <= settings_.values; i += 2) {
        even += basis[i] * values[i];
        odd += basis[i + 1] * values[i + 1];
      }
      if (i < settings_.values) even += basis[i] * values[i];
      x[q] = even + odd;
    }
  } else {
    for (int q = 0; q <= order_; ++q) x[q] = values[q];
  }
  for (std::size_t q = 0; q < settings_.bias.size(); ++q) x[q] += settings_.bias[q];
  x[0] *= 0.5f;
  for (int q = order_ + 1; q < fft_.size(); ++q) x[q] = Lanes{};
  Lanes* spectrum = spectrum_.lanes();
  fft_.forward(x, [spectrum](int k, Lanes re, Lanes im) {
    spectrum[2 * k] = re;
    spectrum[2 * k + 1] = im;
  });
  for (int k = 0; k < bins; ++k) {
    Lanes sine, cosine;
    sincos_lanes(spectrum[2 * k + 1], sine, cosine);
    const Lanes amplitude = audible * exp_lanes(spectrum[2 * k]);
    const Lanes re = amplitude * cosine, im = amplitude * sine;
    spectrum[2 * k] = re * source[2 * k] - im * source[2 * k + 1];
    spectrum[2 * k + 1] = re * source[2 * k + 1] + im * source[2 * k];
  }
  // The mean is taken out under a Hann window over the whole frame: a bare zero would shift all samples alike, and the
  // steps at the frame's ends were heard as noise in the upper bands of dark sounds.
  spectrum[2] += 0.5f * spectrum[0];
  spectrum[0] = Lanes{};
  fft_.inverse(
      [spectrum](int k, Lanes& re, Lanes& im) {
        re = spectrum[2 * k];
        im = spectrum[2 * k + 1];
      },
      x);
  const float* y = frame_.data();
  for (int lane = 0; lane < frames; ++lane) {
    float* out = pending_.data() + ((first + lane - 1) * hop_ - pending_start_);
    for (int n = 0; n < fft_.size(); ++n) out[n] += y[n * kLanes + lane];
  }
  spoken_ = first + frames;
  const double oldest = static_cast<double>(spoken_ - 1) * hop_;
  std::size_t stale = 0;
  while (stale < pulses_.size() && pulses_[stale].time <= oldest) ++stale;
  pulses_.erase(pulses_.begin(), pulses_.begin() + static_cast<std::ptrdiff_t>(stale));
}

// Hands out everything before `end`, which no later row can change.
void Synthesizer::emit(std::int64_t end, std::vector<float>& samples) {
  const std::int64_t count = end - pending_start_;
  if (count <= 0) return;
  const std::int64_t before_zero = std::clamp<std::int64_t>(-pending_start_, 0, count);
  limited_.clear();
  limiter_.process(pending_.data() + before_zero, static_cast<std::size_t>(count - before_zero), limited_);
  const auto late = static_cast<std::size_t>(std::clamp<std::int64_t>(-emitted_, 0, static_cast<std::int64_t>(limited_.size())));
  samples.insert(samples.end(), limited_.begin() + static_cast<std::ptrdiff_t>(late), limited_.end());
  emitted_ += static_cast<std::int64_t>(limited_.size());
  std::memmove(pending_.data(), pending_.data() + count, (pending_.size() - static_cast<std::size_t>(count)) * sizeof(float));
  std::fill(pending_.end() - static_cast<std::ptrdiff_t>(count), pending_.end(), 0.0f);
  pending_start_ = end;
}

}  // namespace voiceanon
