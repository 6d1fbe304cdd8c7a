"""What every test may use: hypothesis profiles and the project's real speech."""

import os
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]

# No deadlines: a slow moment of the machine is not a defect. The default repeats the same examples
# everywhere; HYPOTHESIS_PROFILE=thorough looks for new ones.
hypothesis.settings.register_profile(
    "default", deadline=None, max_examples=30, derandomize=True, database=None
)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=500)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def shared_speech() -> Path:
    """Return the folder of real speech beside the checkout; tests that need it skip without it."""
    folder = ROOT.parent / "shared" / "speech"
    if not folder.is_dir():
        pytest.skip("the shared speech folder is not beside this checkout")
    return folder
