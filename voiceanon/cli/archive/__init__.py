"""`voiceanon archive`: a store of recordings, anonymized by a job that can be stopped."""

from voiceanon.cli.archive.app import archive_app

__all__ = ["archive_app"]
