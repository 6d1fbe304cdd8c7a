"""The evaluation's page in a real headless Chromium: it loads nothing, plays, and fits a phone."""

import json

import numpy as np
import pytest
import soundfile
from chromium import Chromium, find_chromium
from evaluation_results import example_results

from voiceanon.report.evaluation import write_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
PHONE = (360, 740)
DESKTOP = (1280, 900)
TOLD = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
# Everything that a mouse can work and a keyboard must reach; a closed fold hides what is inside.
REACHABLE = """[...document.querySelectorAll('a[href],summary,audio,[tabindex="0"]')].filter(
    e => e.checkVisibility({contentVisibilityAuto: true}))"""


def tone(path, name):
    path.parent.mkdir(exist_ok=True)
    time_s = np.arange(3 * 16000) / 16000
    samples = (0.1 * np.sin(2 * np.pi * 220 * time_s)).astype("float32")
    soundfile.write(path, samples, 16000)
    return {"recording": name, "path": f"examples/{path.name}"}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    results = example_results()
    for variant in results["variants"]:
        variant["examples"] = [
            tone(folder / "examples" / f"{variant['name']}-1.flac", "one"),
            tone(folder / "examples" / f"{variant['name']}-2.wav", "two"),
        ]
    results["warnings"].append({"level": "red", "text": "Raw speech is recognised badly."})
    return write_report(results, folder)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A page full of names that try to load, run and break something."""
    folder = tmp_path_factory.mktemp("hostile")
    results = example_results()
    evil = (
        "</style></title></svg></script><img src=http://192.0.2.1/x.png onerror=alert(1)>"
        "<style>@import url(http://192.0.2.1/x.css)</style><script>document.title='owned'</script>"
    )
    results["corpus"]["name"] = results["command"] = evil
    results["warnings"] = [{"level": "red", "text": "x" * 3000}]
    for place, variant in enumerate(results["variants"]):
        variant["label"] = f"{evil}{place}" if place else "ب" * 900
        variant["recipe"] = {"name": evil, "settings": {evil: evil}}
        for attack in variant["privacy"]["attacks"]:
            attack["attacker"] = attack["attacker"].replace("rhythm", evil)
            attack["configuration"] = "long-name-without-an-end" * 40
        variant["privacy"]["worst_speakers"][0]["speaker"] = evil
        variant["examples"] = [{"recording": evil, "path": evil}]
    return write_report(results, folder)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.mark.parametrize("name", ["report", "hostile"])
def test_nothing_is_loaded_and_nothing_complains(browser, name, request):
    path = request.getfixturevalue(name)
    browser.open(path, *DESKTOP)
    browser.ask("document.querySelectorAll('details').forEach(d => { d.open = true })")
    browser.ask("new Promise(done => setTimeout(done, 300))")
    asked = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert path.as_uri() in asked
    others = [url for url in asked if url != path.as_uri() and not url.startswith("data:")]
    assert others == []
    complaints = [event["params"] for event in browser.events if event["method"] in TOLD]
    assert complaints == []
    assert browser.ask("document.scripts.length") == 0
    assert browser.ask("document.images.length") == 0
    assert browser.ask("document.title").startswith("Voice anonymisation measured")


def test_the_browser_would_have_told_of_a_request_and_of_an_error(browser, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<!DOCTYPE html><title>x</title><img src=gone.png><script>throw Error('x')</script>"
    )
    browser.open(page, *DESKTOP)
    browser.ask("new Promise(done => setTimeout(done, 300))")
    asked = [e for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    assert any(e["params"]["request"]["url"].endswith("gone.png") for e in asked)
    assert any(e["method"] == "Runtime.exceptionThrown" for e in browser.events)


def test_the_policy_stops_what_would_get_through(browser, report, tmp_path):
    page = tmp_path / "injected.html"
    page.write_text(
        report.read_text(encoding="utf-8").replace(
            "</main>",
            "<img src=http://192.0.2.1/x.png><p style='color:red' id=styled>x</p>"
            "<script>document.title='owned'</script></main>",
        ),
        encoding="utf-8",
    )
    browser.open(page, *DESKTOP)
    assert browser.ask("document.title") != "owned"
    ink = browser.ask("getComputedStyle(document.body).color")
    assert browser.ask("getComputedStyle(document.getElementById('styled')).color") == ink
    # The style of the page itself is let through.
    assert browser.ask("getComputedStyle(document.querySelector('.skip')).position") == "absolute"
    refused = [e["params"]["entry"]["text"] for e in browser.events if e["method"] == TOLD[0]]
    assert any("Content Security Policy" in words for words in refused)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_plots_are_seen(browser, report, size):
    browser.open(report, *size)
    plots = json.loads(
        browser.ask(
            """JSON.stringify([...document.querySelectorAll('svg[role=img]')].map(svg => {
            const box = svg.getBoundingClientRect();
            const lines = [...svg.querySelectorAll('.line,.mark')].map(e => {
                const style = getComputedStyle(e), at = e.getBoundingClientRect();
                return at.width > 0 && style.visibility === 'visible' && style.color !== 'none';
            });
            const letters = [...svg.querySelectorAll('text')].filter(e => e.checkVisibility())
                .map(e => e.getBoundingClientRect().height);
            return [box.width, box.height, lines.length, lines.every(Boolean),
                    Math.min(...letters)];
            }))"""
        )
    )
    assert len(plots) == 6
    for width, height, lines, all_seen, smallest_letter in plots:
        assert width >= 300
        assert height >= 240
        assert lines >= 4
        assert all_seen
        assert smallest_letter >= 9  # pixels, of the line that holds the letters


@pytest.mark.parametrize("name", ["report", "hostile"])
@pytest.mark.parametrize("width", [320, 360, 800, 1280])
def test_only_tables_scroll_sideways(browser, name, width, request):
    browser.open(request.getfixturevalue(name), width, 740)
    browser.ask("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask("innerWidth") == width
    tables = """[...document.querySelectorAll('.attacks')].map(t => t.parentElement)
        .every(d => getComputedStyle(d).overflowX === 'auto')"""
    assert browser.ask(tables)
    wide = "document.querySelector('.attacks').parentElement"
    if width <= 360:
        browser.ask(f"{wide}.scrollLeft = 1e6")
        assert browser.ask(f"{wide}.scrollLeft") > 100


@pytest.mark.parametrize("place", [0, 1], ids=["flac", "wav"])
def test_a_player_plays(browser, report, place):
    browser.open(report, *DESKTOP)
    player = f"document.querySelectorAll('audio')[{place}]"
    assert browser.ask("document.querySelectorAll('audio').length") == 4  # recipes alone
    assert browser.ask(f"{player}.controls")
    assert browser.ask(f"{player}.getBoundingClientRect().width") > 100
    browser.ask(f"{player}.play()")
    reached_s = browser.ask(
        f"""new Promise((done, fail) => {{
            const player = {player};
            setTimeout(() => fail(new Error('stuck at ' + player.currentTime)), 20000);
            player.addEventListener('timeupdate', () => {{
                if (player.currentTime > 0.5) done(player.currentTime);
            }});
        }})"""
    )
    assert 0.5 < reached_s <= 3.01
    assert browser.ask(f"{player}.duration") == pytest.approx(3, abs=0.01)
    assert browser.ask(f"{player}.error") is None


def test_everything_is_reached_by_tab_and_seen_there(browser, report):
    browser.open(report, *DESKTOP)
    expected = browser.ask(f"{REACHABLE}.length")
    assert expected >= 35
    browser.ask(f"window.wanted = new Set({REACHABLE}); window.order = [];")
    for _ in range(expected + 8 * 4 + 5):  # a player has several stops inside
        browser.press("Tab", 9)
        state = browser.ask(
            """(() => { const e = document.activeElement; wanted.delete(e); order.push(e);
            const style = getComputedStyle(e);
            return [e.tagName, style.outlineStyle !== 'none', wanted.size]; })()"""
        )
        if state[0] not in ("BODY", "AUDIO"):
            assert state[1], f"no focus is seen on {state[0]}"
        if state[2] == 0:
            break
    assert browser.ask("[...wanted].map(e => e.outerHTML.slice(0, 80))") == []
    assert browser.ask("order[0].className") == "skip"


def test_the_skip_link_and_folds_work_by_keyboard(browser, report):
    browser.open(report, *DESKTOP)
    browser.press("Tab", 9)
    assert browser.ask("document.activeElement.getBoundingClientRect().left") >= 0
    browser.press("Enter", 13, text="\r")
    assert browser.ask("location.hash") == "#findings"
    browser.ask("document.querySelector('summary').focus()")
    browser.press("Enter", 13, text="\r")
    assert browser.ask("document.querySelector('details').open")


def test_the_dark_is_dark_and_paper_is_not(browser, report, tmp_path):
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    browser.open(report, *DESKTOP, dark=True)
    assert max(browser.ask(ground)) < 60
    browser.open(report, *DESKTOP)
    assert min(browser.ask(ground)) > 200
    browser.paper(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert min(browser.ask(ground)) > 200
    assert not browser.ask("document.querySelector('nav').checkVisibility()")
    folded = "document.querySelector('#plots details table').getBoundingClientRect().height"
    assert browser.ask(folded) > 50  # what is folded on the screen stands on paper
