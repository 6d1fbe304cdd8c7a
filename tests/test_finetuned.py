"""The fine-tuned attacker: it learns new voices from anonymised ones, and repeats itself."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from voiceanon.errors import InputError
from voiceanon.keys import Draws
from voiceanon.privacy.attackers.fine_tuning import FineTuning
from voiceanon.privacy.attackers.finetuned import FineTuned

HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="needs torch")
QUICK = FineTuning(steps=60, speakers=16, frames=90, learning_rate=3e-3, draws=1, threads=1)


def speech(speaker: str, number: int, seconds: float = 1.2) -> np.ndarray:
    """Vowels of a made-up person: three resonances of their own, any pitch, any order."""
    own = np.random.default_rng([7, *speaker.encode()])
    scale = np.exp(own.uniform(-0.15, 0.15, 3))
    each = np.random.default_rng([8, number, *speaker.encode()])
    count = int(seconds * 16000)
    times = np.arange(count) / 16000
    f0_hz = each.uniform(90, 220)
    total = np.zeros(count)
    vowels = np.array([[700, 1200, 2500], [300, 2200, 2900], [320, 800, 2300]])
    for vowel, part in zip(
        each.permutation(vowels), np.array_split(np.arange(count), 3), strict=True
    ):
        for k in range(1, int(4000 / f0_hz)):
            gain = sum(1 / (1 + ((k * f0_hz - f) / 90) ** 2) for f in vowel * scale)
            total[part] += gain * np.sin(2 * np.pi * k * f0_hz * times[part] + each.uniform(0, 6))
    total += 0.01 * each.normal(size=count)
    return (0.1 * total / np.abs(total).max()).astype(np.float32)


def coloured(samples: np.ndarray, number: int) -> np.ndarray:
    """The recording through a filter of its own, ±30 dB: hides a voice from untrained networks."""
    draw = np.random.default_rng([9, number])
    gains_db = np.interp(np.linspace(0, 11, len(samples) // 2 + 1), range(12), draw.normal(size=12))
    spectrum = np.fft.rfft(samples) * 10 ** (30 * gains_db / 20)
    found = np.fft.irfft(spectrum, len(samples))
    return (0.1 * found / np.abs(found).max()).astype(np.float32)


class FakeEvidence:
    """Recordings of made-up people, each through a filter of its own instead of anonymised."""

    variant = "fake"
    models = ()
    workers = 1

    def __init__(self, folder: Path, *, seed: int = 1, change=None, people: int = 24) -> None:
        self.cache_folder, self.change = folder, change
        self.seed = Draws(bytes(32), "evidence", str(seed)).bytes(32)
        self.options: dict = {}
        self.training = self._people("t", people, 5)
        self.recordings = self._people("m", 8, 4)
        self.calls: list[tuple[str, int, int]] = []
        self.read: list[str] = []

    @staticmethod
    def _people(mark: str, people: int, each: int) -> tuple:
        return tuple(
            SimpleNamespace(key=f"{mark}{p}-{i}", speaker=f"{mark}{p}")
            for p in range(people)
            for i in range(each)
        )

    def _listed(self, where: str) -> tuple:
        return self.training if where.startswith("training") else self.recordings

    def count(self, where: str) -> int:
        return len(self._listed(where))

    def samples(self, where: str, index: int) -> np.ndarray:
        self.read.append(where)
        salt = {"enrol": 1000, "trial": 2000}.get(where, 0)
        plain = speech(self._listed(where)[index].speaker, index + salt)
        return plain if where.endswith("original") else coloured(plain, index + salt)

    def features(self, where: str, extractor) -> np.ndarray:
        rows = []
        for index in range(self.count(where)):
            known = self.cache_folder / f"{extractor.name} {self.digest(where)} {index}.npy"
            if not known.exists():
                np.save(known, extractor(self.samples(where, index)))
            rows.append(np.load(known))
        return np.stack(rows)

    def digest(self, where: str) -> str:
        return f"{where} {self.count(where)}"

    def progress(self, what: str, done: int, total: int) -> None:
        self.calls.append((what, done, total))


def begin(seed: int):
    from voiceanon.privacy.attackers.speaker_network import fresh_network

    return fresh_network(seed)


def single_scores(verifier, evidence: FakeEvidence) -> tuple[np.ndarray, np.ndarray]:
    """Scores of all pairs of different recordings, and which are of one speaker."""
    count = len(evidence.recordings)
    scores = verifier.scores(np.eye(count), np.eye(count))
    names = np.array([recording.speaker for recording in evidence.recordings])
    apart = ~np.eye(count, dtype=bool)
    return scores[apart], (names[:, None] == names)[apart]


def eer(scores: np.ndarray, same: np.ndarray) -> float:
    thresholds = np.sort(scores)
    misses = np.searchsorted(np.sort(scores[same]), thresholds) / same.sum()
    accepts = 1 - np.searchsorted(np.sort(scores[~same]), thresholds) / (~same).sum()
    at = np.abs(misses - accepts).argmin()
    return float(misses[at] + accepts[at]) / 2


@pytest.mark.slow
@needs_torch
def test_a_network_from_nothing_knows_new_speakers_and_repeats_itself(tmp_path) -> None:
    evidence = FakeEvidence(tmp_path)
    attacker = FineTuned(QUICK, begin)
    assert attacker.missing(evidence) is None
    found = attacker.verifiers(evidence)
    assert "plda-shrink0.1+centred" in found
    reached = eer(*single_scores(found["cosine+centred"], evidence))
    barely = replace(QUICK, steps=1)
    untrained = FineTuned(barely, begin).verifiers(evidence)["cosine+centred"]
    assert reached < 0.75 * eer(*single_scores(untrained, evidence))
    assert reached < 0.3
    whats = {what for what, _, _ in evidence.calls}
    assert whats == {
        "anonymizing again for training",
        "fine-tuning a speaker network",
    }
    assert all(done <= total for _, done, total in evidence.calls)

    (tmp_path / "elsewhere").mkdir()
    again = FakeEvidence(tmp_path / "elsewhere")
    assert np.array_equal(
        single_scores(FineTuned(QUICK, begin).verifiers(again)["cosine"], again)[0],
        single_scores(found["cosine"], evidence)[0],
    )


@pytest.mark.slow
@needs_torch
def test_a_training_is_not_done_twice_unless_something_changed(tmp_path) -> None:
    quick = FineTuning(steps=2, speakers=4, frames=60, draws=1, threads=1)
    first = FakeEvidence(tmp_path, people=6)
    expected = single_scores(FineTuned(quick, begin).verifiers(first)["cosine"], first)[0]
    assert first.read

    second = FakeEvidence(tmp_path, people=6)
    found = single_scores(FineTuned(quick, begin).verifiers(second)["cosine"], second)[0]
    assert np.array_equal(found, expected)
    assert not second.read

    other_seed = FakeEvidence(tmp_path, people=6, seed=2)
    found = single_scores(FineTuned(quick, begin).verifiers(other_seed)["cosine"], other_seed)[0]
    assert not np.array_equal(found, expected)

    other_settings = FakeEvidence(tmp_path, people=6)
    other_settings.options = {"fine_tuning": {"steps": 3}}
    FineTuned(quick, begin).verifiers(other_settings)
    assert other_settings.read

    damaged = FakeEvidence(tmp_path, people=6)
    for path in tmp_path.rglob("*.pt"):
        path.write_bytes(b"PK" + bytes(40))
    found = single_scores(FineTuned(quick, begin).verifiers(damaged)["cosine"], damaged)[0]
    assert np.array_equal(found, expected)


@needs_torch
def test_the_attacker_anonymises_again_with_draws_of_its_own(tmp_path) -> None:
    labels = []

    def change(samples, rate, label):
        labels.append(label)
        return samples

    quick = FineTuning(steps=1, speakers=4, frames=60, draws=3, threads=1)
    evidence = FakeEvidence(tmp_path, people=5, change=change)
    FineTuned(quick, begin).verifiers(evidence)
    assert len(labels) == len(set(labels)) == 2 * 25
    assert evidence.read.count("training original") == 25


@pytest.mark.slow
@needs_torch
def test_a_teacher_says_what_to_hear(tmp_path) -> None:
    """With no labels' help, the network learns to give what the teacher gives."""
    torch = pytest.importorskip("torch")
    from voiceanon.privacy.attackers.fine_tuning import Material, fine_tune
    from voiceanon.privacy.attackers.speaker_network import bands_of, fresh_network

    names = [f"t{p}" for p in range(12)]
    samples = [speech(name, i) for name in names for i in range(4)]
    bands = [bands_of(one) for one in samples]
    speakers = np.repeat(np.arange(12), 4)
    ideal = np.random.default_rng(3).normal(size=(12, 192))[speakers] + 2.0
    settings = FineTuning(steps=50, speakers=12, frames=90, learning_rate=3e-3, threads=1)
    network = fresh_network(0)
    losses = fine_tune(network, Material([bands], speakers, ideal), settings, Draws(bytes(32), "x"))
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    assert torch.get_num_threads() >= 1
    vectors = np.stack([network.embed(one) for one in bands])
    middle = ideal.mean(0)
    unit = lambda v: v / np.linalg.norm(v, axis=1, keepdims=True)  # noqa: E731
    cosines = unit(vectors - vectors.mean(0)) @ unit(ideal - middle).T
    own = speakers[:, None] == speakers
    assert cosines[own].mean() > cosines[~own].mean() + 0.3


@needs_torch
def test_options_that_do_not_exist_are_refused(tmp_path) -> None:
    evidence = FakeEvidence(tmp_path, people=4)
    evidence.options = {"fine_tuning": {"epochs": 3}}
    with pytest.raises(InputError, match="epochs.*steps"):
        FineTuned(QUICK, begin).verifiers(evidence)


@needs_torch
def test_stopping_leaves_nothing_in_the_cache_and_the_threads_as_they_were(tmp_path) -> None:
    torch = pytest.importorskip("torch")

    class Stopped(FakeEvidence):
        def progress(self, what: str, done: int, total: int) -> None:
            if "fine-tuning" in what:
                raise KeyboardInterrupt

    before = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        FineTuned(QUICK, begin).verifiers(Stopped(tmp_path, people=4))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert torch.get_num_threads() == before


def test_what_is_missing_is_said(tmp_path, monkeypatch) -> None:
    from voiceanon.privacy.attackers import finetuned

    evidence = FakeEvidence(tmp_path)
    monkeypatch.setattr(finetuned, "why_missing", lambda name: f"{name} is not installed: pip")
    assert FineTuned().missing(evidence) == "torch is not installed: pip"
    evidence.training = ()
    assert "--train" in FineTuned().missing(evidence)


@needs_torch
def test_long_recordings_are_heard_in_pieces() -> None:
    from voiceanon.privacy.attackers.speaker_network import fresh_network

    network = fresh_network(5)
    bands = np.random.default_rng(0).normal(size=(4100, 80)).astype(np.float16)
    parts = [bands[:1367], bands[1367:2733], bands[2733:]]
    expected = sum(len(part) * network.embed(part) for part in parts) / 4100
    assert network.embed(bands) == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(network.embed(bands), fresh_network(5).embed(bands))
    assert not np.array_equal(network.embed(bands), fresh_network(6).embed(bands))
