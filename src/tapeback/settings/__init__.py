"""Settings from YAML files, the environment, `--set` and Python keywords, into one `AppConfig`."""

from __future__ import annotations

from tapeback.settings.builder import build_config
from tapeback.settings.catalogue import CatalogueEntry, find_entry, load_catalogue
from tapeback.settings.loader import BASE_PATH, CATALOGUE_PATH, load_config
from tapeback.settings.log import setup_logging

__all__ = [
    "BASE_PATH",
    "CATALOGUE_PATH",
    "CatalogueEntry",
    "build_config",
    "find_entry",
    "load_catalogue",
    "load_config",
    "setup_logging",
]
