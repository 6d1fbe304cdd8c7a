"""Speech with speakers: read from folders, tables, manifests and Kaldi, checked, and written."""

from __future__ import annotations

from voiceanon.privacy.corpora.checking import check_corpus, corpus_hash, refuse_overlap
from voiceanon.privacy.corpora.kaldi_writing import write_kaldi
from voiceanon.privacy.corpora.limits import limits
from voiceanon.privacy.corpora.reading import read_corpus
from voiceanon.privacy.corpora.recordings import Corpus, Recording

__all__ = [
    "Corpus",
    "Recording",
    "check_corpus",
    "corpus_hash",
    "limits",
    "read_corpus",
    "refuse_overlap",
    "write_kaldi",
]
