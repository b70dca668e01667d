"""What surrounds each call of a bot: its moment in the run, and what it leads to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from inspect import getmembers, isfunction
from threading import get_ident
from types import FrameType, ModuleType
from typing import Any, TypeVar

from tapeback.bots.isolation.web import Answer
from tapeback.bots.runtime import BotRun
from tapeback.broker.account import Account
from tapeback.broker.http_answers import HttpAnswers, call_of
from tapeback.core.tape import Tape
from tapeback.runner.scripts.job import Call
from tapeback.runner.scripts.naming import Naming

_Given = TypeVar("_Given")
_HTTP = "http"
_ANSWERED_WELL = 400
# What changes the account; all else only asks.
_CHANGES = frozenset(
    {
        "placeorder", "placesmartorder", "basketorder", "splitorder", "modifyorder", "cancelorder",
        "cancelallorder", "closeposition", "optionsorder", "optionsmultiorder", "placegttorder",
        "modifygttorder", "cancelgttorder", "analyzertoggle", "strategyorder",
    }
)  # fmt: skip

# What only looks at the market or the books: nothing comes of it.
_LOOKS = frozenset(
    {
        "quotes", "multiquotes", "depth", "history", "orderstatus", "orderbook", "tradebook",
        "positionbook", "openposition", "holdings", "funds", "get_ltp", "get_quotes", "get_depth",
    }
)  # fmt: skip


class Attendance:
    """Lets each call of a bot happen at its own instant: before it the market is played up to
    now, after it what was sent meets the market. `calls` are those that changed the account."""

    def __init__(self, tape: Tape, account: Account, naming: Naming) -> None:
        self.calls: list[Call] = []
        self._naming = naming
        self._tape = tape
        self._account = account
        self._answers = HttpAnswers(account)
        self._within: set[int] = set()
        self._run: BotRun | None = None

    def begin(self, run: BotRun) -> None:
        """From now on the bot calls, in its own time."""
        self._run = run

    def attend(self, module: ModuleType) -> None:
        """Surround every public method of the module's classes."""
        for kind in (module.api, module.Strategy):
            for name, function in getmembers(kind, isfunction):
                if not name.startswith("_"):
                    surround = self._looked if name in _LOOKS else self._attended
                    setattr(kind, name, surround(name, function))

    def answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What OpenAlgo's host answers to a request that the bot sends by itself."""
        name = call_of(url)
        sent = [method, url, dict(headers), body.decode("utf-8", "replace")]
        note = Call(0, _HTTP, sent, {}) if name in _CHANGES else None
        reply = self._at_its_instant(note, lambda: self._answers(method, url, headers, body))
        if reply.status >= _ANSWERED_WELL:
            self._note(name or url, reply.body.decode("utf-8", "replace").strip(), sys._getframe())
        return Answer(reply.status, reply.headers, reply.body)

    def repeat(self, module: ModuleType, calls: tuple[Call, ...]) -> None:
        """Come to the account that these calls of earlier launches led to."""
        client, webhook = module.api("earlier"), module.Strategy("http://127.0.0.1:5000", "earlier")
        for call in calls:
            self._tape.advance(call.ts)
            if call.name == _HTTP:
                method, url, headers, body = call.args
                self._answers(method, url, headers, body.encode())
                self._tape.meet()
            else:
                caller = webhook if call.name == "strategyorder" else client
                # The attended method: it names the contracts again as it did then.
                getattr(caller, call.name)(*call.args, **call.kwargs)
        self.calls = list(calls)

    def _looked(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The method, at its instant; bots poll it by the hundred thousand."""
        within = self._within

        @wraps(function)
        def looked(client: Any, *args: Any, **kwargs: Any) -> Any:
            run = self._run
            if run is None or within:
                return function(client, *args, **kwargs)
            run.checkpoint(0)
            reply = self._asked(function, client, args, kwargs)
            if type(reply) is dict and reply.get("status") == "error":
                self._note(name, str(reply.get("message", "")).strip(), sys._getframe())
            return reply

        return looked

    def _attended(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def attended(client: Any, *args: Any, **kwargs: Any) -> Any:
            if get_ident() in self._within:
                return function(client, *args, **kwargs)
            note = Call(0, name, list(args), dict(kwargs)) if name in _CHANGES else None
            frame = sys._getframe()
            reply = self._at_its_instant(note, lambda: self._asked(function, client, args, kwargs))
            if type(reply) is dict and reply.get("status") == "error":
                self._note(name, str(reply.get("message", "")).strip(), frame)
            return reply

        return attended

    def _asked(
        self, function: Callable[..., Any], client: Any, args: Any, kwargs: dict[str, Any]
    ) -> Any:
        """What a call comes to, in the names that the bot knows."""
        naming = self._naming
        if not naming:
            return function(client, *args, **kwargs)
        args, kwargs = naming.asked(args), naming.asked(kwargs)
        return naming.answered(function(client, *args, **kwargs))

    def _at_its_instant(self, note: Call | None, call: Callable[[], _Given]) -> _Given:
        run, thread = self._run, get_ident()
        if run is not None:
            run.checkpoint(0)
            if note is not None:
                self.calls.append(Call(self._tape.now, note.name, note.args, note.kwargs))
        self._within.add(thread)
        try:
            return call()
        finally:
            self._within.discard(thread)
            self._tape.meet()
            self._account.feed.deliver()
            if run is not None:
                run.changed()

    def _note(self, name: str, message: str, frame: FrameType) -> None:
        if self._run is not None:
            self._run.notices.add("error_reply", f"{name} was answered: {message}", frame)
