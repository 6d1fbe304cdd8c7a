"""Pictures and reports of what was done to recordings; needs the extra ``[report]``."""

from voiceanon.report.spectrogram import before_after_plot, voices_plot

__all__ = ["before_after_plot", "voices_plot"]
