"""The last step of `make demo`: every recording's spectrogram above its anonymized one."""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import soundfile

mpl.use("agg")  # a demo runs without a screen

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

WINDOW_S = 0.025
HOP_S = 0.005
RANGE_DB = 70.0


def draw(axes: Axes, path: Path, label: str) -> None:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    window = int(WINDOW_S * rate)
    # Full scale is 0 dB at any level of the recording, so that the two can be compared.
    axes.specgram(
        samples[:, 0] + np.float32(1e-7),
        NFFT=window,
        Fs=rate,
        noverlap=window - int(HOP_S * rate),
        window=np.hanning(window),
        mode="magnitude",
        scale="dB",
        vmin=-RANGE_DB - 50,
        vmax=-50,
        cmap="magma",
    )
    axes.set_ylabel(label, fontsize=8)
    axes.set_ylim(0, min(rate / 2, 8_000))
    axes.tick_params(labelsize=6)


def main(source: Path, output: Path) -> None:
    pairs = [(path, output / path.name) for path in sorted(source.glob("*.flac"))]
    pairs = [pair for pair in pairs if pair[1].exists()]
    if not pairs:
        sys.exit(f"no anonymized recording of {source} in {output}")
    figure, rows = plt.subplots(
        2 * len(pairs), 1, figsize=(9, 2.6 * len(pairs)), layout="constrained"
    )
    for (original, anonymized), above, below in zip(pairs, rows[::2], rows[1::2], strict=True):
        draw(above, original, "original (Hz)")
        draw(below, anonymized, "anonymized (Hz)")
        above.set_title(original.stem, fontsize=9)
        above.set_xticklabels([])
    rows[-1].set_xlabel("time (s)", fontsize=8)
    plot = output / "spectrograms.png"
    figure.savefig(plot, dpi=110)
    print(f"audio:        {output}/*.flac")
    print(f"spectrograms: {plot}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
