"""What survives of a recording: its words, its delivery and how natural it sounds.

Every function takes mono samples at 16 kHz and gives numbers of one recording, or None with a
reason where a number cannot be had; intervals over recordings are the caller's work. Nothing here
is told by the analysis under test: f0 comes from pyworld or from an autocorrelation tracker of its
own.
"""
