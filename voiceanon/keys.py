"""Secrets, the keys derived from them, and the keyed draws: the only source of randomness here.

A draw depends on the secret and on the labels it is named by, on nothing else: not on order, time,
worker or machine. Without the secret a draw cannot be repeated.
"""

from __future__ import annotations

import hmac
import math
import os

from voiceanon.errors import InputError, SecretError

__all__ = ["SECRET_BYTES", "Draws", "check_secret", "derive", "fresh_nonce", "fresh_secret"]

SECRET_BYTES = 32

# Different salts keep the keys handed out by `derive` apart from the streams inside `Draws`.
_SALT_DERIVE = b"voiceanon derive 1"
_SALT_DRAWS = b"voiceanon draws 1"

_HASH_BYTES = 32
# √(8/e): the width of the rectangle that the ratio of uniforms is drawn from, see Draws.normal.
_RATIO_OF_UNIFORMS = math.sqrt(8.0 / math.e)


def fresh_secret() -> bytes:
    """Return a new secret from the operating system.

    Returns
    -------
    bytes
        32 bytes.
    """
    return os.urandom(SECRET_BYTES)


def fresh_nonce(count: int) -> bytes:
    """Return `count` new bytes from the operating system, for a cipher: they are no secret."""
    return os.urandom(count)


def check_secret(secret: object) -> bytes:
    """Return the secret as bytes, or refuse it without showing it.

    Parameters
    ----------
    secret : bytes, bytearray or memoryview
        Exactly 32 bytes.

    Returns
    -------
    bytes
        The same 32 bytes.

    Raises
    ------
    SecretError
        If it is of another type or length.
    """
    if not isinstance(secret, (bytes, bytearray, memoryview)):
        raise SecretError(
            f"secret is of type {type(secret).__name__}: it must be {SECRET_BYTES} bytes"
        )
    plain = bytes(secret)
    if len(plain) != SECRET_BYTES:
        raise SecretError(f"secret has {len(plain)} bytes: it must have {SECRET_BYTES}")
    return plain


def derive(secret: bytes, *labels: str | bytes) -> bytes:
    """Return the key that belongs to these labels.

    Parameters
    ----------
    secret : bytes
        32 bytes.
    *labels : str or bytes
        What the key is for; ``("ab", "c")`` and ``("a", "bc")`` are different names.

    Returns
    -------
    bytes
        32 bytes.

    Raises
    ------
    SecretError
        If the secret is not 32 bytes.
    InputError
        If a label is neither text nor bytes.

    Notes
    -----
    HKDF with SHA-256 (RFC 5869); the info field is the labels, each after its length.
    """
    return hkdf_sha256(check_secret(secret), _SALT_DERIVE, _encode(labels), _HASH_BYTES)


class Draws:
    """A stream of draws named by a secret and labels; the same names give the same stream.

    Parameters
    ----------
    secret : bytes
        32 bytes.
    *labels : str or bytes
        What the draws are for, for example ``"voice", recording``.

    Raises
    ------
    SecretError
        If the secret is not 32 bytes.
    InputError
        If a label is neither text nor bytes.

    Notes
    -----
    Block *i* is HMAC-SHA256(key, *i*), the key from HKDF. Values are made by operations that IEEE
    754 defines to the last bit, so that every machine draws the same.

    Examples
    --------
    >>> Draws(bytes(32), "a").integer(1000) == Draws(bytes(32), "a").integer(1000)
    True
    """

    __slots__ = ("_block", "_counter", "_key")

    def __init__(self, secret: bytes, *labels: str | bytes) -> None:
        self._key = hkdf_sha256(check_secret(secret), _SALT_DRAWS, _encode(labels), _HASH_BYTES)
        self._counter = 0
        self._block = b""

    def __repr__(self) -> str:
        return "Draws(…)"  # neither the key nor the labels belong in a log

    def bytes(self, count: int) -> bytes:
        """Return the next `count` bytes of the stream, 0 or more."""
        if count < 0:
            raise InputError(f"count is {count}: it must be 0 or more")
        parts = [self._block]
        have = len(self._block)
        while have < count:
            parts.append(hmac.digest(self._key, self._counter.to_bytes(8, "big"), "sha256"))
            self._counter += 1
            have += _HASH_BYTES
        joined = b"".join(parts)
        self._block = joined[count:]
        return joined[:count]

    def integer(self, n: int) -> int:
        """Return a whole number from 0 to ``n - 1``, each equally likely.

        Parameters
        ----------
        n : int
            1 or more.

        Returns
        -------
        int
            The draw.

        Raises
        ------
        InputError
            If `n` is less than 1.
        """
        if n < 1:
            raise InputError(f"n is {n}: it must be 1 or more")
        bits = (n - 1).bit_length()
        size = (bits + 7) // 8
        while True:  # a remainder would favour small numbers, so values past the end are redrawn
            value = int.from_bytes(self.bytes(size), "big") >> (8 * size - bits)
            if value < n:
                return value

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return a number from `low` to `high`, each of 2**53 equal steps equally likely.

        Parameters
        ----------
        low, high : float
            Finite, ``low <= high``.

        Returns
        -------
        float
            ``low <= draw <= high``; `high` itself is reached only by rounding.

        Raises
        ------
        InputError
            If the bounds are not finite or the wrong way round.
        """
        if not (math.isfinite(high - low) and low <= high):
            raise InputError(f"low is {low}, high is {high}: they must be finite, low <= high")
        return low + (high - low) * self._unit()

    def normal(self) -> float:
        """Return a draw from the normal distribution of mean 0 and deviation 1.

        Notes
        -----
        Ratio of uniforms (Kinderman and Monahan 1977): x = √(8/e) (v − ½) / u is kept where
        x² ≤ −4 ln u. The logarithm only decides, so its last bit does not enter the value.
        """
        while True:
            u = 1.0 - self._unit()  # (0, 1]
            x = _RATIO_OF_UNIFORMS * (self._unit() - 0.5) / u
            if x * x <= -4.0 * math.log(u):
                return x

    def _unit(self) -> float:
        """Return a number in [0, 1)."""
        return (int.from_bytes(self.bytes(8), "big") >> 11) * 2.0**-53


def hkdf_sha256(key_material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """Return `length` bytes (at most 8160) by HKDF with SHA-256, RFC 5869 sections 2.2 and 2.3."""
    pseudorandom_key = hmac.digest(salt or bytes(_HASH_BYTES), key_material, "sha256")
    block, output = b"", b""
    for counter in range(1, -(-length // _HASH_BYTES) + 1):
        block = hmac.digest(pseudorandom_key, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


def _encode(labels: tuple[str | bytes, ...]) -> bytes:
    """Return the labels in a form that no other labels share: each after its length."""
    parts = []
    for label in labels:
        if not isinstance(label, (str, bytes)):
            raise InputError(f"label is of type {type(label).__name__}: it must be text or bytes")
        # File names that are not valid UTF-8 reach us with lone surrogates.
        plain = label.encode("utf-8", "surrogatepass") if isinstance(label, str) else label
        parts.append(len(plain).to_bytes(8, "big") + plain)
    return b"".join(parts)
