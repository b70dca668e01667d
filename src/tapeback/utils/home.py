"""Where Tapeback keeps what outlives a run."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The folder of cache, store and logs: `TAPEBACK_HOME`, else the platform's folder for the data
    of applications. It need not exist yet."""
    named = os.environ.get("TAPEBACK_HOME")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("tapeback", appauthor=False)


def cache_folder(configured: str | None = None) -> Path:
    """The folder of the candle cache: `TAPEBACK_CACHE_DIR`, else the `configured` one
    (`data.cache_dir`), else `cache` in `home()`."""
    named = os.environ.get("TAPEBACK_CACHE_DIR") or configured
    return Path(named).expanduser() if named else home() / "cache"
