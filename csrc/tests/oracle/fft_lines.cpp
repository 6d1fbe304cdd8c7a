// Lets another program judge the FFT: reads N and N samples, prints the N / 2 + 1 bins and the inverse of them.
#include <cstdio>
#include <vector>

#include "voiceanon/aligned.hpp"
#include "voiceanon/fft.hpp"

int main() {
  using namespace voiceanon;
  int size = 0;
  if (std::scanf("%d", &size) != 1) return 1;
  const RealFft fft(size);
  const auto lanes = static_cast<std::size_t>(kLanes);
  AlignedFloats x(static_cast<std::size_t>(size) * lanes), bins(2 * static_cast<std::size_t>(fft.bins()) * lanes);
  for (int n = 0; n < size; ++n) {
    float value = 0.0f;
    if (std::scanf("%f", &value) != 1) return 1;
    x.lanes()[n] = splat(value);
  }
  Lanes* spectrum = bins.lanes();
  fft.forward(x.lanes(), [spectrum](int k, Lanes re, Lanes im) {
    spectrum[2 * k] = re;
    spectrum[2 * k + 1] = im;
  });
  for (int k = 0; k < fft.bins(); ++k) std::printf("%.9g %.9g\n", spectrum[2 * k][0], spectrum[2 * k + 1][kLanes - 1]);
  fft.inverse(
      [spectrum](int k, Lanes& re, Lanes& im) {
        re = spectrum[2 * k];
        im = spectrum[2 * k + 1];
      },
      x.lanes());
  for (int n = 0; n < size; ++n) std::printf("%.9g\n", x.lanes()[n][kLanes - 1]);
  return 0;
}
