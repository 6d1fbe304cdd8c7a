// The FFT against the definition of the transform in double precision, for every size that is used and some more.
#include "voiceanon/fft.hpp"

#include <algorithm>
#include <complex>

#include "check.hpp"
#include "voiceanon/aligned.hpp"

using namespace voiceanon;

namespace {

using Spectrum = std::vector<std::complex<double>>;

Spectrum transform_by_definition(const std::vector<float>& x) {
  const std::size_t n = x.size();
  std::vector<std::complex<double>> root(n);
  for (std::size_t i = 0; i < n; ++i) root[i] = std::polar(1.0, -2.0 * check::kPi * static_cast<double>(i) / static_cast<double>(n));
  Spectrum out(n / 2 + 1);
  for (std::size_t k = 0; k <= n / 2; ++k) {
    for (std::size_t i = 0; i < n; ++i) out[k] += static_cast<double>(x[i]) * root[k * i % n];
  }
  return out;
}

void test_size(int size) {
  const auto n = static_cast<std::size_t>(size);
  const auto lanes = static_cast<std::size_t>(kLanes);
  const RealFft fft(size);
  CHECK(fft.size() == size && fft.bins() == size / 2 + 1);
  check::Noise noise(static_cast<std::uint64_t>(size));
  std::vector<std::vector<float>> signals(lanes, std::vector<float>(n));
  AlignedFloats x(n * lanes);
  for (std::size_t i = 0; i < n; ++i) {
    // A different signal in each lane, one of them silent: lanes must not mix.
    for (std::size_t lane = 0; lane < lanes; ++lane) x[i * lanes + lane] = signals[lane][i] = lane == 1 ? 0.0f : noise();
  }
  std::vector<Lanes> re(n / 2 + 1), im(n / 2 + 1);
  std::vector<int> visits(n / 2 + 1);
  fft.forward(x.lanes(), [&](int k, Lanes a, Lanes b) {
    const auto bin = static_cast<std::size_t>(k);
    re[bin] = a;
    im[bin] = b;
    ++visits[bin];
  });
  for (int count : visits) CHECK(count == 1);
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    const Spectrum truth = transform_by_definition(signals[lane]);
    double error = 0.0, power = 0.0;
    for (std::size_t k = 0; k <= n / 2; ++k) {
      error += std::norm(truth[k] - std::complex<double>(re[k][lane], im[k][lane]));
      power += std::norm(truth[k]);
    }
    CHECK_AT_MOST(std::sqrt(error), 4e-7 * std::sqrt(power));  // so the silent lane is exactly silent
  }
  fft.inverse(
      [&](int k, Lanes& a, Lanes& b) {
        a = re[static_cast<std::size_t>(k)];
        b = im[static_cast<std::size_t>(k)];
      },
      x.lanes());
  double worst = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t lane = 0; lane < lanes; ++lane) worst = std::max(worst, std::fabs(static_cast<double>(x[i * lanes + lane]) - signals[lane][i]));
  }
  CHECK_AT_MOST(worst, 2e-6);
}

void test_refused_sizes() {
  for (int size : {-8, 0, 1, 2, 4, 6, 12, 1000}) {
    bool refused = false;
    try {
      RealFft fft(size);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    CHECK(refused);
  }
}

}  // namespace

int main() {
  for (int size = 8; size <= 2048; size *= 2) test_size(size);
  test_refused_sizes();
}
