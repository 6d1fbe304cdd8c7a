// The statistics of speaker_profile.hpp.
#include "voiceanon/speaker_profile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace voiceanon {
namespace {

constexpr float kVoicedRangeDb = 40.0f;    // quieter voiced frames are decays, not typical of anything
constexpr float kUnvoicedRangeDb = 32.0f;  // quieter unvoiced frames are background
constexpr double kFirstRefresh = 40.0, kRefreshGrowth = 1.6;
constexpr std::int64_t kRowsPerVote = 4;
constexpr float kSmallestLogF0Deviation = 0.06f;
constexpr float kPitchRange = 2.5f;        // deviations

}  // namespace

SpeakerProfile::SpeakerProfile(std::shared_ptr<const TemplateModel> model, const ProfileSettings& settings)
    : model_(std::move(model)), settings_(settings) {
  int most = 0;
  for (const Mixture& mixture : model_->mixture) {
    if (mixture.components == 0) throw std::invalid_argument("the template lacks a mixture");
    most = std::max(most, mixture.components);
  }
  posterior_ = AlignedFloats(static_cast<std::size_t>(most));
  warped_.resize(static_cast<std::size_t>(model_->values));
  normalised_.resize(static_cast<std::size_t>(model_->values));
  reset();
}

void SpeakerProfile::reset() {
  const auto d = static_cast<std::size_t>(model_->values);
  for (int which = 0; which < kKinds; ++which) {
    const auto k = static_cast<std::size_t>(model_->mixture[which].components);
    Kind& kind = kinds_[which];
    kind.count = 0.0;
    kind.sum.assign(d, 0.0);
    kind.product.assign(d * d, 0.0);
    kind.share.assign(k, 0.0);
    kind.component_sum.assign(k * d, 0.0);
    kind.mean.assign(d, 0.0f);
    kind.inverse_deviation.assign(d, 1.0f);
    kind.correction.assign(k * d, 0.0f);
    kind.expansion = expansion(model_->mixture[which]);
  }
  power_sum_ = log_f0_sum_ = log_f0_squares_ = 0.0;
  rows_ = 0;
  next_refresh_ = kFirstRefresh;
  loudest_db_ = -200.0f;
  refresh();
}

// Keeping a share b of what a frame has beyond its kind of sound leaves the variance b^2 + (1 - b^2) r, where r is the
// variance between kinds; over-smoothed spectra cost words, so it is brought back to one (Toda & Tokuda 2007, global
// variance).
std::vector<float> SpeakerProfile::expansion(const Mixture& mixture) const {
  const auto d_count = static_cast<std::size_t>(model_->values);
  std::vector<float> out(d_count);
  const float kept = settings_.residual * settings_.residual;
  for (std::size_t d = 0; d < d_count; ++d) {
    float between = 0.0f;
    for (int k = 0; k < mixture.components; ++k) {
      const float place = mixture.mean[static_cast<std::size_t>(k) * d_count + d];
      between += mixture.weight[static_cast<std::size_t>(k)] * place * place;
    }
    out[d] = 1.0f / std::sqrt(kept + (1.0f - kept) * std::clamp(between, 0.05f, 1.0f));
  }
  return out;
}

int SpeakerProfile::kind_of(const float* row) const {
  const float reference = kinds_[kVoiced].count > 0.0 ? static_cast<float>(10.0 * std::log10(power_sum_ / kinds_[kVoiced].count)) : loudest_db_;
  if (row[0] > 0.0f) return row[1] > reference - kVoicedRangeDb ? kVoiced : -1;
  return row[1] > reference - kUnvoicedRangeDb && row[1] > -100.0f ? kUnvoiced : -1;
}

void SpeakerProfile::update(const float* row) {
  loudest_db_ = std::max(loudest_db_, row[1]);
  ++rows_;
  const int which = kind_of(row);
  if (which < 0) return;
  Kind& kind = kinds_[which];
  const float* values = row + 2 + model_->bands;
  const int d_count = model_->values;
  if (which == kVoiced) {
    power_sum_ += std::pow(10.0, 0.1 * row[1]);
    const double log_f0 = std::log(static_cast<double>(row[0]));
    log_f0_sum_ += log_f0;
    log_f0_squares_ += log_f0 * log_f0;
  }
  kind.count += 1.0;
  for (int i = 0; i < d_count; ++i) {
    kind.sum[static_cast<std::size_t>(i)] += values[i];
    double* product = kind.product.data() + i * d_count;
    const double value = values[i];
    for (int j = 0; j <= i; ++j) product[j] += value * values[j];
  }
  // Neighbouring frames say much the same: one in 20 ms is enough for the kinds of sounds.
  if (rows_ % kRowsPerVote == 0) {
    const int k_count = model_->mixture[which].components;
    warp_values(values, warped_.data());
    for (int d = 0; d < d_count; ++d) normalised_[static_cast<std::size_t>(d)] = (warped_[static_cast<std::size_t>(d)] - kind.mean[static_cast<std::size_t>(d)]) * kind.inverse_deviation[static_cast<std::size_t>(d)];
    model_->posterior(which, normalised_.data(), posterior_.data());
    for (int k = 0; k < k_count; ++k) {
      const float p = posterior_[static_cast<std::size_t>(k)];
      if (p < 1e-3f) continue;
      kind.share[static_cast<std::size_t>(k)] += p;
      double* sum = kind.component_sum.data() + k * d_count;
      for (int d = 0; d < d_count; ++d) sum[d] += static_cast<double>(p) * values[d];
    }
  }
  if (kinds_[kVoiced].count + kinds_[kUnvoiced].count >= next_refresh_) {
    next_refresh_ *= kRefreshGrowth;
    refresh();
  }
}

void SpeakerProfile::refresh() {
  const double voiced = kinds_[kVoiced].count;
  active_level_db_ = voiced > 0.0 ? static_cast<float>(10.0 * std::log10(power_sum_ / voiced)) : loudest_db_;
  const double prior = static_cast<double>(settings_.pitch_prior_frames), n = voiced + prior;
  const double prior_mean = static_cast<double>(model_->log_f0_mean), prior_deviation = static_cast<double>(model_->log_f0_deviation);
  const double mean = n > 0.0 ? (log_f0_sum_ + prior * prior_mean) / n : prior_mean;
  const double own_mean = voiced > 0.0 ? log_f0_sum_ / voiced : mean;
  const double prior_variance = prior_deviation * prior_deviation;
  const double variance = n > 0.0 ? ((log_f0_squares_ - voiced * own_mean * own_mean) + prior * prior_variance) / n : prior_variance;
  log_f0_mean_ = static_cast<float>(mean);
  log_f0_deviation_ = std::max(kSmallestLogF0Deviation, static_cast<float>(std::sqrt(std::max(variance, 0.0))));
  choose_warp();
  for (int which = 0; which < kKinds; ++which) derive(kinds_[which], which);
}

// Vocal-tract length by maximum likelihood of the voiced frames under the template's Gaussian, from mean and covariance
// alone: the warp is linear in the cepstrum (Pitz & Ney 2005, "Vocal tract normalization equals linear transformation
// in cepstral space"). The zeroth value, level, does not vote.
void SpeakerProfile::choose_warp() {
  const Kind& kind = kinds_[kVoiced];
  const auto d_count = static_cast<std::size_t>(model_->values);
  warp_ = model_->warps / 2;
  if (kind.count < 1.0) return;
  const double n = kind.count, prior = settings_.prior_frames;
  std::vector<double> mean(d_count), covariance(d_count * d_count), row(d_count);
  for (std::size_t i = 0; i < d_count; ++i) mean[i] = kind.sum[i] / n;
  for (std::size_t i = 0; i < d_count; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      covariance[i * d_count + j] = covariance[j * d_count + i] = kind.product[i * d_count + j] / n - mean[i] * mean[j];
    }
  }
  double best = -std::numeric_limits<double>::infinity();
  for (int w = 0; w < model_->warps; ++w) {
    const float* warp = model_->warp.data() + static_cast<std::size_t>(w) * d_count * d_count;
    double likelihood = model_->warp_log_det[static_cast<std::size_t>(w)];
    for (std::size_t i = 1; i < d_count; ++i) {
      const float* line = warp + i * d_count;
      double warped_mean = 0.0, variance = 0.0;
      for (std::size_t j = 0; j < d_count; ++j) {
        warped_mean += line[j] * mean[j];
        double sum = 0.0;
        for (std::size_t k = 0; k < d_count; ++k) sum += line[k] * covariance[j * d_count + k];
        variance += line[j] * sum;
      }
      const double off = warped_mean - model_->mean[kVoiced][i];
      const double deviation = model_->deviation[kVoiced][i];
      likelihood -= 0.5 * (variance + off * off) / (deviation * deviation);
    }
    // Without evidence the middle wins.
    const double centre = w - 0.5 * (model_->warps - 1);
    likelihood = n * likelihood - prior * 0.02 * centre * centre;
    if (likelihood > best) {
      best = likelihood;
      warp_ = w;
    }
  }
}

void SpeakerProfile::derive(Kind& kind, int which) {
  const auto d_count = static_cast<std::size_t>(model_->values);
  const float* warp = model_->warp.data() + static_cast<std::size_t>(warp_) * d_count * d_count;
  const double n = kind.count, prior = settings_.prior_frames;
  for (std::size_t i = 0; i < d_count; ++i) {
    const float* line = warp + i * d_count;
    double sum = 0.0, squares = 0.0;
    for (std::size_t j = 0; j < d_count; ++j) {
      sum += line[j] * kind.sum[j];
      double product = 0.0;
      for (std::size_t k = 0; k < d_count; ++k) product += line[k] * kind.product[std::max(j, k) * d_count + std::min(j, k)];
      squares += line[j] * product;
    }
    const double template_mean = model_->mean[which][i], template_deviation = model_->deviation[which][i];
    const double own_mean = n > 0.0 ? sum / n : template_mean;
    // Level is nothing to be cautious about: a quiet microphone must not stay quiet.
    const double mean_prior = i == 0 ? 0.1 * prior : prior;
    const double mean = (sum + mean_prior * template_mean) / (n + mean_prior);
    const double scatter = n > 0.0 ? std::max(squares - n * own_mean * own_mean, 0.0) : 0.0;
    const double variance = (scatter + prior * template_deviation * template_deviation) / (n + prior);
    kind.mean[i] = static_cast<float>(mean);
    kind.inverse_deviation[i] = static_cast<float>(1.0 / std::sqrt(std::max(variance, 1e-6)));
  }
  const Mixture& mixture = model_->mixture[which];
  for (int k = 0; k < mixture.components; ++k) {
    const double share = kind.share[static_cast<std::size_t>(k)];
    const double* sums = kind.component_sum.data() + static_cast<std::size_t>(k) * d_count;
    for (std::size_t i = 0; i < d_count; ++i) {
      const float* line = warp + i * d_count;
      const float place = mixture.mean[static_cast<std::size_t>(k) * d_count + i];
      double shift = 0.0;
      if (share > 0.0) {
        double sum = 0.0;
        for (std::size_t j = 0; j < d_count; ++j) sum += line[j] * sums[j];
        const double normalised_sum = (sum - share * kind.mean[i]) * kind.inverse_deviation[i];
        shift = (normalised_sum - share * place) / (share + settings_.relevance);
      }
      kind.correction[static_cast<std::size_t>(k) * d_count + i] =
          (1.0f - settings_.residual) * place - settings_.residual * static_cast<float>(shift);
    }
  }
}

void SpeakerProfile::warp_values(const float* values, float* out) const {
  const int d_count = model_->values;
  const float* line = model_->warp.data() + static_cast<std::size_t>(warp_) * static_cast<std::size_t>(d_count * d_count);
  for (int i = 0; i < d_count; ++i, line += d_count) {
    float parts[4] = {};
    int j = 0;
    for (; j + 4 <= d_count; j += 4) {
      for (int p = 0; p < 4; ++p) parts[p] += line[j + p] * values[j + p];
    }
    for (; j < d_count; ++j) parts[0] += line[j] * values[j];
    out[i] = (parts[0] + parts[1]) + (parts[2] + parts[3]);
  }
}

// residual * z + sum_k p_k ((1 - residual) m_k - residual shift_k): the frame keeps `residual` of what it has beyond its
// kind of sound, and its kind of sound moves from this speaker's place to the template's.
void SpeakerProfile::normalise(const float* row, float* out) const {
  const int which = row[0] > 0.0f ? kVoiced : kUnvoiced;
  const Kind& kind = kinds_[which];
  const int d_count = model_->values;
  warp_values(row + 2 + model_->bands, warped_.data());
  for (int d = 0; d < d_count; ++d) {
    const auto i = static_cast<std::size_t>(d);
    normalised_[i] = (warped_[i] - kind.mean[i]) * kind.inverse_deviation[i];
  }
  model_->posterior(which, normalised_.data(), posterior_.data());
  for (int d = 0; d < d_count; ++d) out[d] = settings_.residual * normalised_[static_cast<std::size_t>(d)];
  const int k_count = model_->mixture[which].components;
  for (int k = 0; k < k_count; ++k) {
    const float p = posterior_[static_cast<std::size_t>(k)];
    if (p < 1e-4f) continue;
    const float* correction = kind.correction.data() + k * d_count;
    for (int d = 0; d < d_count; ++d) out[d] += p * correction[d];
  }
  for (int d = 0; d < d_count; ++d) out[d] *= kind.expansion[static_cast<std::size_t>(d)];
}

float SpeakerProfile::normalised_pitch(float f0_hz) const {
  const float z = (std::log(f0_hz) - log_f0_mean_) / log_f0_deviation_;
  return std::min(std::max(z, -kPitchRange), kPitchRange);
}

std::size_t SpeakerProfile::state_size() const { return state().size(); }

std::vector<double> SpeakerProfile::state() const {
  std::vector<double> out = {power_sum_, log_f0_sum_, log_f0_squares_, static_cast<double>(loudest_db_)};
  for (const Kind& kind : kinds_) {
    out.push_back(kind.count);
    for (const std::vector<double>* part : {&kind.sum, &kind.product, &kind.share, &kind.component_sum}) {
      out.insert(out.end(), part->begin(), part->end());
    }
  }
  return out;
}

void SpeakerProfile::set_state(const std::vector<double>& state) {
  if (state.size() != state_size()) throw std::invalid_argument("profile was made with another template");
  std::size_t at = 0;
  power_sum_ = state[at++];
  log_f0_sum_ = state[at++];
  log_f0_squares_ = state[at++];
  loudest_db_ = static_cast<float>(state[at++]);
  for (Kind& kind : kinds_) {
    kind.count = state[at++];
    for (std::vector<double>* part : {&kind.sum, &kind.product, &kind.share, &kind.component_sum}) {
      std::copy_n(state.begin() + static_cast<std::ptrdiff_t>(at), part->size(), part->begin());
      at += part->size();
    }
  }
  next_refresh_ = std::max(kFirstRefresh, kRefreshGrowth * (kinds_[kVoiced].count + kinds_[kUnvoiced].count));
  refresh();
}

}  // namespace voiceanon
