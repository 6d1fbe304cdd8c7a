"""What became of every input of a run: JSON lines as it goes, or a table at the end."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from voiceanon.cli.terminal import print_json, printable, results
from voiceanon.errors import CheckError
from voiceanon.file_plan import Job, LeftOut
from voiceanon.files import FileResult

__all__ = ["RunReport"]

# A longer table would bury what went wrong: then only what was not done is listed.
_MAX_ROWS = 60
_STYLES = {
    "done": "green",
    "held": "yellow",
    "failed": "red",
    "empty": "yellow",
    "skipped": "dim",
}


class RunReport:
    """The results of a run; at its end, done + held + empty + failed + skipped = inputs.

    Parameters
    ----------
    inputs : int
        Number of files found, those that are left out included.
    recipe_name : str
        Shown in the summary.
    json_lines : bool
        Whether results go to stdout as JSON, each as soon as it is there.

    Attributes
    ----------
    audio_s : float
        Seconds of audio delivered.
    unexpected, interrupted, debug : bool
        Whether an error came that nothing foresaw; whether the run was cut short; whether errors
        shall show their traceback.
    wrong_keys : int
        How many failed for want of the right key.
    """

    def __init__(self, inputs: int, recipe_name: str, json_lines: bool) -> None:
        self._started_s = time.monotonic()
        self.audio_s = 0.0
        self.unexpected = False
        self.interrupted = False
        self.wrong_keys = 0
        self.debug = False
        self._inputs = inputs
        self._recipe_name = recipe_name
        self._json_lines = json_lines
        self._rows: list[dict[str, Any]] = []

    def count(self, status: str) -> int:
        """Number of inputs with this status."""
        return sum(row["status"] == status for row in self._rows)

    def left_out(self, what: LeftOut) -> None:
        """Record an input that is no job."""
        self._add(_row(what.source, what.status, what.reason))

    def not_done(self, job: Job, status: str, reason: object) -> None:
        """Record a job that brought no output: ``"empty"`` or ``"failed"``."""
        self._add(_row(job.source, status, reason))

    def held(self, job: Job, error: CheckError) -> None:
        """Record a job of which no output passed the check."""
        self._add(
            _row(job.source, "held", error)
            | {
                "check": error.report["verdict"],
                "redraws": error.report["redraws"],
                "measures": error.report["measures"],
            }
        )

    def done(self, result: FileResult) -> None:
        """Record a recording that was delivered."""
        self.audio_s += result.duration_s
        self._add(
            _row(result.source, "done", result.salvaged)
            | {
                "destination": str(result.destination),
                "frames": result.frames,
                "rate_hz": result.rate,
                "channels": result.channels,
                "duration_s": round(result.duration_s, 6),
                "elapsed_s": round(result.elapsed_s, 6),
                "check": result.check,
                "redraws": result.redraws,
                "measures": None if result.report is None else result.report.as_dict()["measures"],
                "salvaged": None if result.salvaged is None else result.salvaged.as_dict(),
            }
        )

    def close(self) -> None:
        """Print the summary."""
        elapsed_s = time.monotonic() - self._started_s
        counts = {status: self.count(status) for status in _STYLES}
        if self._json_lines:
            print_json(
                {
                    "type": "summary",
                    "inputs": self._inputs,
                    **counts,
                    "salvaged": self._salvaged(),
                    "interrupted": self.interrupted,
                    "audio_s": round(self.audio_s, 6),
                    "elapsed_s": round(elapsed_s, 6),
                    "recipe": self._recipe_name,
                    "checks": self._checks(),
                }
            )
            return
        self._print_table()
        listed = ", ".join(f"{number} {status}" for status, number in counts.items())
        if self._salvaged():
            listed += f" ({self._salvaged()} of those done salvaged, not whole)"
        results().print(
            f"{listed} · {self.audio_s / 3600:.2f} h of audio in {elapsed_s:.1f} s · "
            f"recipe {self._recipe_name} · {self._said_of_checks()}"
        )

    def _checks(self) -> dict[str, int]:
        """How many of the recordings delivered came out how."""
        return dict(Counter(row["check"] for row in self._rows if row["status"] == "done"))

    def _salvaged(self) -> int:
        """How many of the recordings delivered are damaged ones, as far as they could be read."""
        return sum(row["salvaged"] is not None for row in self._rows)

    def _said_of_checks(self) -> str:
        found = self._checks()
        if not found:
            return "nothing was delivered"
        said = [f"{number} {verdict}" for verdict, number in found.items() if verdict != "pass"]
        return "checked: " + (", ".join(said) if said else "all delivered pass")

    def _add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if self._json_lines:
            print_json(row)

    def _print_table(self) -> None:
        from rich.table import Table
        from rich.text import Text

        brief = len(self._rows) > _MAX_ROWS
        rows = [row for row in self._rows if not brief or row["status"] != "done" or row["reason"]]
        if not rows:
            return
        table = Table("recording", "result", "length", "× real time", "reason")
        above = os.path.commonpath([Path(row["source"]).parent.absolute() for row in self._rows])
        for row in rows[:_MAX_ROWS]:
            is_done = row["status"] == "done"
            table.add_row(
                Text(printable(os.path.relpath(row["source"], above)), overflow="fold"),
                Text(row["status"], style=_STYLES[row["status"]]),
                f"{row['duration_s']:.1f} s" if is_done else "",
                f"{row['duration_s'] / max(row['elapsed_s'], 1e-9):.0f}" if is_done else "",
                Text(row["reason"] or "", overflow="fold"),
            )
        results().print(Text(f"in {printable(above)}:"))
        results().print(table)
        if len(rows) > _MAX_ROWS:
            results().print(f"… and {len(rows) - _MAX_ROWS} more; --json lists all")


def _row(source: Path, status: str, reason: object) -> dict[str, Any]:
    """A result with all its keys; what does not apply is null."""
    return {
        "type": "recording",
        "source": str(source),
        "destination": None,
        "status": status,
        "reason": None if reason is None else printable(reason),
        "frames": None,
        "rate_hz": None,
        "channels": None,
        "duration_s": None,
        "elapsed_s": None,
        "check": None,
        "redraws": None,
        "measures": None,
        "salvaged": None,
    }
