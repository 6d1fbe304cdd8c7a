"""The network that hears the mark in training: it is what the detector runs, and it learns."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from sounds import clip, clip_names

from voiceanon.anonymizer import Anonymizer
from voiceanon.keys import Draws
from voiceanon.marking.detection import all_fits
from voiceanon.marking.network import DILATIONS, MarkNetwork
from voiceanon.marking.pattern import BANDS, CELL_ROWS, CELLS, PERIOD_ROWS, signs
from voiceanon.models import fit_mark
from voiceanon.recipe import Recipe

torch = pytest.importorskip("torch")


def heard_clips() -> list[fit_mark.Heard]:
    """Return two bundled recordings, marked strongly and heard in every way."""
    recipe = Recipe(name="strong", mark_db=3.0)
    others = [clip(name)[0] for name in clip_names()[2:4]]
    found = []
    for name in clip_names()[:2]:
        secret = hashlib.sha256(name.encode()).digest()
        made = Anonymizer(recipe, secret, mark_key=secret)(clip(name)[0], fit_mark.RATE)
        ways = fit_mark.heard_ways(made, others, Draws(secret, "noise"))
        found += [fit_mark.heard(sound, secret) for sound in ways]
    return found


def test_what_is_trained_is_what_the_detector_runs() -> None:
    torch.manual_seed(1)
    tables = fit_mark.fresh_tables(torch)
    with torch.no_grad():
        for k in range(len(DILATIONS)):
            tables[f"biases_{k}"].normal_()
    drawn = np.random.default_rng(2)
    level, weight = 8.0 * drawn.normal(size=(40, BANDS)), drawn.uniform(size=(40, BANDS))
    inputs = torch.from_numpy(fit_mark.inputs_of(level, weight)[None])
    made = fit_mark.evidence_of(torch, tables, inputs)[0].detach().numpy()
    heard = MarkNetwork.of(fit_mark.arrays_of(tables))(level, weight)
    # Tables are stored in half precision.
    np.testing.assert_allclose(heard, made, atol=5e-3 * np.abs(made).max())


def test_the_score_in_training_is_the_detectors() -> None:
    key = bytes(range(32))
    evidence = np.random.default_rng(4).normal(size=(PERIOD_ROWS, BANDS))
    evidence += 0.3 * np.repeat(signs(key), CELL_ROWS, axis=0)
    trained = fit_mark.scores(
        torch, torch.from_numpy(evidence[None]), torch.from_numpy(signs(key)[None].copy())
    )
    assert float(trained[0]) == pytest.approx(all_fits(evidence, signs(key)[None])[0, 0], rel=1e-6)


def test_signs_lie_where_the_mark_is() -> None:
    for one in heard_clips():
        assert one.inputs.shape == (2, CELL_ROWS * len(one.cells), BANDS)
        assert 100 < len(one.cells) <= 3 * CELLS
        level = one.inputs[0].astype(float).reshape(-1, CELL_ROWS, BANDS).mean(axis=1)
        # Cells that are louder for the mark, against those before and after.
        apart = level[1:-1] - 0.5 * (level[:-2] + level[2:])
        told = np.corrcoef(apart.ravel(), one.cells[1:-1].ravel())[0, 1]
        assert told > 0.1


def test_it_learns_to_hear(monkeypatch) -> None:
    monkeypatch.setattr(fit_mark, "STEPS", 100)
    said: list[str] = []
    fit_mark.train(torch, heard_clips(), said.append)
    (told,) = said
    reached = float(told.split()[4])
    # Chance gives 0 on average.
    assert reached > 3.0
