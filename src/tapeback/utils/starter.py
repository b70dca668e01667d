"""Where the bots and settings are that come with Tapeback."""

from __future__ import annotations

from pathlib import Path


def starter_folder() -> Path:
    """The folder with `strats/` and `configs/active/`: inside the wheel, or the checkout."""
    package = Path(__file__).resolve().parents[1]
    packed = package / "_starter"
    return packed if packed.is_dir() else package.parents[1]
