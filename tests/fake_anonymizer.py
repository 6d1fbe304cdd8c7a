"""A stand-in for the engine in tests that are about files: noise that follows the level.

It has the interface of `voiceanon.Anonymizer` that files use, and its manners: exact length, the
same output for any chunking, nothing of the input but its level. Run as a script, it is the
command line with this engine, slowed down by FAKE_DELAY_S seconds a chunk.
"""

import hashlib
import os
import time

import numpy as np

from voiceanon.files import anonymize_file
from voiceanon.recipe import Recipe

HOP = 256


class FakeProfiler:
    remembered = None  # as of a long recording

    def __init__(self, rate, channels):
        self.channels = channels
        self.frames = 0

    def process(self, chunk):
        assert chunk.dtype == np.float32
        assert chunk.shape[0] == self.channels
        self.frames += chunk.shape[1]

    def finish(self):
        return tuple({"frames": self.frames} for _ in range(self.channels))


class FakeStream:
    def __init__(self, channels, seed):
        self.channels = channels
        self.noise = np.random.default_rng(seed)
        self.held = np.zeros((channels, 0), np.float32)

    def process(self, chunk):
        time.sleep(float(os.environ.get("FAKE_DELAY_S", "0")))
        self.held = np.concatenate([self.held, chunk], axis=1)
        whole = self.held.shape[1] // HOP * HOP
        ready, self.held = self.held[:, :whole], self.held[:, whole:]
        return self._speak(ready)

    def finish(self):
        return self._speak(self.held)

    def _speak(self, samples):
        result = np.zeros_like(samples)
        for start in range(0, samples.shape[1], HOP):
            hop = samples[:, start : start + HOP]
            level = np.sqrt(np.mean(hop.astype(float) ** 2, axis=1, keepdims=True))
            noise = self.noise.uniform(-1.0, 1.0, (HOP, self.channels))[: hop.shape[1]].T
            result[:, start : start + HOP] = np.clip(level * noise, -1.0, 1.0)
        return result


class FakeAnonymizer:
    def __init__(self, recipe="default", secret=None, *, mark_key=None):
        self.recipe = recipe
        self.secret = os.urandom(32) if secret is None else secret

    def profiler(self, rate, channels=1):
        return FakeProfiler(rate, channels)

    def stream(self, rate, channels=1, *, profiles=None, recording="", speaker=None):
        assert len(profiles) == channels
        # As the recipes that draw a voice for each speaker: with a speaker, the recording is moot.
        label = (recording if speaker is None else speaker).encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(self.secret + label).digest()
        return FakeStream(channels, int.from_bytes(digest, "big"))

    def __call__(self, samples, rate):
        rows = samples.reshape(-1, samples.shape[-1]).astype(np.float32)
        profiler = self.profiler(rate, len(rows))
        profiler.process(rows)
        stream = self.stream(rate, len(rows), profiles=profiler.finish())
        result = np.concatenate([stream.process(rows), stream.finish()], axis=1)
        return result.reshape(samples.shape).astype(samples.dtype)


class FileAnonymizer(FakeAnonymizer):
    """The stand-in for the engine with the door for files that `Anonymizer` has."""

    def __init__(self, voice_draw="recording"):
        super().__init__(Recipe(name="fake", voice_draw=voice_draw), secret=bytes(32))

    def file(self, source, destination, **options):
        return anonymize_file(self, source, destination, **options)


if __name__ == "__main__":
    import voiceanon.anonymizer
    from voiceanon.cli.app import main

    voiceanon.anonymizer.Anonymizer = FakeAnonymizer
    main()
