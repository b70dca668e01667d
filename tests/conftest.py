"""What every test may lean on: the repository's root, the shared data, repeatable hypothesis."""

from __future__ import annotations

import os
from pathlib import Path

# The sources are what is tested; TAPEBACK_PURE=0 tests their compiled twin instead.
os.environ.setdefault("TAPEBACK_PURE", "1")

import pytest
from hypothesis import settings

REPO = Path(__file__).resolve().parent.parent
SHARED_DATA = REPO.parent / "shared" / "data"

# The same examples on every run and machine; `--hypothesis-profile=default` searches for new ones.
settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.load_profile("ci")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of market data and oracles beside the checkout; skips where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the market data and oracles in {SHARED_DATA}")
    return SHARED_DATA
