"""The file that a description or its measures are stored in: its bytes, its seal, its key."""
