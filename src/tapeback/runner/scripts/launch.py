"""One launch of a script, inside its cell: the market on its clock, and what came of it."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tapeback.bots.doctor.diagnosis import Diagnosis, Entry
from tapeback.bots.doctor.remarks import CODES
from tapeback.bots.ending import Ending
from tapeback.bots.isolation.launches import BEFORE_OPEN_NS, Launch, next_launch
from tapeback.bots.isolation.web import OpenAlgoPlaces, answer_requests
from tapeback.bots.runtime import BotRun, play
from tapeback.broker.account import Account
from tapeback.broker.service import BrokerService
from tapeback.core.engine import BacktestEngine, Fault
from tapeback.core.portfolio import Portfolio
from tapeback.core.rules import ExecutionRules
from tapeback.core.tape import Tape
from tapeback.data.contracts.mapping import parse_alias
from tapeback.data.contracts.modelled import modelled_fills
from tapeback.data.contracts.supply import Modelling, Supply
from tapeback.market.calendar import calendar_of
from tapeback.market.contracts.master import MasterContract
from tapeback.market.dated import take_tables
from tapeback.models.config import AppConfig
from tapeback.models.finding import Finding
from tapeback.models.result import BacktestResult, RunInfo
from tapeback.runner.market_data import MarketData, Warmup
from tapeback.runner.outcome import manifest_of, result_of
from tapeback.runner.rules import actions_of, execution_rules, rulebook_of
from tapeback.runner.scripts.attendance import Attendance
from tapeback.runner.scripts.job import Job, Report
from tapeback.runner.scripts.naming import Naming
from tapeback.strategies.openalgo_module import PACKAGE, openalgo_module
from tapeback.utils.clock import day_number, day_of, midnight

if TYPE_CHECKING:
    from tapeback.bots.isolation.inside import Inside

# A script finds as much history as this, where there is as much.
_HISTORY = Warmup(sessions=400)
_SANDBOX_CASH = 1e7
_PATHS = ("adverse", "favourable")


def launch(inside: Inside, encoded: bytes) -> None:
    """Play one launch; the process ends with it."""
    job = msgspec.msgpack.decode(encoded, type=Job)
    if job.tables:
        # From the process outside, which no bot has touched.
        take_tables(pickle.loads(job.tables))
    market = Market(job)
    planned = market.planned()
    market.repeat()
    if planned is None:
        inside.finish(msgspec.msgpack.encode(market.report(None)))
        return

    def on_end(ending: Ending) -> None:
        inside.end()
        inside.finish(msgspec.msgpack.encode(market.report(ending), enc_hook=_plain))

    def prepare(run: BotRun) -> None:
        market.begin(run)
        inside.begin(run.now, run.notices.add)

    play(
        Path(job.script),
        job.arguments,
        market,
        start=planned.begin,
        end=planned.end,
        seed=market.config.backtest.seed,
        on_end=on_end,
        prepare=prepare,
        exceeded=inside.exceeded,
    )


class Market:
    """The market of a script's run, as the scheduler moves it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.config = config = _as_chosen(job)
        root = Path(job.root)
        actions = actions_of(config, root)
        # Open to the end of the process: the script may ask for more.
        self._sources = MarketData(config, root=root, actions=actions)
        self.series = self._sources.load(_HISTORY)
        self.rules = script_rules(config)
        rulebook = rulebook_of(config, root)
        portfolio = Portfolio(config.backtest.initial_cash, margined=self.rules.exchange_rules)
        self.engine = BacktestEngine(self.series, self.rules, portfolio, rulebook)
        self.service = BrokerService(self.engine)
        self.start, self.end = self._bounds()
        self.supply = self._supply(rulebook.master)
        self.tape = Tape(self.engine, source=self.supply)
        self.account = Account(self.service, contracts=self.supply.contracts, tape=self.tape)
        self.naming = Naming(job.maps, self.supply, self.engine)
        self.attendance = Attendance(self.tape, self.account, self.naming)
        self.module = openalgo_module(self.account)
        self.attendance.attend(self.module)
        self._planned: Launch | None = None

    def _supply(self, master: MasterContract | None) -> Supply:
        """Where the bars come from of what the script names and nobody loaded."""
        data, sources = self.config.data, self._sources
        modelling = None
        if data.options_data == "modelled":
            modelling = Modelling(volatility=data.option_volatility, shift=self.job.shift)
        return Supply(
            self.series,
            cache=sources.cache,
            first_day=day_number(self.start),
            last_day=day_number(self.end - 1),
            historify=sources.historify if data.historify is not None else None,
            aliases=[parse_alias(text) for text in self.job.aliases],
            modelling=modelling,
            master=master,
            policy=sources.policy,
            actions=sources.actions,
        )

    def planned(self) -> Launch | None:
        """The launch that is due; None when the run is over."""
        job = self.job
        calendars = list({one.exchange: calendar_of(one.exchange) for one in self.series}.values())
        last = job.done[-1] if job.done else None
        self._calendars = calendars
        self._planned = next_launch(job.rule, calendars, self.start, self.end, last)
        return self._planned

    def repeat(self) -> None:
        """Come to where the earlier launches left the account."""
        self.attendance.repeat(self.module, self.job.calls)

    def begin(self, run: BotRun) -> None:
        """In virtual time: put the broker's module in the bot's way."""
        import sys

        from tapeback.bots.callbacks import CallbackThread

        sys.modules[PACKAGE] = self.module
        self.account.feed.sink = CallbackThread(self.naming.answered)
        answer_requests(self.attendance.answer, OpenAlgoPlaces())
        self.attendance.begin(run)

    # What the scheduler asks ---------------------------------------------------------------

    def next_instant(self) -> int:
        """When the bot could notice something next."""
        return self.tape.next_instant()

    def advance(self, ts: int) -> None:
        """Play the prices up to an instant, and tell the feed of them."""
        self.tape.advance(ts)
        self.account.feed.deliver()

    def settle(self, ts: int) -> None:
        """Play what comes last at an instant."""
        self.tape.settle(ts)
        self.account.feed.deliver()

    # What came of it -----------------------------------------------------------------------

    def report(self, ending: Ending | None) -> Report:
        """What the process outside is told; the result is written where this was the last."""
        done = self._done(ending)
        report = Report(launch=done, last=True, calls=self.attendance.calls)
        if ending is not None:
            report.error, report.traceback = ending.error or "", ending.traceback or ""
            report.stacks = ending.stacks or ""
            report.entries = self._entries(ending)
            after = next_launch(self.job.rule, self._calendars, self.start, self.end, done)
            report.last = after is None
        if report.last:
            report.calls = []
            self._finish(report, ending)
        return report

    def _done(self, ending: Ending | None) -> Launch:
        if ending is None or self._planned is None:
            return self.job.done[-1] if self.job.done else Launch(begin=self.start, end=self.start)
        # Python itself tells a bot that asks for more memory than it may have.
        starved = ending.how == "raised" and (ending.error or "").startswith("MemoryError")
        how = "limit" if starved else ending.how
        return Launch(begin=self._planned.begin, end=ending.at, how=how, code=ending.code)

    def _entries(self, ending: Ending) -> list[Entry]:
        diagnosis = Diagnosis(Path(self.job.script).parent)
        diagnosis.add_notices(ending.notices)
        for (symbol, exchange), count in self.account.missing.items():
            absent = self.supply.absent.get((symbol, exchange))
            why = f": {absent.reason}" if absent else ""
            diagnosis.add(
                Entry(
                    code="no_data",
                    message=f"{symbol} of {exchange} was asked for and has no bars{why}.",
                    remedy=absent.remedy if absent else CODES["no_data"].remedy,
                    count=count,
                    first_time=None,
                )
            )
        for (symbol, exchange), why in self.naming.failures.items():
            message = f"--map {symbol}: nothing stood for it on {exchange}: {why}"
            diagnosis.note("no_data", message, ending.at)
        done = len(self.job.calls)
        asked = [call.ts for call in self.attendance.calls[done:]]
        since = min(asked, default=ending.at)
        for order in self.engine.simulator.orders.rows:
            if order.status == "rejected" and order.placed_ts >= since:
                message = f"{order.action} {order.symbol}: {order.rejection_reason}"
                diagnosis.note(
                    "order_rejected", message, order.placed_ts, remedy=order.remedy or None
                )
        return diagnosis.entries()

    def _finish(self, report: Report, ending: Ending | None) -> None:
        from tapeback.report.plain import plain
        from tapeback.report.summary import summary

        result = self._result(ending)
        folder = Path(self.job.output)
        result.save(folder)
        report.summary = [(str(text), tone) for text, tone in summary(result)]
        report.orders, report.fills = len(result.orders), len(result.fills)
        report.trades = len(result.trades)
        report.metrics = plain(result.metrics.to_dict())
        report.metrics.pop("days")
        report.verdict = result.verdict
        report.modelled = any(one.code == "modelled-fills" for one in result.findings)

    def _result(self, ending: Ending | None) -> BacktestResult:
        status: Literal["completed", "failed", "cancelled"] = "completed"
        how = self._done(ending).how
        if how in ("raised", "broken"):
            status = "failed"
        elif how == "limit":
            status = "cancelled"
        # What the script left behind goes on without it, to the end of the data.
        self.tape.settle(self.end)
        record = self.tape.finish(status)
        if ending is not None and ending.how in ("raised", "broken"):
            record.faults.append(
                Fault(ending.at, "script", ending.error or "", ending.traceback or "")
            )
        name = Path(self.job.script).name
        series = self.engine.series
        manifest = partial(
            manifest_of, self.config, series, self.rules, self.engine.rulebook, name, self._code()
        )
        result = result_of(
            record, self.engine, self.service, {}, self.config, manifest, begun=self.start
        )
        notes = (*result.notes, *self.account.notes.values())
        added = self.naming.findings()
        modelled = modelled_fills(self.supply.modelled, record.fills, result.trades)
        if modelled is not None:
            added = (*added, modelled)
        result = _with_findings(result, added)
        job = self.job
        run = RunInfo(job.run_id, datetime.fromisoformat(job.created_at), 0.0, job.host, {})
        return replace(result, notes=notes, run=run)

    def _code(self) -> dict[str, str]:
        folder = Path(self.job.script).parent
        return {
            str(file.relative_to(folder)): sha256(file.read_bytes()).hexdigest()
            for file in sorted(folder.rglob("*.py"))
        }

    def _bounds(self) -> tuple[int, int]:
        """From when to when the script may run: from a quarter of an hour before the first session
        to the end of the last bar."""
        start, first = self.config.data.start, self.series[0]
        begins = min(int(candles.starts[0]) for candles in self.series)
        if start is not None:
            begins = max(begins, midnight(day_of(start)))
        calendar, day = calendar_of(first.exchange), day_number(begins)
        if start is not None and calendar.session(day, first.symbol) is None:
            day = calendar.next_session_day(day, first.symbol)
        opens, _ = calendar.hours(day, first.symbol)
        ends = max(int(candles.ends[-1]) for candles in self.series)
        return opens - BEFORE_OPEN_NS, ends


def _with_findings(result: BacktestResult, added: tuple[Finding, ...]) -> BacktestResult:
    """The result with what the run found out about its own data, beside its first series."""
    if not added:
        return result
    (name, origin), *others = result.origins
    known = msgspec.structs.replace(origin, findings=(*origin.findings, *added))
    return replace(result, origins=((name, known), *others))


def script_rules(config: AppConfig) -> ExecutionRules:
    """The execution settings of a script: the path never depends on its position (T3), and its
    orders take half a second where nothing else is set (T4)."""
    rules = execution_rules(config, live_latency=500.0)
    return replace(rules, intrabar="nearer") if rules.intrabar in _PATHS else rules


def _as_chosen(job: Job) -> AppConfig:
    """The settings, with a script's own defaults for what nobody chose."""
    config = AppConfig.model_validate(job.config)
    if "initial_cash" in config.backtest.model_fields_set:
        return config
    backtest = config.backtest.model_copy(update={"initial_cash": _SANDBOX_CASH})
    return config.model_copy(update={"backtest": backtest})


def _plain(value: Any) -> Any:
    """A bot's own argument in a request: as a number where it is one, else as text."""
    item = getattr(value, "item", None)
    return item() if callable(item) else str(value)
