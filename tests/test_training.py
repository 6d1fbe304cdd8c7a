"""Training the bottleneck: it learns, what is exported is what was trained, and the core agrees."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import sounds

from voiceanon.bottleneck import decoder, encoder, make_bottleneck_model
from voiceanon.keys import Draws
from voiceanon.privacy.drawing import normal
from voiceanon.profile import Profiler
from voiceanon.template import tables, whole_removal
from voiceanon.training.material import Material, Utterance, plain_values
from voiceanon.training.prepared import GAP, prepare, prosody_of

HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="needs torch")


def described(name: str) -> np.ndarray:
    clip, rate = sounds.clip(name)
    profiler = Profiler(rate)
    profiler.process(clip[: 4 * rate])
    (profile,) = profiler.finish()
    return whole_removal(profile.state).process(profiler.remembered[0])


def material() -> Material:
    """The bundled clips; what the teacher hears is a random view of the clip's own values."""
    view = normal(Draws(bytes(32), "view"), 100, 64) / 10
    utterances, names = [], sounds.clip_names()
    for speaker, name in enumerate(names):
        description = described(name)
        rows = np.hstack([description[:, :3], plain_values(description)])
        count = len(rows) // 4
        frames = (rows[: 4 * count, 3:] / tables()["deviation"][0]).reshape(count, 100)
        utterances.append(
            Utterance(
                speaker,
                "WORDS ARE SAID",
                rows[: 4 * count].astype(np.float16),
                (frames @ view).astype(np.float16),
            )
        )
    return Material(utterances, tuple(names))


def test_batches_hold_every_utterance_once_and_keep_them_apart() -> None:
    prepared = prepare(material(), features=16)
    frames = 2 * max(map(len, prepared.material.utterances)) + 2 * GAP
    seen = []
    for batch in prepared.batches(frames, Draws(bytes(32), "order")):
        assert len(batch.heard) == len(batch.mask) == frames
        last = -GAP
        for start, end in batch.spans:
            assert start >= last + GAP
            assert batch.mask[start:end].all()
            last = end
        inside = sum(end - start for start, end in batch.spans)
        assert batch.mask.sum() == inside
        assert not batch.heard[batch.mask[:, 0] == 0].any()
        seen += batch.speakers
    assert sorted(seen) == list(range(len(prepared.material.utterances)))


def test_the_encoder_hears_what_the_core_hears() -> None:
    description = described(sounds.clip_names()[0])
    rows = np.hstack([description[:, :3], plain_values(description)])[: len(description) // 4 * 4]
    voiced, level = prosody_of(rows.astype(np.float32))
    model = make_bottleneck_model(_untrained())
    frames = encoder(2, 4, model).process(description)
    digits = model.digits
    count = len(frames)
    assert count > 100
    assert np.array_equal(frames[:, digits], voiced[:count])
    spoken = frames[:, digits + 1]
    heard = spoken > -20
    assert np.allclose(spoken[heard] * 6 / 30, level[:count][heard])


def _untrained() -> dict[str, np.ndarray]:
    from test_bottleneck_core import random_tables

    return random_tables()


@pytest.mark.slow
@needs_torch
def test_it_learns_and_the_core_speaks_what_was_learned() -> None:
    torch = pytest.importorskip("torch")
    from voiceanon.training.export import exported
    from voiceanon.training.learning import Learning, learn
    from voiceanon.training.networks import Shape, build, quantised

    shape = Shape(
        levels=(3, 5, 3, 3),
        encoder=32,
        decoder=32,
        encoder_blocks=((1, 1), (2, 0)),
        decoder_blocks=((1, 1), (2, 0)),
        voices=4,
    )
    prepared = prepare(material(), features=16)
    network = build(shape, values=25, teacher=16, speakers=6, seed=3)
    losses: list[dict[str, float]] = []
    settings = Learning(passes=60, batch_s=9.0, learning_rate=5e-3)
    learn(
        network,
        shape.levels,
        prepared,
        settings,
        Draws(bytes(32), "learn"),
        lambda _done, means: losses.append(dict(means)),
    )
    for name in ("teaching", "sounds", "voicing"):
        assert losses[-1][name] < 0.9 * losses[0][name], name
    assert "again" in losses[-1]
    assert not network.training

    arrays = exported(network, shape, prepared, restored=0.0)
    model = make_bottleneck_model(arrays)
    assert model.voice_size == 4
    utterance = prepared.material.utterances[2]
    rows = utterance.rows.astype(np.float32)
    kind = np.where(rows[:, 0] > 0.5, 0, 1)
    mean, deviation = tables()["mean"][kind], tables()["deviation"][kind]
    description = np.hstack([rows[:, :3], (rows[:, 3:] - mean) / deviation]).astype(np.float32)
    hears = encoder(4, 0, model)
    frames = np.concatenate([hears.process(description), hears.finish()])
    batch = prepared.batch([2], len(utterance), None)
    with torch.inference_mode():
        mask = torch.from_numpy(batch.mask)
        codes, whole = quantised(network.encoder(torch.from_numpy(batch.heard), mask), shape.levels)
        # Half precision moves a place by some thousandths: few lie that near to a border.
        assert (frames[:, :4] == whole.numpy()).mean() > 0.99
        given = torch.cat([codes, torch.from_numpy(batch.prosody), torch.zeros(len(mask), 4)], 1)
        made = network.decoder(given, mask).numpy().reshape(-1, 26)
    frames[:, :4] = whole.numpy()
    speaks = decoder(model)
    spoken = np.concatenate([speaks.process(frames), speaks.finish()])
    sure = np.abs(made[:, 0]) > 0.05
    assert np.array_equal(spoken[sure, 0] > 0.5, made[sure, 0] > 0)
    kind = np.where(spoken[:, 0] > 0.5, 0, 1)
    plain = tables()["mean"][kind] + tables()["deviation"][kind] * spoken[:, 3:]
    expected = made[:, 1:] * prepared.scale + prepared.mean
    assert np.abs((plain - expected) / prepared.scale).max() < 0.03


@needs_torch
def test_the_same_seed_draws_the_same_weights() -> None:
    pytest.importorskip("torch")
    from voiceanon.training.networks import Shape, build

    one, same, other = (
        build(Shape(encoder=16, decoder=16), values=25, teacher=4, speakers=3, seed=s)
        for s in (1, 1, 2)
    )
    first, second, third = (
        np.concatenate([p.detach().numpy().ravel() for p in n.parameters()])
        for n in (one, same, other)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_wild_rows_give_finite_frames_and_rows() -> None:
    model = make_bottleneck_model(_untrained())
    draws = Draws(bytes(32), "wild")
    rows = (10.0 ** (30 * normal(draws, 200, 28) / 3)).astype(np.float32)
    rows = np.nan_to_num(rows * np.sign(normal(draws, 200, 28)), posinf=3e38, neginf=-3e38)
    rows = rows.astype(np.float32)
    hears, speaks = encoder(2, 4, model), decoder(model)
    frames = np.concatenate([hears.process(rows), hears.finish()])
    assert np.isfinite(frames).all()
    spoken = np.concatenate([speaks.process(frames), speaks.finish()])
    assert np.isfinite(spoken).all()
