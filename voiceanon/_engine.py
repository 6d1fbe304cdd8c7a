"""Choose, once at import, the compiled core made for this processor.

The same C++ is compiled once for each SIMD level. The widest level that the processor has is
taken; the environment variable VOICEANON_SIMD (baseline, v3 or v4) forces one.
"""

from __future__ import annotations

import importlib
import os
from importlib.util import find_spec
from types import ModuleType

import voiceanon._engine_baseline as _baseline
from voiceanon.errors import InputError

LEVELS = ("v4", "v3", "baseline")


def built_levels() -> tuple[str, ...]:
    """Return the levels that were built for this kind of processor, widest first."""
    return tuple(level for level in LEVELS if find_spec(f"voiceanon._engine_{level}"))


def usable_levels() -> tuple[str, ...]:
    """Return the built levels that this processor has, widest first."""
    return tuple(level for level in built_levels() if _baseline.cpu_supports(level))


def _load() -> ModuleType:
    forced = os.environ.get("VOICEANON_SIMD", "")
    usable = usable_levels()
    if not forced:
        return importlib.import_module(f"voiceanon._engine_{usable[0]}")
    if forced not in usable:
        why = "is not usable on this machine" if forced in LEVELS else "is not a SIMD level"
        allowed = ", ".join(usable)
        raise InputError(f"VOICEANON_SIMD={forced!r} {why}: allowed here are {allowed}")
    return importlib.import_module(f"voiceanon._engine_{forced}")


_chosen = _load()
LEVEL: str = _chosen.LEVEL
_bound = {name: thing for name, thing in vars(_chosen).items() if not name.startswith("_")}
globals().update(_bound)
__all__ = ["LEVELS", "built_levels", "usable_levels", *_bound]  # noqa: PLE0604 (the keys are names)
