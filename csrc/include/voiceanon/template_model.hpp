// The template: what the analysis values of everybody look like on average, and how they cluster into kinds of sounds.
#pragma once

#include <vector>

#include "voiceanon/aligned.hpp"

namespace voiceanon {

// Diagonal Gaussian mixture over normalised values; component-major vectors so that lanes are components.
struct Mixture {
  int components = 0;      // a multiple of 16
  AlignedFloats constant;  // log weight and normaliser of each component
  AlignedFloats linear;    // values x components: mean / variance
  AlignedFloats quadratic; // values x components: -1 / (2 variance)
  std::vector<float> weight;
  std::vector<float> mean; // components x values
};

// Voiced and unvoiced frames are two populations.
inline constexpr int kVoiced = 0, kUnvoiced = 1, kKinds = 2;

struct TemplateModel {
  int values = 0;
  int bands = 0;
  int warps = 0;
  std::vector<float> warp;          // warps x values x values: the cepstrum of a voice with a longer or shorter tract
  std::vector<float> warp_log_det;  // of each, for the likelihood
  std::vector<float> mean[kKinds], deviation[kKinds];
  Mixture mixture[kKinds];
  std::vector<float> aperiodicity;  // bands x (values + 1): regression of aperiodicity power on normalised voiced values
  float log_f0_mean = 0.0f, log_f0_deviation = 0.2f;

  // Makes the tables of one mixture; weights sum to one, mean and variance are components x values.
  void set_mixture(int kind, const float* weight, const float* mean, const float* variance, int components);
  // Posterior probabilities of the components for normalised values; `posterior` has room for all of them.
  void posterior(int kind, const float* normalised, float* posterior) const;
};

}  // namespace voiceanon
