"""The evaluation's page and statement: they say what was measured, to every reader."""

import itertools
import re

import pytest
from evaluation_results import ATTACKERS, POOLINGS, curve, example_results
from hypothesis import given
from hypothesis import strategies as st
from page_reader import read_page

from voiceanon.report import evaluation_style
from voiceanon.report.evaluation import write_report
from voiceanon.report.measured import variants
from voiceanon.report.plot import Axis
from voiceanon.report.published import PUBLISHED
from voiceanon.report.statement import write_statement


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def page(folder):
    return read_page(write_report(example_results(), folder))


def test_headings_ids_and_links_are_in_order(page):
    levels = [int(e.name[1]) for e in page.all("*") if re.fullmatch("h[1-6]", e.name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    ids = [e.attributes["id"] for e in page.all("*") if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    links = [a.attributes["href"] for a in page.all("a")]
    assert len(links) >= 9
    assert {href.removeprefix("#") for href in links} <= set(ids)
    assert next(page.first("body").all("a")).attributes["class"] == "skip"
    assert page.first("html").attributes["lang"] == "en"


def test_tables_and_drawings_speak_for_themselves(page):
    tables = list(page.all("table"))
    assert len(tables) > 15
    for table in tables:
        assert table.first("caption").text.strip()
        for heading in table.all("th"):
            assert heading.attributes["scope"] in ("col", "row", "colgroup")
        if "pairs" not in table.classes():
            assert table.parent.attributes["role"] == "region"
            assert table.parent.attributes["tabindex"] == "0"
            assert table.parent.attributes["aria-label"]
    drawings = [s for s in page.all("svg") if s.parent.name != "svg"]
    plots = [s for s in drawings if s.attributes.get("role") == "img"]
    assert len(plots) == 6  # words, two of all variants, one for each recipe, linkability
    for plot in plots:
        assert plot.children[0].name == "title"
        assert len(plot.children[0].text) > 10
        assert len(plot.first("desc").text) > 20
        figure_ = plot.parent
        assert figure_.name == "figure"
        assert figure_.first("details").first("table")  # the same figures, to be read
    for other in drawings:
        if other not in plots:
            assert other.attributes["aria-hidden"] == "true"


def cells_of(table):
    """Body of an attack table: rows of (value or None, is marked lowest)."""
    for row in table.first("tbody").all("tr"):
        cells = []
        for cell in row.all("td"):
            shown = re.match(r"[\d.]+", cell.text)
            cells.append((float(shown.group()) if shown else None, "lowest" in cell.text))
        yield row.first("bdi").text, cells


def test_each_table_shows_every_attack_and_names_the_lowest(page):
    results = example_results()
    by_label = {v["label"]: v["privacy"]["attacks"] for v in results["variants"]}
    tables = [t for t in page.all("table") if "attacks" in t.classes()]
    assert len(tables) == 4
    for table in tables:
        attacks = by_label[table.first("bdi").text]
        eer = {(a["attacker"], a["gender"], a["pooling"]): a["eer_percent"][0] for a in attacks}
        shown = dict(cells_of(table))
        columns = [(gender, pooling) for gender in ("all", "same") for pooling in POOLINGS]
        for place, (gender, pooling) in enumerate(columns):
            column = {
                n: eer[n, gender, pooling] for n, *_ in ATTACKERS if (n, gender, pooling) in eer
            }
            best = min(column, key=column.get)
            for name, value in column.items():
                assert shown[name][place] == (pytest.approx(value, abs=0.051), name == best)


def test_the_size_of_a_description_stands_beside_its_recipe(page):
    rows = [row.text for row in page.all("tr") if "1,778" in row.text]
    assert len(rows) == 1
    assert "bottleneck" in rows[0]


def test_an_attack_without_a_figure_is_not_measured_and_never_lowest(tmp_path):
    results = example_results(("template",))
    for attack in results["variants"][0]["privacy"]["attacks"]:
        if attack["attacker"] == "semi-informed":
            attack["eer_percent"] = None
    page = read_page(write_report(results, tmp_path))
    table = next(t for t in page.all("table") if "attacks" in t.classes())
    shown = dict(cells_of(table))
    assert shown["semi-informed"] == [(None, False)] * 10
    assert all(is_lowest for _, is_lowest in shown["statistics"])


def test_the_headline_names_recipe_attacker_figure_and_interval(page):
    found = [e for e in page.all("div") if "finding" in e.classes()]
    assert [e.first("h3").text for e in found] == ["template", "bottleneck"]
    for finding, variant in zip(found, example_results()["variants"][2:], strict=True):
        best = variant["privacy"]["headline"]
        value, low, high = best["eer_percent"]
        assert finding.first("p").text == f"{value:.1f} % 95 % interval {low:.1f}–{high:.1f}"
        told = finding.text.replace("\N{NO-BREAK SPACE}", " ")
        assert f"{best['attacker']} ({best['configuration']})" in told
        assert f"wrong in {value:.1f} % of its decisions" in told
        assert "all known recordings of a person against all unknown recordings" in told
        assert "Guessing is wrong in 50 %" in told
        assert f"{100 * best['linkability']['20']:.0f} of 100 times (chance 5 of 100)" in told


def test_without_a_given_headline_the_lowest_at_the_largest_pooling_counts():
    results = example_results()
    given_ = [v.headline for v in variants(results)]
    for variant in results["variants"]:
        del variant["privacy"]["headline"], variant["privacy"]["headline_single"]
    for ours, theirs in zip(variants(results), given_, strict=True):
        assert (ours.headline.attacker, ours.headline.eer) == (theirs.attacker, theirs.eer)
        assert ours.headline.pooling == "all-all"
        assert ours.headline_single.pooling == "1-1"


def test_red_warnings_are_banners_and_notes_are_not(tmp_path):
    results = example_results()
    results["warnings"] = [
        {"level": "red", "text": "the attackers are weak"},
        {"level": "note", "text": "few speakers"},
        {"level": "red", "text": "copies were found"},
    ]
    page = read_page(write_report(results, tmp_path))
    banners = [e for e in page.all("div") if "warning" in e.classes()]
    assert [b.text for b in banners] == [
        "Warning. the attackers are weak",
        "Warning. copies were found",
    ]
    assert all(b.attributes["role"] == "note" for b in banners)
    statement = write_statement(results, tmp_path).read_text()
    assert statement.index("the attackers are weak") < statement.index("## ")


def test_a_run_without_raw_speech_says_that_nothing_calibrates_it(tmp_path):
    told = "Raw speech was not measured in this run"
    with_raw = write_report(example_results(), tmp_path).read_text()
    without = write_report(example_results(("mcadams", "template")), tmp_path).read_text()
    assert told not in with_raw
    assert told in without


def test_one_speaker_words_without_privacy_is_a_sensible_page(tmp_path):
    results = example_results(("raw", "template"))
    for variant in results["variants"]:
        variant["privacy"] = None
    results["not_measured"] = [{"what": "privacy", "why": "one speaker: nobody to confuse with"}]
    page = read_page(write_report(results, tmp_path))
    finding = next(e for e in page.all("div") if "finding" in e.classes())
    assert "Privacy was not measured. privacy: one speaker: nobody to confuse with." in finding.text
    assert not [s for s in page.all("svg") if s.attributes.get("role") == "img"]
    words = next(t for t in page.all("table") if t.first("caption").text.startswith("Words"))
    assert "5.9" in words.text
    statement = write_statement(results, tmp_path).read_text()
    assert "one speaker: nobody to confuse with" in statement
    assert "Nobody: no attack was run." in statement


def test_a_section_that_is_null_without_a_reason_is_listed_as_a_gap(tmp_path):
    results = example_results(("raw", "template"))
    results["variants"][1]["words"] = None
    page = read_page(write_report(results, tmp_path))
    gaps = page.first("section", id="gaps")
    rows = [[c.text for c in row.all("*") if c.name in ("td", "th")] for row in gaps.all("tr")]
    assert ["words (WER, CER)", "template", "the results hold none and give no reason"] in rows
    assert ["fillers", "the whole run", "the recogniser gives none"] in rows


@given(d_prime=st.floats(0.2, 4.0))
def test_gaussian_scores_are_a_straight_line_on_probit_axes(d_prime):
    axis = Axis("", 0.0008, 0.85, (), "probit")
    inside = [(a, r) for a, r in curve(d_prime) if 1e-5 < a < 1 - 1e-5 and 1e-5 < r < 1 - 1e-5]
    sums = [axis.place(accept) + axis.place(reject) for accept, reject in inside]
    assert max(sums) - min(sums) < 1e-6


@pytest.mark.parametrize("kind", ["linear", "log", "probit"])
@given(st.lists(st.floats(0.01, 0.99), min_size=2, unique=True))
def test_an_axis_keeps_order_and_puts_its_ends_at_its_ends(kind, values):
    axis = Axis("", 0.01, 0.99, (), kind)
    assert axis.place(0.01) == 0
    assert axis.place(0.99) == 1
    in_order = [axis.place(value) for value in sorted(values)]
    assert in_order == sorted(in_order)


def test_the_misses_behind_a_curve_are_those_of_the_curve(page):
    table = next(
        t for t in page.all("table")
        if t.first("caption").text.startswith("Speaker missed (%)") and "1 : 1" in t.text
    )  # fmt: skip
    raw = next(row for row in table.all("tr") if "raw speech" in row.text)
    shown = [float(cell.text) for cell in list(raw.all("td"))[:6]]
    best = min(
        (a for a in example_results()["variants"][0]["privacy"]["attacks"]
         if (a["pooling"], a["gender"]) == ("1-1", "all")),
        key=lambda a: a["eer_percent"][0],
    )  # fmt: skip
    for value, share in zip(shown, (0.001, 0.01, 0.05, 0.1, 0.2, 0.5), strict=True):
        slow = min(reject for accept, reject in best["det"] if accept <= share)
        assert value == pytest.approx(100 * slow, abs=0.051)
    assert shown == sorted(shown, reverse=True)


def test_published_systems_stand_in_the_plot_and_in_a_table(page):
    plot = page.first("svg", role="img")
    letters = {t.text for t in plot.all("text", class_="faint-name")}
    for system in PUBLISHED:
        assert system.letter in letters
    note = next(d for d in page.all("details") if d.first("summary").text == "Published systems")
    assert "other attackers" in note.text
    assert "4.7" in note.text
    assert len(list(note.all("tr"))) == len(PUBLISHED) + 1


def test_the_statement_has_what_an_officer_needs(tmp_path):
    results = example_results()
    text = write_statement(results, tmp_path).read_text(encoding="utf-8")
    text = text.replace("\N{NO-BREAK SPACE}", " ")
    for needed in (
        "template, version 3, hash 5f0c9e1ab27d",
        "dev: 20 speakers, 240 recordings, 0.6 hours; hash 9a1f3c2e5b7d",
        "train: 251 speakers",
        "1 : 1, all : 1, 3 : 3, 10 : 10, all : all",
        "N′ = 2, 20",
        "voiceanon 0.1.0",
        "cam++ (1f2e3d4c5b6a7980)",
        "raw speech (baseline)",
        "200 draws",
        "fine-tuned network: torch is not installed",
        results["command"],
        "This is a measurement, not a promise",
    ):
        assert needed in text
    for variant in results["variants"]:
        value, low, high = variant["privacy"]["headline"]["eer_percent"]
        assert f"| {value:.1f} % ({low:.1f}–{high:.1f}) | semi-informed, CAM++, PLDA |" in text
    for name, _, knowledge, _ in ATTACKERS:
        assert re.search(rf"- \*\*{name}\*\* \([oa]–a\): {re.escape(knowledge)}", text)
    assert len(text.split()) < 900  # one page


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, two):
    """WCAG 2.2 contrast ratio of two colours."""
    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_in_light_and_dark():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    schemes = re.findall(r":root\{(.*?)\}", evaluation_style.STYLE, re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", scheme))
        for text in ("ink", "quiet", "link"):
            for ground in ("paper", "card", "mark"):
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        assert contrast(colours["red"], colours["red-paper"]) >= 4.5
        assert contrast(colours["focus"], colours["paper"]) >= 3
        for series in range(7):
            assert contrast(colours[f"c{series}"], colours["paper"]) >= 3, series


def test_the_page_makes_no_promise(folder):
    words = ["irrevers" + "ib", "crypto" + "graphic", "guaran" + "tee", "GDPR"]
    for path in (
        write_report(example_results(), folder),
        write_statement(example_results(), folder),
    ):
        text = path.read_text(encoding="utf-8")
        assert not re.search("|".join(words), text, re.IGNORECASE)
