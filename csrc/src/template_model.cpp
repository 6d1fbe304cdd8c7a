// Tables and posteriors of the template of template_model.hpp.
#include "voiceanon/template_model.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace voiceanon {
namespace {

// Neighbouring frames and cepstral values are not independent, so the likelihood is flattened before it is a posterior.
constexpr float kLikelihoodExponent = 0.5f;

}  // namespace

void TemplateModel::set_mixture(int kind, const float* weight, const float* means, const float* variance, int components) {
  if (components % 16 != 0 || components <= 0) throw std::invalid_argument("a mixture needs a multiple of 16 components");
  if (mixture[kind].components != 0) throw std::invalid_argument("a mixture is set once, for profiles are sized by it");
  const auto k_count = static_cast<std::size_t>(components), d_count = static_cast<std::size_t>(values);
  Mixture& m = mixture[kind];
  m.components = components;
  m.constant = AlignedFloats(k_count);
  m.linear = AlignedFloats(d_count * k_count);
  m.quadratic = AlignedFloats(d_count * k_count);
  m.weight.assign(weight, weight + k_count);
  m.mean.assign(means, means + k_count * d_count);
  for (std::size_t k = 0; k < k_count; ++k) {
    double constant = std::log(static_cast<double>(weight[k]));
    for (std::size_t d = 0; d < d_count; ++d) {
      const double mu = means[k * d_count + d], var = variance[k * d_count + d];
      constant -= 0.5 * (std::log(var) + mu * mu / var);
      m.linear[d * k_count + k] = kLikelihoodExponent * static_cast<float>(mu / var);
      m.quadratic[d * k_count + k] = kLikelihoodExponent * static_cast<float>(-0.5 / var);
    }
    m.constant[k] = kLikelihoodExponent * static_cast<float>(constant);
  }
}

void TemplateModel::posterior(int kind, const float* x, float* out) const {
  const Mixture& m = mixture[kind];
  const int vectors = m.components / kLanes;
  Lanes* p = reinterpret_cast<Lanes*>(out);
  const Lanes* constant = m.constant.lanes();
  for (int v = 0; v < vectors; ++v) p[v] = constant[v];
  for (int d = 0; d < values; ++d) {
    const Lanes* linear = m.linear.lanes() + d * vectors;
    const Lanes* quadratic = m.quadratic.lanes() + d * vectors;
    const float value = x[d], square = value * value;
    for (int v = 0; v < vectors; ++v) p[v] += linear[v] * value + quadratic[v] * square;
  }
  float best = out[0];
  for (int k = 1; k < m.components; ++k) best = std::max(best, out[k]);
  for (int v = 0; v < vectors; ++v) p[v] = exp_lanes(p[v] - best);
  float sum = 0.0f;
  for (int k = 0; k < m.components; ++k) sum += out[k];
  const float scale = 1.0f / sum;
  for (int v = 0; v < vectors; ++v) p[v] *= scale;
}

}  // namespace voiceanon
