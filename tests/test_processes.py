"""Threads, forks, spawned processes, sub-interpreters, pickles: it works or is refused clearly."""

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chains import EVERY_RECIPE, SECRET, run
from sounds import speech

from voiceanon import _engine
from voiceanon.anonymizer import Anonymizer
from voiceanon.checks.phones import phones_heard
from voiceanon.errors import StreamStateError
from voiceanon.profile import Profiler
from voiceanon.recipe import Recipe
from voiceanon.turns import OneThread, in_turn

RATE = 16_000
MAKERS: dict[str, Callable[[], Any]] = {
    "stream": lambda: Anonymizer("bottleneck", SECRET).stream(RATE),
    "profiler": lambda: Profiler(RATE),
}
EVERY_MAKER = pytest.mark.parametrize("kind", MAKERS)


def anonymized(recording: str) -> bytes:
    return Anonymizer("template", SECRET)(speech(0.3), RATE, recording=recording).tobytes()


class Waiting(OneThread):
    """At work until it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.is_in, self.may_go = threading.Event(), threading.Event()

    @in_turn
    def work(self) -> str:
        self.is_in.set()
        assert self.may_go.wait(60)
        return "done"


def test_a_thread_that_comes_while_another_works_is_refused() -> None:
    waiting = Waiting()
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(waiting.work)
        assert waiting.is_in.wait(60)
        with pytest.raises(StreamStateError, match="this waiting is at work in another thread"):
            waiting.work()
        waiting.may_go.set()
        assert working.result() == "done"
    assert waiting.work() == "done"


USES: dict[str, dict[str, Callable[[Any], Any]]] = {
    "stream": {
        "process": lambda stream: stream.process(speech(0.1)),
        "reset": lambda stream: stream.reset(),
        "speak_remembered": lambda stream: list(stream.speak_remembered([speech(0.1)], 0)),
        "finish": lambda stream: stream.finish(),
    },
    "profiler": {
        "process": lambda profiler: profiler.process(speech(0.1)),
        "finish": lambda profiler: profiler.finish(),
    },
}


@pytest.mark.parametrize(("kind", "use"), [(kind, use) for kind in USES for use in USES[kind]])
def test_every_use_of_an_object_at_work_is_refused(kind: str, use: str) -> None:
    shared = MAKERS[kind]()
    shared.process(speech(0.1))
    says = f"this {kind} is at work in another thread"
    with shared._turn, pytest.raises(StreamStateError, match=says):  # as another thread holds it
        USES[kind][use](shared)
    shared.process(speech(0.1))
    shared.finish()


@EVERY_MAKER
def test_an_error_lets_the_next_thread_in(kind: str) -> None:
    shared = MAKERS[kind]()
    with pytest.raises(Exception, match="must be"):
        shared.process("no samples")
    shared.process(speech(0.1))


def test_one_after_the_other_threads_may_share_a_stream() -> None:
    anonymizer, samples = Anonymizer("template", SECRET), speech(0.5)
    alone = run(anonymizer.stream(RATE), samples, [2_000, 2_000])
    stream = anonymizer.stream(RATE)
    parts = []
    for piece in (samples[:2_000], samples[2_000:4_000], samples[4_000:]):
        with ThreadPoolExecutor(1) as pool:
            parts.append(pool.submit(stream.process, piece).result())
    parts.append(stream.finish())
    assert np.concatenate(parts).tobytes() == alone.tobytes()


def test_threads_share_the_network_that_hears_phones() -> None:
    pieces = [speech(1.0 + 0.2 * i, 0.5 * i) for i in range(6)]
    alone = [phones_heard(piece).tobytes() for piece in pieces]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert [heard.tobytes() for heard in pool.map(phones_heard, pieces)] == alone


@EVERY_MAKER
@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, pickle.dumps],
    ids=["copied", "copied deeply", "pickled"],
)
def test_what_is_at_work_is_not_copied(kind: str, copied: Callable[[Any], Any]) -> None:
    shared = MAKERS[kind]()
    shared.process(speech(0.1))
    with pytest.raises(StreamStateError, match=f"a {kind} cannot be copied, pickled or sent"):
        copied(shared)
    shared.finish()


def test_settings_and_profiles_are_pickled() -> None:
    anonymizer = Anonymizer("template", SECRET)
    again = pickle.loads(pickle.dumps(anonymizer))
    profiler = anonymizer.profiler(RATE)
    profiler.process(speech(0.5))
    profiles = profiler.finish()
    copies = pickle.loads(pickle.dumps(profiles))
    expected = anonymizer(speech(0.3), RATE, profiles=profiles)
    assert again(speech(0.3), RATE, profiles=copies).tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ["Analyzer", "Synthesizer", "SpeakerRemoval", "ContentEncoder"])
def test_objects_of_the_core_are_not_pickled(name: str) -> None:
    stream = Anonymizer("bottleneck", SECRET).stream(RATE)
    parts = [*vars(stream._hearing[0]).values(), *vars(stream._speaking[0]).values()]
    (found,) = [part for part in parts if type(part) is getattr(_engine, name)]
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(found)


@EVERY_RECIPE
def test_a_forked_child_goes_on_with_a_stream(recipe: Recipe) -> None:
    samples = speech(0.6)
    stream = Anonymizer(recipe, SECRET).stream(RATE)
    first = stream.process(samples[:4_000])
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # whatever happens, pytest must not go on twice
        try:
            rest = np.concatenate([stream.process(samples[4_000:]), stream.finish()])
            with os.fdopen(write, "wb") as pipe:
                pipe.write(rest.tobytes())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        of_child = pipe.read()
    _, status = os.waitpid(child, 0)
    of_parent = np.concatenate([stream.process(samples[4_000:]), stream.finish()])
    assert status == 0
    assert of_child == of_parent.tobytes()
    whole = run(Anonymizer(recipe, SECRET).stream(RATE), samples, [4_000])
    assert np.concatenate([first, of_parent]).tobytes() == whole.tobytes()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_every_kind_give_the_same_bits(method: str) -> None:
    names = ["a", "b", "c"]
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        assert list(pool.map(anonymized, names)) == [anonymized(name) for name in names]


def test_a_sub_interpreter_works_or_is_refused_and_leaves_the_main_one_alone() -> None:
    # In a process of its own: NumPy does not promise that its own import survives there.
    code = """
        import sys
        import numpy as np
        import voiceanon
        if sys.version_info >= (3, 13):
            import _interpreters as interpreters
        else:
            import _xxsubinterpreters as interpreters

        inside = '''if True:
            import sys, warnings
            warnings.simplefilter("ignore")  # NumPy's own, about sub-interpreters
            sys.path[:0] = {path!r}
            try:
                from voiceanon import _engine
                made = _engine.Analyzer(16000)
            except ImportError as error:
                print("refused:", str(error).splitlines()[0])
            else:
                print("works")
        '''.format(path=sys.path)
        tone = 0.1 * np.sin(np.arange(8000) / 20)
        before = voiceanon.anonymize(tone, 16000, secret=bytes(32))
        other = interpreters.create()
        failed = interpreters.run_string(other, inside)
        interpreters.destroy(other)
        assert failed is None, failed
        assert (voiceanon.anonymize(tone, 16000, secret=bytes(32)) == before).all()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("works", "refused: ")), done.stdout
