"""Makes the manual's pictures, docs/figures, from results and a recording: `make figures`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import frontier_plot
import road_picture
import spectrogram_plot
import speed_plot

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "figures"
FIGURES = {
    "frontier.svg": frontier_plot.draw,
    "settings.svg": frontier_plot.draw_settings,
    "road.svg": road_picture.draw,
    "speed.svg": speed_plot.draw,
    "before-after.png": spectrogram_plot.draw,
}


def main(folder: Path = FOLDER) -> None:
    """Write every picture into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        draw(folder / name)
        sys.stdout.write(f"{name}: {(folder / name).stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
