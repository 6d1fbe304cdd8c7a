"""The mark in synthetic speech: a keyed pattern written into its envelopes, and found in audio."""
