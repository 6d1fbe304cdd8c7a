"""Pictures in files, made by matplotlib: for their owner only, with no trace but the plot."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from voiceanon.errors import DestinationError, InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check_name", "new_figure", "require_matplotlib", "save_figure"]

_DPI = 130


def check_name(path: str | os.PathLike[str]) -> None:
    """Refuse a name that does not end in ``.png``."""
    name = Path(path).name
    if Path(name).suffix.lower() != ".png":
        raise InputError(f"plot {name!r} does not end in .png, the format that is drawn")


def require_matplotlib() -> None:
    """Refuse at once where pictures cannot be drawn.

    Raises
    ------
    InputError
        If matplotlib is missing.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise InputError(
            "plots need matplotlib, which the extra 'report' brings: "
            'pip install "voiceanon[report]"'
        ) from error


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure of a size in inches.

    Raises
    ------
    InputError
        If matplotlib is missing.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), dpi=_DPI, layout="constrained")


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure as a PNG; a file that is there is replaced.

    Raises
    ------
    DestinationError
        If it cannot be written.
    """
    # For the owner only, as anonymized audio is: a recording can be heard out of its spectrogram.
    destination = Path(path)

    def for_owner(name: str, flags: int) -> int:
        return os.open(name, flags, mode=0o600)

    try:
        with open(destination, "wb", opener=for_owner) as file:
            # Nothing about this program or the time goes into the file.
            figure.savefig(file, format="png", metadata={"Software": None})
    except OSError as error:
        raise DestinationError(f"plot cannot be written: {error.strerror}") from error
    return destination
