"""Keys from files, the environment and keyrings: 32 bytes, or one error that shows nothing."""

import sys
from types import SimpleNamespace

import pytest

from voiceanon import SecretError, VoiceanonError
from voiceanon.container import key_sources
from voiceanon.container.key_sources import read_key

KEY = bytes(range(100, 132))


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(KEY)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("content", [KEY, KEY.hex().encode(), KEY.hex().upper().encode() + b"\n"])
def test_a_key_comes_from_a_file(key_file, content: bytes) -> None:
    key_file.write_bytes(content)
    assert read_key(f"file:{key_file}") == KEY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_open_to_others_is_refused(key_file, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(SecretError, match="chmod 600"):
        read_key(f"file:{key_file}")


@pytest.mark.parametrize(
    "content", [b"", KEY[:31], KEY + b"x", KEY.hex().encode()[:-1], b"\xff" * 64]
)
def test_a_file_without_a_key_is_refused(key_file, content: bytes) -> None:
    key_file.write_bytes(content)
    with pytest.raises(SecretError, match="64 hexadecimal digits") as caught:
        read_key(f"file:{key_file}")
    assert str(key_file) not in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path) -> None:
    for place in (tmp_path, tmp_path / "none", "nul\0name"):
        with pytest.raises(SecretError):
            read_key(f"file:{place}")


def test_a_key_comes_from_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("MY_KEY", f" {KEY.hex()} ")
    assert read_key("env:MY_KEY") == KEY
    monkeypatch.setenv("MY_KEY", "kö")
    for name in ("MY_KEY", "NO_SUCH_KEY"):
        with pytest.raises(SecretError, match="environment"):
            read_key(f"env:{name}")


def test_a_key_comes_from_a_keyring(monkeypatch) -> None:
    class LockedError(Exception):
        pass

    def get_password(service: str, user: str) -> str | None:
        if service == "locked":
            raise LockedError
        return {("speech", "me/you"): KEY.hex()}.get((service, user))

    errors = SimpleNamespace(KeyringError=LockedError)
    ring = SimpleNamespace(get_password=get_password, errors=errors)
    monkeypatch.setattr(key_sources, "load", lambda module: ring)
    assert read_key("keyring:speech/me/you") == KEY
    with pytest.raises(SecretError, match="not there"):
        read_key("keyring:speech/other")
    with pytest.raises(SecretError, match="cannot be read"):
        read_key("keyring:locked/me")


def test_a_keyring_that_is_not_installed_is_one_line(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(VoiceanonError, match="keyring is not installed"):
        read_key("keyring:speech/me")


@pytest.mark.parametrize("spec", [KEY.hex(), "", "file:", "env", "hex:" + KEY.hex(), ":x"])
def test_a_key_is_never_given_itself_nor_shown(spec: str) -> None:
    with pytest.raises(SecretError, match="file:PATH") as caught:
        read_key(spec)
    assert KEY.hex() not in str(caught.value)
