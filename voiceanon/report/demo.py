"""The last step of `make demo`: draws one recording before and after, and says where things are.

Run as ``python -m voiceanon.report.demo ORIGINALS ANONYMIZED``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from voiceanon.errors import InputError, VoiceanonError
from voiceanon.formats import AudioReader
from voiceanon.report.spectrogram import LONGEST_S, before_after_plot

PLOT_NAME = "spectrogram.png"


def draw_demo(originals: Path, anonymized: Path) -> tuple[Path, Path, Path]:
    """Draw the first recording of a folder that has an anonymized version in the other.

    Parameters
    ----------
    originals : Path
        A folder with recordings.
    anonymized : Path
        What ``voiceanon anonymize`` made of it; the plot goes here as ``spectrogram.png``.

    Returns
    -------
    tuple of Path
        The original, its anonymized version, and the plot.

    Raises
    ------
    InputError
        If there is no such pair, or matplotlib is missing.
    RecordingError, DestinationError
        If a recording cannot be read or the plot cannot be written.
    """
    pairs = ((anonymized / f"{path.stem}.flac", path) for path in sorted(originals.iterdir()))
    found = next(((after, before) for after, before in pairs if after.is_file()), None)
    if found is None:
        raise InputError(f"{str(anonymized)!r} has no anonymized version of {str(originals)!r}")
    after, before = found
    with AudioReader(before) as reader, AudioReader(after) as other:
        frames = min(reader.declared_frames, int(LONGEST_S * reader.rate))
        plot = before_after_plot(
            next(iter(reader.blocks(frames)))[0],
            next(iter(other.blocks(frames)))[0],
            reader.rate,
            anonymized / PLOT_NAME,
            title=f"Recording {before.stem}, before and after anonymizing",
        )
    return before, after, plot


def main() -> None:
    """Run the program; it ends with the exit code of the error, if there is one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("originals", type=Path, help="folder with recordings")
    parser.add_argument("anonymized", type=Path, help="what voiceanon anonymize made of it")
    arguments = parser.parse_args()
    try:
        before, after, plot = draw_demo(arguments.originals, arguments.anonymized)
    except VoiceanonError as error:
        sys.stderr.write(f"demo: {error}\n")
        sys.exit(error.exit_code)
    sys.stdout.write(
        "\nListen and look:\n"
        f"  one original    {before}\n"
        f"  anonymized      {after}\n"
        f"  all anonymized  {arguments.anonymized}/\n"
        f"  the picture     {plot}\n"
        "Every run draws new pseudo-voices, so the next one sounds different.\n"
    )


if __name__ == "__main__":
    main()
