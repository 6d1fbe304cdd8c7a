"""`voiceanon archive run`: works on what is undecided, and can be stopped at any point."""

from __future__ import annotations

import enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voiceanon.cli.archive.display import Display
from voiceanon.cli.archive.run_option import DESTINATION, RUN_OPTION, run_folder
from voiceanon.cli.exit_codes import INTERRUPTED, NOT_PASSED, SOME_FAILED
from voiceanon.cli.terminal import complain
from voiceanon.errors import InputError

if TYPE_CHECKING:
    from voiceanon.archive.pool import MakePool
    from voiceanon.archive.run_folder import RunFolder
    from voiceanon.archive.running import Watcher

__all__ = ["run"]


class _Engine(str, enum.Enum):
    """Where workers are, by its name on the command line."""

    local = "local"
    ray = "ray"


def run(
    destination: Annotated[str, DESTINATION],
    *,
    run_: Annotated[Path | None, RUN_OPTION] = None,
    workers: Annotated[
        int, typer.Option("--workers", "-w", min=1, help="Processes, each on one core.")
    ] = 1,
    engine: Annotated[
        _Engine, typer.Option(help="Processes of this machine, or on the nodes of a Ray cluster.")
    ] = _Engine.local,
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Of the Ray cluster, if it is not the one that Ray finds."
        ),
    ] = None,
    shard: Annotated[
        str,
        typer.Option(metavar="I/N", help="Only the I-th of N parts: one for each machine or job."),
    ] = "1/1",
    retry: Annotated[
        bool, typer.Option("--retry", help="Try again what failed or was held.")
    ] = False,
    metrics: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep figures there for Prometheus' node exporter."),
    ] = None,
    json_lines: Annotated[
        bool, typer.Option("--json", help="One JSON object a recording on stdout.")
    ] = False,
) -> None:
    """Work on every recording that is not decided yet.

    Stop it with Ctrl-C or kill it: what is delivered is whole, the rest is done by the next `run`,
    and the outputs are those of a run that was never stopped. A recording that fails, is held or
    crashes its worker is recorded so and the others go on. Outputs that were touched since they
    were delivered are read, and made again if their hash is another.

    For example:

    ```
    voiceanon archive run anonymous/ --workers 8
    voiceanon archive run anonymous/ --shard $((SLURM_ARRAY_TASK_ID + 1))/16
    voiceanon archive run anonymous/ --engine ray --ray-address auto -w 64
    ```

    With `--engine ray`, started on a node of the cluster, workers are wherever it has a free core,
    and a recording whose node is lost is done again on another. Recordings, destination and run
    folder must be on a file system that all nodes share under the same paths, and each node has
    this version of voiceanon. Ray sends paths and the secrets of single recordings between nodes:
    keep the cluster to yourself, or turn on its TLS.

    The exit code is 0 if every recording is done or empty, 4 if some are held, 3 if some failed, 6
    if the destination refuses or is full, 130 if it was interrupted.
    """
    from voiceanon.archive.manifest import Manifest
    from voiceanon.archive.run_folder import Shard
    from voiceanon.archive.running import run_shard

    if ray_address is not None and engine is not _Engine.ray:
        raise InputError("--ray-address goes with --engine ray")
    folder, part = run_folder(destination, run_), Shard.parse(shard)
    folder.key()
    with Manifest.open(folder.manifest) as manifest:
        total, size = len(manifest), manifest.bytes
    with Display(total // part.count, size // part.count, json_lines, metrics) as display:
        try:
            counts = run_shard(
                folder,
                part,
                workers=workers,
                retry=retry,
                watcher=display.watcher,
                make_pool=_on_ray(folder, ray_address, display.watcher)
                if engine == "ray"
                else None,
            )
        except KeyboardInterrupt:
            complain("interrupted; what is delivered is whole, and `archive run` goes on with it")
            raise typer.Exit(INTERRUPTED) from None
        display.close(counts)
    if counts["failed"]:
        raise typer.Exit(SOME_FAILED)
    if counts["held"]:
        raise typer.Exit(NOT_PASSED)


def _on_ray(folder: RunFolder, address: str | None, watcher: Watcher) -> MakePool:
    from voiceanon.archive.ray_pool import RayPool
    from voiceanon.archive.s3.urls import is_url

    destination = folder.settings().destination
    # A bucket is seen from everywhere.
    shared = [folder.path] if is_url(destination) else [folder.path, Path(destination)]
    return partial(RayPool, address=address, shared=shared, on_note=watcher.on_note)
