"""Trains the bottleneck from a folder of speech, and writes the tables that the core runs.

    python -m voiceanon.training SPEECH --teacher WHISPER -o bottleneck.npz

SPEECH is any corpus that `voiceanon evaluate` reads; WHISPER a folder as faster-whisper takes it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from voiceanon.checks.optional import load
from voiceanon.checks.phones import PHONES
from voiceanon.keys import Draws
from voiceanon.privacy.corpora import read_corpus
from voiceanon.training.adversary import adversary
from voiceanon.training.command import Saying, arguments_of, run
from voiceanon.training.export import exported
from voiceanon.training.learning import Learning, Trainer
from voiceanon.training.material import gather
from voiceanon.training.networks import LETTERS, Shape, build
from voiceanon.training.prepared import prepare, tell_phones
from voiceanon.training.recogniser import Recogniser
from voiceanon.training.teacher import Teacher

_SEED = b"the bottleneck that is shipped.."


def main() -> int:
    """Run the command line; return the exit code."""
    parser = arguments_of("voiceanon.training", __doc__ or "")
    parser.add_argument("--levels", default=",".join("3" * 6), help="odd levels of each digit")
    parser.add_argument(
        "--hearing", type=float, default=Learning.hearing, help="passes that teach the encoder"
    )
    parser.add_argument(
        "--speaking", type=float, default=Learning.speaking, help="passes that teach all to speak"
    )
    parser.add_argument(
        "--accent", type=float, default=Learning.accent, help="largest spread of the drawn accents"
    )
    parser.add_argument(
        "--adversary",
        type=float,
        default=Learning.adversary,
        help="how hard units are kept from telling who speaks, by what words weigh; 0 for not",
    )
    parser.add_argument(
        "--as-recorded",
        action="store_true",
        help="hear recordings in their own voices alone; to see what other voices bring",
    )
    parser.add_argument(
        "--heard",
        type=float,
        default=Learning.heard,
        help="weight of what a recogniser hears in what is spoken; 0 saves most of the time",
    )
    parser.add_argument("--batch", type=float, default=Learning.batch_s, help="seconds a batch")
    parser.add_argument(
        "--start", type=Path, help="network.pt of an earlier run's --work, to go on from"
    )
    parser.add_argument("--device", default="cpu", help="where torch trains, as cuda")
    parser.add_argument("--minutes", type=float, default=600.0, help="stop training after these")
    return run(parser, _train)


def _train(arguments: argparse.Namespace) -> None:
    torch = load("torch")
    torch.set_num_threads(arguments.threads)
    say = Saying()
    shape = Shape(levels=tuple(int(level) for level in arguments.levels.split(",")))
    corpus = read_corpus(arguments.speech)
    teacher = Teacher(arguments.teacher, arguments.threads)
    material = gather(corpus.recordings, teacher, arguments.work, say.count)
    draws = Draws(_SEED, "training")
    phones, accuracy = tell_phones(material, draws, say.count)
    prepared = prepare(material, phones)
    hours = sum(len(u) for u in material.utterances) / 50 / 3600
    said = sum(u.phones is not None for u in material.utterances)
    say.line(
        f"{len(material.utterances)} recordings, {hours:.1f} h, {len(material.speakers)} people; "
        f"{said} aligned, {100 * accuracy:.0f} % of frames told right in others"
    )
    torch.set_default_device(arguments.device)
    network = build(
        shape,
        values=prepared.values,
        read=prepared.features + 1 + len(LETTERS) + len(PHONES),
        speakers=len(material.speakers),
        seed=draws.integer(1 << 32),
    )
    if arguments.start:
        network.load_state_dict(
            torch.load(arguments.start, weights_only=True, map_location=arguments.device)
        )
    settings = Learning(
        hearing=arguments.hearing,
        speaking=arguments.speaking,
        batch_s=arguments.batch,
        heard=arguments.heard,
        perturbed=not arguments.as_recorded,
        accent=arguments.accent,
        adversary=arguments.adversary,
    )
    against = adversary(len(shape.levels), len(PHONES), len(material.speakers))
    until = time.monotonic() + 60 * arguments.minutes
    trainer = Trainer(
        network,
        shape.levels,
        prepared,
        settings,
        draws,
        say.losses,
        lambda: time.monotonic() > until,
        against if arguments.adversary > 0 else None,
    )
    trainer.hear()
    torch.save(network.state_dict(), arguments.work / "network.pt")
    trainer.speak(Recogniser(arguments.teacher))
    torch.save(network.state_dict(), arguments.work / "network.pt")
    torch.set_default_device("cpu")
    tables = exported(network.cpu(), shape, prepared)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(arguments.output, **tables)  # type: ignore[arg-type]
    say.line(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
