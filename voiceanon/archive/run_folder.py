"""Where a run keeps its settings, key, manifest, ledgers and locks, apart from the outputs.

The folder lies beside the destination, never in it, is open to its owner alone, and loses its key
when the run is finished: what is left then tells neither names nor draws.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from voiceanon.errors import DestinationError, InputError, SecretError
from voiceanon.file_plan import make_folder
from voiceanon.formats.placing import write_whole
from voiceanon.keys import SECRET_BYTES, check_secret
from voiceanon.recipe import Recipe

__all__ = ["RunFolder", "RunSettings", "Shard"]

_PLAN, _KEY, _MANIFEST = "plan.json", "key", "manifest.sqlite"


@dataclass(frozen=True)
class Shard:
    """One part of a run, for one machine: shard `number` of `count`, from 0."""

    number: int = 0
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return what ``"1/4"`` names: the first of four.

        Examples
        --------
        >>> Shard.parse("2/4")
        Shard(number=1, count=4)
        """
        number, slash, count = text.partition("/")
        if slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
            return cls(int(number) - 1, int(count))
        raise InputError(f"shard is {text!r}: it must be like 1/4, the first of four")

    @property
    def name(self) -> str:
        """For files: ``"2-of-4"``."""
        return f"{self.number + 1}-of-{self.count}"


@dataclass(frozen=True)
class RunSettings:
    """What a run does with every recording; decided when it is planned.

    Attributes
    ----------
    run : str
        A name of this run alone, for its ledgers.
    source, destination : str
        Where recordings come from, and where outputs go.
    recipe : dict
        Settings of the recipe, by name.
    audio : str
        ``".flac"``, ``".wav"`` or nothing, where no audio is made.
    level : str
        ``"content"`` or ``"measures"`` where descriptions are stored, else nothing.
    keep_names : bool
        Whether outputs are called as their recordings.
    check, allow_unmeasured : bool
        Of the gate.
    language : str
        Of the speech, as ISO 639-1.
    """

    run: str
    source: str
    destination: str
    recipe: dict[str, Any]
    audio: str = ".flac"
    level: str = ""
    keep_names: bool = False
    check: bool = True
    allow_unmeasured: bool = False
    language: str = "en"

    def recipe_made(self) -> Recipe:
        """Return the recipe."""
        return Recipe(**self.recipe)


class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    path : Path
        Of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self, settings: RunSettings, key: bytes) -> RunFolder:
        """Make the folder of a new run; returns itself.

        Raises
        ------
        DestinationError
            If there is one already.
        """
        if os.path.lexists(self.path / _PLAN):
            raise DestinationError(
                f"{str(self.path)!r} holds a run already: go on with it, or remove that folder"
            )
        make_folder(self.path)
        write_whole(self.path / _KEY, check_secret(key), overwrite=True)
        write_whole(self.path / _PLAN, _text_of(settings))
        return self

    def remove(self) -> None:
        """Remove a run that could not be planned, and its key."""
        self.destroy_key()
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def manifest(self) -> Path:
        """Where the manifest is."""
        return self.path / _MANIFEST

    def ledger(self, shard: Shard) -> Path:
        """Return where the ledger of a shard is."""
        return self.path / f"ledger-{shard.name}.sqlite"

    def ledgers(self) -> list[tuple[Shard, Path]]:
        """Return the ledgers that there are."""
        found = []
        for path in sorted(self.path.glob("ledger-*-of-*.sqlite")):
            number, _, count = path.stem.removeprefix("ledger-").partition("-of-")
            found.append((Shard.parse(f"{number}/{count}"), path))
        return found

    def settings(self) -> RunSettings:
        """Return what the run does.

        Raises
        ------
        InputError
            If there is no run, or its plan is damaged.
        """
        try:
            return RunSettings(**json.loads((self.path / _PLAN).read_bytes()))
        except OSError as error:
            raise InputError(
                f"{str(self.path)!r} holds no run: `voiceanon archive plan` makes one"
            ) from error
        except (ValueError, TypeError) as error:
            raise InputError(f"the plan in {str(self.path)!r} is damaged") from error

    def key(self) -> bytes:
        """Return the run's key.

        Raises
        ------
        SecretError
            If it is gone, because the run is finished, or damaged.
        """
        try:
            found = (self.path / _KEY).read_bytes()
        except OSError as error:
            raise SecretError("the key of this run is gone: it is finished") from error
        if len(found) != SECRET_BYTES:
            raise SecretError("the key of this run is damaged")
        return found

    @property
    def is_finished(self) -> bool:
        """Whether the key is destroyed."""
        return not os.path.lexists(self.path / _KEY)

    def destroy_key(self) -> None:
        """Overwrite and remove the key and everything that tells names."""
        with contextlib.suppress(InputError):
            nameless = replace(self.settings(), source="")
            write_whole(self.path / _PLAN, _text_of(nameless), overwrite=True)
        for path in (self.path / _KEY, self.manifest):
            with contextlib.suppress(FileNotFoundError):
                with path.open("r+b") as file:
                    # On a disk that writes in place it is gone; on others, unlinking must do.
                    left = path.stat().st_size
                    while left > 0:
                        left -= file.write(bytes(min(left, 1 << 20)))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()

    @contextlib.contextmanager
    def locked(self, shard: Shard) -> Iterator[None]:
        """Hold the lock of a shard while working on it.

        Raises
        ------
        DestinationError
            If somebody else holds it, or another split of the run into shards.
        """
        with contextlib.ExitStack() as held:
            # All shards of one split share the run; one of another split would share recordings.
            split = self._lock_file(held, "lock-split")
            text = os.pread(split, 32, 0).decode("ascii", "replace")
            try:
                fcntl.flock(split, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fcntl.flock(split, fcntl.LOCK_SH)
                if text != str(shard.count):
                    raise DestinationError(
                        f"locked: the run goes on elsewhere in {text or 'other'} shards"
                    ) from None
            else:
                os.ftruncate(split, 0)
                os.pwrite(split, str(shard.count).encode(), 0)
                fcntl.flock(split, fcntl.LOCK_SH)
            own = self._lock_file(held, f"lock-{shard.name}")
            try:
                fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DestinationError("locked: this run goes on elsewhere already") from None
            yield

    def _lock_file(self, held: contextlib.ExitStack, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path / name, flags, 0o600)
        held.callback(os.close, descriptor)
        return descriptor


def _text_of(settings: RunSettings) -> bytes:
    return json.dumps(asdict(settings), indent=1).encode() + b"\n"
