"""Small files to be found as sources of an archive, for tests, and what of them is found."""

from voiceanon.archive.entries import Found, LeftOut
from voiceanon.archive.sources import find_sources


def touch(path, content=b"RIFF....WAVE"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def found(spec, **options):
    return [one for one in find_sources(spec, **options) if isinstance(one, Found)]


def names(spec, **options):
    return [one.name for one in found(spec, **options)]


def reasons(spec, **options):
    left = [one for one in find_sources(spec, **options) if isinstance(one, LeftOut)]
    return {one.source: (one.status, one.reason) for one in left}
