"""Worker processes that die, hang or are stopped: only their own job is lost with them."""

import contextlib
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from voiceanon.archive.pool import Died, Pool
from voiceanon.archive.serving import Rest

LONG_S = 60.0


def make_work(settings):
    """Return what does as it is told: a job is what to do, and with what."""

    def work(job, tell):
        what, value, *more = job
        if what == "sleep":
            time.sleep(value)
        elif what == "then":
            work(value, tell)
            return work(*more, tell)
        elif what == "touch":
            Path(value).touch()
        elif what == "wait for":
            while not Path(value).exists():
                time.sleep(0.01)
        elif what == "note":
            with Path(value).open("a") as log:
                log.write(*more)
        elif what == "exit once":
            if not Path(value).exists():
                Path(value).touch()
                os._exit(1)
        elif what == "raise":
            raise ValueError(value)
        elif what == "exit":
            os._exit(value)
        elif what == "kill":
            os.kill(os.getpid(), value)
            time.sleep(LONG_S)
        elif what == "progress":
            for at in range(value):
                tell((at + 1) / value)
                time.sleep(0.25)
        elif what == "until stopped":
            try:
                Path(value).touch()
                time.sleep(LONG_S)
            finally:
                Path(value).unlink()
        elif what == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            Path(value).touch()
            time.sleep(LONG_S)
        elif what == "limits":
            mask = os.umask(0)
            os.umask(mask)
            names = ("RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_AS")
            limits = {name: resource.getrlimit(getattr(resource, name)) for name in names}
            return mask, limits, signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        elif what == "allocate":
            try:
                bytearray(value)
            except MemoryError:
                return "no memory"
        return settings, value, os.getpid()

    return work


def make_nothing(settings):
    raise RuntimeError(settings)


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


def make_two_staged(settings):
    """Return work in two stages: what to do at once, then what in the second thread."""
    at_once = make_work(settings)

    def work(job, tell):
        first, last = job
        at_once(first, tell)
        return Rest(lambda: at_once(last, tell))

    return work


@contextlib.contextmanager
def staged_pool(workers, stuck_s=30.0):
    pool = Pool(workers, make_two_staged, None, stuck_s)
    try:
        yield pool
    finally:
        pool.close()


NOTHING = ("sleep", 0.0)


def wait_for(mark):
    return ("wait for", str(mark))


def test_a_job_begins_while_the_rest_of_the_last_goes_on(tmp_path):
    # The end of the first waits for what only the second brings about.
    mark = tmp_path / "second began"
    jobs = [(NOTHING, wait_for(mark)), (("touch", str(mark)), NOTHING)]
    with staged_pool(1) as pool:
        results = results_of(pool, jobs)
    assert not [one for one in results.values() if isinstance(one, Died)]
    assert results[0][2] == results[1][2] != os.getpid()


def test_no_worker_has_more_than_a_job_and_the_rest_of_one(tmp_path):
    taken = []

    def jobs():
        for at in range(8):
            taken.append(at)
            yield at, (NOTHING, ("sleep", 0.05))

    with staged_pool(2) as pool:
        for done, _ in enumerate(pool.map(jobs(), lambda _name, _share: None)):
            assert len(taken) - done <= 4
    assert len(taken) == 8


@pytest.mark.parametrize("culprit", [0, 1])
def test_of_two_jobs_in_hand_the_one_that_ends_its_worker_is_blamed(culprit, tmp_path):
    """Both are done again, each alone: one of them ends its worker once more."""
    began, log = tmp_path / "second began", tmp_path / "log"
    kill = ("kill", signal.SIGKILL)
    second_began = ("touch", str(began))
    if culprit == 0:  # in its second stage, while the next is in its first
        jobs = [(NOTHING, ("then", wait_for(began), kill))]
        jobs.append((("then", second_began, ("sleep", 0.5)), NOTHING))
    else:  # in its first stage, while the one before is in its second
        jobs = [(NOTHING, ("then", wait_for(began), ("sleep", 0.5)))]
        jobs.append((("then", second_began, kill), NOTHING))
    logged = [
        (("then", ("note", str(log), f"{at} "), first), last)
        for at, (first, last) in enumerate([*jobs, (NOTHING, NOTHING)])
    ]
    with staged_pool(1) as pool:
        seen = list(pool.map(enumerate(logged), lambda _name, _share: None))
    assert sorted(name for name, _ in seen) == [0, 1, 2]
    died = [name for name, result in seen if isinstance(result, Died)]
    assert died == [culprit]
    # Each of the two once more, with nothing beside it; the third only once.
    assert log.read_text().split() == ["0", "1", "0", "1", "2"]


def test_nobody_is_blamed_for_what_does_not_happen_again(tmp_path):
    began = tmp_path / "second began"
    jobs = [
        (NOTHING, ("then", wait_for(began), ("sleep", 0.5))),
        (("then", ("touch", str(began)), ("exit once", str(tmp_path / "died"))), NOTHING),
        (NOTHING, NOTHING),
    ]
    with staged_pool(1) as pool:
        results = results_of(pool, jobs)
    assert sorted(results) == [0, 1, 2]
    assert not [one for one in results.values() if isinstance(one, Died)]
    assert (tmp_path / "died").exists()


def test_closing_waits_for_the_rest_of_a_job(tmp_path):
    mark, kept = tmp_path / "a", tmp_path / "kept"
    pool = Pool(1, make_two_staged, None, 60.0)
    end = ("then", ("touch", str(mark)), ("then", ("sleep", 0.5), ("touch", str(kept))))
    interrupt_when_there(pool, [(1, (NOTHING, end)), (2, (("sleep", LONG_S), NOTHING))], [mark])
    assert pool.close() is True
    assert kept.exists()


def test_closing_interrupts_the_rest_of_a_job_that_tells_how_far_it_is(tmp_path):
    mark = tmp_path / "a"
    pool = Pool(1, make_two_staged, None, 60.0)
    end = ("then", ("touch", str(mark)), ("progress", 1000))
    interrupt_when_there(pool, [(1, (NOTHING, end)), (2, (("sleep", LONG_S), NOTHING))], [mark])
    begun_s = time.monotonic()
    assert pool.close() is True
    assert time.monotonic() - begun_s < LONG_S


def test_a_mistake_in_the_rest_of_a_job_is_not_waited_for(capfd):
    with staged_pool(1) as pool:
        results = results_of(pool, [(NOTHING, ("raise", "a mistake"))])
    assert str(results[0]) == "its worker ended with code 1"
    assert "a mistake" in capfd.readouterr().err
