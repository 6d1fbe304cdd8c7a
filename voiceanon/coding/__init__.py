"""The description's tracks as few bytes: a range coder, and what is likely after what."""
