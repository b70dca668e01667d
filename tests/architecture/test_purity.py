"""The simulation reads no clock, no file and no global random state.

Import contracts cannot see these: `datetime`, `open` and numpy are all within its reach.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.conftest import REPO

PACKAGE = REPO / "src" / "tapeback"
PURE = ("core", "indicators", "market", "metrics", "models")
# Tables that ship inside the package are part of the code.
OWN_TABLES = "files('tapeback."

CLOCKS = {
    "date.today",
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "time.monotonic",
    "time.perf_counter",
    "time.sleep",
    "time.time",
    "time.time_ns",
}
FILES = {"open", "read_bytes", "read_text", "write_bytes", "write_text"}
NETWORK = {"urlopen", "urlretrieve"}
RANDOM = {"np.random", "numpy.random"}
# A generator of its own, seeded by the caller, is no global state.
SEEDED = {"default_rng", "Generator", "PCG64", "SeedSequence"}


def impurities(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=function):
                name = ast.unparse(function)
                last = name.rpartition(".")[2]
                if any(name == clock or name.endswith(f".{clock}") for clock in CLOCKS):
                    yield f"line {node.lineno}: {name}() reads the wall clock"
                elif last in NETWORK:
                    yield f"line {node.lineno}: {name}() reaches the network"
                elif last in FILES and not name.startswith(OWN_TABLES):
                    yield f"line {node.lineno}: {name}() touches a file"
            case ast.Attribute(value=value, attr=attribute):
                if ast.unparse(value) in RANDOM and attribute not in SEEDED:
                    yield f"line {node.lineno}: {ast.unparse(node)} is global random state"


@pytest.mark.parametrize("folder", PURE)
def test_no_clock_file_or_global_random_state(folder: str) -> None:
    modules = sorted((PACKAGE / folder).rglob("*.py"))
    assert modules
    found = [
        f"{path.relative_to(REPO)}, {impurity}"
        for path in modules
        for impurity in impurities(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "import datetime\nnow = datetime.datetime.now()",
        "from datetime import date\ntoday = date.today()",
        "import time\nstarted = time.perf_counter()",
        "rows = open('prices.csv')",
        "from pathlib import Path\ntext = Path('prices.csv').read_text()",
        "from urllib.request import urlopen\npage = urlopen(address)",
        "import numpy as np\nnoise = np.random.normal(size=9)",
    ],
)
def test_an_impurity_is_found(source: str) -> None:
    assert list(impurities(source))


@pytest.mark.parametrize(
    "source",
    [
        "text = files('tapeback.market').joinpath('tables/slippage.yaml').read_text()",
        "import numpy as np\nrng = np.random.default_rng(7)",
    ],
)
def test_own_tables_and_a_seeded_generator_are_allowed(source: str) -> None:
    assert not list(impurities(source))
