"""Training the bottleneck: it learns, what is exported is what was trained, and the core agrees."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sounds
from made_up_tables import random_tables
from training_clips import described, prepared_clips

from voiceanon.bottleneck import decoder, encoder, make_bottleneck_model
from voiceanon.checks.phones import PHONES
from voiceanon.errors import VoiceanonError
from voiceanon.keys import Draws
from voiceanon.privacy.drawing import normal
from voiceanon.template import tables
from voiceanon.training.material import Utterance, plain_values, speech_frames
from voiceanon.training.phones import aligned, learn_ear
from voiceanon.training.prepared import GAP, prosody_of
from voiceanon.training.voices import Voices, learn_voices
from voiceanon.warping import tract_warp

HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="needs torch")


def test_batches_hold_every_utterance_once_and_keep_them_apart() -> None:
    prepared = prepared_clips()
    frames = 2 * max(map(len, prepared.material.utterances)) + 2 * GAP
    seen = []
    for batch in prepared.batches(frames, Draws(bytes(32), "order"), views=2):
        assert batch.heard.shape == (2, *batch.spoken.shape)
        assert len(batch.spoken) == len(batch.mask) == frames
        last = -GAP
        for start, end in batch.spans:
            assert start >= last + GAP
            assert batch.mask[start:end].all()
            last = end
        inside = sum(end - start for start, end in batch.spans)
        assert batch.mask.sum() == inside
        assert not batch.heard[:, batch.mask[:, 0] == 0].any()
        assert np.abs(batch.heard[0] - batch.heard[1]).max() > 0.5
        seen += batch.speakers
    assert sorted(seen) == list(range(len(prepared.material.utterances)))


def test_as_recorded_the_encoder_hears_what_is_to_be_spoken() -> None:
    batch = prepared_clips().recorded(1)
    assert np.array_equal(batch.heard[0], batch.spoken)
    assert batch.mask.all()
    assert batch.speech.mean() > 0.3


def test_another_voice_moves_each_phone_to_its_place_there() -> None:
    offsets = np.zeros((2, 3, 4), np.float32)
    offsets[0, 1], offsets[1, 1], offsets[1, 2] = 1.0, 3.0, -5.0
    voices = Voices(offsets)
    phones = np.eye(3, dtype=np.float16)[np.repeat([0, 1, 2], 20)]
    seen = []
    for number in range(40):
        changed = voices.another(
            np.zeros((240, 4), np.float32), phones, 0, Draws(bytes(32), str(number))
        )
        steps = np.array([changed[at : at + 8].mean(0) for at in (36, 116, 196)])
        rest = steps - steps[0]  # the room's tilt is the same everywhere
        # A warp mixes the values but leaves a constant row's direction: compare with both scales.
        fitted = [rest[2] @ w / (w @ w) for w in [tract_warp(4, 1.0) @ offsets[1, 2]]]
        seen.append(fitted[0])
    assert min(seen) < 1e-3
    assert max(seen) > 0.7


def test_voices_are_each_speaker_s_own_place_of_a_phone() -> None:
    count, values = 4000, 5
    offset = np.array([2.0, -2.0])
    utterances, phones = [], []
    for speaker in (0, 1):
        likely = np.zeros((count, 2), np.float16)
        likely[: count // 2, 0] = likely[count // 2 :, 1] = 1.0
        rows = np.zeros((4 * count, 3 + values), np.float16)
        rows[: 2 * count, 3:] = offset[speaker]
        utterances.append(Utterance(speaker, "", rows, np.zeros((count, 2), np.float16)))
        phones.append(likely)
    voices = learn_voices(utterances, phones, 2)
    assert voices.offsets[:, 0] == pytest.approx(np.tile(offset[:, None], values), rel=0.02)
    assert not voices.offsets[:, 1].any()


def test_pauses_are_no_speech() -> None:
    rows = np.zeros((12, 5), np.float16)
    rows[:, 2] = [-80, -80, -80, -38, -40, -60, -45, -50, -200, -200, -200, -200]
    rows[:, 0] = 1.0
    assert speech_frames(rows).tolist() == [True, False, False]
    voiced, level = prosody_of(rows)
    assert voiced.tolist() == [1.0, 0.0, 0.0]
    assert level.tolist() == pytest.approx([-6 * 0.2, -8 * 0.2, -8 * 0.2])


def test_phones_are_aligned_where_the_words_are_known() -> None:
    pytest.importorskip("pocketsphinx")
    samples, rate = sounds.clip("2300-131720-0038.flac")
    assert rate == 16_000
    with (Path(__file__).parents[1] / "voiceanon" / "samples" / "metadata.csv").open() as file:
        text = {row["path"]: row["text"] for row in csv.DictReader(file)}["2300-131720-0038.flac"]
    right, wrong, empty = aligned([(samples, text), (samples, "xqzw"), (samples, " ")])
    assert wrong is None
    assert empty is None
    assert right is not None
    assert len(right) == -(-len(samples) // 320)
    assert right.max() < len(PHONES)
    level = np.abs(samples[: len(samples) // 320 * 320]).reshape(-1, 320).max(1)
    silent = right[: len(level)] == 0
    assert 0.02 < silent.mean() < 0.5
    assert np.median(level[silent]) < 0.2 * np.median(level[~silent])


@needs_torch
def test_an_ear_tells_phones_that_can_be_told() -> None:
    pytest.importorskip("torch")
    draws = Draws(bytes(32), "ear")
    means = 3 * normal(draws, 5, 8)
    heard = []
    for _ in range(24):
        phones = np.repeat((5 * np.abs(normal(draws, 40)) % 5).astype(np.int8), 5)
        heard.append(((means[phones] + normal(draws, 200, 8)).astype(np.float32), phones))
    ear = learn_ear(heard, draws, lambda *_: None)
    assert ear.accuracy > 0.6
    likely = ear.hear(heard[0][0]).astype(np.float32)
    assert likely.sum(1) == pytest.approx(1.0, abs=0.01)
    with pytest.raises(VoiceanonError, match="aligned"):
        learn_ear(heard[:5], draws, lambda *_: None)


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
    return random_tables(pauses=False)


class NarrowEar:
    """Hears fewer bands, and every second frame."""

    def hear(self, bands: Any) -> list[Any]:
        return [bands[:, ::4, ::2].transpose(1, 2)]


@pytest.mark.slow
@needs_torch
def test_it_learns_and_the_core_speaks_what_was_learned() -> None:
    torch = pytest.importorskip("torch")
    from voiceanon.training.adversary import adversary
    from voiceanon.training.export import exported
    from voiceanon.training.learning import Learning, Trainer
    from voiceanon.training.networks import LETTERS, Shape, bounded, build, quantised

    shape = Shape(
        levels=(3, 5, 3, 3),
        encoder=32,
        decoder=32,
        encoder_blocks=((1, 1), (2, 0)),
        decoder_blocks=((1, 1), (2, 0)),
        voices=4,
    )
    prepared = prepared_clips()
    read = 16 + 1 + len(LETTERS) + 3
    network = build(shape, values=25, read=read, speakers=6, seed=3)
    losses: list[dict[str, float]] = []
    settings = Learning(hearing=60, speaking=80, batch_s=9.0, learning_rate=5e-3, same=1.0)
    trainer = Trainer(
        network,
        shape.levels,
        prepared,
        settings,
        Draws(bytes(32), "learn"),
        lambda _done, means: losses.append(dict(means)),
        against=adversary(4, 3, 6),
    )
    trainer.hear()
    for name in ("teaching", "phones", "letters"):
        assert losses[-1][name] < 0.9 * losses[0][name], name
    losses.clear()
    trainer.speak(NarrowEar())
    for name in ("sounds", "voicing", "heard"):
        assert losses[-1][name] < 0.9 * losses[0][name], name
    assert not network.training

    arrays = exported(network, shape, prepared)
    model = make_bottleneck_model(arrays)
    assert model.voice_size == 4
    utterance = prepared.material.utterances[2]
    rows = utterance.rows.astype(np.float32)
    kind = np.where(rows[:, 0] > 0.5, 0, 1)
    mean, deviation = tables()["mean"][kind], tables()["deviation"][kind]
    description = np.hstack([rows[:, :3], (rows[:, 3:] - mean) / deviation]).astype(np.float32)
    hears = encoder(4, 0, model)
    frames = np.concatenate([hears.process(description), hears.finish()])
    batch = prepared.recorded(2)
    with torch.inference_mode():
        mask = torch.from_numpy(batch.mask)
        given = network.encoder(torch.from_numpy(batch.heard[0]), mask)
        codes, whole = quantised(bounded(given[:, :4]), shape.levels)
        silent = given[:, 4:].numpy()
        # Half precision moves a place by some thousandths: few lie that near to a border.
        spoken_of = batch.speech * (frames[:, 5:6] > -8)
        assert (frames[:, :4] == whole.numpy() * spoken_of).mean() > 0.99
        sure = np.abs(silent[:, 0]) > 0.05
        told_pause = (batch.speech[:, 0] > 0) & (spoken_of[:, 0] == 0)
        assert np.array_equal(told_pause[sure], ((silent > 0) & (batch.speech > 0))[sure, 0])
        assert not frames[told_pause, 4].any()
        codes = codes * torch.from_numpy(spoken_of)
        prosody = np.where(told_pause[:, None], [0.0, -8 * 6 / 30], batch.prosody)
        prosody = torch.from_numpy(prosody.astype(np.float32))
        given = torch.cat([codes, prosody, torch.zeros(len(mask), 4)], 1)
        made = network.decoder(given, mask).numpy().reshape(-1, 26)
    frames[:, :4] = whole.numpy() * spoken_of
    speaks = decoder(model)
    spoken = np.concatenate([speaks.process(frames), speaks.finish()])
    sure = np.abs(made[:, 0]) > 0.05
    assert np.array_equal(spoken[sure, 0] > 0.5, made[sure, 0] > 0)
    kind = np.where(spoken[:, 0] > 0.5, 0, 1)
    plain = tables()["mean"][kind] + tables()["deviation"][kind] * spoken[:, 3:]
    expected = made[:, 1:] * prepared.scale + prepared.mean
    assert np.abs((plain - expected) / prepared.scale).max() < 0.03


@needs_torch
def test_what_an_ablation_leaves_out_is_neither_computed_nor_heard() -> None:
    pytest.importorskip("torch")
    from voiceanon.training.adversary import adversary
    from voiceanon.training.learning import Learning, Trainer
    from voiceanon.training.networks import LETTERS, Shape, build

    class NobodyListens:
        def hear(self, bands: Any) -> list[Any]:
            raise AssertionError("asked")

    shape = Shape(levels=(3, 3), encoder=16, decoder=16, encoder_blocks=((1, 1),), voices=4)
    network = build(shape, values=25, read=16 + 1 + len(LETTERS) + 3, speakers=6, seed=3)
    seen: dict[str, float] = {}
    settings = Learning(hearing=20, speaking=20, batch_s=9.0, perturbed=False, heard=0.0)
    trainer = Trainer(
        network,
        shape.levels,
        prepared_clips(),
        settings,
        Draws(bytes(32), "learn"),
        lambda _done, means: seen.update(means),
        against=adversary(2, 3, 6),
    )
    trainer.hear()
    first = dict(seen)
    trainer.speak(NobodyListens())
    assert set(first) == {"teaching", "phones", "letters", "pause", "who"}
    assert set(seen) == {*first, "sounds", "change", "voicing"}
    assert seen["teaching"] < first["teaching"]


@needs_torch
def test_the_same_seed_draws_the_same_weights() -> None:
    pytest.importorskip("torch")
    from voiceanon.training.networks import Shape, build

    one, same, other = (
        build(Shape(encoder=16, decoder=16), values=25, read=4, speakers=3, seed=s)
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


def test_the_judge_learns_from_recordings_and_what_is_made_of_them() -> None:
    from voiceanon.privacy.corpora.recordings import Recording
    from voiceanon.training.judge import examples

    folder = Path(__file__).parents[1] / "voiceanon" / "samples"
    name = sounds.clip_names()[0]
    count = len(sounds.clip(name)[0]) // 320
    likely = np.full((count - 3, 40), 1 / 40, np.float16)
    recordings = [Recording(name, name, folder / name)]
    found = list(examples(recordings, [likely], Draws(bytes(32), "judge"), lambda *_: None))
    assert [bands.shape for bands, _ in found] == [(count - 3, 80)] * 2
    assert all(np.isfinite(bands).all() for bands, _ in found)
    assert np.abs(found[0][0].astype(float) - found[1][0]).mean() > 0.05


@needs_torch
def test_a_judge_tells_what_can_be_told_and_the_core_runs_it() -> None:
    torch = pytest.importorskip("torch")
    from voiceanon import _engine
    from voiceanon.bottleneck import network_tables
    from voiceanon.training.export import folded, packed
    from voiceanon.training.judge import BLOCKS, learn_judge

    draws = Draws(bytes(32), "judge")
    means = 2 * normal(draws, 40, 80)
    found = []
    for _ in range(60):
        phones = np.repeat((5 * np.abs(normal(draws, 40)) % 5).astype(int), 5)
        bands = (means[phones] + normal(draws, 200, 80)).astype(np.float16)
        found.append((bands, np.eye(40, dtype=np.float16)[phones]))
    losses: list[float] = []
    network = learn_judge(found, draws, lambda what, *_: losses.append(float(what.split()[1])))
    assert losses[-1] < 0.8 * losses[0]
    bands = found[0][0].astype(np.float32)
    with torch.inference_mode():
        told = network(torch.from_numpy(bands), torch.ones(len(bands), 1)).numpy()
    tables = packed("judge", *folded(network), BLOCKS)
    heard = _engine.Network(**network_tables(tables, "judge")).whole(bands)
    assert np.abs(heard - told).max() < 0.05 * np.abs(told).max()
