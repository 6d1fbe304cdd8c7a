"""The pages of docs/ are true: the tour runs, the reference is fresh, the pictures tell results."""

import doctest
import inspect
import json
import sys

import pytest
from manual_pages import ROOT, Page, check_links, run_python, run_shell

sys.path.insert(0, str(ROOT / "docs"))
import api_reference

DOCS = ROOT / "docs"
PAGES = {path.name: Page(path) for path in sorted(DOCS.glob("*.md"))}
FIGURES = sorted((DOCS / "figures").iterdir())


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_links_to_exists(name):
    check_links(PAGES[name])


def test_every_picture_is_on_a_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = readme + "".join(page.text for page in PAGES.values())
    for path in FIGURES:
        assert f"figures/{path.name}" in pages, path.name


@pytest.mark.slow
def test_the_tour_can_be_walked(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    (tmp_path / "voiceanon").symlink_to(ROOT)
    folder = tmp_path / "tour"
    folder.mkdir()
    monkeypatch.chdir(folder)
    tour = PAGES["tour.md"]
    assert len(tour.of("sh")) >= 6
    assert len(tour.of("python")) >= 2
    assert tour.text.count("\n```") == 2 * len(tour.blocks)
    for number, block in enumerate(tour.blocks, 1):
        if block.language == "python":
            run_python(block, f"tour.md, block {number}", folder)
        else:
            run_shell(block, folder, capsys)
    for name in ("plot.png", "monotone.flac", "spoken.flac", "archive/report.html"):
        assert (folder / name).stat().st_size > 0, name


def test_the_reference_is_what_the_docstrings_say():
    assert api_reference.PAGE.read_text(encoding="utf-8") == api_reference.page(), (
        "docs/api.md is stale: run `python docs/api_reference.py`"
    )


@pytest.mark.parametrize(
    ("module", "name", "one"),
    [
        pytest.param(*found, id=".".join(found[:2]))
        for found in api_reference.public_names()
        if not (inspect.isclass(found[2]) and issubclass(found[2], BaseException))
    ],
)
def test_every_public_name_has_a_docstring_with_an_example(module, name, one):
    sections = api_reference.sections(one)
    assert sections[""].splitlines()[0].endswith("."), "the first line is a sentence"
    assert doctest.DocTestParser().get_examples(sections.get("Examples", ""))
    documented = "".join(sections.get(k, "") for k in ("Parameters", "Attributes"))
    for parameter in inspect.signature(one).parameters if api_reference.is_called(one) else ():
        assert parameter in documented, f"{parameter} is not described"


def test_the_limits_are_the_results():
    import limit_tables

    text, found = PAGES["limits.md"].text, limit_tables.tables()
    assert text.count("\n| --- |") == len(found)
    for title, table in found.items():
        assert table in text, f"{title}: run `python benchmarks/limit_tables.py`"
    for run in (*limit_tables.RUNS, limit_tables.DESCRIPTIONS, limit_tables.ASSESSMENT):
        assert run in text, "a table names what it was made from"
    rows = found["One utterance on each side"].splitlines()[2:]
    template = [float(row.split(" | ")[3].split()[0]) for row in rows]
    assert f"at {min(template[:-4])} instead of {min(template)}." in text


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.name)
def test_a_picture_is_small(path):
    assert 1_000 < path.stat().st_size < 300_000


def test_the_frontier_draws_the_results(tmp_path):
    pytest.importorskip("matplotlib")
    import figure_style
    import frontier_plot

    drawn = figure_style.numbers_of(DOCS / "figures" / "frontier.svg")
    assert drawn == frontier_plot.points()
    for panel in frontier_plot.PANELS:
        for variant in drawn.values():
            value, low, high = variant[panel]
            assert 0 <= low <= value <= high <= 50
    frontier_plot.draw(tmp_path / "again.svg")
    assert figure_style.numbers_of(tmp_path / "again.svg") == drawn


def test_the_picture_of_settings_draws_the_results(tmp_path):
    pytest.importorskip("matplotlib")
    import figure_style
    import frontier_plot

    drawn = figure_style.numbers_of(DOCS / "figures" / "settings.svg")
    assert drawn == frontier_plot.settings_points()
    assert (
        sum(label not in ("raw speech", "WORLD copy", "McAdams", "template") for label in drawn)
        >= 5
    )
    frontier_plot.draw_settings(tmp_path / "again.svg")
    assert figure_style.numbers_of(tmp_path / "again.svg") == drawn


def test_a_frontier_of_other_results_is_another(tmp_path):
    import frontier_plot

    for run in frontier_plot.RUNS:
        report = json.loads((frontier_plot.RESULTS / run).read_text(encoding="utf-8"))
        for variant in report["variants"]:
            variant["privacy"]["headline"]["eer_percent"][0] = 33.3
        (tmp_path / run).write_text(json.dumps(report))
    changed = frontier_plot.points(tmp_path)
    assert changed.keys() == frontier_plot.points().keys()
    assert {variant["headline"][0] for variant in changed.values()} == {33.3}


def test_the_speed_chart_draws_the_newest_run(tmp_path):
    pytest.importorskip("matplotlib")
    import figure_style
    import speed_plot

    drawn = figure_style.numbers_of(DOCS / "figures" / "speed.svg")
    assert drawn == speed_plot.ratios()
    assert list(drawn["ratios"].values()).count([1.0, 1.0, 1.0]) == 1, "the chain itself"
    speed_plot.draw(tmp_path / "again.svg")
    assert figure_style.numbers_of(tmp_path / "again.svg") == drawn


def test_before_and_after_are_what_the_recipes_make_today():
    pytest.importorskip("matplotlib")
    import figure_style
    import spectrogram_plot

    drawn = figure_style.numbers_of(DOCS / "figures" / "before-after.png")
    again = spectrogram_plot.numbers(*spectrogram_plot.sounds())
    assert drawn.keys() == again.keys()
    for name, value in again.items():
        # SIMD levels round differently, which may move a frame's voicing.
        assert drawn[name] == (pytest.approx(value, rel=0.02) if "hz" in name else value), name


def test_the_road_shows_real_data():
    pytest.importorskip("PIL")
    import figure_style
    import numpy as np
    import road_picture

    drawn = figure_style.numbers_of(DOCS / "figures" / "road.svg")
    again = road_picture.track()
    for name in ("before", "after"):
        assert np.allclose(drawn[name], again[name], atol=0.05), name
    for name in ("units", "energy", "pitch"):
        assert np.mean(np.equal(drawn[name], again[name])) > 0.98, name
