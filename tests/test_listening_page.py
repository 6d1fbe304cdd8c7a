"""The listening page: it stands alone, holds what it says, and nothing of a user's original."""

import re
import stat
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from listening_pages import CAST, READINGS, few_takes, make_page, repeated, run, sounds
from page_reader import read_page
from sounds import clip, clip_names

from voiceanon.checks.copies import COPY_CORRELATION, largest_correlation
from voiceanon.checks.measures import LIMITS
from voiceanon.cli.stop_request import StopRequest
from voiceanon.report import listening_takes
from voiceanon.report.bundled import bundled_readings
from voiceanon.report.listening_limits import MEASURED
from voiceanon.report.listening_measures import _TOLD, _shown, badge, gauge
from voiceanon.report.listening_pictures import melody_path, sound_picture
from voiceanon.report.listening_takes import MELODY_SIZE, MOST_READINGS, seconds_shown

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
CANARY = "jane-doe-canary"


@pytest.fixture(scope="module", autouse=True)
def small():
    with pytest.MonkeyPatch.context() as patch:
        few_takes(patch)
        yield


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of two readings of the package."""
    return make_page(tmp_path_factory.mktemp("public") / "folder")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A user's own recording: another rate than the page's, two channels, a name that tells."""
    samples, rate = clip(clip_names()[3])
    path = tmp_path_factory.mktemp("own") / f"{CANARY}.wav"
    part = samples[: 3 * rate]
    soundfile.write(path, np.stack([part, part], axis=1), rate)
    return path


@pytest.fixture(scope="module")
def private(recording, tmp_path_factory):
    return make_page(tmp_path_factory.mktemp("private"), recording)


def test_the_page_stands_alone(page):
    text = page.read_text(encoding="utf-8")
    assert "http" not in text.replace("http-equiv", "")
    root = read_page(page)
    sources = [e.attributes["src"] for e in root.all("*") if "src" in e.attributes]
    links = [e.attributes["href"] for e in root.all("*") if "href" in e.attributes]
    assert all(source.startswith("data:") for source in sources)
    assert all(link.startswith(("#", "data:,")) for link in links)
    targets = {e.attributes.get("id") for e in root.all("*")}
    assert {link[1:] for link in links if link.startswith("#")} <= targets
    (policy,) = [m.attributes["content"] for m in root.all("meta") if "content" in m.attributes
                 and "default-src" in m.attributes["content"]]  # fmt: skip
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not [e for e in root.all("*") if any(a.startswith("on") for a in e.attributes)]
    assert not [e for e in root.all("*") if "style" in e.attributes]


def test_ids_are_unique_and_labels_lead_somewhere(page):
    root = read_page(page)
    ids = [e.attributes["id"] for e in root.all("*") if e.attributes.get("id")]
    assert len(ids) == len(set(ids))
    for element in root.all("*"):
        if "aria-labelledby" in element.attributes:
            assert element.attributes["aria-labelledby"] in ids
    for name in ("img", "audio", "input", "button"):
        for element in root.all(name):
            has_name = {"alt", "aria-label"} & set(element.attributes) or element.text.strip()
            in_label = element.parent.name == "label"
            assert has_name or in_label, element.attributes


def test_every_reading_has_its_parts(page):
    readings = list(read_page(page).all("article"))
    assert [r.first("h3").text for r in readings] == [
        "Reading 1, a woman reads",
        "Reading 4, a man reads",
    ]
    for reading in readings:
        assert len(list(reading.all("button"))) == 1 + len(CAST)
        assert len(list(reading.all("audio"))) == 1 + len(CAST)
        assert len(list(reading.all("svg", role="img"))) == len(CAST)
        tables = list(reading.all("table"))
        assert len(tables) == len(CAST)
        for table in tables:
            assert len(list(table.all("tr"))) == 1 + len(_TOLD)
        figures = [e.text for e in reading.all("dt")]
        assert sum("bit/s" in figure for figure in figures) == 2  # of the bottleneck's takes
        assert sum("× real time" in figure for figure in figures) == 2 * len(CAST)
        units = reading.attributes["data-units"].split()
        assert len(units) == pytest.approx(float(reading.attributes["data-seconds"]) * 50, abs=1)
        assert all(0 <= int(unit) <= 729 for unit in units)


def test_what_is_heard_is_the_original_and_what_is_no_copy_of_it(page):
    heard = iter(sounds(page))
    for reading in bundled_readings()[READINGS]:
        samples, _ = soundfile.read(reading.path, dtype="float32")
        assert (next(heard) == samples).all()
        for _ in CAST:
            after = next(heard)
            assert len(after) == len(samples)
            assert largest_correlation(samples, after) < COPY_CORRELATION
            assert np.sqrt(np.mean(after**2)) > 0.005
    assert next(heard, None) is None


def test_nothing_of_a_users_original_is_on_the_page(private, recording):
    samples, rate = soundfile.read(recording, dtype="float32")
    heard = sounds(private)
    assert len(heard) == len(CAST)
    for after in heard:
        assert largest_correlation(samples[:, 0], after) < COPY_CORRELATION
    text = private.read_text(encoding="utf-8")
    assert sound_picture(samples[:, 0], listening_takes._BEFORE_INK) not in text
    assert melody_path(samples[:, 0], rate, *MELODY_SIZE) not in text
    assert CANARY not in text.lower()
    assert "original recordings are not on this page" in text
    root = read_page(private)
    assert not [e for e in root.all("*") if "before" in e.classes()]
    assert not list(root.all("*", data_take="0"))
    assert "first of 2 channels" in root.first("article").text


def test_with_leave_the_original_is_there_and_the_page_warns(recording, tmp_path):
    page = make_page(tmp_path / "out", recording, "--with-originals")
    samples, rate = soundfile.read(recording, dtype="float32")
    original, *_ = sounds(page)
    assert (original == samples[:, 0]).all()
    text = page.read_text(encoding="utf-8")
    # What the test above looks for is found where it is.
    assert sound_picture(samples[:, 0], listening_takes._BEFORE_INK) in text
    assert melody_path(samples[:, 0], rate, *MELODY_SIZE) in text
    (warning,) = [e for e in read_page(page).all("div") if "warning" in e.classes()]
    assert "holds the original voice" in warning.text
    assert CANARY not in text.lower()


def test_the_page_is_for_its_owner_only(private):
    assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_what_the_gate_holds_is_not_heard(tmp_path, capsys):
    rate = 16_000
    soundfile.write(tmp_path / "hum.wav", 0.1 * np.sin(np.arange(3 * rate) / 20), rate)
    page = make_page(tmp_path / "out", tmp_path / "hum.wav", code=4)
    assert "held by the gate" in capsys.readouterr().err
    assert sounds(page) == []
    root = read_page(page)
    held = [e for e in root.all("p") if "held" in e.classes()]
    assert len(held) == len(CAST)
    assert "Not delivered:" in root.first("article").text
    assert len([e for e in root.all("button") if "is-held" in e.classes()]) == len(CAST)


def test_a_bad_recording_does_not_stop_the_others(recording, tmp_path, capsys):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF\0\0\0\0WAVEnonsense")
    page = make_page(tmp_path / "out", bad, recording, code=3)
    said = capsys.readouterr()
    assert "bad.wav" in said.err
    assert str(page) in said.out
    assert len(list(read_page(page).all("article"))) == 1
    assert run("--web", bad, "-o", tmp_path / "none") == 3
    assert not (tmp_path / "none").exists()


def test_refusals_have_their_exit_codes_and_leave_nothing(recording, page, tmp_path):
    before = page.read_bytes()
    assert run("--web", recording, "-o", page.parent) == 6
    assert page.read_bytes() == before
    assert run("--web", recording.parent, "-o", recording.parent / "out") == 6
    (tmp_path / "empty").mkdir()
    assert run("--web", tmp_path / "empty", "-o", tmp_path / "out") == 2
    assert run("--web", tmp_path / "missing.wav", "-o", tmp_path / "out") == 2
    assert run("--web", "-o", tmp_path / "out.flac") == 2
    assert run("--web") == 2
    many = tmp_path / "many"
    many.mkdir()
    for number in range(MOST_READINGS + 1):
        (many / f"{number}.wav").write_bytes(b"")
    assert run("--web", many, "-o", tmp_path / "out") == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("existing", [False, True])
def test_interrupted_it_leaves_no_half_page(existing, tmp_path, monkeypatch):
    calls = []

    def interrupted(self):
        calls.append(1)
        if len(calls) == 12:
            raise KeyboardInterrupt

    monkeypatch.setattr(StopRequest, "check", interrupted)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    out = tmp_path / "out"
    if existing:
        out.mkdir()
        (out / "index.html").write_text("old")
    assert run("--web", "--overwrite", "-o", out) == 130
    assert len(calls) == 12
    assert list((tmp_path / "temporary").iterdir()) == []
    if existing:
        assert [path.read_text() for path in out.iterdir()] == ["old"]
    else:
        assert not out.exists()


def test_without_web_there_are_recordings_and_a_picture(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert repeated(tmp_path / "out") == 0
    said = capsys.readouterr().out
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    names = [reading.path.name for reading in bundled_readings()[READINGS]]
    assert made == sorted([*names, "spectrogram.png"])
    for name in made:
        assert (tmp_path / "out" / name).stat().st_size > 0
    assert str(tmp_path / "out" / "spectrogram.png") in said
    assert run("-o", tmp_path / "out") == 6


def test_a_picture_of_a_users_original_needs_leave(recording, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert repeated(tmp_path / "a", recording) == 0
    assert [path.name for path in (tmp_path / "a").iterdir()] == [f"{CANARY}.flac"]
    assert "--with-originals" in capsys.readouterr().err
    assert repeated(tmp_path / "b", recording, "--with-originals") == 0
    assert (tmp_path / "b" / "spectrogram.png").exists()


def test_the_figures_of_privacy_are_those_of_the_readme():
    table = README[README.index("| variant | EER, one utterance") :].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:5]] for line in table.splitlines()]
    told = {name.strip("`"): cells for name, *cells in rows}
    for row in MEASURED:
        one, pooled, linked = told[row.variant]
        assert re.fullmatch(rf"{row.one} \(.*; {row.one_by}\)", one)
        assert re.fullmatch(rf"{row.pooled} \(.*; {row.pooled_by}\)", pooled)
        assert linked == f"{row.linked:.2f}"


def test_the_measures_that_are_explained_exist():
    assert set(_TOLD) <= set(LIMITS)


@given(st.one_of(st.none(), st.floats(-1e6, 1e6)), st.floats(0.1, 1e3), st.booleans())
def test_a_gauge_never_draws_outside(value, high, is_floor):
    limit = {"hold": 0.4 * high, "fail": 2 * high, "is_floor": is_floor}
    drawn = str(gauge(value, high, limit))
    for x, width in re.findall(r'<rect x="([\d.]+)" y="5" width="([\d.]+)"', drawn):
        assert 0 <= float(x) <= float(x) + float(width) <= 160.001
    assert drawn.count("<circle") == (value is not None)


@given(st.floats(0.8, 0.9))
def test_a_value_is_told_from_its_limit(value):
    limit = {"hold": 0.85, "fail": 0.6, "is_floor": True}
    shown = float(_shown(value, limit, _TOLD["words.agreement"]))
    assert shown == pytest.approx(value, abs=0.005)
    if abs(value - 0.85) > 1e-6:
        assert (shown < 0.85) == (value < 0.85)


def test_a_verdict_is_told_by_more_than_colour():
    said = [str(badge(verdict)) for verdict in ("pass", "hold", "fail", "not measured")]
    signs = [re.search(r'aria-hidden="true">(.)<', text)[1] for text in said]
    assert len(set(signs)) == len(said)
    for verdict, text in zip(("pass", "hold", "fail", "not measured"), said, strict=True):
        assert f"</span> {verdict}</span>" in text


def test_a_page_of_any_number_of_readings_stays_small():
    assert all(n * seconds_shown(n) <= 34.0 + 1e-9 for n in range(1, MOST_READINGS + 1))
    durations = [soundfile.info(r.path).duration for r in bundled_readings()]
    assert max(durations) <= seconds_shown(6)  # the package's own are heard to their ends


def test_the_readings_of_the_package_are_those_of_its_table():
    found = bundled_readings()
    assert sorted(reading.path.name for reading in found) == sorted(clip_names())
    assert all(reading.is_public and reading.words.endswith(".") for reading in found)
    assert len({reading.title for reading in found}) == len(found)
