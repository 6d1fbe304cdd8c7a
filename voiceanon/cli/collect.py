"""`voiceanon collect`: many stored descriptions in one Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voiceanon.cli.anonymize import read_secret
from voiceanon.cli.options import Key
from voiceanon.cli.run import first_left_out
from voiceanon.cli.terminal import print_json, results, stderr
from voiceanon.errors import InputError, VoiceanonError
from voiceanon.file_plan import Job, Kind, plan_files

if TYPE_CHECKING:
    from voiceanon.abstraction import Abstraction
    from voiceanon.measures import Measures

__all__ = ["collect"]

_ID_BYTES = 16


def collect(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="IN...", help=".voa files, and folders that are searched through."),
    ],
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="OUT.parquet", help="The file to write.")
    ],
    k: Annotated[
        int,
        typer.Option(
            "--k",
            metavar="K",
            min=1,
            help="Coarsen or drop measures until every combination of values is shared by K rows.",
        ),
    ] = 1,
    keep_names: Annotated[
        bool,
        typer.Option("--keep-names", help="Call rows by their files' names, not by pseudonyms."),
    ] = False,
    key: Key = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="What pseudonyms of rows are made with, so that another run makes the same.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output if it is there.")
    ] = False,
    json_line: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Put stored descriptions into one Parquet file, a row each, for pandas, Spark or DuckDB.

    Rows are called by pseudonyms, keyed hashes of their files' names. With --k, measures are made
    so coarse that no combination of them is rarer than K rows; give one recording a person, as K
    counts rows. Transcripts are then left out. The file is not encrypted.

    For example:

    ```
    voiceanon collect numbers/ -o numbers.parquet --k 5
    voiceanon collect descriptions/ -o descriptions.parquet --key env:STORE_KEY
    ```

    Needs `pip install 'voiceanon[arrow]'`.
    """
    from voiceanon.container.key_sources import read_key
    from voiceanon.container.voa import SUFFIX, looks_like_voa
    from voiceanon.keys import derive, fresh_secret
    from voiceanon.storage import load, write_collection

    secret = fresh_secret() if secret_file is None else read_secret(secret_file)
    sealed = None if key is None else read_key(key)
    kind = Kind(
        inputs=(SUFFIX,), outputs=(SUFFIX,), called="a description", looks_like_one=looks_like_voa
    )
    # Names alone are wanted of the plan: everything goes into one file.
    plan = plan_files(inputs, out.parent / ".collected", kind=kind)
    if not plan.jobs:
        raise InputError(f"no descriptions found{first_left_out(plan)}")

    def name(job: Job) -> str:
        if keep_names:
            return job.recording
        return derive(secret, "row of a collection", job.recording)[:_ID_BYTES].hex()

    def rows() -> Iterator[tuple[str, Abstraction | Measures]]:
        from rich.progress import track

        console = stderr()
        for job in track(
            plan.jobs,
            "collecting",
            console=console,
            disable=not console.is_terminal,
            transient=True,
        ):
            try:
                yield name(job), load(job.source, key=sealed)
            except VoiceanonError as error:
                raise type(error)(f"{job.source}: {error}") from error

    written = write_collection(out, rows() if k == 1 else _coarse(rows(), k), overwrite=overwrite)
    if json_line:
        print_json({"path": str(out), "rows": written, "k": k, "skipped": len(plan.left_out)})
    else:
        results().print(f"{written} descriptions in {out} · {len(plan.left_out)} files skipped")


def _coarse(
    rows: Iterator[tuple[str, Abstraction | Measures]], k: int
) -> Iterator[tuple[str, Measures]]:
    from voiceanon.measures import Measures
    from voiceanon.storage import coarsen

    names, measures = [], []
    for name, held in rows:
        if not isinstance(held, Measures):
            raise InputError(
                "content cannot be coarsened: --k is for descriptions of the level measures"
            )
        names.append(name)
        measures.append(held)
    yield from zip(names, coarsen(measures, k), strict=True)
