"""The environment of a cell: nothing of the user's, dummies for the keys that bots read."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tapeback.bots.runtime import ENVIRONMENT
from tapeback.errors import ConfigError
from tapeback.utils.twin import PURE

KEY = "tapeback-key"
HOST = "http://127.0.0.1:5000"
SOCKET_HOST, SOCKET_PORT = "127.0.0.1", "8765"
# What bots and OpenAlgo's own host of scripts call the same things.
USUAL = {
    **dict.fromkeys(("OPENALGO_API_KEY", "OPENALGO_APIKEY", "API_KEY"), KEY),
    **dict.fromkeys(("HOST_SERVER", "OPENALGO_HOST", "HOST"), HOST),
    **dict.fromkeys(
        ("WEBSOCKET_URL", "OPENALGO_WS_URL", "WS_URL"), f"ws://{SOCKET_HOST}:{SOCKET_PORT}"
    ),
    "WEBSOCKET_HOST": SOCKET_HOST,
    "WEBSOCKET_PORT": SOCKET_PORT,
    "OPENALGO_STRATEGY_EXCHANGE": "NSE",
}
# Without these an interpreter does not start, or does not find its libraries; the last one keeps
# Tapeback to its sources there as here.
_NEEDED = (
    "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR",
    "PATHEXT", "COMSPEC", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
    PURE,
)  # fmt: skip


def scrubbed_environment(
    *, home: str, temporary: str, strategy: str, own: Mapping[str, str], exchange: str = "NSE"
) -> dict[str, str]:
    """The whole environment of a cell. `own` is what the user passes and wins over the dummies;
    `strategy` names the bot, as OpenAlgo's host does."""
    environment = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    modules = [*import_path(), *filter(None, [own.get("PYTHONPATH")])]
    environment["PATH"] = os.defpath
    environment |= dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), home)
    environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary)
    environment |= {
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        # One core is all that a bot has; more threads would cost memory alone.
        **dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
        ),
        **ENVIRONMENT,
        **USUAL,
        "STRATEGY_ID": strategy,
        "STRATEGY_NAME": strategy,
        "OPENALGO_STRATEGY_EXCHANGE": exchange,
    }
    # Last: the import path of this process. The cell takes it out again before the bot begins.
    return environment | dict(own) | {"PYTHONPATH": os.pathsep.join(modules)}


def import_path() -> list[str]:
    """Where this process imports from, but for the folder that it happens to stand in: a cell has
    no business there."""
    here = os.path.realpath(os.curdir)
    ours = str(Path(__file__).resolve().parents[3])
    left_out = set() if here == ours else {here}
    return [path for path in sys.path if path and os.path.realpath(path) not in left_out]


def parse_env(arguments: Sequence[str]) -> dict[str, str]:
    """The variables that `--env NAME=VALUE` sets. Raises ConfigError for what is none."""
    given: dict[str, str] = {}
    for text in arguments:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ConfigError(f"--env {text!r}: write it as NAME=VALUE.")
        given[name] = value
    return given
