"""Keeping secrets out of whatever is written: results, manifests, messages and logs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

MASK = "***"

# Shorter ones would blot out ordinary words.
_SHORTEST = 4
_SECRET_NAME = re.compile(r"(?:^|_)(?:api_?key|secret|token|password|passwd|passphrase)$", re.I)
_registered: set[str] = set()


def register_secrets(secrets: Iterable[str]) -> None:
    """Have `redacted` replace these texts from now on, in the whole process."""
    _registered.update(secret for secret in secrets if len(secret) >= _SHORTEST)


def redacted(text: str) -> str:
    """The text with every registered secret as `***`."""
    for secret in sorted(_registered, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def masked(value: Any, name: str = "") -> Any:
    """JSON-able data with `***` for whatever stands under a name such as `api_key` or `token`."""
    if isinstance(value, dict):
        return {key: masked(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, name) for item in value]
    return MASK if _SECRET_NAME.search(name) else value


def secrets_in(value: Any, name: str = "") -> Iterator[str]:
    """The texts that `masked` would hide."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from secrets_in(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from secrets_in(item, name)
    elif value not in (None, "") and _SECRET_NAME.search(name):
        yield str(value)
