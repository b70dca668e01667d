"""The client takes what the SDK takes: the same methods, keywords and defaults."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from tapeback.broker.client import MockOpenAlgoClient

METHODS = (
    "basketorder", "cancelallorder", "cancelorder", "closeposition", "funds", "history",
    "holdings", "intervals", "modifyorder", "openposition", "orderbook", "orderstatus",
    "placeorder", "placesmartorder", "positionbook", "quotes", "splitorder", "symbol",
    "tradebook",
)  # fmt: skip


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in found]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.filterwarnings("ignore")
def test_same_parameters_as_the_sdk(name: str) -> None:
    openalgo = pytest.importorskip("openalgo")
    ours, theirs = getattr(MockOpenAlgoClient, name), getattr(openalgo.api, name)
    assert parameters(ours) == parameters(theirs)
