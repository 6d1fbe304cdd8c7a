// The lanes' mathematics against the standard library's in double precision, over the ranges that are promised.
#include "voiceanon/lanes.hpp"

#include <algorithm>

#include "check.hpp"

using namespace voiceanon;

namespace {

// Calls `test(x)` for `count` values from `low` to `high`, kLanes different ones at once.
template <class Test>
void sweep(double low, double high, int count, Test&& test) {
  for (int i = 0; i < count; i += kLanes) {
    Lanes x{};
    for (int lane = 0; lane < kLanes; ++lane) x[lane] = static_cast<float>(low + (high - low) * (i + lane) / count);
    test(x);
  }
}

void test_log() {
  // Evenly over all exponents, then closely around one, where the result is small.
  sweep(-37.0, 38.0, 200000, [](Lanes exponents) {
    Lanes x{};
    for (int lane = 0; lane < kLanes; ++lane) x[lane] = std::pow(10.0f, exponents[lane]);
    const Lanes y = log_lanes(x);
    for (int lane = 0; lane < kLanes; ++lane) {
      const double truth = std::log(static_cast<double>(x[lane]));
      CHECK_AT_MOST(std::fabs(y[lane] - truth), 2e-7 + 1.2e-7 * std::fabs(truth));
    }
  });
  sweep(0.5, 2.0, 200000, [](Lanes x) {
    const Lanes y = log_lanes(x);
    for (int lane = 0; lane < kLanes; ++lane) CHECK_AT_MOST(std::fabs(y[lane] - std::log(static_cast<double>(x[lane]))), 2e-7);
  });
  CHECK(log_lanes(splat(1.0f))[0] == 0.0f);
}

void test_exp() {
  sweep(-87.0, 87.0, 400000, [](Lanes x) {
    const Lanes y = exp_lanes(x);
    for (int lane = 0; lane < kLanes; ++lane) {
      const double truth = std::exp(static_cast<double>(x[lane]));
      CHECK_AT_MOST(std::fabs(y[lane] - truth) / truth, 2e-7);
    }
  });
  CHECK(exp_lanes(splat(0.0f))[0] == 1.0f);
  CHECK(exp_lanes(splat(1e30f))[0] == exp_lanes(splat(87.0f))[0]);
  CHECK(exp_lanes(splat(-1e30f))[0] == exp_lanes(splat(-87.0f))[0]);
  CHECK(exp_lanes(splat(-1e30f))[0] > 0.0f);
}

void test_sincos() {
  const auto worst = [](double reach) {
    double error = 0.0;
    sweep(-reach, reach, 400000, [&error](Lanes x) {
      Lanes sine, cosine;
      sincos_lanes(x, sine, cosine);
      for (int lane = 0; lane < kLanes; ++lane) {
        error = std::max(error, std::fabs(sine[lane] - std::sin(static_cast<double>(x[lane]))));
        error = std::max(error, std::fabs(cosine[lane] - std::cos(static_cast<double>(x[lane]))));
      }
    });
    return error;
  };
  CHECK_AT_MOST(worst(6.5), 5e-7);
  CHECK_AT_MOST(worst(1000.0), 2e-6);
  CHECK_AT_MOST(worst(10000.0), 2e-5);
}

void test_hann() {
  sweep(0.0, 1.0, 100000, [](Lanes t) {
    const Lanes y = hann_of_square(t * t);
    for (int lane = 0; lane < kLanes; ++lane) {
      CHECK_AT_MOST(std::fabs(y[lane] - (0.5 + 0.5 * std::cos(check::kPi * static_cast<double>(t[lane])))), 3e-7);
    }
  });
}

void test_rounding_and_choice() {
  sweep(-4e6, 4e6, 100000, [](Lanes x) {
    const LaneMask whole = round_to_int(x);
    const Lanes root = sqrt_lanes(abs_lanes(x)), low = min_lanes(x, splat(3.0f)), high = max_lanes(x, splat(3.0f));
    for (int lane = 0; lane < kLanes; ++lane) {
      CHECK(whole[lane] == static_cast<std::int32_t>(std::nearbyint(x[lane])));
      CHECK(root[lane] == std::sqrt(std::fabs(x[lane])));
      CHECK(low[lane] == std::min(x[lane], 3.0f) && high[lane] == std::max(x[lane], 3.0f));
      CHECK(to_float(whole)[lane] == static_cast<float>(whole[lane]));
    }
  });
}

}  // namespace

int main() {
  test_log();
  test_exp();
  test_sincos();
  test_hann();
  test_rounding_and_choice();
}
