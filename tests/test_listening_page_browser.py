"""The listening page in a real headless Chromium: voices change at one place, by mouse and keys."""

import json

import numpy as np
import pytest
import soundfile
from chromium import Chromium, find_chromium
from listening_pages import few_takes, make_page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
PHONE, DESKTOP = (360, 740), (1280, 900)
TOLD = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
PLACE = "Number(document.querySelector('#place').value)"
PLAYS = "document.querySelector('#play').classList.contains('is-playing')"
CHOSEN = """[...document.querySelectorAll('.reading:not([hidden]) .voice')]
    .filter(b => b.getAttribute('aria-pressed') === 'true').map(b => b.dataset.take).join()"""
SEEN = "document.querySelector('.reading:not([hidden])').id"
# Relative luminance and contrast of WCAG 2.2, of each text against the first ground behind it.
CONTRASTS = """JSON.stringify((() => {
    const light = c => { const [r, g, b] = c.map(v => { v /= 255;
        return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const parts = text => text.match(/[\\d.]+/g).map(Number);
    const ground = e => { for (; e; e = e.parentElement) {
        const c = parts(getComputedStyle(e).backgroundColor);
        if (c.length === 3 || c[3] === 1) return c.slice(0, 3); } return [255, 255, 255]; };
    const found = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const e = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !e.checkVisibility()) continue;
        if (e.closest('svg,script')) continue;
        let opacity = 1;
        for (let a = e; a; a = a.parentElement) opacity *= Number(getComputedStyle(a).opacity);
        const back = ground(e), ink = parts(getComputedStyle(e).color).slice(0, 3)
            .map((v, k) => opacity * v + (1 - opacity) * back[k]);
        const [low, high] = [light(ink), light(back)].sort((a, b) => a - b);
        const ratio = (high + 0.05) / (low + 0.05);
        if (!e.closest(':disabled')) found.push([ratio, texts.currentNode.data.slice(0, 40)]);
    }
    return found.sort((a, b) => a[0] - b[0]).slice(0, 3).concat([[found.length, '']]);
})())"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        few_takes(patch)
        yield make_page(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A page of a recording of which no output passes."""
    folder = tmp_path_factory.mktemp("held")
    soundfile.write(folder / "hum.wav", 0.1 * np.sin(np.arange(48_000) / 20), 16_000)
    with pytest.MonkeyPatch.context() as patch:
        few_takes(patch)
        return make_page(folder / "out", folder / "hum.wav", code=4)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


def wait_for(browser, condition):
    """Ask until a condition holds; the page decodes and plays in its own time."""
    browser.ask(
        f"""new Promise((done, fail) => {{
            const late = setTimeout(() => fail(new Error({json.dumps(condition)})), 20000);
            const look = () => {{ if ({condition}) {{ clearTimeout(late); done(); }}
                else setTimeout(look, 20); }};
            look();
        }})"""
    )


def key(browser, letter):
    codes = {"ArrowLeft": 37, "ArrowRight": 39, " ": 32}
    more = {} if letter.startswith("Arrow") else {"text": letter}
    browser.press(letter, codes.get(letter, ord(letter.upper()[0])), **more)


def complaints(browser):
    return [event["params"] for event in browser.events if event["method"] in TOLD]


def test_nothing_is_loaded_and_nothing_complains(browser, page):
    browser.open(page, *DESKTOP)
    for letter in (" ", "1", "3", "0", "a", "r", "ArrowRight", "n", "2", " ", "p"):
        key(browser, letter)
        browser.ask("new Promise(done => setTimeout(done, 60))")
    asked = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert page.as_uri() in asked
    assert [url for url in asked if url != page.as_uri() and not url.startswith("data:")] == []
    assert complaints(browser) == []


def test_it_plays_to_the_end_and_stops(browser, page):
    browser.open(page, *DESKTOP)
    assert browser.ask(CHOSEN) == "0"
    browser.ask("document.querySelector('#play').click()")
    wait_for(browser, f"{PLACE} > 0.4")
    assert browser.ask("document.querySelector('.cursor').style.left") not in ("", "0%")
    assert browser.ask("document.querySelector('#play .word').textContent") == "Pause"
    browser.ask(
        "(() => { const p = document.querySelector('#place'); p.value = p.max - 0.4;"
        "p.dispatchEvent(new Event('input')); })()"
    )
    wait_for(browser, f"!{PLAYS}")
    length_s = browser.ask("Number(document.querySelector('#place').max)")
    assert browser.ask(PLACE) == pytest.approx(length_s, abs=0.02)


def test_another_voice_goes_on_at_the_same_place(browser, page):
    browser.open(page, *DESKTOP)
    key(browser, " ")
    wait_for(browser, f"{PLACE} > 1")
    for letter in ("2", "3", "a", "0"):
        # Time goes on meanwhile, and by no more than that; nothing jumps back.
        before_s, after_s, took_s = browser.ask(
            f"""(async () => {{
                const start = performance.now(), before = {PLACE};
                document.body.dispatchEvent(
                    new KeyboardEvent('keydown', {{key: '{letter}', bubbles: true}}));
                await new Promise(done => setTimeout(done, 150));
                return [before, {PLACE}, (performance.now() - start) / 1000];
            }})()"""
        )
        assert before_s - 0.02 <= after_s <= before_s + took_s + 0.15
        assert browser.ask(PLAYS)
        assert browser.ask(CHOSEN) == {"a": "2"}.get(letter, letter)


def test_keys_do_what_the_page_says(browser, page):
    browser.open(page, *DESKTOP)
    for letter, place_s in (("ArrowRight", 0.5), ("ArrowRight", 1.0), ("ArrowLeft", 0.5)):
        key(browser, letter)
        assert browser.ask(PLACE) == pytest.approx(place_s, abs=0.011)
        assert not browser.ask(PLAYS)
    key(browser, "ArrowLeft")
    key(browser, "ArrowLeft")
    assert browser.ask(PLACE) == 0
    key(browser, "3")
    assert browser.ask(CHOSEN) == "3"
    key(browser, " ")
    assert not browser.ask(PLAYS)
    assert "female-low" in browser.ask("document.querySelector('#said').textContent")
    shown = "[...document.querySelectorAll('.take')].filter(t => t.checkVisibility())"
    assert browser.ask(f"{shown}.map(t => t.dataset.take).join()") == "3,3"
    key(browser, "9")  # there is none
    assert browser.ask(CHOSEN) == "3"
    key(browser, "r")
    assert browser.ask("document.querySelector('#repeat').getAttribute('aria-pressed')") == "true"
    key(browser, "n")
    assert browser.ask(SEEN) == "reading-2"
    key(browser, "p")
    assert browser.ask(SEEN) == "reading-1"
    browser.ask("document.querySelector('#keys-on').click(); document.activeElement.blur()")
    for letter in ("n", "1", " ", "ArrowRight"):
        key(browser, letter)
    assert browser.ask(SEEN) == "reading-1"
    assert not browser.ask(PLAYS)


def test_repeated_it_begins_again(browser, page):
    browser.open(page, *DESKTOP)
    key(browser, "r")
    key(browser, " ")
    wait_for(browser, PLAYS)
    browser.ask(
        "(() => { const p = document.querySelector('#place'); p.value = p.max - 0.3;"
        "p.dispatchEvent(new Event('input')); })()"
    )
    wait_for(browser, f"{PLACE} < 1 && {PLAYS}")


def test_a_press_on_the_pictures_goes_there(browser, page):
    browser.open(page, *DESKTOP)
    box = json.loads(
        browser.ask(
            "JSON.stringify(document.querySelector('.stage:not([hidden])').getBoundingClientRect())"
        )
    )
    where = {"x": box["left"] + box["width"] / 2, "y": box["top"] + 60, "button": "left"}
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, clickCount=1, **where)
    length_s = browser.ask("Number(document.querySelector('#place').max)")
    assert browser.ask(PLACE) == pytest.approx(length_s / 2, abs=0.02)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 800, 1280])
def test_it_fits_and_can_be_read(browser, page, width, dark):
    browser.open(page, width, 740, dark=dark)
    key(browser, "2")
    key(browser, " ")
    assert browser.ask("document.documentElement.scrollWidth") <= width
    *worst, (count, _) = json.loads(browser.ask(CONTRASTS))
    assert count > 80
    for ratio, words in worst:
        assert ratio >= 4.5, words
    ground = browser.ask("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    assert (int(ground) < 60) == dark


def test_what_is_held_is_told_and_not_played(browser, held):
    browser.open(held, *PHONE)
    assert browser.ask("document.documentElement.scrollWidth") <= PHONE[0]
    for letter in ("2", " ", "a", "3", "ArrowRight"):
        key(browser, letter)
    assert browser.ask(CHOSEN) == "3"
    assert not browser.ask(PLAYS)
    assert browser.ask("document.querySelector('#play').disabled")
    told = "[...document.querySelectorAll('.told .take')].find(t => t.checkVisibility()).innerText"
    assert "Not delivered" in browser.ask(told)
    assert complaints(browser) == []


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_what_is_pressed_is_large_enough(browser, page, size):
    browser.open(page, *size)
    small = browser.ask(
        """[...document.querySelectorAll('button,.readings a,input[type=range],label')]
        .filter(e => e.checkVisibility()).map(e => [e.getBoundingClientRect(), e])
        .filter(([box]) => box.height < 44 || box.width < 44).map(([, e]) => e.outerHTML).join()"""
    )
    assert small == ""


def test_everything_is_reached_by_tab_and_seen_there(browser, page):
    browser.open(page, *DESKTOP)
    wanted = "a[href],button,input"
    browser.ask(
        f"window.wanted = new Set([...document.querySelectorAll('{wanted}')]"
        ".filter(e => e.checkVisibility() && !e.disabled))"
    )
    count = browser.ask("wanted.size")
    assert count > 15
    for _ in range(count + 5):
        browser.press("Tab", 9)
        name, is_outlined, left = browser.ask(
            """(() => { const e = document.activeElement; wanted.delete(e);
            return [e.tagName, getComputedStyle(e).outlineStyle !== 'none', wanted.size]; })()"""
        )
        if name != "BODY":
            assert is_outlined, f"no focus is seen on {name}"
        if left == 0:
            break
    assert browser.ask("[...wanted].map(e => e.outerHTML.slice(0, 80))") == []


def test_who_wants_less_motion_gets_less_and_still_hears(browser, page):
    browser.open(page, *DESKTOP)
    browser.call("Emulation.setEmulatedMedia", media="screen",
                 features=[{"name": "prefers-reduced-motion", "value": "reduce"}])  # fmt: skip
    browser.ask(
        """window.places = new Set(); window.began = performance.now(); new MutationObserver(() =>
        places.add(document.querySelector('.cursor').style.left)).observe(
            document.querySelector('.cursor'), {attributes: true})"""
    )
    key(browser, " ")
    wait_for(browser, f"{PLACE} > 1")
    # A quarter of a second apart, not every frame.
    assert browser.ask("1000 * places.size / (performance.now() - began)") < 8


def test_without_scripts_there_are_plain_players(browser, page):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page, *PHONE)
        seen = """[...document.querySelectorAll('audio')].filter(
            a => a.controls && a.checkVisibility() && a.clientWidth > 100).length"""
        assert browser.ask(seen) == 8
        assert browser.ask("document.documentElement.scrollWidth") <= PHONE[0]
        dead = (
            "[...document.querySelectorAll('button,input')].filter(e => e.checkVisibility()).length"
        )
        assert browser.ask(dead) == 0
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_the_policy_runs_no_other_script(browser, page, tmp_path):
    bad = tmp_path / "injected.html"
    text = page.read_text(encoding="utf-8")
    bad.write_text(
        text.replace("</main>", "<script>document.title='owned'</script></main>"), encoding="utf-8"
    )
    browser.open(bad, *DESKTOP)
    assert browser.ask("document.title") != "owned"
    assert any("Content Security Policy" in str(c) for c in complaints(browser))
    assert browser.ask(CHOSEN) == "0"  # the page's own script has run
