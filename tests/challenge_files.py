"""Makes Kaldi directories and data sets of the challenge out of the bundled speech, for tests."""

from pathlib import Path

SPEECH = sorted((Path(__file__).parents[1] / "voiceanon" / "samples").glob("*.flac"))


def kaldi(folder: Path, **tables: str) -> Path:
    """Write a directory of tables; `scp` stands for wav.scp."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in tables.items():
        (folder / name.replace("scp", "wav.scp")).write_text(content, encoding="utf-8")
    return folder


def challenge(root: Path, suffix: str = "", mixed: bool = False) -> Path:
    """Build a toolkit's data folder out of the bundled speech: three women and three men."""
    data = root / "data"
    speakers = {path.stem: path.stem.split("-")[0] for path in SPEECH}
    women = {"121", "4446", "4992"} & set(speakers.values())
    audio = {path.stem: path for path in SPEECH}
    enrols = {f"{one}-1": (one, audio[key]) for key, one in speakers.items()}

    def part(name: str, keys: dict[str, tuple[str, Path]], **more: str) -> None:
        people = sorted({speaker for speaker, _ in keys.values()})
        kaldi(
            data / f"{name}{suffix}",
            scp="".join(f"{key} {path}\n" for key, (_, path) in sorted(keys.items())),
            utt2spk="".join(f"{key} {one}\n" for key, (one, _) in sorted(keys.items())),
            spk2gender="".join(f"{one} {'f' if one in women else 'm'}\n" for one in people),
            text="".join(f"{key} SOME WORDS\n" for key in sorted(keys)),
            **more,
        )

    part("libri_dev_enrolls", enrols, enrolls="".join(f"{key}\n" for key in sorted(enrols)))
    for name in ("f", "m", *(["mixed"] if mixed else [])):
        wanted = {"f": women, "m": set(speakers.values()) - women}.get(name)
        tried = {
            key: (one, audio[key]) for key, one in speakers.items() if not wanted or one in wanted
        }
        who = sorted({one for one, _ in tried.values()})
        lines = [
            f"{a} {key} {'target' if a == one else 'nontarget'}\n"
            for a in who
            for key, (one, _) in sorted(tried.items())
        ]
        part(f"libri_dev_trials_{name}", tried, trials="".join(lines))
    return data
