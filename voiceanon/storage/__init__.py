"""Stored descriptions: one file of either level, collections of millions, and their coarsening."""

from voiceanon.storage.coarsening import coarsen
from voiceanon.storage.collection import read_collection, write_collection
from voiceanon.storage.files import abstract_file, render_file
from voiceanon.storage.loading import load

__all__ = [
    "abstract_file",
    "coarsen",
    "load",
    "read_collection",
    "render_file",
    "write_collection",
]
