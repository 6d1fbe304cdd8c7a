"""Reads what the program says with --json, for tests."""

import json


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]
