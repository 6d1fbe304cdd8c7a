"""Stored descriptions: one file of either level, collections of millions, and their coarsening."""

from voiceanon.storage.coarsening import coarsen
from voiceanon.storage.collection import read_collection, write_collection
from voiceanon.storage.loading import load

__all__ = ["coarsen", "load", "read_collection", "write_collection"]
