"""The pictures: PNG files that show what was given, for their owner only, or one clear error."""

import stat
import sys

import numpy as np
import pytest
from bad_arrays import BAD, ODD, RATE, Row, refuses, tone

from voiceanon.cli.doctor import vowel
from voiceanon.errors import DestinationError, InputError

pytest.importorskip("matplotlib")

from voiceanon.report import before_after_plot, voices_plot

BLUE, VERMILION = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)


def rows_with(colour, path):
    """Rows of a picture, from its top, that hold pixels of exactly a colour; and all its rows."""
    from matplotlib.image import imread

    pixels = np.rint(255 * imread(path)[:, :, :3]).astype(int)
    return np.flatnonzero((pixels == colour).all(axis=2).any(axis=1)), len(pixels)


def test_each_panel_has_its_own_pitch(tmp_path):
    path = before_after_plot(vowel(120), vowel(200), RATE, tmp_path / "a.png")
    blue, height = rows_with(BLUE, path)
    vermilion, _ = rows_with(VERMILION, path)
    assert blue.min() < height / 2 < blue.max()  # above, and dotted below
    assert vermilion.min() > height / 2


def test_a_higher_voice_is_drawn_higher(tmp_path):
    middles = []
    for f0_hz in (110, 220, 440):
        path = before_after_plot(vowel(120), vowel(f0_hz), RATE, tmp_path / "a.png")
        rows, height = rows_with(VERMILION, path)
        rows = rows[rows > 0.6 * height]  # below the legend, which shows the colour too
        middles.append(np.median(rows))
    steps = -np.diff(middles)
    assert (steps > 5).all()
    assert steps[0] == pytest.approx(steps[1], rel=0.25)  # an octave is an octave


def test_the_same_input_gives_the_same_file(tmp_path):
    one, two = (
        before_after_plot(vowel(120), vowel(200), RATE, tmp_path / name).read_bytes()
        for name in ("a.png", "b.png")
    )
    assert one == two
    assert one.startswith(b"\x89PNG")
    assert b"tEXt" not in one  # no program, no time, no name


@pytest.mark.parametrize("rate", [8_000, 11_025, 48_000, 192_000])
@pytest.mark.parametrize("n", [2, 100, 5_000])
def test_any_rate_and_length_can_be_drawn(rate, n, tmp_path):
    samples = np.zeros(n, np.int16)
    assert before_after_plot(samples, samples, rate, tmp_path / "a.png").stat().st_size > 1_000


def test_long_recordings_are_drawn_from_their_start(tmp_path):
    start = np.tile(vowel(120), 15)
    whole = np.concatenate([start, tone(shape=(2 * RATE,))])
    one = before_after_plot(start, start, RATE, tmp_path / "a.png").read_bytes()
    two = before_after_plot(whole, whole, RATE, tmp_path / "b.png").read_bytes()
    assert one == two


def test_pictures_are_for_their_owner_only(tmp_path):
    path = voices_plot(vowel(120), [vowel(150), vowel(200)], RATE, tmp_path / "a.png")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_title_is_plain_text(tmp_path):
    path = before_after_plot(vowel(), vowel(), RATE, tmp_path / "a.png", title=r"$\frac{ 7_$ {x}")
    assert path.exists()


@BAD
@pytest.mark.parametrize("place", ["original", "anonymized"])
def test_bad_arrays_are_refused(row: Row, place, tmp_path):
    good = {"original": tone(), "anonymized": tone()}
    with refuses(row):
        before_after_plot(**(good | {place: row.samples()}), rate=row.rate, path=tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


@ODD
def test_odd_arrays_of_one_channel_are_drawn(row: Row, tmp_path):
    samples = row.samples()
    if samples.ndim == 2 and len(samples) > 1:
        pytest.skip("several channels")
    path = before_after_plot(samples, samples, row.rate, tmp_path / "a.png")
    assert path.stat().st_size > 1_000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"anonymized": tone(shape=(800,))}, "one length"),
        ({"original": tone(shape=(2, 1_600))}, "2 channels"),
        ({"path": "a.pdf"}, "does not end in .png"),
    ],
)
def test_what_cannot_be_drawn_is_refused(change, says, tmp_path):
    good = {"original": tone(), "anonymized": tone(), "rate": RATE, "path": "a.png"}
    given = good | change
    with pytest.raises(InputError, match=says):
        before_after_plot(**(given | {"path": tmp_path / given["path"]}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [0, 7])
def test_too_few_or_too_many_voices_are_refused(count, tmp_path):
    with pytest.raises(InputError, match="1 to 6"):
        voices_plot(tone(), [tone()] * count, RATE, tmp_path / "a.png")


def test_a_missing_folder_is_a_refused_destination(tmp_path):
    with pytest.raises(DestinationError, match="cannot be written"):
        before_after_plot(tone(), tone(), RATE, tmp_path / "none" / "a.png")


def test_without_matplotlib_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r'pip install "voiceanon\[report\]"'):
        before_after_plot(tone(), tone(), RATE, tmp_path / "a.png")
