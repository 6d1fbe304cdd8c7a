"""Archive runs on a real Ray cluster of several nodes on this machine, some of which go."""

import logging
import os
import re
import resource
import signal
import threading
import time
from functools import partial
from pathlib import Path

import archive_faults
import pool_work
import pytest
from archive_outcomes import rows_by_name
from archive_runs import (
    KEY,
    ROOT,
    destination,
    make_recordings,
    outputs,
    plan,
    program,
    start,
    twin,
)

from voiceanon.archive.grouping import Grouping
from voiceanon.archive.manifest import Manifest
from voiceanon.archive.ray_pool import RayPool
from voiceanon.archive.running import run_shard
from voiceanon.archive.statement import totals_of
from voiceanon.archive.verifying import verify_run
from voiceanon.archive.work import job_of
from voiceanon.checks import optional
from voiceanon.errors import DestinationError, InputError

COUNT = 6
MARK_KEY = bytes(range(100, 132))
NAME = "Zebulon"  # of a folder: it is to be in no log
STOPS_WITHIN_S = 15
NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}
# Ray warns of its own plans.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster():
    """A head that works on nothing, and two nodes with a core each."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        logging.getLogger("ray").setLevel(logging.ERROR)
        made = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
        made.workers = [made.add_node(**NODE) for _ in range(2)]
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A plan of some recordings, and what the local engine makes of it."""
    place = tmp_path_factory.mktemp("ray")
    source = make_recordings(place / f"{NAME}-in", COUNT, seconds=2.0)
    folder = plan(place, source, mark_key=MARK_KEY)
    kept = twin(folder, "kept")
    run_shard(folder)
    wanted = outputs(folder)
    assert len(wanted) == COUNT
    return kept, wanted


@pytest.fixture
def run(runs, request):
    """The same plan, not begun, for this test alone."""
    return twin(runs[0], re.sub(r"\W+", "-", request.node.name))


def on_ray(cluster, folder, **options):
    shared = [folder.path, destination(folder)]
    return partial(RayPool, address=cluster.address, shared=shared, **options)


def assert_as_local(folder, wanted):
    assert outputs(folder) == wanted
    assert {row.state for row in rows_by_name(folder).values()} == {"done"}
    assert list(folder.path.rglob("*.part")) == []
    assert verify_run(folder).is_good


def test_without_ray_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(optional, "_import", lambda _name: (_ for _ in ()).throw(ImportError()))
    with pytest.raises(InputError, match=r"pip install 'voiceanon\[ray\]'"):
        RayPool(1, pool_work.make_work, None, 30.0)


def test_an_address_without_the_engine_is_refused(run):
    ran = program("run", destination(run), "--ray-address", "auto")
    assert ran.returncode == 2
    assert "--engine ray" in ran.stderr


def test_a_job_shows_its_secret_to_no_log(runs, tmp_path):
    kept, _ = runs
    with Manifest.open(kept.manifest) as manifest:
        job = job_of(next(iter(manifest)), kept.settings(), KEY, tmp_path)
    assert job.secret.hex() not in repr(job)
    assert repr(job.secret) not in repr(job)


@pytest.mark.slow
def test_outputs_are_the_local_engines_and_logs_tell_nothing(cluster, run, runs):
    _, wanted = runs
    arguments = ["--engine", "ray", "--ray-address", cluster.address, "--workers", "2"]
    ran = program("run", destination(run), *arguments)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert_as_local(run, wanted)
    logs = [path for path in session(cluster).rglob("*") if path.is_file()]
    assert len(logs) > 5
    assert any(b"Keeper" in path.read_bytes() for path in logs)
    secrets = [KEY, MARK_KEY]
    with Manifest.open(run.manifest) as manifest:
        secrets += [job_of(entry, run.settings(), KEY, run.path).secret for entry in manifest]
    for path in logs:
        content = path.read_bytes()
        assert NAME.encode() not in content, path
        assert not [one for one in secrets if one in content or one.hex().encode() in content]


def session(cluster):
    return Path(cluster.head_node.get_session_dir_path())


@pytest.mark.slow
def test_tar_files_are_the_local_engines(cluster, tmp_path):
    source = make_recordings(tmp_path / "in", COUNT)
    folder = plan(tmp_path, source, grouping=Grouping("tar", 2))
    run = twin(folder, "on-ray")
    run_shard(folder)
    run_shard(run, workers=2, make_pool=on_ray(cluster, run))
    wanted = outputs(folder)
    assert {Path(name).suffix for name in wanted} == {".tar"}
    assert len(wanted) == COUNT // 2
    assert_as_local(run, wanted)


@pytest.mark.slow
def test_what_a_lost_node_had_in_hand_is_done_on_another(cluster, run, runs, monkeypatch):
    _, wanted = runs
    monkeypatch.setattr("voiceanon.archive.running.make_work", archive_faults.make_stranded)
    mark = destination(run).with_name("node")
    mark.unlink(missing_ok=True)
    notes, killed = [], []

    def kill():
        while not mark.exists():
            time.sleep(0.01)
        raylet = int(mark.read_text())
        killed.extend(
            node
            for node in cluster.workers
            if node.all_processes["raylet"][0].process.pid == raylet
        )
        for node in killed:
            cluster.workers.remove(node)
            cluster.remove_node(node, allow_graceful=False)

    threading.Thread(target=kill, daemon=True).start()
    try:
        run_shard(
            run,
            workers=2,
            make_pool=on_ray(cluster, run, on_note=notes.append),
        )
    finally:
        while len(cluster.workers) < 2:
            cluster.workers.append(cluster.add_node(**NODE))
    assert len(killed) == 1
    assert notes == ["a node was lost: what was in hand there is done on another"]
    assert {row.attempts for row in rows_by_name(run).values()} == {1}
    assert_as_local(run, wanted)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make_work", "reason"),
    [
        (archive_faults.make_poisoned, f"its worker ended by signal {signal.SIGSEGV:d}"),
        (archive_faults.make_hanging, "no progress for 3 s: its worker was stopped"),
        (archive_faults.make_lost, "3 nodes were lost while it was worked on"),
    ],
)
def test_a_recording_that_ends_its_worker_fails_alone(
    cluster, run, runs, make_work, reason, monkeypatch
):
    _, wanted = runs
    monkeypatch.setattr("voiceanon.archive.running.make_work", make_work)
    monkeypatch.setattr("voiceanon.archive.running._STUCK_S", 3.0)
    run_shard(run, workers=2, make_pool=on_ray(cluster, run))
    row = rows_by_name(run)["talk-1.wav"]
    assert (row.state, row.reason) == ("failed", reason)
    assert totals_of(run).states["done"] == COUNT - 1
    made = outputs(run)
    assert made == {name: wanted[name] for name in made}
    monkeypatch.undo()
    run_shard(run, retry=True)
    assert_as_local(run, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_and_resumed_by_the_other_engine(cluster, run, runs, number):
    _, wanted = runs
    place = destination(run)
    process = begun(cluster, place)
    asked_s = time.monotonic()
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - asked_s < STOPS_WITHIN_S
    assert process.returncode == 130, said
    assert said.count(b"\n") == 1
    assert list(place.rglob("*.part")) == []
    made = outputs(run)
    assert made == {name: wanted[name] for name in made}
    assert all(row.attempts == 0 for row in rows_by_name(run).values() if row and not row.outputs)
    run_shard(run)
    assert_as_local(run, wanted)


@pytest.mark.slow
def test_killed_and_resumed(cluster, run, runs):
    _, wanted = runs
    process = begun(cluster, destination(run))
    process.kill()
    process.communicate()
    run_shard(run, workers=2, make_pool=on_ray(cluster, run))
    assert_as_local(run, wanted)


def begun(cluster, place):
    """Start a run, and return when it has delivered something."""
    process = start("run", place, "--engine", "ray", "--ray-address", cluster.address)
    until_s = time.monotonic() + 60
    while process.poll() is None and not list(place.glob("*/*.flac")):
        assert time.monotonic() < until_s
        time.sleep(0.005)
    return process


@pytest.mark.slow
def test_workers_have_the_local_limits_and_jobs_are_not_taken_ahead(cluster, tmp_path):
    taken = []

    def jobs():
        for at in range(4):
            taken.append(at)
            yield at, ("sleep", 0.0) if at else ("limits", None)

    pool = RayPool(1, pool_work.make_work, "same", 30.0, address=cluster.address, shared=[tmp_path])
    try:
        results = {}
        for name, result in pool.map(jobs(), lambda _name, _share: None):
            results[name] = result
            assert len(taken) == len(results)
    finally:
        assert pool.close()
    mask, limits, ignores = results.pop(0)
    assert mask == 0o077
    assert ignores
    assert limits["RLIMIT_CORE"] == (0, 0)
    assert limits["RLIMIT_NOFILE"] == (256, 256)
    assert 0 < limits["RLIMIT_AS"][0] <= 8 << 30
    assert resource.getrlimit(resource.RLIMIT_NOFILE) != (256, 256)  # theirs, not ours
    assert {result[0] for result in results.values()} == {"same"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_node_that_does_not_see_the_run_is_refused(cluster, run, monkeypatch):
    def mark(pool, folder):
        pool._marks.append(folder / "gone")

    monkeypatch.setattr(RayPool, "_mark", mark)
    assert_refused(cluster, run, DestinationError, "does not see the destination")


@pytest.mark.slow
def test_a_node_with_another_version_is_refused(cluster, run, monkeypatch):
    monkeypatch.setattr("voiceanon.archive.ray_pool.__version__", "0.0.1")
    assert_refused(cluster, run, InputError, "has voiceanon .*, not 0.0.1")


def assert_refused(cluster, run, error, said):
    with pytest.raises(error, match=said):
        run_shard(run, make_pool=on_ray(cluster, run))
    assert outputs(run) == {}
    assert totals_of(run).states["undecided"] == COUNT


@pytest.mark.parametrize(
    ("address", "said"),
    [("ray://here:10001", "client"), ("127.0.0.1:1", "no Ray cluster can be reached")],
)
@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_told(run, address, said):
    pytest.importorskip("ray")
    ran = program("run", destination(run), "--engine", "ray", "--ray-address", address)
    assert ran.returncode == 2, ran.stderr
    assert said in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
