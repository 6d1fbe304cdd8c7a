// Several frames are worked on at once, one per SIMD lane: this file names the vector types and their mathematics.
//
// A quantity `x[n]` of kLanes frames is kLanes neighbouring floats. Lanes never mix, so a frame's result does not
// depend on which other frames share its vector: any chunking of a stream gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#ifndef VOICEANON_LANES
#define VOICEANON_LANES 4
#endif

namespace voiceanon {

inline constexpr int kLanes = VOICEANON_LANES;

template <int L>
struct LaneTypes {
  typedef float Float __attribute__((vector_size(sizeof(float) * L), may_alias));
  typedef std::int32_t Int __attribute__((vector_size(sizeof(std::int32_t) * L), may_alias));
};

template <int L>
using FloatLanes = typename LaneTypes<L>::Float;
template <int L>
using IntLanes = typename LaneTypes<L>::Int;

using Lanes = FloatLanes<kLanes>;
using LaneMask = IntLanes<kLanes>;

inline Lanes splat(float value) { return Lanes{} + value; }
inline LaneMask splat_int(std::int32_t value) { return LaneMask{} + value; }

// Bits kept, type changed (never a value conversion).
inline LaneMask bits_of(Lanes x) { return (LaneMask)x; }
inline Lanes float_of_bits(LaneMask x) { return (Lanes)x; }

inline Lanes to_float(LaneMask x) { return __builtin_convertvector(x, Lanes); }

// Adding and subtracting 1.5 * 2^23 rounds |x| < 2^22 to the nearest integer in the default rounding mode.
inline LaneMask round_to_int(Lanes x) { return __builtin_convertvector((x + 12582912.0f) - 12582912.0f, LaneMask); }

inline Lanes max_lanes(Lanes a, Lanes b) { return a > b ? a : b; }
inline Lanes min_lanes(Lanes a, Lanes b) { return a < b ? a : b; }
inline Lanes abs_lanes(Lanes a) { return float_of_bits(bits_of(a) & 0x7fffffff); }

inline Lanes sqrt_lanes(Lanes a) {
  Lanes out{};
  for (int lane = 0; lane < kLanes; ++lane) out[lane] = __builtin_sqrtf(a[lane]);
  return out;
}

// Natural logarithm of positive normal numbers; absolute error below 2e-7 on the mantissa part.
// x = 2^e (1 + t), t in [-0.293, 0.415): log x = e log 2 + t - t^2/2 + t^3 q(t); q is a Chebyshev fit.
inline Lanes log_lanes(Lanes x) {
  const LaneMask shifted = bits_of(x) - 0x3f3504f3;  // bits of sqrt(1/2)
  const LaneMask exponent = shifted >> 23;
  const Lanes t = float_of_bits((shifted & 0x007fffff) + 0x3f3504f3) - 1.0f;
  Lanes q = splat(0.0714983469f);
  q = q * t - 0.115713082f;
  q = q * t + 0.116615305f;
  q = q * t - 0.124110377f;
  q = q * t + 0.142499335f;
  q = q * t - 0.166684807f;
  q = q * t + 0.200007076f;
  q = q * t - 0.24999989f;
  q = q * t + 0.333333312f;
  const Lanes square = t * t;
  return to_float(exponent) * 0.693147181f + (t - 0.5f * square + square * t * q);
}

// exp(x), argument clamped to [-87, 87]; relative error below 2e-7.
inline Lanes exp_lanes(Lanes x) {
  x = min_lanes(max_lanes(x, splat(-87.0f)), splat(87.0f));
  const LaneMask power = round_to_int(x * 1.44269504f);
  const Lanes n = to_float(power);
  const Lanes t = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // log 2 split in two for an exact reduction
  Lanes q = splat(0.00139336448f);
  q = q * t + 0.00836317667f;
  q = q * t + 0.041666465f;
  q = q * t + 0.16666577f;
  q = q * t + 0.5f;
  const Lanes mantissa = 1.0f + (t + t * t * q);
  return mantissa * float_of_bits((power + 127) << 23);
}

// sin and cos for |x| < 1e4; absolute error below 5e-7 near zero, growing with |x| by the reduction.
inline void sincos_lanes(Lanes x, Lanes& sine, Lanes& cosine) {
  const LaneMask quadrant = round_to_int(x * 0.636619772f);
  const Lanes n = to_float(quadrant);
  const Lanes t = ((x - n * 1.5703125f) - n * 4.83751297e-4f) - n * 7.54978995e-8f;  // pi/2 in three parts
  const Lanes u = t * t;
  const Lanes s = t + t * u * (-0.166666647f + u * (0.00833274863f + u * -0.000195879495f));
  const Lanes c = 1.0f - 0.5f * u + u * u * (0.0416666647f + u * (-0.00138883039f + u * 2.45480681e-5f));
  const LaneMask swap = (quadrant & 1) != 0;
  const Lanes sin_part = swap ? c : s;
  const Lanes cos_part = swap ? s : c;
  sine = float_of_bits(bits_of(sin_part) ^ ((quadrant & 2) << 30));
  cosine = float_of_bits(bits_of(cos_part) ^ (((quadrant + 1) & 2) << 30));
}

// cos^2(pi t / 2) for t^2 in [0, 1]: the Hann window on [-1, 1].
inline Lanes hann_of_square(Lanes t_squared) {
  Lanes c = splat(-2.38245355e-5f);
  c = c * t_squared + 0.000917723882f;
  c = c * t_squared - 0.0208626875f;
  c = c * t_squared + 0.253669322f;
  c = c * t_squared - 1.23370053f;
  c = c * t_squared + 1.0f;
  return c * c;
}

}  // namespace voiceanon
