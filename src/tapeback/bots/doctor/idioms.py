"""What kind of bot it is: loops, threads, schedulers, feeds; and what a backtest cannot give it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from tapeback.bots.doctor.remarks import Remark, remark
from tapeback.bots.doctor.source import Source

_PROCESSES = (
    *(f"subprocess.{name}" for name in ("run", "Popen", "call", "check_call", "check_output")),
    *(f"os.{name}" for name in ("system", "popen", "fork", "execv", "execvp", "spawnv")),
    "multiprocessing.Process",
    "multiprocessing.Pool",
    "concurrent.futures.ProcessPoolExecutor",
)
_THREADS = (
    "threading.Thread",
    "threading.Timer",
    "concurrent.futures.ThreadPoolExecutor",
    "_thread.start_new_thread",
)
_SOCKETS = ("socket", "websocket", "websockets", "aiohttp", "socketio", "zmq", "paho")
_HTTP = ("requests", "httpx", "urllib3", "urllib")
_MESSAGES = ("telegram", "whatsapp")
_SQL_CLOCK = re.compile(
    r"\b(?:CURRENT_(?:TIMESTAMP|DATE|TIME)|LOCALTIMESTAMP)\b|\bnow\(\)|\b(?:datetime|date|time|"
    r"strftime|julianday)\([^)]*'now'",
    re.IGNORECASE,
)
_SQL = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|WHERE|VALUES)\b", re.IGNORECASE)
_URL = re.compile(r"https?://([\w.-]+)")
_OPENALGO_PATH = re.compile(r"/api/v1\b|/strategy/webhook/")


def examine_idioms(source: Source, folder: Path | None) -> Iterator[Remark]:
    """How the bot lives, and what it needs beyond the broker. `folder` is where it stands."""
    yield from _loops(source)
    yield from _threads_and_schedulers(source)
    yield from _feed(source)
    yield from _beyond_the_broker(source)
    yield from _clocks(source)
    yield from _missing_modules(source, folder)


def _loops(source: Source) -> Iterator[Remark]:
    sleeps = [
        node
        for loop in source.nodes
        if isinstance(loop, ast.While)
        for node in ast.walk(loop)
        if isinstance(node, ast.Call) and source.full_name(node.func) == "time.sleep"
    ]
    seconds = sorted(
        {
            value
            for call in sleeps
            for value in source.values(call.args[0] if call.args else None)
            if isinstance(value, int | float)
        }
    )
    if sleeps:
        line = min(call.lineno for call in sleeps)
        shown = f" of {', '.join(f'{value:g}' for value in seconds)} s" if seconds else ""
        yield remark("idiom", line, f"It polls in a loop with time.sleep{shown}.")
    for _, call in source.calls_of("input"):
        yield remark("asks_for_input", call.lineno, "It asks with input().")


def _threads_and_schedulers(source: Source) -> Iterator[Remark]:
    threads = [call.lineno for _, call in source.calls_of(*_THREADS)]
    if threads:
        yield remark("idiom", min(threads), "It starts threads; they run in order of their times.")
    for packages, words in (
        (("apscheduler",), "It schedules jobs with APScheduler; they fire at their second."),
        (("schedule",), "It schedules jobs with schedule; they fire at their second."),
        (("asyncio",), "It runs an asyncio loop, in virtual time."),
    ):
        line = source.imported(*packages)
        if line is not None:
            yield remark("idiom", line, words)


def _feed(source: Source) -> Iterator[Remark]:
    modes = sorted(
        {
            call.method.removeprefix("subscribe_")
            for call in source.calls
            if call.method.startswith("subscribe_")
        }
    )
    if modes:
        line = next(c.node.lineno for c in source.calls if c.method.startswith("subscribe_"))
        text = f"It listens to the feed ({', '.join(modes)}): it ticks at each bar's four points."
        yield remark("idiom", line, text, "Bars of 1m give the most ticks.")
    for method in _MESSAGES:
        calls = [call.node.lineno for call in source.calls if call.method == method]
        if calls:
            yield remark("messages_kept", calls[0], f"It sends messages by {method}().")


def _beyond_the_broker(source: Source) -> Iterator[Remark]:
    if (line := source.imported(*_SOCKETS)) is not None:
        names = sorted({m.split(".")[0] for m, _ in source.imports} & set(_SOCKETS))
        yield remark("socket_used", line, f"It opens sockets by itself ({', '.join(names)}).")
    for name, call in source.calls_of(*_PROCESSES):
        yield remark("process_used", call.lineno, f"It starts other processes ({name}).")
    line = source.imported(*_HTTP)
    if line is None:
        return
    urls = [
        (node.lineno, node.value)
        for node in source.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    if any(_OPENALGO_PATH.search(text) for _, text in urls):
        yield remark("idiom", line, "It speaks HTTP to OpenAlgo; the simulated broker answers.")
    others = sorted(
        {
            (found[1], number)
            for number, text in urls
            if (found := _URL.search(text)) and not _is_openalgo(found[1], text)
        }
    )
    for host, number in others:
        yield remark("network_used", number, f"It speaks to {host}.")


def _is_openalgo(host: str, text: str) -> bool:
    return host in ("127.0.0.1", "localhost") or _OPENALGO_PATH.search(text) is not None


def _clocks(source: Source) -> Iterator[Remark]:
    for _, call in source.calls_of("numpy.datetime64"):
        if call.args and isinstance(call.args[0], ast.Constant):
            word = call.args[0].value
            if word in ("now", "today"):
                text = f"np.datetime64({word!r}) reads the machine's own clock."
                yield remark("clock_not_virtual", call.lineno, text)
    for node in source.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = _SQL_CLOCK.search(node.value)
            if found and _SQL.search(node.value):
                text = f"SQL's {found[0]} reads the machine's own clock."
                yield remark("clock_not_virtual", node.lineno, text,
                             "Pass datetime.now() as a parameter of the statement.")  # fmt: skip


def _missing_modules(source: Source, folder: Path | None) -> Iterator[Remark]:
    told = set()
    for module, line in source.imports:
        name = module.split(".")[0]
        if name in told or name in sys.stdlib_module_names or name in ("openalgo", "__main__"):
            continue
        told.add(name)
        around = () if folder is None else (folder, folder.parent)
        beside = any((at / f"{name}.py").exists() or (at / name).is_dir() for at in around)
        if not beside and find_spec(name) is None and not _is_tried(source, line):
            yield remark("module_missing", line, f"There is no module {name} here.")


def _is_tried(source: Source, line: int) -> bool:
    """Whether an import stands in a `try`: the bot goes on without it."""
    return any(
        isinstance(node, ast.Try) and node.body[0].lineno <= line <= (node.body[-1].end_lineno or 0)
        for node in source.nodes
    )
