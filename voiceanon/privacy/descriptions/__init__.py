"""Attackers who get stored descriptions, and no audio: what a leak of abstractions gives away."""
