"""Every form of an archive is found, in one order, and what is hostile is left out by name."""

import os
import tracemalloc
from pathlib import Path

import pytest
from badaudio import CORPUS
from found_sources import found, names, reasons, touch

from voiceanon.archive.sources import find_sources
from voiceanon.errors import InputError

SPEECH = sorted((Path(__file__).parents[1] / "voiceanon" / "samples").glob("*.flac"))
LINK = "is a symbolic link; links are not followed"


@pytest.fixture
def folder(tmp_path):
    """A folder with something of everything that file systems hold."""
    folder = tmp_path.resolve() / "in"
    for name in ("b.wav", "a.mp3", "sub/deep/c.FLAC", "no-suffix", "broken.ogg"):
        touch(folder / name)
    touch(folder / ".git/x.wav")
    touch(folder / "notes.txt", b"hello")
    (folder / "link.wav").symlink_to(folder / "b.wav")
    (folder / "linked").symlink_to(folder / "sub")
    os.mkfifo(folder / "pipe.wav")
    return folder


def test_a_folder_is_found_in_order_and_everything_in_it_is_counted(folder):
    assert names(folder) == ["a.mp3", "b.wav", "broken.ogg", "no-suffix", "sub/deep/c.FLAC"]
    assert reasons(folder) == {
        f"{folder}/.git": ("skipped", "hidden"),
        f"{folder}/link.wav": ("skipped", "symbolic link"),
        f"{folder}/linked": ("skipped", "symbolic link"),
        f"{folder}/notes.txt": ("skipped", "not audio"),
        f"{folder}/pipe.wav": ("skipped", "not a regular file"),
    }
    status = (folder / "b.wav").stat()
    facts = (str(folder / "b.wav"), "b.wav", status.st_size, status.st_mtime_ns, "", -1, "")
    assert found(folder)[1] == facts


def test_paths_are_absolute_from_wherever_they_are_given(folder, monkeypatch):
    monkeypatch.chdir(folder / "sub")
    for spec in (".", "deep/..", "../sub", folder / "sub"):
        assert [one.source for one in find_sources(spec)] == [f"{folder}/sub/deep/c.FLAC"]
    assert found("deep/c.FLAC")[0].source == f"{folder}/sub/deep/c.FLAC"
    assert found("**/*.FLAC")[0].source == f"{folder}/sub/deep/c.FLAC"


def test_a_single_file_is_taken_whatever_it_is_called(folder):
    assert names(folder / "notes.txt") == ["notes.txt"]
    assert reasons(folder / "link.wav") == {f"{folder}/link.wav": ("failed", LINK)}
    assert reasons(folder / "linked") == {f"{folder}/linked": ("failed", LINK)}
    assert reasons(f"{folder}/linked/") == {f"{folder}/linked": ("failed", LINK)}
    assert reasons(folder / "pipe.wav") == {
        f"{folder}/pipe.wav": ("failed", "is not a regular file")
    }


def test_nothing_is_an_error_and_no_empty_plan(tmp_path):
    (tmp_path / "empty").mkdir()
    for spec in ("missing", "empty", "*.flac", "missing/*.flac", "[z-a]*", "empty/**"):
        with pytest.raises(InputError):
            list(find_sources(tmp_path / spec))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", ["a.mp3", "b.wav", "broken.ogg", "no-suffix"]),
        ("**", ["a.mp3", "b.wav", "broken.ogg", "no-suffix", "sub/deep/c.FLAC"]),
        ("**/*.FLAC", ["sub/deep/c.FLAC"]),
        ("**/b.wav", ["b.wav"]),
        ("s*/**/*", ["sub/deep/c.FLAC"]),
        ("s?b/deep/[abc].*", ["sub/deep/c.FLAC"]),
        ("[!a].wav", ["b.wav"]),
    ],
)
def test_a_glob_finds_what_matches_and_nothing_else(folder, pattern, expected):
    assert names(folder / pattern) == expected


def test_a_glob_counts_only_what_matches(folder):
    assert reasons(folder / "*.wav") == {
        f"{folder}/link.wav": ("skipped", "symbolic link"),
        f"{folder}/pipe.wav": ("skipped", "not a regular file"),
    }


def test_a_glob_is_no_glob_where_a_file_has_that_name(tmp_path):
    touch(tmp_path / "a[1].wav")
    touch(tmp_path / "a1.wav")
    assert names(tmp_path / "a[1].wav") == ["a[1].wav"]


def test_a_folder_that_cannot_be_read_is_a_failure_not_a_silence(folder, monkeypatch):
    true_scandir = os.scandir

    def scandir(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return true_scandir(path)

    monkeypatch.setattr(os, "scandir", scandir)
    expected = ("failed", "folder cannot be read: Permission denied")
    assert reasons(folder)[f"{folder}/sub/deep"] == expected
    assert reasons(folder / "**/*.none") == {f"{folder}/sub/deep": expected}
    assert f"{folder}/sub/deep" not in reasons(folder / "*.wav")


HOSTILE = [b"new\nline.wav", b"-rf.wav", b"\x1b[2Jclear.wav", b"caf\xe9.wav", b"a" * 251 + b".wav"]
HOSTILE += ["\u202egnp.wav".encode(), b"=cmd|'x'!A0.wav", b"%s%n.wav", b" .wav", b"a::b.wav"]


def test_hostile_names_are_found_as_they_are(tmp_path):
    for name in HOSTILE:
        touch(tmp_path / os.fsdecode(name))
    assert sorted(os.fsencode(one.name) for one in found(tmp_path)) == sorted(HOSTILE)


@pytest.mark.parametrize(("depth", "name"), [(1100, "d"), (18, "d" * 250)])
def test_folders_deeper_than_python_recurses_are_searched_or_reported(tmp_path, depth, name):
    # Made and removed level by level: one path to the bottom may be too long.
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        for _ in range(depth):
            Path(name).mkdir()
            os.chdir(name)
        Path("a.wav").touch()
        (one,) = find_sources(tmp_path)
    finally:
        Path("a.wav").unlink()
        for _ in range(depth):
            os.chdir("..")
            Path(name).rmdir()
        os.chdir(before)
    if name == "d":
        assert one.name == "d/" * depth + "a.wav"
    else:
        assert (one.status, one.reason) == ("failed", "cannot be read: File name too long")


def test_memory_does_not_grow_with_the_number_of_folders(tmp_path):
    peaks = []
    for count in (20, 200):
        for number in range(count):
            for name in "abcde":
                touch(tmp_path / str(count) / str(number) / f"{name}.wav", b"")
        tracemalloc.start()
        assert sum(1 for _ in find_sources(tmp_path / str(count))) == 5 * count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200 * 150  # the names of one folder's folders


def table(folder, text, name="list.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_table_gives_paths_and_speakers(folder):
    for text in (
        "path,speaker\nb.wav,anna\n./sub/../sub/deep/c.FLAC,\n",
        "\ufeffSpeaker,FILE\r\nanna,b.wav\r\n,sub/deep/c.FLAC\r\n",
        f"audio_filepath,speaker\n{folder}/b.wav,anna\n{folder}/sub/deep/c.FLAC,\n",
    ):
        rows = [(one.name, one.speaker) for one in found(table(folder, text))]
        assert rows == [("b.wav", "anna"), ("sub/deep/c.FLAC", "")]


def test_columns_and_root_can_be_chosen(folder):
    path = table(folder / "sub", "who,path,where\nanna,x,b.wav\n")
    options = {"speaker_column": "who", "path_column": "where", "root": folder}
    assert found(path, **options) == [found(folder)[1]._replace(speaker="anna")]
    with pytest.raises(InputError, match="no column 'whom'"):
        list(find_sources(path, speaker_column="whom"))
    with pytest.raises(InputError, match="no column 'place'"):
        list(find_sources(path, path_column="place"))
    with pytest.raises(InputError, match="is not a folder"):
        list(find_sources(path, root=folder / "none"))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "names no file"),
        ("missing.wav", "does not exist"),
        ("b.wav/x", "cannot be read: Not a directory"),
        ("sub", "is not a regular file"),
        ("pipe.wav", "is not a regular file"),
        ("link.wav", LINK),
        ("linked/deep/c.FLAC", "leads through a symbolic link; links are not followed"),
        ("../secret.wav", "lies outside of the folder 'in' that listed files must lie in"),
        ("sub/../../in2/x", "lies outside of the folder 'in' that listed files must lie in"),
        ("/etc/passwd", "lies outside of the folder 'in' that listed files must lie in"),
        ("//etc/passwd", "lies outside of the folder 'in' that listed files must lie in"),
        ("file:///etc/passwd", "is a URL, and only files are read"),
        ("S3://bucket/x.wav", "is a URL, and only files are read"),
        ("concat:/etc/passwd|/etc/hosts", "is a URL, and only files are read"),
        ("a\0b.wav", "is not a file name"),
        ("~/x.wav", "does not exist"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
)
def test_a_row_that_cannot_be_done_fails_alone(folder, given, reason):
    touch(folder.parent / "in2/x")
    touch(folder.parent / "secret.wav")
    path = table(folder, f"path,speaker\nb.wav,s\n{given},s\nbroken.ogg,s\nonly-one-field\n")
    assert names(path) == ["b.wav", "broken.ogg"]
    assert reasons(path) == {
        given or "line 3 of list.csv": ("failed", reason),
        "line 5 of list.csv": ("failed", "has 1 fields where the header has 2"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "path,speaker\n",
        "a,b\nb.wav,s\n",
        "path;speaker\nb.wav;s\n",
        'path\n"b.wav\n',
        b"path\n\xff\xfe\n",
        "path\nb.wav\n".encode("utf-16"),
        "path\nb.wav\n" + "x" * 200_000,
    ],
)
def test_a_table_that_is_none_is_one_clear_error(folder, text):
    with pytest.raises(InputError) as caught:
        list(find_sources(table(folder, text)))
    assert "\n" not in str(caught.value)
    assert "list.csv" in str(caught.value)


def test_a_manifest_gives_paths_and_speakers(folder):
    lines = [
        '{"audio_filepath": "b.wav", "speaker": 7, "duration": 1.5}',
        "",
        '{"audio_filepath": "sub/deep/c.FLAC"}',
        '{"speaker": "s"}',
        '{"audio_filepath": 3.5}',
        '{"audio_filepath": "b.wav", "speaker": ["s"]}',
        '{"audio_filepath": "\\ud800.wav"}',
    ]
    path = table(folder, "\n".join(lines), "list.jsonl")
    assert [(one.name, one.speaker) for one in found(path)] == [
        ("b.wav", "7"),
        ("sub/deep/c.FLAC", ""),
    ]
    problem = ("failed", "has a path or speaker that is not text")
    assert reasons(path) == {
        "line 4 of list.jsonl": ("failed", "names no file"),
        "line 5 of list.jsonl": problem,
        "line 6 of list.jsonl": problem,
        "\ud800.wav": ("failed", "is not a file name"),
    }
    for broken in ("{", "[]", "[" * 100_000, '{"audio_filepath": "b.wav"}\n\xff'):
        with pytest.raises(InputError):
            list(find_sources(table(folder, broken.encode("latin-1"), "list.jsonl")))


def test_a_kaldi_directory_gives_paths_and_speakers_and_runs_nothing(folder):
    table(folder, "a b.wav\nb sph2pipe x.sph |\nc | cat\nd sub/deep/c.FLAC\ne -\n", "wav.scp")
    table(folder, "a anna\nd dora\nz zoe\n", "utt2spk")
    for spec in (folder, folder / "wav.scp"):
        assert [(one.name, one.speaker) for one in found(spec)] == [
            ("b.wav", "anna"),
            ("sub/deep/c.FLAC", "dora"),
        ]
        assert reasons(spec) == {
            "sph2pipe x.sph |": ("failed", "is a command, and commands are never run"),
            "| cat": ("failed", "is a command, and commands are never run"),
            "line 5 of wav.scp": ("failed", "names no file"),
        }
    for scp in ("b b.wav\na b.wav\n", "a b.wav\na b.wav\n"):
        table(folder, scp, "wav.scp")
        with pytest.raises(InputError, match="line 2 of wav.scp"):
            list(find_sources(folder))
    (folder / "utt2spk").unlink()
    table(folder, "a b.wav\n", "wav.scp")
    assert found(folder)[0].speaker == ""


MANIFESTS = {
    "dup.csv": (["good/wav_pcm_16.wav"] * 4, 0),
    "missing.csv": (["good/wav_pcm_16.wav"], 1),
    "speaker_traversal.csv": (["good/wav_pcm_16.wav", "good/wav_pcm_24.wav"], 0),
    "traversal.csv": ([], 2),
    "urls.csv": ([], 4),
    "header_only.csv": "lists no recordings",
    "utf16.csv": "UTF-16",
}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside this checkout")
@pytest.mark.parametrize("name", MANIFESTS)
def test_the_shared_manifests_behave(tmp_path, name):
    path = table(tmp_path, (CORPUS / "manifests" / name).read_bytes(), name)
    for bits in (16, 24):
        touch(tmp_path / f"good/wav_pcm_{bits}.wav")
    expected = MANIFESTS[name]
    if isinstance(expected, str):
        with pytest.raises(InputError, match=expected):
            list(find_sources(path))
        return
    assert names(path) == expected[0]
    left = reasons(path)
    assert [status for status, _ in left.values()] == ["failed"] * expected[1]
