"""Repeatable chance: what a bot draws from the operating system comes from the run's seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any


def seeded_urandom(seed: int) -> Callable[[int], bytes]:
    """`os.urandom` of a run."""
    return random.Random(seed).randbytes


def seeded_seed(urandom: Callable[[int], bytes]) -> Callable[..., None]:
    """`random.Random.seed`, which asks the system for entropy when it is given nothing."""
    real_seed = random.Random.seed

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        real_seed(self, int.from_bytes(urandom(32)) if a is None else a, version)

    return seed
