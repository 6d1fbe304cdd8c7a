"""Whatever stands in the results, the evaluation's page is whole, and nothing in them is code."""

import base64
import hashlib
import json
import math
import os
import re
import stat

import numpy as np
import pytest
import soundfile
from evaluation_results import example_results
from hostile_results import HOSTILE, JSON_VALUES, assert_only_known_markup, places, put
from hypothesis import given, settings
from hypothesis import strategies as st
from page_reader import read_page

from voiceanon.errors import DestinationError, InputError, RecordingError
from voiceanon.report.evaluation import write_report
from voiceanon.report.measured import figure, number
from voiceanon.report.players import MOST_BYTES, data_uri
from voiceanon.report.statement import write_statement

MODE = stat.S_IRUSR | stat.S_IWUSR


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def page(folder):
    return read_page(write_report(example_results(), folder))


def tone(path, f0_hz=220, seconds=0.5):
    path.parent.mkdir(exist_ok=True)
    time_s = np.arange(int(16000 * seconds)) / 16000
    soundfile.write(path, (0.1 * np.sin(2 * np.pi * f0_hz * time_s)).astype("float32"), 16000)
    return path


SMALL = example_results(("raw", "template"))
for _variant in SMALL["variants"]:
    _variant["examples"] = [{"recording": "a", "path": "examples/a.flac"}]
    _variant["privacy"]["attacks"] = _variant["privacy"]["attacks"][::7]
PLACES = [path for path in places(SMALL) if path and path != ("schema",)]


@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), JSON_VALUES), min_size=1, max_size=6))
def test_no_value_anywhere_breaks_the_page_or_becomes_code(folder, changes):
    results = json.loads(json.dumps(SMALL))
    for path, value in changes:
        try:
            put(results, path, value)
        except (KeyError, IndexError, TypeError):  # an earlier change took that place away
            continue
    page = read_page(write_report(results, folder))
    assert_only_known_markup(page)
    assert len(list(page.all("style"))) == 1
    write_statement(results, folder)


@settings(max_examples=20)
@given(st.dictionaries(st.text(max_size=12), JSON_VALUES, max_size=4))
def test_whatever_else_is_in_the_results_a_page_comes_out(folder, results):
    results.pop("schema", None)
    page = read_page(write_report(results, folder))
    assert page.first("h1").text
    assert write_statement(results, folder).read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_shown_as_text(tmp_path, name):
    results = example_results(("raw", "template"))
    results["corpus"]["name"] = name
    template = results["variants"][1]
    template["label"] = name
    template["privacy"]["worst_speakers"][0]["speaker"] = name
    for attack in template["privacy"]["attacks"]:
        attack["attacker"] = name if attack["attacker"] == "rhythm" else attack["attacker"]
    results["warnings"].append({"level": "red", "text": name})
    path = write_report(results, tmp_path)
    page = read_page(path)
    assert_only_known_markup(page)
    speakers = [bdi.text for bdi in page.all("bdi")]
    plain = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e\u2066]", "\ufffd", name)
    plain = plain.replace("\udc80", "?")
    assert speakers.count(plain) >= 4
    statement = write_statement(results, tmp_path).read_text(encoding="utf-8")
    assert not re.search(r"(?<!\\)<(?!\\)", statement)
    table = [line for line in statement.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {7}


def test_the_policy_allows_this_style_and_nothing_else(page):
    policy = page.first("meta", http_equiv="Content-Security-Policy").attributes["content"]
    digest = hashlib.sha256(page.first("style").text.encode()).digest()
    assert f"'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "script" not in policy
    assert not re.search(r"url\(|@import|https?:", page.first("style").text)
    for element in page.all("*"):
        assert "style" not in element.attributes  # the policy would drop it without a word
        for name in ("src", "href"):
            assert element.attributes.get(name, "#").startswith(("#", "data:"))


def test_examples_of_recipes_are_embedded_and_nothing_else(tmp_path):
    results = example_results(("raw", "mcadams", "template"))
    files = {}
    for place, variant in enumerate(results["variants"]):
        path = tone(tmp_path / "examples" / f"{variant['name']}.flac", 200 + 50 * place)
        files[variant["name"]] = base64.b64encode(path.read_bytes()).decode()
        variant["examples"] = [{"recording": variant["name"], "path": f"examples/{path.name}"}]
    text = write_report(results, tmp_path).read_text()
    assert files["template"] in text
    assert files["raw"] not in text
    assert files["mcadams"] not in text
    players = list(read_page(tmp_path / "report.html").all("audio"))
    assert len(players) == 1
    assert "controls" in players[0].attributes
    assert players[0].attributes["aria-label"]
    results["variants"][2]["recipe"]["settings"]["removal"] = "none"
    assert files["template"] not in write_report(results, tmp_path).read_text()


def test_a_missing_example_is_said(tmp_path):
    results = example_results(("template",))
    results["variants"][0]["examples"] = [{"recording": "gone", "path": "examples/gone.flac"}]
    listening = read_page(write_report(results, tmp_path)).first("section", id="listening")
    assert not list(listening.all("audio"))
    assert "goneNo sound: the file cannot be read: No such file or directory." in listening.text


def test_only_whole_sound_files_below_the_folder_are_read(tmp_path):
    folder = tmp_path / "report"
    (folder / "examples").mkdir(parents=True)
    original = tone(tmp_path / "original.flac")
    tone(folder / "examples" / "good.flac")
    assert data_uri(folder, "examples/good.flac").startswith("data:audio/flac;base64,ZkxhQ")
    (folder / "examples" / "link.flac").symlink_to(original)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "examples" / "text.flac").write_text("hello")
    os.mkfifo(folder / "examples" / "pipe.flac")
    (folder / "examples" / "folder.flac").mkdir()
    with (folder / "examples" / "large.wav").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    refused = {
        "../original.flac": "outside",
        str(original): "outside",
        "": "outside",
        "a\0.flac": "outside",
        "examples/link.flac": "cannot be read",
        "linked/original.flac": "cannot be read",
        "examples/text.flac": "is not what",
        "examples/pipe.flac": "not a regular file",
        "examples/folder.flac": "cannot be read: Is a directory",
        "examples/large.wav": "bytes",
        "examples/good.mp3": "suffix",
        "examples/none.wav": "cannot be read",
    }
    for name, why in refused.items():
        with pytest.raises(RecordingError, match=why):
            data_uri(folder, name)


def test_the_files_are_for_their_owner_and_whole_or_old(tmp_path, monkeypatch):
    before = os.umask(0)
    try:
        paths = [write(example_results(), tmp_path) for write in (write_report, write_statement)]
    finally:
        os.umask(before)
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) == MODE
    old = paths[0].read_bytes()
    assert write_report(example_results(), tmp_path).read_bytes() == old  # nothing of this run

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DestinationError, match="'report.html' cannot be written: No space left"):
        write_report(example_results(("raw",)), tmp_path)
    assert paths[0].read_bytes() == old
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "statement.md"]


def test_a_missing_folder_and_another_schema_are_refused(tmp_path):
    with pytest.raises(DestinationError, match="No such file"):
        write_report(example_results(), tmp_path / "none")
    for results in ({"schema": "voiceanon-evaluation/2"}, [], None):
        for write in (write_report, write_statement):
            with pytest.raises(InputError, match="schema|JSON object"):
                write(results, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "raw", [True, "3", None, math.nan, math.inf, 10**400, [], [None, 1, 2], {}]
)
def test_what_is_no_number_is_no_figure(raw):
    assert number(raw) is None
    assert figure(raw) is None


def test_a_broken_interval_leaves_the_figure_alone():
    for raw in ([3.0], [3.0, 2.0], [3.0, 4.0, 2.0], [3.0, None, 4.0], 3, 3.0):
        found = figure(raw)
        assert (found.value, found.low, found.high) == (3.0, None, None)
