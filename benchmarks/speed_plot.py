"""The picture of the speed benchmark: one bar a rival, times real time on a log axis."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

KINDS = {
    "voice": "voice changed (pitch, formants, spectrum)",
    "pitch": "pitch alone",
    "f0": "f0 tracking alone",
}
INK = "#222222"
OURS = "#0b6e4f"
RIVALS = "#9aa5b1"


def draw(report: dict[str, Any], path: Path) -> None:
    """Write the plot of one report as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    groups = {
        kind: sorted(
            ((name, row) for name, row in report["rivals"].items() if row["kind"] == kind),
            key=lambda one: one[1]["times_real_time"],
        )
        for kind in KINDS
    }
    groups = {kind: rows for kind, rows in groups.items() if rows}
    heights = [len(rows) + 0.8 for rows in groups.values()]
    figure, axes = plt.subplots(
        len(groups),
        1,
        sharex=True,
        squeeze=False,
        figsize=(9, 1.4 + 0.3 * sum(heights)),
        gridspec_kw={"height_ratios": heights},
        layout="constrained",
    )
    fastest = max(row["times_real_time"] for row in report["rivals"].values())
    for axis, (kind, rows) in zip(axes[:, 0], groups.items(), strict=True):
        speeds = [row["times_real_time"] for _, row in rows]
        colours = [OURS if row["ours"] else RIVALS for _, row in rows]
        axis.barh([name for name, _ in rows], speeds, color=colours, height=0.72)
        for place, (name, row) in enumerate(rows):
            text = f" {row['times_real_time']:.0f}×"
            if name != row["against"]:
                text += f"  ({row['ratio']:.2g} to {row['against']})"
            axis.text(row["times_real_time"], place, text, va="center", fontsize=8, color=INK)
        axis.set_title(KINDS[kind], loc="left", fontsize=10)
        axis.set_xscale("log")
        axis.set_xlim(1, fastest * 12)
        axis.tick_params(axis="y", labelsize=8, length=0)
        axis.grid(axis="x", color="#dddddd", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
    axes[-1, 0].set_xlabel("times real time, one thread, processor time (log scale)")
    figure.suptitle(
        f"{report['audio_s']:.0f} s of 16 kHz speech · {report['cpu']} · {report['date']}",
        fontsize=10,
        color=INK,
    )
    figure.savefig(path, dpi=130)
    plt.close(figure)


if __name__ == "__main__":
    source = Path(sys.argv[1])
    draw(json.loads(source.read_text(encoding="utf-8")), source.parent / "speed.png")
