"""What every test may use: hypothesis profiles and the project's real speech."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]

# No deadlines: a slow moment of the machine is not a defect. The default repeats the same examples
# everywhere; HYPOTHESIS_PROFILE=thorough looks for new ones.
hypothesis.settings.register_profile(
    "default", deadline=None, max_examples=30, derandomize=True, database=None
)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=500)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def shared_speech() -> Path:
    """Return the folder of real speech beside the checkout; tests that need it skip without it."""
    folder = ROOT.parent / "shared" / "speech"
    if not folder.is_dir():
        pytest.skip("the shared speech folder is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return one good file of each kind that is read, by suffix."""
    from recordings_by_kind import write_each_kind

    files: dict[str, Path] = write_each_kind(tmp_path_factory.mktemp("recordings"))
    return files


@pytest.fixture
def voiceanon(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, str, str]]:
    """Run the program in this process with the engine that is installed."""
    from voiceanon.cli.app import main

    def run(*arguments: object) -> tuple[Any, str, str]:
        umask = os.umask(0o022)
        handler = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as caught:
                main([str(argument) for argument in arguments])
        finally:
            os.umask(umask)
            signal.signal(signal.SIGTERM, handler)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return caught.value.code or 0, out, err

    return run


@pytest.fixture(scope="session")
def moto_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Yield the port of an S3 server; tests that need it skip where moto is not installed."""
    for name in ("boto3", "flask", "moto"):
        pytest.importorskip(name)
    from s3_server import moto_process

    yield from moto_process(tmp_path_factory.mktemp("moto"))


@pytest.fixture
def s3(moto_port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Yield a proxy before an empty S3 server, with boto3 configured to talk to it alone."""
    import urllib.request

    from s3_server import CREDENTIALS, proxy_before

    reset = urllib.request.Request(f"http://127.0.0.1:{moto_port}/moto-api/reset", method="POST")
    with urllib.request.urlopen(reset, timeout=30) as answer:
        assert answer.status == 200
    for proxy in proxy_before(moto_port):
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": proxy.url}.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        yield proxy
