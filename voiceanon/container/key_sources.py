"""Where a key comes from: a file, the environment or a keyring, never the command line itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from voiceanon.checks.optional import load
from voiceanon.errors import SecretError
from voiceanon.keys import SECRET_BYTES

__all__ = ["read_key"]

_MOST_BYTES = 4 * SECRET_BYTES


def read_key(spec: str) -> bytes:
    """Return the key that a specification names.

    Parameters
    ----------
    spec : str
        ``file:PATH``, 32 bytes or 64 hexadecimal digits in a file that its owner alone may read;
        ``env:NAME``, 64 hexadecimal digits in an environment variable; or ``keyring:SERVICE/USER``,
        the same in the keyring of the system (package keyring).

    Returns
    -------
    bytes
        32 bytes.

    Raises
    ------
    SecretError
        If there is no such key, others may read its file, or it is not 32 bytes. No message shows
        any of it, or the specification, which may be a key by mistake.
    InputError
        If the package keyring is asked for and not installed.
    """
    scheme, found, place = spec.partition(":")
    reader = _READERS.get(scheme)
    if not found or not place or reader is None:
        raise SecretError("key must be given as file:PATH, env:NAME or keyring:SERVICE/USER")
    return reader(place)


def _from_file(place: str) -> bytes:
    try:
        # O_NONBLOCK: a named pipe must be refused, not waited for.
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise SecretError(f"key file cannot be opened: {_words(error)}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SecretError("key file is not a regular file")
        if status.st_mode & 0o077:
            raise SecretError("key file is open to others than its owner: chmod 600 it")
        data = os.read(descriptor, _MOST_BYTES)
    except OSError as error:
        raise SecretError(f"key file cannot be read: {_words(error)}") from error
    finally:
        os.close(descriptor)
    return data if len(data) == SECRET_BYTES else _from_digits(data.decode("latin-1"), "key file")


def _from_environment(place: str) -> bytes:
    return _from_digits(os.environ.get(place), "environment variable of the key")


def _from_keyring(place: str) -> bytes:
    service, _, user = place.partition("/")
    keyring = load("keyring")
    try:
        password = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise SecretError(f"keyring cannot be read: {type(error).__name__}") from error
    return _from_digits(password, "keyring's entry")


def _from_digits(text: str | None, where: str) -> bytes:
    wanted = f"it must hold {2 * SECRET_BYTES} hexadecimal digits"
    if text is None:
        raise SecretError(f"{where} is not there: {wanted}")
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != SECRET_BYTES:
        raise SecretError(f"{where} has something else: {wanted}")
    return key


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or "its name is not a file name"


_READERS: dict[str, Callable[[str], bytes]] = {
    "file": _from_file,
    "env": _from_environment,
    "keyring": _from_keyring,
}
