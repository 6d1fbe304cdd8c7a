"""Worker processes that die, hang or are stopped: only their own job is lost with them."""

import contextlib
import os
import signal
import time

import pytest
from pool_work import LONG_S, make_nothing, make_work

from voiceanon.archive.pool import Died, Pool


@contextlib.contextmanager
def pool_of(workers, stuck_s=30.0):
    pool = Pool(workers, make_work, "same for all", stuck_s)
    try:
        yield pool
    finally:
        pool.close()


def results_of(pool, jobs):
    return dict(pool.map(list(enumerate(jobs)), lambda _name, _share: None))


def test_results_come_as_they_are_ready_and_none_is_lost():
    with pool_of(2) as pool:
        jobs = [("sleep", 1.0), *[("sleep", 0.0)] * 6]
        seen = list(pool.map(enumerate(jobs), lambda _name, _share: None))
    names = [name for name, _ in seen]
    assert sorted(names) == list(range(7))
    assert names[-1] == 0
    assert {result[0] for _, result in seen} == {"same for all"}
    assert len({result[2] for _, result in seen} - {os.getpid()}) == 2


def test_jobs_are_taken_only_when_a_worker_is_free():
    taken, most_ahead = [], 0

    def jobs():
        for at in range(6):
            taken.append(at)
            yield at, ("sleep", 0.0)

    with pool_of(2) as pool:
        for done, _ in enumerate(pool.map(jobs(), lambda _name, _share: None)):
            most_ahead = max(most_ahead, len(taken) - done)
    assert len(taken) == 6
    assert most_ahead <= 2


@pytest.mark.parametrize("code", [0, 7])
def test_the_next_job_is_there_when_all_but_the_end_is_done_and_begins_after_it(code):
    events = []

    def jobs():
        for at in range(3):
            events.append(("taken", at))
            yield at, ("end", code if at == 0 else 0)

    with pool_of(1) as pool:
        ready = pool.map(
            jobs(),
            lambda _name, _share: None,
            on_begin=lambda name: events.append(("begun", name)),
        )
        results = {}
        for name, result in ready:
            results[name] = result
            events.append(("done", name))
    assert [isinstance(result, Died) for result in results.values()] == [code == 7, False, False]
    assert [event for event in events if event[0] != "taken"] == [
        (what, at) for at in range(3) for what in ("begun", "done")
    ]
    for at in range(2):
        assert events.index(("taken", at + 1)) < events.index(("done", at))


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (("exit", 7), "its worker ended with code 7"),
        (("exit", 0), "its worker ended with code 0"),
        (("kill", signal.SIGKILL), f"its worker ended by signal {signal.SIGKILL:d}"),
        (("kill", signal.SIGSEGV), f"its worker ended by signal {signal.SIGSEGV:d}"),
    ],
)
def test_a_worker_that_dies_loses_its_own_job_alone(job, reason):
    with pool_of(2) as pool:
        jobs = [("sleep", 0.1), job, ("sleep", 0.1), job, ("sleep", 0.1)]
        results = results_of(pool, jobs)
    assert sorted(results) == list(range(5))
    for at, one in results.items():
        assert isinstance(one, Died) == (at in (1, 3))
    assert str(results[1]) == str(results[3]) == reason


def test_a_worker_killed_between_jobs_costs_nothing():
    with pool_of(1) as pool:
        ((_, (_, _, pid)),) = pool.map([("a", ("sleep", 0.0))], lambda _name, _share: None)
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        ((_, result),) = pool.map([("b", ("sleep", 0.0))], lambda _name, _share: None)
    assert not isinstance(result, Died)


@pytest.mark.slow
def test_a_worker_that_tells_of_no_progress_is_stopped():
    told = []
    with pool_of(2, stuck_s=5.0) as pool:
        jobs = [("sleep", LONG_S), ("progress", 30), ("sleep", 0.0)]
        begun_s = time.monotonic()
        seen = dict(pool.map(enumerate(jobs), lambda name, share: told.append((name, share))))
    assert time.monotonic() - begun_s < LONG_S
    assert str(seen[0]) == "no progress for 5 s: its worker was stopped"
    # 7.5 s in all, but never 5 s without a word.
    assert not isinstance(seen[1], Died)
    assert [share for name, share in told if name == 1][-1] == 1.0
    assert not isinstance(seen[2], Died)


@pytest.mark.slow
def test_a_result_that_waited_is_not_taken_for_no_progress():
    with pool_of(2, stuck_s=5.0) as pool:
        results = []
        for _, result in pool.map(
            enumerate([("sleep", 0.0), ("sleep", 0.5)]), lambda _name, _share: None
        ):
            results.append(result)
            time.sleep(0 if len(results) > 1 else 6)
    assert not [one for one in results if isinstance(one, Died)]


def test_closing_stops_workers_which_clear_up(tmp_path):
    marks = [tmp_path / "a", tmp_path / "b"]
    pool = Pool(2, make_work, None, 60.0)
    interrupt_when_there(pool, [(mark, ("until stopped", str(mark))) for mark in marks], marks)
    assert pool.close() is True
    assert not any(mark.exists() for mark in marks)


@pytest.mark.slow
def test_closing_kills_what_does_not_stop(tmp_path):
    pool = Pool(1, make_work, None, 60.0)
    mark = tmp_path / "a"
    interrupt_when_there(pool, [(1, ("stubborn", str(mark)))], [mark])
    begun_s = time.monotonic()
    assert pool.close() is False
    assert time.monotonic() - begun_s < 10


def interrupt_when_there(pool, jobs, marks):
    """Work until all marks are there, and be interrupted."""

    def on_turn():
        if all(mark.exists() for mark in marks):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(pool.map(jobs, lambda _name, _share: None, on_turn))


def test_workers_have_limits():
    with pool_of(1) as pool:
        mask, limits, ignores = results_of(pool, [("limits", None)])[0]
        assert results_of(pool, [("allocate", 16 << 30)])[0] == "no memory"
    assert mask == 0o077
    assert ignores
    assert limits["RLIMIT_CORE"] == (0, 0)
    assert limits["RLIMIT_NOFILE"] == (256, 256)
    assert 0 < limits["RLIMIT_AS"][0] == limits["RLIMIT_AS"][1] <= 8 << 30


def test_a_worker_that_somebody_stops_stops_all():
    with pool_of(1) as pool:
        ((_, (_, _, pid)),) = pool.map([("a", ("sleep", 0.0))], lambda _name, _share: None)

        def on_turn():
            turns.append(1)
            if len(turns) == 2:
                os.kill(pid, signal.SIGTERM)

        turns = []
        with pytest.raises(KeyboardInterrupt):
            list(pool.map([("b", ("sleep", LONG_S))], lambda _name, _share: None, on_turn))


def test_workers_that_cannot_begin_fail_every_job_and_end(capfd):
    pool = Pool(1, make_nothing, "cannot begin", 30.0)
    try:
        results = results_of(pool, [1, 2])
    finally:
        pool.close()
    assert [str(one) for one in results.values()] == ["its worker ended with code 1"] * 2
    assert "cannot begin" in capfd.readouterr().err
