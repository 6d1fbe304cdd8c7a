"""What remembers between two calls lets one thread in at a time, and is not copied or pickled."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Concatenate, NoReturn, ParamSpec, TypeVar

from voiceanon.errors import StreamStateError

__all__ = ["OneThread", "in_turn"]

_Self = TypeVar("_Self", bound="OneThread")
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class OneThread:
    """Base of what holds state of the core, which works without the interpreter's lock.

    A second thread is refused, not kept waiting: whose samples come first would be chance.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise StreamStateError(
            f"a {self._kind} cannot be copied, pickled or sent to another process: make one there"
        )

    @property
    def _kind(self) -> str:
        return type(self).__name__.lower()


def in_turn(
    method: Callable[Concatenate[_Self, _Arguments], _Result],
) -> Callable[Concatenate[_Self, _Arguments], _Result]:
    """Return the method, refusing a thread that comes while another is in a method of the object.

    Raises
    ------
    StreamStateError
        If one is.
    """

    @functools.wraps(method)
    def taken(self: _Self, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        if not self._turn.acquire(blocking=False):
            raise StreamStateError(
                f"this {self._kind} is at work in another thread: use one {self._kind} a thread"
            )
        try:
            return method(self, *args, **kwargs)
        finally:
            self._turn.release()

    return taken
