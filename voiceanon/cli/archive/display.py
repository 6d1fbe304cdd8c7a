"""How a run is seen: a bar in a terminal, plain lines in a log, JSON, figures for Prometheus."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from voiceanon.archive.running import Watcher
from voiceanon.cli.terminal import note, print_json, results, stderr
from voiceanon.errors import VoiceanonError
from voiceanon.formats.placing import write_whole

if TYPE_CHECKING:
    from voiceanon.archive.entries import Entry
    from voiceanon.archive.ledger import Row

__all__ = ["Display"]

_LINE_EVERY_S = 30.0
_METRICS_EVERY_S = 15.0


class Display:
    """Shows a run as it goes.

    Parameters
    ----------
    total, size : int
        Recordings and bytes of the shard.
    json_lines : bool
        Whether each recording goes to stdout as JSON.
    metrics : Path or None
        Where figures for Prometheus are kept.

    Attributes
    ----------
    watcher : Watcher
        Who tells the display.
    """

    def __init__(self, total: int, size: int, json_lines: bool, metrics: Path | None) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.watcher = Watcher(self._row, self._progress, self._note)
        self._total, self._size, self._json_lines, self._metrics = total, size, json_lines, metrics
        self._counts = dict.fromkeys(("done", "held", "failed", "empty"), 0)
        self._salvaged = 0
        self._audio_s = 0.0
        self._bytes = 0.0
        self._shares: dict[str, float] = {}
        self._began_s = self._last_line_s = self._last_metrics_s = time.monotonic()
        console = stderr()
        self._is_terminal = console.is_terminal
        self._bar = Progress(
            TextColumn("{task.fields[said]}"),
            BarColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not self._is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=max(size, 1), said=self._said())

    def close(self, counts: dict[str, int]) -> None:
        """Say what the run came to."""
        self._bar.stop()
        self._write_metrics()
        if self._json_lines:
            facts = {"salvaged": self._salvaged, "audio_s": round(self._audio_s, 3)}
            print_json({"type": "summary", **counts, **facts})
            return
        listed = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
        if self._salvaged:
            listed += f" ({self._salvaged} of those done now are salvaged: not whole)"
        hours = self._audio_s / 3600
        results().print(f"{listed or 'nothing to do'} · {hours:.2f} h of audio done in this run")

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def _row(self, entry: Entry, row: Row) -> None:
        self._counts[row.state] += 1
        self._salvaged += row.is_salvaged
        self._audio_s += row.duration_s
        self._bytes += entry.size
        self._shares.pop(entry.id, None)
        if self._json_lines:
            # By id: names stay in the manifest.
            facts: dict[str, Any] = {"id": row.id, "state": row.state, "reason": row.reason or None}
            facts |= {"salvaged": row.is_salvaged}
            facts |= {"check": row.verdict or None, "attempts": row.attempts}
            facts |= {"duration_s": round(row.duration_s, 3), "elapsed_s": row.elapsed_s}
            print_json({"type": "recording", **facts})
        self._show()

    def _progress(self, entry: Entry, share: float) -> None:
        self._shares[entry.id] = share * entry.size
        self._show()

    def _note(self, line: str) -> None:
        note(line)

    def _show(self) -> None:
        done = min(self._bytes + sum(self._shares.values()), self._size)
        self._bar.update(self._task, completed=done, said=self._said())
        now_s = time.monotonic()
        if not self._is_terminal and now_s - self._last_line_s >= _LINE_EVERY_S:
            self._last_line_s = now_s
            elapsed_s = now_s - self._began_s
            left_s = elapsed_s * (self._size - done) / max(done, 1)
            note(f"{self._said()} · {left_s / 60:.0f} min left")
        if now_s - self._last_metrics_s >= _METRICS_EVERY_S:
            self._write_metrics()

    def _said(self) -> str:
        elapsed_s = max(time.monotonic() - self._began_s, 1e-9)
        files = sum(self._counts.values())
        return (
            f"{files}/{self._total} files · {self._audio_s / 3600:.2f} h · "
            f"{self._audio_s / elapsed_s:.0f}× real time · {self._counts['held']} held · "
            f"{self._counts['failed']} failed"
        )

    def _write_metrics(self) -> None:
        if self._metrics is None:
            return
        self._last_metrics_s = time.monotonic()
        lines = ["# TYPE voiceanon_recordings_total counter"]
        lines += [
            f'voiceanon_recordings_total{{state="{state}"}} {number}'
            for state, number in self._counts.items()
        ]
        for name, value in (
            ("salvaged_total", self._salvaged),
            ("audio_seconds_total", self._audio_s),
            ("elapsed_seconds_total", self._last_metrics_s - self._began_s),
        ):
            lines += [f"# TYPE voiceanon_{name} counter", f"voiceanon_{name} {value:.3f}"]
        lines += ["# TYPE voiceanon_planned_recordings gauge"]
        lines += [f"voiceanon_planned_recordings {self._total}", ""]
        # Figures that cannot be kept are no reason to stop.
        with contextlib.suppress(VoiceanonError, OSError):
            write_whole(self._metrics, "\n".join(lines).encode(), overwrite=True)
