"""The adversary in training: it finds who speaks, and what it finds is what units lose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from training_clips import prepared_clips

from voiceanon.keys import Draws
from voiceanon.training.prepared import GAP, Batch

torch = pytest.importorskip("torch")

from voiceanon.training.adversary import Pressure, adversary, who_loss  # noqa: E402


def batch_of_clips() -> Batch:
    prepared = prepared_clips()
    frames = sum(len(u) + GAP for u in prepared.material.utterances)
    everyone = list(range(len(prepared.material.utterances)))
    return prepared.batch(everyone, frames, Draws(bytes(32), "batch"), views=2, as_recorded=1.0)


def loss_of(made: Any, codes: Any, batch: Batch) -> Any:
    phones, speaks = torch.from_numpy(batch.phones), torch.from_numpy(batch.speech)
    return who_loss(made, codes, phones, speaks, batch)


def test_the_last_voice_is_the_recorded_one_where_it_should_be() -> None:
    batch = batch_of_clips()
    assert np.array_equal(batch.heard[1], batch.spoken)
    assert np.abs(batch.heard[0] - batch.spoken).max() > 0.5


def test_what_tells_who_speaks_is_found() -> None:
    torch.manual_seed(1)
    batch = batch_of_clips()
    codes = torch.zeros(len(batch.mask), 4)
    for (start, end), speaker in zip(batch.spans, batch.speakers, strict=True):
        codes[start:end, speaker % 4] = 1.0 - 2.0 * (speaker // 4)
    made = adversary(4, batch.phones.shape[1], len(batch.speakers))
    steps = torch.optim.AdamW(made.parameters(), lr=1e-3)
    losses = []
    for _ in range(40):
        loss = loss_of(made, codes, batch)
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("ratio", [0.0, 0.5, 2.0])
def test_its_gradient_comes_back_turned_round_and_in_proportion(ratio: float) -> None:
    torch.manual_seed(2)
    codes = torch.randn(50, 4, requires_grad=True)
    pull, push = torch.randn(50, 4), torch.randn(50, 4)
    pressure = Pressure(ratio, growing_steps=1)
    (pressure.read(codes) * pull).sum().backward()
    codes.grad = None
    (pressure.told(codes) * push).sum().backward()
    expected = -ratio * pull.norm() * push / push.norm()
    assert torch.allclose(codes.grad, expected, atol=1e-5)


def test_it_grows_and_does_nothing_before_words_pull() -> None:
    codes = torch.ones(3, 2, requires_grad=True)
    pressure = Pressure(1.0, growing_steps=4)
    pressure.told(codes).sum().backward()
    assert not codes.grad.any()
    pressure.read(codes).sum().backward()
    norms = []
    for _ in range(6):
        codes.grad = None
        pressure.told(codes).sum().backward()
        norms.append(float(codes.grad.norm()))
    assert norms == pytest.approx([6**0.5 * share for share in (0.5, 0.75, 1.0, 1.0, 1.0, 1.0)])
