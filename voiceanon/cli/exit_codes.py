"""How the program ends where no single error ends it; errors know their own codes."""

__all__ = ["INTERRUPTED", "NOT_PASSED", "SOME_FAILED", "UNEXPECTED"]

UNEXPECTED = 1
SOME_FAILED = 3
NOT_PASSED = 4
"""A check did not pass, or recordings are held."""
INTERRUPTED = 130
