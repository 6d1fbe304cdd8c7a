"""Trains the content bottleneck on speech and what a recogniser hears in it.

``python -m voiceanon.training`` is the command. What is learned ends up in
``models/bottleneck.npz``, which the core runs without torch; this room needs the extra ``train``
and is never imported by the rest of the package.
"""
