"""The cards of the shipped tables: one each, whole, and true by the file and by results."""

import re
from pathlib import Path

import limit_tables
import numpy as np
import pytest
from manual_pages import Page, check_links

import voiceanon

MODELS = Path(voiceanon.__file__).parent / "models"
TABLES = sorted(path.stem for path in MODELS.glob("*.npz"))
SECTIONS = ("What is in it", "What is not in it", "How it is made", "Measured", "Limits")


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_a_whole_card(name):
    card = Page(MODELS / f"{name}.md")
    assert card.text.startswith(f"# Model card: `{name}.npz`\n")
    headings = re.findall(r"^## (.*)$", card.text, re.MULTILINE)
    assert set(SECTIONS) <= set(headings)
    said = " ".join(headings).lower()
    assert "data" in said
    assert "licence" in said
    commands = re.findall(r"^    (python -m (voiceanon[\w.]+) .*)$", card.text, re.MULTILINE)
    assert commands, "the command that makes it"
    for command, module in commands:
        place = MODELS.parents[1].joinpath(*module.split("."))
        assert place.is_dir() or place.with_suffix(".py").is_file(), command
        assert f"-o {name}.npz" in command
    check_links(card)


@pytest.mark.parametrize("name", ["template", "bottleneck"])
def test_what_a_card_says_was_measured_is_in_the_results(name):
    card = (MODELS / f"{name}.md").read_text(encoding="utf-8")
    found = limit_tables.variants()[name]
    shown = {
        "one utterance": found["privacy"]["headline_single"]["eer_percent"],
        "pooled": found["privacy"]["headline"]["eer_percent"],
        "Whisper base": found["words"]["wer_percent"],
    }
    for what, (value, low, high) in shown.items():
        row = rf"^\| .*{what}.* \| {value:.1f} % \({low:.1f}–{high:.1f}\) \|$"
        assert re.search(row, card, re.MULTILINE), what
    value, low, high = found["naturalness"]["dnsmos"]
    assert f"| {value:.2f} ({low:.2f}–{high:.2f}) |" in card


def test_the_card_of_the_template_lists_the_arrays_that_are_shipped():
    card = (MODELS / "template.md").read_text(encoding="utf-8")
    listed = {}
    for row in re.findall(r"^\| (`.*)\|$", card, re.MULTILINE):
        names, shapes, _ = row.split(" | ")
        found = re.findall(r"\([\d, ]+\)", shapes)
        for number, name in enumerate(re.findall(r"`(\w+)`", names)):
            listed[name] = found[min(number, len(found) - 1)]
    with np.load(MODELS / "template.npz", allow_pickle=False) as archive:
        assert listed == {name: str(archive[name].shape) for name in archive.files}
        assert f"{len(archive.files)} arrays of float32" in card
    assert f"{(MODELS / 'template.npz').stat().st_size:,} bytes" in card


def test_the_card_of_the_bottleneck_counts_what_is_shipped():
    card = (MODELS / "bottleneck.md").read_text(encoding="utf-8")
    assert f"{(MODELS / 'bottleneck.npz').stat().st_size:,} bytes" in card
    with np.load(MODELS / "bottleneck.npz", allow_pickle=False) as archive:
        for name in ("encoder", "decoder"):
            assert f"{archive[f'{name}_weights'].size:,} weights" in card
        kept = archive["levels"][: voiceanon.Recipe.named("bottleneck").unit_digits]
    assert f"{int(np.prod(kept))} units" in card
    assert (MODELS / "bottleneck.npz").stat().st_size < 8e6


def test_the_card_of_the_description_code_counts_what_is_shipped():
    from voiceanon.coding.contexts import ALPHABETS
    from voiceanon.coding.range_coder import TOTAL

    card = (MODELS / "description_code.md").read_text(encoding="utf-8")
    size = (MODELS / "description_code.npz").stat().st_size
    assert f"{size:,} bytes" in card
    assert size < 150_000
    with np.load(MODELS / "description_code.npz", allow_pickle=False) as archive:
        contexts = [archive[f"{track}_contexts"] for track in ALPHABETS]
        assert len(archive.files) == 2 * len(contexts)
    assert f"{sum(map(len, contexts)):,} in all" in card
    assert f"Of each of {len(contexts)} tracks" in card
    assert f"out of {TOTAL:,}" in card


def test_the_card_of_the_judge_counts_what_is_shipped():
    card = (MODELS / "judge.md").read_text(encoding="utf-8")
    assert f"{(MODELS / 'judge.npz').stat().st_size:,} bytes" in card
    with np.load(MODELS / "judge.npz", allow_pickle=False) as archive:
        assert f"{archive['judge_weights'].size:,} weights" in card
        assert f"{len(archive['judge_blocks'])} residual blocks" in card
