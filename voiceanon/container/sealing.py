"""Encryption at rest: bytes that only who has the key can read, or change unnoticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from voiceanon.checks.optional import load
from voiceanon.errors import SecretError
from voiceanon.keys import check_secret, derive, fresh_nonce

__all__ = ["NONCE_BYTES", "TAG_BYTES", "Key", "seal", "unseal"]

NONCE_BYTES = 12
TAG_BYTES = 16
# Keeps the cipher's key apart from every draw that the same secret may make.
_LABEL = "stored form 1"

Key = bytes | Callable[[], bytes]


def seal(plain: bytes, header: bytes, key: Key) -> bytes:
    """Return a fresh nonce, the bytes encrypted, and the tag.

    Parameters
    ----------
    plain : bytes
        What is encrypted.
    header : bytes
        What stays readable and cannot be changed unnoticed either.
    key : bytes of length 32, or callable
        The key, or what returns it.

    Raises
    ------
    SecretError
        If the key is not 32 bytes.
    InputError
        If the package cryptography is not installed.

    Notes
    -----
    AES-256 in Galois/counter mode (NIST SP 800-38D) under a key derived from `key`
    (`voiceanon.keys.derive`). Nonces are drawn at random: one key is good for 2**32 files.
    """
    nonce = fresh_nonce(NONCE_BYTES)
    sealed: bytes = _cipher(key).encrypt(nonce, plain, header)
    return nonce + sealed


def unseal(sealed: bytes, header: bytes, key: Key) -> bytes:
    """Return the bytes that were sealed with this header and key.

    Raises
    ------
    SecretError
        If the key is not 32 bytes, is another one, or the bytes were changed.
    InputError
        If the package cryptography is not installed.
    """
    cipher = _cipher(key)
    refused = load("cryptography.exceptions").InvalidTag
    try:
        plain: bytes = cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], header)
    except (refused, ValueError) as error:  # ValueError: too short for nonce and tag
        raise SecretError("cannot be decrypted: the key is another one, or it was changed") from (
            error
        )
    return plain


def _cipher(key: Key) -> Any:
    secret = check_secret(key() if callable(key) else key)
    return load("cryptography.hazmat.primitives.ciphers.aead").AESGCM(derive(secret, _LABEL))
