"""What every test may lean on: the repository's root, the shared data, repeatable hypothesis."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

# The sources are what is tested; TAPEBACK_PURE=0 tests their compiled twin instead.
os.environ.setdefault("TAPEBACK_PURE", "1")

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.openalgo_server import OpenAlgoTestServer

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


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for each test, empty, and no key or place of the user's."""
    for name in ("TAPEBACK_CACHE_DIR", "OPENALGO_API_KEY", "HISTORIFY_DATABASE_PATH"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path_factory.getbasetemp() / "homes" / uuid4().hex
    monkeypatch.setenv("TAPEBACK_HOME", str(folder))
    return folder


@pytest.fixture
def openalgo_server() -> Iterator[OpenAlgoTestServer]:
    """A running OpenAlgo server with made-up bars of RELIANCE on NSE, 2024-03-01 to its own now."""
    from tests.openalgo_server import OpenAlgoTestServer

    with OpenAlgoTestServer() as server:
        yield server
