"""What to do to a voice: frozen settings with a version and a hash, in and out of TOML."""

from __future__ import annotations

import json
import sys
from dataclasses import Field, dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from voiceanon.errors import RecipeError

__all__ = ["DEFAULT_RECIPE", "DESCRIBING_RECIPE", "VOICES", "Recipe", "recipe_names"]

DEFAULT_RECIPE = "template"
# What descriptions are made by, unless another is named.
DESCRIBING_RECIPE = "plain"

# A recipe is a page of settings; anything larger is not one.
MAX_FILE_BYTES = 65_536
_MOST_SHOWN = 80

Setting = str | int | float

# The made-up voices that have a name.
VOICES = tuple(
    f"{kind}-{pitch}" for kind in ("female", "neutral", "male") for pitch in ("low", "mid", "high")
)


def _one_of(default: Setting, *allowed: Setting) -> Any:
    return field(default=default, metadata={"allowed": allowed})


def _between(default: Setting, low: float, high: float) -> Any:
    return field(default=default, metadata={"low": low, "high": high})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of one way to anonymize.

    Attributes
    ----------
    name : str
        Letters, digits, ``-`` and ``_``, at most 64; part of the hash.
    version : int
        Version of the recipe, 1 or more: another version may sound different.
    removal : {"template", "bottleneck", "none"}
        How the speaker is removed: mapped to the template, or also squeezed through units that
        everybody shares. ``"none"`` only measures the vocoder and protects nobody.
    band_hz : {16000, 24000, 48000}
        Internal sampling rate, in Hz; the output has the input's rate all the same.
    pitch_levels : int
        Number of levels that normalised pitch is rounded to; 0 leaves it as it is. 0 to 256. At 1
        nothing of the melody is left, and a made-up one is spoken (`voiceanon.melody`).
    pitch_range : {"recording", "voice", "constant"}
        Range of pitch in the output: the recording's own, the pseudo-voice's, or none (monotone).
        A description does not hold it: with removal ``"bottleneck"``, and while a profile adapts,
        it is the pseudo-voice's.
    residual : float
        Share of each frame's detail around the template that is kept, 0 to 1.
    detail_order : int
        Number of cepstral coefficients of spectral detail that are kept, 1 to 128; the template
        has 24, and the others are its own. This and `residual` are the template's alone.
    unit_digits : int
        Digits of a unit that the bottleneck keeps, 1 to 6: more keep more words, and more of the
        speaker.
    level_steps : int
        With removal ``"bottleneck"``: how many steps of 6 dB level is kept in at once, 1 to 4.
    accent : float
        Spread of the accent that the bottleneck draws for each recording, 0 to 1, where a digit's
        places lie within ±1: it hides the speaker's own in stored units, and costs words.
    voice : str
        The pseudo-voice that speaks: ``"drawn"``, or the name of a made-up one, as
        ``"female-low"``.
    voice_draw : {"recording", "speaker", "constant"}
        For what one pseudo-voice is drawn: each recording, each speaker, or everybody at once.
    profile_source : {"recording", "adapting"}
        Whether the speaker's profile comes from a first pass or adapts as the stream goes.
    level_dbfs : float
        Level of active speech in the output, in dB relative to full scale, -60 to -10.
    time_warp : float
        Largest local change of pace as a fraction, 0 to 0.2; start and end stay in place.
    noise_gate_db : float
        Frames this far below active speech become silence, in dB, -120 to 0.
    mark_db : float
        How much the mark makes its cells of time and frequency louder or softer, in dB, 0 (none)
        to 3; see `voiceanon.detect`.
    check_agreement : float
        How well the phones of a recording and its output must agree, 0 to 1, or the output is held;
        see `voiceanon.checks.gate`.
    check_lost_s_per_min : float
        From how many seconds of lost sound a minute on an output is held, 0.05 to 30; a recording
        of less than a minute counts as one.
    check_redraws : int
        How many further pseudo-voices are drawn for a recording whose output is held, 0 to 20.
    allow_unprotected : bool
        Permission for settings that protect nobody; never stored, so it must be given each time.

    Raises
    ------
    RecipeError
        If a setting is out of range, or protects nobody and `allow_unprotected` is false.

    Examples
    --------
    >>> Recipe.named("template").band_hz
    16000
    """

    name: str
    version: int = _between(1, 1, 1_000_000)
    removal: str = _one_of("template", "template", "bottleneck", "none")
    band_hz: int = _one_of(16_000, 16_000, 24_000, 48_000)
    pitch_levels: int = _between(16, 0, 256)
    pitch_range: str = _one_of("recording", "recording", "voice", "constant")
    residual: float = _between(0.3, 0.0, 1.0)
    detail_order: int = _between(12, 1, 128)
    unit_digits: int = _between(6, 1, 6)
    level_steps: int = _between(1, 1, 4)
    accent: float = _between(0.0, 0.0, 1.0)
    voice: str = _one_of(
        "drawn",
        "drawn",
        *VOICES,
    )
    voice_draw: str = _one_of("recording", "recording", "speaker", "constant")
    profile_source: str = _one_of("recording", "recording", "adapting")
    level_dbfs: float = _between(-26.0, -60.0, -10.0)
    time_warp: float = _between(0.0, 0.0, 0.2)
    noise_gate_db: float = _between(-50.0, -120.0, 0.0)
    mark_db: float = _between(0.5, 0.0, 3.0)
    check_agreement: float = _between(0.85, 0.0, 1.0)
    check_lost_s_per_min: float = _between(0.25, 0.05, 30.0)
    check_redraws: int = _between(2, 0, 20)
    allow_unprotected: bool = field(default=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._check_name()
        for setting in fields(self):
            if setting.metadata:
                value = _checked(getattr(self, setting.name), setting)
                object.__setattr__(self, setting.name, value)
        if not self.protects and self.allow_unprotected is not True:
            raise RecipeError(
                f"recipe {self.name!r} removes no speaker and protects nobody: "
                "it runs only with allow_unprotected=True"
            )

    @property
    def protects(self) -> bool:
        """Whether the recipe removes the speaker at all."""
        return self.removal != "none"

    @property
    def hash(self) -> str:
        """SHA-256 of the stored settings as canonical JSON, 64 hexadecimal digits."""
        canonical = json.dumps(self.settings(), sort_keys=True, separators=(",", ":"))
        return sha256(canonical.encode()).hexdigest()

    def settings(self) -> dict[str, Setting]:
        """Return the stored settings by name, in the order of the class."""
        return {name: getattr(self, name) for name in _stored_names()}

    @classmethod
    def named(cls, name: str, *, allow_unprotected: bool = False) -> Recipe:
        """Return a recipe that comes with the package.

        Parameters
        ----------
        name : str
            One of `recipe_names`.
        allow_unprotected : bool
            Permission for a recipe that protects nobody.

        Returns
        -------
        Recipe
            The recipe; ``"default"`` gives the recipe that it stands for.

        Raises
        ------
        RecipeError
            If there is no such recipe, or it needs the permission.
        """
        own_name = DEFAULT_RECIPE if name == "default" else name
        if not isinstance(name, str) or own_name not in _NAMED:
            known = recipe_names()
            raise RecipeError(
                f"recipe is {name!r}{_suggestion(name, known)}: it must be one of {_listed(known)}"
            )
        return cls(name=own_name, allow_unprotected=allow_unprotected, **_NAMED[own_name])

    @classmethod
    def from_toml(cls, text: str, *, allow_unprotected: bool = False) -> Recipe:
        """Return the recipe that TOML text describes; absent settings have their defaults.

        Parameters
        ----------
        text : str
            One setting a line, ``name = "…"`` at least.
        allow_unprotected : bool
            Permission for a recipe that protects nobody.

        Returns
        -------
        Recipe
            The recipe.

        Raises
        ------
        RecipeError
            If it is not TOML, a setting is unknown or impossible, or the name is absent.
        """
        found = _parse(text)
        known = _stored_names()
        for key in found:
            if key not in known:
                raise RecipeError(
                    f"unknown setting {_shown(key)}{_suggestion(key, known)}: "
                    f"a recipe has {_listed(known)}"
                )
        if "name" not in found:
            raise RecipeError('a recipe must have a name: name = "…"')
        return cls(allow_unprotected=allow_unprotected, **found)

    @classmethod
    def read(cls, path: str | Path, *, allow_unprotected: bool = False) -> Recipe:
        """Return the recipe in a TOML file of at most 64 KiB.

        Parameters
        ----------
        path : str or Path
            The file.
        allow_unprotected : bool
            Permission for a recipe that protects nobody.

        Returns
        -------
        Recipe
            The recipe.

        Raises
        ------
        RecipeError
            If the file cannot be read or does not hold a recipe.
        """
        try:
            with Path(path).open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
            text = data.decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"recipe file {path} cannot be read: {error}") from error
        if len(data) > MAX_FILE_BYTES:
            raise RecipeError(f"recipe file {path} has over {MAX_FILE_BYTES} bytes: not a recipe")
        return cls.from_toml(text, allow_unprotected=allow_unprotected)

    def to_toml(self) -> str:
        """Return the stored settings as TOML, one a line; `from_toml` reads them back."""
        # JSON's strings and numbers are TOML's too, for the plain values that a setting can have.
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in self.settings().items()]
        return "".join(lines)

    def _check_name(self) -> None:
        is_plain = isinstance(self.name, str) and 1 <= len(self.name) <= 64
        if not is_plain or not all(c.isascii() and (c.isalnum() or c in "-_") for c in self.name):
            raise RecipeError(
                f"name is {_shown(self.name)}: it must be 1 to 64 letters, digits, '-' or '_'"
            )


_NAMED: dict[str, dict[str, Any]] = {
    "template": {},
    "bottleneck": {"removal": "bottleneck", "pitch_levels": 4},
    "plain": {
        "removal": "bottleneck",
        "pitch_levels": 1,
        "pitch_range": "voice",
        "level_steps": 2,
        "accent": 0.12,
    },
    "resynthesis": {"removal": "none", "pitch_levels": 0, "residual": 1.0},
}


def recipe_names() -> tuple[str, ...]:
    """Return the names that `Recipe.named` knows."""
    return ("default", *_NAMED)


def _stored_names() -> tuple[str, ...]:
    return tuple(setting.name for setting in fields(Recipe) if setting.compare)


def _checked(value: object, setting: Field[Any]) -> Setting:
    """Return the value in the setting's own type, or say what is allowed."""
    if "allowed" in setting.metadata:
        allowed: tuple[Setting, ...] = setting.metadata["allowed"]
        for choice in allowed:
            if type(value) is type(choice) and value == choice:
                return choice
        raise RecipeError(
            f"{setting.name} is {_shown(value)}: it must be one of {_listed(allowed)}"
        )
    low, high = setting.metadata["low"], setting.metadata["high"]
    is_whole = isinstance(setting.default, int)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
        if isinstance(value, int) and is_whole:
            return value
        if not is_whole:
            return float(value) + 0.0  # 0, 0.0 and -0.0 are one setting, so they have one hash
    kind = "a whole number" if is_whole else "a number"
    raise RecipeError(
        f"{setting.name} is {_shown(value)}: it must be {kind} from {low:g} to {high:g}"
    )


def _parse(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        settings: dict[str, Any] = tomllib.loads(text)
    except RecursionError as error:
        raise RecipeError("the recipe is not TOML: it is nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError, or an integer with more digits than Python reads
        raise RecipeError(f"the recipe is not TOML: {error}") from error
    return settings


def _shown(value: object) -> str:
    """Return a setting as an error shows it, on one short line."""
    try:
        text = repr(value)
    except ValueError:  # TOML's hexadecimal integers may have more digits than Python writes
        return "a number of over 4000 digits"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _suggestion(found: object, known: tuple[str, ...]) -> str:
    import difflib  # only needed here, and slow to import

    close = difflib.get_close_matches(str(found), known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _listed(values: tuple[Setting, ...]) -> str:
    return ", ".join(str(value) for value in values)
