// The statistics of content_equaliser.hpp.
#include "voiceanon/content_equaliser.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace voiceanon {
namespace {

constexpr double kPriorFrames = 50.0;
constexpr double kSmallestVariance = 1e-4;  // of places
constexpr float kPitchStep = 0.05f, kLowestDb = -60.0f;
constexpr int kMostSweeps = 50;

using Matrix = std::vector<double>;  // square, row by row

int pitch_bin(float pitch) {
  return std::clamp(static_cast<int>(std::nearbyint(pitch / kPitchStep)) + kPitchBins / 2, 0, kPitchBins - 1);
}

int level_bin(float level_db) {
  return std::clamp(static_cast<int>(std::nearbyint(level_db - kLowestDb)), 0, kLevelBins - 1);
}

Matrix product(const Matrix& a, const Matrix& b, std::size_t n) {
  Matrix out(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t j = 0; j < n; ++j) out[i * n + j] += a[i * n + k] * b[k * n + j];
    }
  }
  return out;
}

// One of Jacobi's rotations (1846): makes the element at (p, q) zero, and turns the vectors with it.
void rotate(Matrix& a, Matrix& vectors, std::size_t n, std::size_t p, std::size_t q) {
  const double off = a[p * n + q];
  if (off == 0.0) return;
  const double theta = (a[q * n + q] - a[p * n + p]) / (2.0 * off);
  const double t = (theta < 0.0 ? -1.0 : 1.0) / (std::abs(theta) + std::sqrt(theta * theta + 1.0));
  const double c = 1.0 / std::sqrt(t * t + 1.0), s = t * c;
  for (std::size_t k = 0; k < n; ++k) {
    const double kp = a[k * n + p], kq = a[k * n + q];
    a[k * n + p] = c * kp - s * kq;
    a[k * n + q] = s * kp + c * kq;
  }
  for (std::size_t k = 0; k < n; ++k) {
    const double pk = a[p * n + k], qk = a[q * n + k];
    a[p * n + k] = c * pk - s * qk;
    a[q * n + k] = s * pk + c * qk;
    const double vp = vectors[k * n + p], vq = vectors[k * n + q];
    vectors[k * n + p] = c * vp - s * vq;
    vectors[k * n + q] = s * vp + c * vq;
  }
}

// The symmetric matrix to the power of 1/2 or -1/2, its eigenvalues held above a floor.
Matrix root(Matrix a, std::size_t n, double floor, bool is_inverse) {
  Matrix vectors(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) vectors[i * n + i] = 1.0;
  double total = 0.0;
  for (const double value : a) total += value * value;
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    double off = 0.0;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) off += a[p * n + q] * a[p * n + q];
    }
    if (off <= 1e-24 * total) break;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) rotate(a, vectors, n, p, q);
    }
  }
  Matrix out(n * n, 0.0);
  for (std::size_t k = 0; k < n; ++k) {
    const double length = std::sqrt(std::max(a[k * n + k], floor));
    const double power = is_inverse ? 1.0 / length : length;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) out[i * n + j] += power * vectors[i * n + k] * vectors[j * n + k];
    }
  }
  return out;
}

void check_shares(const std::vector<float>& shares, int bins) {
  if (shares.size() != static_cast<std::size_t>(bins)) throw std::invalid_argument("the reference's shares do not fit its bins");
  double total = 0.0;
  for (const float share : shares) {
    if (!(share >= 0.0f)) throw std::invalid_argument("the reference's shares must not be negative");
    total += static_cast<double>(share);
  }
  if (!(std::abs(total - 1.0) < 1e-3)) throw std::invalid_argument("the reference's shares must add up to 1");
}

}  // namespace

void ContentReference::check() const {
  const std::size_t n = place_mean.size();
  if (n == 0 || place_covariance.size() != n * n) throw std::invalid_argument("the reference's covariance does not fit its mean");
  for (std::size_t i = 0; i < n; ++i) {
    if (!(std::abs(place_mean[i]) <= 1.0f) || !(place_covariance[i * n + i] > 0.0f)) throw std::invalid_argument("the reference's places must lie within 1 and vary");
    for (std::size_t j = 0; j < n; ++j) {
      if (!(std::abs(place_covariance[i * n + j]) <= 1.0f) || place_covariance[i * n + j] != place_covariance[j * n + i]) throw std::invalid_argument("the reference's covariance must be symmetric and within 1");
    }
  }
  check_shares(pitch_shares, kPitchBins);
  check_shares(level_shares, kLevelBins);
}

ContentEqualiser::ContentEqualiser(std::shared_ptr<const ContentReference> reference) : reference_(std::move(reference)) { reset(); }

void ContentEqualiser::reset() {
  const auto n = static_cast<std::size_t>(reference_->digits());
  count_ = 0.0;
  sum_.assign(n, 0.0);
  product_.assign(n * n, 0.0);
  pitch_counts_.assign(kPitchBins, 0.0);
  level_counts_.assign(kLevelBins, 0.0);
  refresh();
}

void ContentEqualiser::hear(const float* places, bool is_voiced, float level_db, float pitch) {
  const std::size_t n = sum_.size();
  count_ += 1.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double place = places[i];
    sum_[i] += place;
    for (std::size_t j = 0; j <= i; ++j) product_[i * n + j] += place * places[j];
  }
  level_counts_[static_cast<std::size_t>(level_bin(level_db))] += 1.0;
  if (is_voiced) pitch_counts_[static_cast<std::size_t>(pitch_bin(pitch))] += 1.0;
}

void ContentEqualiser::refresh() {
  const std::size_t n = sum_.size();
  const double weight = count_ + kPriorFrames;
  Matrix wanted(n * n), own(n * n);
  std::vector<double> mean(n);
  for (std::size_t i = 0; i < n; ++i) mean[i] = (sum_[i] + kPriorFrames * static_cast<double>(reference_->place_mean[i])) / weight;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const double scatter = count_ > 0.0 ? product_[i * n + j] - sum_[i] * sum_[j] / count_ : 0.0;
      wanted[i * n + j] = wanted[j * n + i] = reference_->place_covariance[i * n + j];
      own[i * n + j] = own[j * n + i] = (scatter + kPriorFrames * wanted[i * n + j]) / weight;
    }
  }
  const Matrix whitened = root(own, n, kSmallestVariance, true), half = root(own, n, kSmallestVariance, false);
  const Matrix between = root(product(product(half, wanted, n), half, n), n, 0.0, false);
  const Matrix map = product(product(whitened, between, n), whitened, n);
  map_.resize(n * n);
  shift_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    double shift = reference_->place_mean[i];
    for (std::size_t j = 0; j < n; ++j) {
      map_[i * n + j] = static_cast<float>(map[i * n + j]);
      shift -= map[i * n + j] * mean[j];
    }
    shift_[i] = static_cast<float>(shift);
  }
  pitch_bins_ = matched(pitch_counts_, reference_->pitch_shares);
  level_bins_ = matched(level_counts_, reference_->level_shares);
}

// The middle of a bin's share of the recording lies as far up in the reference's distribution.
std::vector<float> ContentEqualiser::matched(const std::vector<double>& counts, const std::vector<float>& shares) const {
  double total = kPriorFrames;
  for (const double count : counts) total += count;
  std::vector<float> out(counts.size());
  double below = 0.0, passed = 0.0;  // of the recording before this bin, of the reference before the bin it lies in
  std::size_t at = 0;
  for (std::size_t bin = 0; bin < counts.size(); ++bin) {
    const double own = (counts[bin] + kPriorFrames * static_cast<double>(shares[bin])) / total;
    const double middle = below + 0.5 * own;
    below += own;
    while (at + 1 < shares.size() && passed + static_cast<double>(shares[at]) <= middle) passed += static_cast<double>(shares[at++]);
    const double share = shares[at];
    const double within = share > 0.0 ? std::clamp((middle - passed) / share, 0.0, 1.0) : 0.5;
    out[bin] = static_cast<float>(static_cast<double>(at) - 0.5 + within);
  }
  return out;
}

void ContentEqualiser::equalise(float* places, bool is_voiced, float& level_db, float& pitch) {
  const std::size_t n = shift_.size();
  moved_ = shift_;
  const float* line = map_.data();
  for (std::size_t i = 0; i < n; ++i, line += n) {
    for (std::size_t j = 0; j < n; ++j) moved_[i] += line[j] * places[j];
  }
  for (std::size_t i = 0; i < n; ++i) places[i] = std::clamp(moved_[i], -1.0f, 1.0f);
  level_db = kLowestDb + level_bins_[static_cast<std::size_t>(level_bin(level_db))];
  if (is_voiced) pitch = kPitchStep * (pitch_bins_[static_cast<std::size_t>(pitch_bin(pitch))] - static_cast<float>(kPitchBins / 2));
}

}  // namespace voiceanon
