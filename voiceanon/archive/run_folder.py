"""Where a run keeps its settings, key, manifest, ledgers and locks, apart from the outputs.

The folder lies beside the destination, never in it, is open to its owner alone, and loses its key
when the run is finished: what is left then tells neither names nor draws.

An operator's own key for the mark lies there too, as a copy that goes with the run's key. So it is
the same whenever and wherever the run goes on, is asked for once, and stands in no command of a
cluster's; workers read it there, on other nodes too, instead of being sent it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from voiceanon.errors import DestinationError, InputError, SecretError
from voiceanon.file_plan import make_folder
from voiceanon.formats.placing import TEMPORARY_PREFIX, cause, write_whole
from voiceanon.keys import SECRET_BYTES, check_secret, derive
from voiceanon.recipe import Recipe

__all__ = ["RunFolder", "RunSettings", "Shard", "mark_key_beside", "waiting_beside"]

_PLAN, _KEY, _MANIFEST, _WORK = "plan.json", "key", "manifest.sqlite", "work-"
_MARK_KEY = "mark-key"
_FINGERPRINT_BYTES = 16
_WAITING = "waiting"
_PATIENCE_S = 15.0  # while another shard starts at the same moment
_POLL_S = 0.05


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
    salvage : bool
        Whether damaged recordings are done as far as they can be decoded.
    profile : str
        What is removed of a voice is learned from its ``"recording"``, or from the first ones of
        its ``"speaker"``.
    owner : str
        Account that a destination in S3 must belong to; empty if it does not matter.
    allow_unchecked : list of str
        Checks of a bucket that may be left undone.
    packing : str
        Which outputs are delivered in tar files: see `voiceanon.archive.grouping`.
    own_mark : str
        Fingerprint of the operator's own key for the mark, in this run alone; empty where the mark
        is everybody's.
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
    salvage: bool = False
    profile: str = "recording"
    owner: str = ""
    allow_unchecked: list[str] = field(default_factory=list)
    packing: str = "none"
    own_mark: str = ""

    def recipe_made(self) -> Recipe:
        """Return the recipe."""
        return Recipe(**self.recipe)


def waiting_beside(work_folder: Path) -> Path:
    """Return where outputs for tar files wait, for a worker that knows its work folder alone."""
    return work_folder.with_name(_WAITING)


def mark_key_beside(work_folder: Path, settings: RunSettings) -> bytes | None:
    """Return what `RunFolder.mark_key` does, for a worker that knows its work folder alone."""
    return RunFolder(work_folder.parent).mark_key(settings)


class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    path : Path
        Of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self, settings: RunSettings, key: bytes, mark_key: bytes | None = None) -> RunFolder:
        """Make the folder of a new run; returns itself.

        Parameters
        ----------
        settings : RunSettings
            Of the run; `own_mark` is filled in.
        key : bytes
            Of the run, 32 of them.
        mark_key : bytes, optional
            The operator's own for the mark, 32 of them; otherwise it is everybody's.

        Raises
        ------
        DestinationError
            If there is one already.
        """
        if os.path.lexists(self.path / _PLAN):
            raise DestinationError(
                f"{str(self.path)!r} holds a run already: go on with it, or remove that folder"
            )
        secrets = {_KEY: check_secret(key)}
        if mark_key is not None:
            secrets[_MARK_KEY] = check_secret(mark_key)
        own_mark = "" if mark_key is None else _fingerprint(mark_key, settings.run)
        settings = replace(settings, own_mark=own_mark)
        make_folder(self.path)
        write_whole(self.path / _PLAN, _text_of(settings))  # of two, one gets it
        try:
            for name, secret in secrets.items():
                write_whole(self.path / name, secret, overwrite=True)
        except BaseException:
            self.remove()
            raise
        return self

    def remove(self) -> None:
        """Remove a run that could not be planned, and its key."""
        self.destroy_key()
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def manifest(self) -> Path:
        """Where the manifest is."""
        return self.path / _MANIFEST

    def work_folder(self, shard: Shard) -> Path:
        """Return where a shard puts what it reads or makes on the way, made if need be."""
        path = self.path / f"{_WORK}{shard.name}"
        make_folder(path)
        return path

    def remove_work_folders(self) -> None:
        """Remove what killed processes have left of the recordings."""
        for path in self.path.glob(f"{_WORK}*"):
            shutil.rmtree(path, ignore_errors=True)

    @property
    def waiting(self) -> Path:
        """Where outputs are until all of their tar file are made; see `waiting_beside`."""
        return self.path / _WAITING

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
        except FileNotFoundError as error:
            raise InputError(
                f"{str(self.path)!r} holds no run: `voiceanon archive plan` makes one"
            ) from error
        except OSError as error:
            raise InputError(
                f"the plan in {str(self.path)!r} cannot be read: {cause(error)}"
            ) from error
        except (ValueError, TypeError) as error:
            raise InputError(
                f"the plan in {str(self.path)!r} is damaged: plan the run again"
            ) from error

    def key(self) -> bytes:
        """Return the run's key.

        Raises
        ------
        SecretError
            If it is gone, because the run is finished, or damaged.
        InputError
            If there is no run.
        """
        if self.is_finished:
            self.settings()
            raise SecretError("the key of this run is gone: it is finished")
        return _secret_in(self.path / _KEY, "the key of this run")

    def mark_key(self, settings: RunSettings) -> bytes | None:
        """Return the operator's own key for the mark, None where the mark is everybody's.

        Raises
        ------
        SecretError
            If it is gone, or is not the one that the run was planned with: outputs of one run
            never carry different marks.
        """
        if not settings.own_mark:
            return None
        found = _secret_in(self.path / _MARK_KEY, "the mark's key of this run")
        if _fingerprint(found, settings.run) != settings.own_mark:
            raise SecretError("the mark's key of this run is another than when it was planned")
        return found

    @property
    def is_finished(self) -> bool:
        """Whether the key is destroyed."""
        return not os.path.lexists(self.path / _KEY)

    def destroy_key(self) -> None:
        """Overwrite and remove keys and everything that tells names; can be done again."""
        self.remove_work_folders()
        with contextlib.suppress(InputError):
            nameless = replace(self.settings(), source="")
            write_whole(self.path / _PLAN, _text_of(nameless), overwrite=True)
        parts = self.path.glob(f"{TEMPORARY_PREFIX}*")  # of a manifest that was never finished
        for path in (self.path / _MARK_KEY, self.path / _KEY, self.manifest, *parts):
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
    def locked(
        self, shard: Shard | None = None, on_alone: Callable[[], None] = lambda: None
    ) -> Iterator[None]:
        """Hold the lock of a shard while working on it, or of the whole run.

        Parameters
        ----------
        shard : Shard, optional
            Which part; without it, nobody else works on any.
        on_alone : callable
            Called with the lock of the whole run, if nobody else holds any.

        Raises
        ------
        DestinationError
            If somebody else holds it, or another split of the run into shards.
        """
        with contextlib.ExitStack() as held:
            # All shards of one split share the run; one of another split would share recordings.
            split = self._lock_file(held, "lock-split")
            if _took(split, fcntl.LOCK_EX):
                on_alone()
                if shard is not None:
                    _write_over(split, str(shard.count).encode())
            elif shard is None:
                raise DestinationError("locked: this run goes on elsewhere")
            if shard is not None:
                self._join(split, shard)
                own = self._lock_file(held, f"lock-{shard.name}")
                if not _took(own, fcntl.LOCK_EX):
                    raise DestinationError("locked: this run goes on elsewhere already")
            yield

    def _join(self, split: int, shard: Shard) -> None:
        """Share the split; looked at afterwards, since a lock is let go while it is changed."""
        until_s = time.monotonic() + _PATIENCE_S
        while not _took(split, fcntl.LOCK_SH):
            if time.monotonic() > until_s:
                raise DestinationError("locked: this run is verified or finished elsewhere")
            time.sleep(_POLL_S)
        count = os.pread(split, 32, 0).decode("ascii", "replace")
        if count != str(shard.count):
            raise DestinationError(
                f"locked: the run goes on elsewhere in {count or 'other'} shards"
            )

    def _lock_file(self, held: contextlib.ExitStack, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(self.path / name, flags, 0o600)
        except OSError as error:
            raise DestinationError(f"the run cannot be locked: {cause(error)}") from error
        held.callback(os.close, descriptor)
        return descriptor


def _write_over(descriptor: int, text: bytes) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text, 0)
    except OSError as error:
        raise DestinationError(f"the run cannot be locked: {cause(error)}") from error


def _took(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _secret_in(path: Path, what: str) -> bytes:
    try:
        found = path.read_bytes()
    except OSError as error:
        raise SecretError(f"{what} cannot be read: {cause(error)}") from error
    if len(found) != SECRET_BYTES:
        raise SecretError(f"{what} is damaged: only a copy of it helps")
    return found


def _fingerprint(mark_key: bytes, run: str) -> str:
    """Tells whether a key is the same; of another run it is another, so that none is linked."""
    return derive(mark_key, "fingerprint of mark key", run)[:_FINGERPRINT_BYTES].hex()


def _text_of(settings: RunSettings) -> bytes:
    return json.dumps(asdict(settings), indent=1).encode() + b"\n"
