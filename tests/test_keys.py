"""Secrets and keyed draws: the published vectors, independence of names, and fair draws."""

import hashlib
import hmac
import math
import statistics
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from voiceanon.errors import InputError, SecretError
from voiceanon.keys import Draws, check_secret, derive, fresh_secret, hkdf_sha256

SECRET = bytes(range(32))
labels = st.lists(st.text(max_size=4) | st.binary(max_size=4), max_size=4)


# RFC 5869, appendix A.1 to A.3: input key material, salt, info, output.
VECTORS = [
    (
        "0b" * 22,
        "000102030405060708090a0b0c",
        "f0f1f2f3f4f5f6f7f8f9",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x00, 0x50)).hex(),
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
        "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
        "cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "0b" * 22,
        "",
        "",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.mark.parametrize(("material", "salt", "info", "output"), VECTORS)
def test_hkdf_agrees_with_rfc_5869(material: str, salt: str, info: str, output: str) -> None:
    got = hkdf_sha256(*(bytes.fromhex(part) for part in (material, salt, info)), len(output) // 2)
    assert got.hex() == output


def test_fresh_secrets_differ_and_pass_the_check() -> None:
    secrets = {fresh_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(check_secret(secret) == secret for secret in secrets)


@pytest.mark.parametrize("secret", [bytearray(SECRET), memoryview(SECRET), SECRET])
def test_bytes_of_every_kind_are_secrets(secret: object) -> None:
    assert check_secret(secret) == SECRET
    assert type(check_secret(secret)) is bytes


@pytest.mark.parametrize("secret", [None, "0" * 32, 5, b"", bytes(31), bytes(33), [0] * 32])
def test_other_things_are_not_secrets(secret: object) -> None:
    with pytest.raises(SecretError, match="32"):
        check_secret(secret)
    with pytest.raises(SecretError, match="32"):
        derive(secret)  # type: ignore[arg-type]
    with pytest.raises(SecretError, match="32"):
        Draws(secret)  # type: ignore[arg-type]


def test_a_refused_secret_is_not_shown() -> None:
    with pytest.raises(SecretError) as caught:
        check_secret("my password is swordfish")
    assert "swordfish" not in str(caught.value)


def test_neither_key_nor_labels_show() -> None:
    shown = repr(Draws(SECRET, "Anna Example"))
    assert "Anna" not in shown
    assert not hasattr(Draws(SECRET), "__dict__")


@given(labels, labels)
def test_other_labels_give_other_keys(one: list, other: list) -> None:
    plain_one, plain_other = (
        [x.encode("utf-8", "surrogatepass") if isinstance(x, str) else x for x in names]
        for names in (one, other)
    )
    same = plain_one == plain_other
    assert (derive(SECRET, *one) == derive(SECRET, *other)) is same
    assert (Draws(SECRET, *one).bytes(16) == Draws(SECRET, *other).bytes(16)) is same


@given(labels)
def test_another_secret_gives_another_key(names: list) -> None:
    assert derive(SECRET, *names) != derive(bytes(32), *names)
    assert Draws(SECRET, *names).bytes(32) != Draws(bytes(32), *names).bytes(32)


@given(labels)
def test_a_derived_key_is_no_part_of_the_draws_of_that_name(names: list) -> None:
    assert derive(SECRET, *names) not in Draws(SECRET, *names).bytes(1_000)


@pytest.mark.parametrize("label", [None, 5, 1.5, ["a"], ("a",)])
def test_only_text_and_bytes_are_labels(label: object) -> None:
    with pytest.raises(InputError, match="label"):
        derive(SECRET, label)  # type: ignore[arg-type]


def test_file_names_that_are_not_utf8_are_labels() -> None:
    assert derive(SECRET, "\udcff") != derive(SECRET, "\udcfe")


def test_draws_are_hmac_in_counter_mode() -> None:
    """Agrees with the definition written out, so that draws stay repeatable across versions."""
    info = (1).to_bytes(8, "big") + b"a" + (2).to_bytes(8, "big") + b"bc"
    pseudorandom = hmac.new(b"voiceanon draws 1", SECRET, hashlib.sha256).digest()
    key = hmac.new(pseudorandom, info + b"\x01", hashlib.sha256).digest()
    stream = b"".join(
        hmac.new(key, i.to_bytes(8, "big"), hashlib.sha256).digest() for i in range(3)
    )
    assert Draws(SECRET, "a", b"bc").bytes(96) == stream


@given(st.lists(st.integers(0, 70), max_size=12))
def test_bytes_do_not_depend_on_how_they_are_taken(counts: list[int]) -> None:
    draws = Draws(SECRET, "x")
    taken = b"".join(draws.bytes(count) for count in counts)
    assert taken == Draws(SECRET, "x").bytes(sum(counts))


def test_streams_do_not_disturb_each_other() -> None:
    alone = [Draws(SECRET, "x").uniform()]
    one, other = Draws(SECRET, "x"), Draws(SECRET, "y")
    other.normal()
    assert [one.uniform()] == alone


@given(st.integers(1, 2**70), st.binary(max_size=8))
def test_integers_stay_in_range(n: int, name: bytes) -> None:
    draws = Draws(SECRET, name)
    assert all(0 <= draws.integer(n) < n for _ in range(5))


@pytest.mark.parametrize("n", [1, 2, 3, 10, 255, 256, 257])
def test_integers_are_equally_likely(n: int) -> None:
    draws, rounds = Draws(SECRET, "fair"), 40
    counts = [0] * n
    for _ in range(n * rounds):
        counts[draws.integer(n)] += 1
    chi_square = sum((count - rounds) ** 2 / rounds for count in counts)
    # Mean n - 1, variance 2 (n - 1); five deviations would be one test in millions.
    assert chi_square <= n - 1 + 5 * math.sqrt(2 * max(n - 1, 1))


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_uniform_stays_between_its_bounds(one: float, other: float) -> None:
    low, high = sorted((one, other))
    draws = Draws(SECRET, "between")
    assert all(low <= draws.uniform(low, high) <= high for _ in range(20))


def test_uniform_and_normal_have_their_moments() -> None:
    draws = Draws(SECRET, "moments")
    uniform = [draws.uniform() for _ in range(4_000)]
    normal = [draws.normal() for _ in range(4_000)]
    assert abs(statistics.fmean(uniform) - 0.5) < 5 * math.sqrt(1 / 12 / 4_000)
    assert abs(statistics.fmean(normal)) < 5 / math.sqrt(4_000)
    assert abs(statistics.pvariance(normal) - 1) < 5 * math.sqrt(2 / 4_000)
    # Kolmogorov's distance to the normal distribution; 1.95/√n is exceeded once in a thousand.
    cdf = statistics.NormalDist().cdf
    ranked = sorted(normal)
    distance = max(
        max(abs(cdf(x) - i / 4_000), abs(cdf(x) - (i + 1) / 4_000)) for i, x in enumerate(ranked)
    )
    assert distance < 1.95 / math.sqrt(4_000)
    correlation = statistics.fmean(a * b for a, b in pairwise(normal))
    assert abs(correlation) < 5 / math.sqrt(4_000)


def test_impossible_draws_are_refused() -> None:
    draws = Draws(SECRET)
    with pytest.raises(InputError, match="n is 0"):
        draws.integer(0)
    with pytest.raises(InputError, match="count is -1"):
        draws.bytes(-1)
    for low, high in ((1.0, 0.0), (0.0, math.inf), (math.nan, 1.0)):
        with pytest.raises(InputError, match="low is"):
            draws.uniform(low, high)
