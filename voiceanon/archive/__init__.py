"""Whole archives: what is in them, decided once, and each recording done once."""
