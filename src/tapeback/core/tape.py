"""A run that is played forward to the instants that somebody asks for: the market as a script's
own clock moves it (fill contract T4 to T6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from operator import itemgetter

from tapeback.core.book import Book
from tapeback.core.engine import BacktestEngine, RunRecord, Status
from tapeback.core.forming import FormingBar
from tapeback.core.meeting import next_meeting
from tapeback.core.ports import Listener
from tapeback.core.ticker import Tick, Ticker, TickStream
from tapeback.core.timeline import NEVER, EventQueue, Moment
from tapeback.errors import DataError
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.models.candle import Candle
from tapeback.utils.clock import day_number

# Somebody listens, but the data has ended.
AFTER_END = NEVER - 1

Source = Callable[[str, str], Candles | None]
Key = tuple[str, str]
_by_time = itemgetter(0)


class Tape:
    """The bars of a run, played to a script: `engine` has the series and the exchange.

    Whoever moves time calls `advance(ts)`, lets run what wakes up at `ts`, and calls `settle(ts)`
    before anything later (T6); a settlement that was left out is made up for. After each request
    of the script `meet()` lets what it sent find the price of that instant. `listener` is told of
    orders as it happens; what it sends itself meets the rest of the path. `source(symbol,
    exchange)` gives the bars of an instrument that the run does not have. Instants are ns UTC.
    """

    def __init__(
        self,
        engine: BacktestEngine,
        *,
        listener: Listener | None = None,
        source: Source | None = None,
    ) -> None:
        self.ticks: deque[Tick] = deque()
        self._engine = engine
        self._simulator = simulator = engine.simulator
        self._books = simulator.books
        self._source = source
        self._missing: set[Key] = set()
        self._tickers: dict[Key, Ticker] = {}
        self._whole: dict[tuple[str, str, str | None], Candles] = {}
        self._forming: dict[tuple[str, str, str], FormingBar] = {}
        self._streams: dict[Key, TickStream] = {}
        self._playback = engine.playback(squares_last=True)
        self._queue = EventQueue(engine.series)
        self._moments: deque[Moment] = deque()
        self._begun = False
        # Until the edge nothing happens; at the next instant somebody could notice something.
        self._edge = self._instant = -1
        self._settlement = NEVER
        self._changes = -1
        simulator.walk_together()
        self.listen(listener)

    @property
    def now(self) -> int:
        """The instant that was played to."""
        return self._simulator.now

    @property
    def end(self) -> int:
        """When the last bar of all ends."""
        return max(int(candles.ends[-1]) for candles in self._engine.series)

    # Time ----------------------------------------------------------------------------------

    def advance(self, ts: int) -> None:
        """Play everything up to `ts` and what prints at `ts` itself: bars close, bars open, orders
        meet the path. The first call begins there: earlier bars are history."""
        simulator = self._simulator
        if ts < self._edge and not simulator.summoned:
            simulator.now = max(ts, simulator.now)
        else:
            self._play(ts)

    def settle(self, ts: int) -> None:
        """Play what comes last at `ts`: MIS is squared off, contracts expire, the session ends."""
        if ts > self._simulator.now:
            self._play(ts)
        if self._settlement <= ts:
            while self._settlement <= ts:
                self._settle(self._settlement)
            self._simulator.now = ts
            self._look_ahead()

    def meet(self) -> None:
        """Let what was sent meet the path as it stands now, and tell the listener what came of it.
        To be called after every request of the script."""
        if self._simulator.summoned:
            self._play(self._simulator.now)
        if self._simulator.events:
            self._simulator.deliver()

    def next_instant(self) -> int:
        """The next instant, later than now, at which somebody could notice anything: a point of a
        subscribed instrument's path, or something that may happen to an order while `listen` is
        on. AFTER_END when there is none any more, NEVER when nobody waits for one."""
        simulator = self._simulator
        if simulator.summoned:
            return simulator.now + 1
        if simulator.changes != self._changes:
            self._look_ahead()
        return self._instant

    def finish(self, status: Status = "completed") -> RunRecord:
        """End the run now, as at the end of its data (S4)."""
        self.settle(self.now)
        if self._playback.day >= 0:
            self._playback.finish()
        self._engine.conclude()
        return self._engine.record(status)

    # Who notices ---------------------------------------------------------------------------

    def listen(self, listener: Listener | None) -> None:
        """Tell somebody what happens to orders, or nobody."""
        self._simulator.listener = listener
        self._changes = -1

    def subscribe(self, symbol: str, exchange: str) -> bool:
        """Let the `ticks` of an instrument be collected from now on: in the order of time, at one
        instant in the order of subscription. False for an instrument without bars."""
        key = symbol, exchange
        if key not in self._books:
            return False
        if key not in self._streams:
            self._streams[key] = TickStream(self._ticker(key), self.now)
            self._look_ahead()
        return True

    def unsubscribe(self, symbol: str, exchange: str) -> None:
        """Collect no more ticks of an instrument."""
        self._streams.pop((symbol, exchange), None)
        self._look_ahead()

    # What is seen --------------------------------------------------------------------------

    def ltp(self, symbol: str, exchange: str) -> float:
        """The price of an instrument now, rounded to the tick (T5): before the first print of a
        session the last close, before any bar 0.0. Raises DataError for an unknown one."""
        key = symbol, exchange
        ticker = self._tickers.get(key) or self._ticker(key)
        return ticker.price(self._simulator.now)

    def forming(self, symbol: str, exchange: str, timeframe: str) -> Candle | None:
        """The bar of an instrument that is being formed now, of a timeframe that its finest bars
        make: of its path and volume what has passed (T5). None while none is under way. Raises
        DataError for a timeframe that cannot be made."""
        key = symbol, exchange, timeframe
        bar = self._forming.get(key) or self._forming_bar(key)
        return bar.candle(self._simulator.now)

    def closed(self, symbol: str, exchange: str, timeframe: str | None = None) -> Candles:
        """All bars of an instrument that are closed by now, over the memory of the whole. Raises
        DataError for what the run has no candles of."""
        key = symbol, exchange, timeframe
        candles = self._whole.get(key)
        if candles is None:
            candles = self._whole[key] = self._engine.candles_of(*key)
        return candles[: int(candles.ends.searchsorted(self._simulator.now, side="right"))]

    def market_open(self, exchange: str, symbol: str = "") -> bool:
        """Whether an exchange trades now: by its calendar, or because a bar proves it (S2)."""
        now = self._simulator.now
        session = calendar_of(exchange).session(day_number(now), symbol)
        if session is not None:
            auction = session.closing_auction
            spans = session.segments if auction is None else (*session.segments, auction)
            if any(opens <= now < closes for opens, closes in spans):
                return True
        return any(
            book.start <= now < book.end
            for (name, place), book in self._books.items()
            if place == exchange and symbol in ("", name)
        )

    def ensure(self, symbol: str, exchange: str) -> bool:
        """Whether there are bars of an instrument: where the run has none, its source is asked
        once, and the instrument trades from now on; its earlier bars are history."""
        key = symbol, exchange
        if key in self._books:
            return True
        if self._source is None or key in self._missing:
            return False
        candles = self._source(symbol, exchange)
        if candles is None or not len(candles):
            self._missing.add(key)
            return False
        book = self._engine.admit(candles)
        self._playback.add(candles, book)
        self._queue.add(candles)
        if self._begun:
            self._playback.join(len(self._playback.bars) - 1, self.now)
            self._load(self.now)
            self._look_ahead()
        return True

    def _ticker(self, key: Key) -> Ticker:
        ticker = self._tickers.get(key)
        if ticker is None:
            if key not in self._books:
                raise DataError(f"no candles of {key[0]}:{key[1]} in this run.")
            rules = self._engine.rules
            ticker = Ticker(self._books[key], rules.intrabar, ticks=rules.exchange_rules)
            self._tickers[key] = ticker
        return ticker

    def _forming_bar(self, key: tuple[str, str, str]) -> FormingBar:
        ticker = self._ticker(key[:2])
        bar = self._forming[key] = FormingBar(ticker, self._engine.candles_of(*key))
        return bar

    # Playing -------------------------------------------------------------------------------

    def _begin(self, ts: int) -> None:
        self._begun = True
        for number in range(len(self._playback.bars)):
            self._playback.join(number, ts)
        self._streams = {key: TickStream(self._ticker(key), ts - 1) for key in self._streams}
        self._load(ts)

    def _load(self, ts: int) -> None:
        """Take up the moments later than an instant."""
        day = day_number(ts)
        self._moments = deque(moment for moment in self._queue.of_day(day) if moment.ts > ts)
        if not self._moments:
            self._load_day(day + 1)
        self._note_settlement(ts)

    def _load_day(self, first: int) -> None:
        day = self._queue.next_day(first)
        if day is not None:
            self._moments.extend(self._queue.of_day(day))

    def _play(self, ts: int) -> None:
        if not self._begun:
            self._begin(ts)
        ts = max(ts, self._simulator.now)
        while True:
            following, due = self._following(), self._settlement
            if due <= following and (due < ts or following <= ts):
                self._walk(due + 1)
                self._settle(due)
            elif following <= ts:
                self._walk(following)
                self._turn(self._moments.popleft())
            else:
                break
        self._walk(ts + 1)
        self._simulator.now = ts
        self._look_ahead()

    def _following(self) -> int:
        """When the next bars close or open."""
        return self._moments[0].ts if self._moments else NEVER

    def _walk(self, until: int) -> None:
        """Let orders meet the paths, and ticks be printed, from now to just before an instant."""
        if self._streams:
            ticks = [tick for stream in self._streams.values() for tick in stream.take(until)]
            self.ticks.extend(sorted(ticks, key=_by_time))
        self._playback.walk(until)

    def _turn(self, moment: Moment) -> None:
        """Close and open the bars of a moment."""
        self._simulator.now = moment.ts
        if moment.closings:
            self._playback.close_bars(moment)
        self._playback.open_bars(moment)
        if not self._moments:
            self._load_day(moment.day + 1)
        self._note_settlement(moment.ts)

    def _settle(self, ts: int) -> None:
        """Do what comes last at an instant."""
        self._simulator.now = ts
        if self._playback.due:
            self._playback.settle(ts)
        else:
            self._playback.end_session()
        self._note_settlement(ts)

    # Looking ahead -------------------------------------------------------------------------

    def _note_settlement(self, ts: int) -> None:
        """Work out when something comes last at an instant: now, where a square-off is due, or
        when the session ends whose bars are all closed."""
        if self._playback.due:
            self._settlement = ts
        elif self._playback.day >= 0:
            self._settlement = self._session_end()
        else:
            self._settlement = NEVER

    def _session_end(self) -> int:
        """When the session under way is over; NEVER while bars are to come or to close. The last
        of all is left to `finish` where positions are closed at the end."""
        last = self._playback.last_close
        day = day_number(last - 1)
        if self._moments[0].day <= day if self._moments else self._engine.rules.close_at_end:
            return NEVER
        if any(book.end > last for book in self._books.values()):
            return NEVER
        return max([last, *(_closes(book, day) for book in self._books.values())])

    def _look_ahead(self) -> None:
        """Work out until when nothing happens, and when somebody could notice something next."""
        simulator = self._simulator
        now, following = simulator.now, self._following()
        ticks = min((stream.due for stream in self._streams.values()), default=NEVER)
        meets = min((next_meeting(book, now) for book in simulator.active), default=NEVER)
        self._edge = min(following, self._settlement, ticks, meets) if self._begun else -1
        self._changes = simulator.changes
        waits = [ticks] if self._streams else []
        if simulator.listener is not None and self._engaged():
            waits += [following, meets]
            if self._settlement > now:
                waits.append(self._settlement)
        soonest = min(waits, default=NEVER)
        self._instant = max(min(soonest, AFTER_END), now + 1) if waits else NEVER

    def _engaged(self) -> bool:
        """Whether anything could happen to an order: one is under way, or a position is held."""
        return any(
            book.falling or book.rising or book.arrivals or book.parked or book.barred
            for book in self._books.values()
        ) or any(position.quantity for position in self._engine.portfolio.positions.values())


def _closes(book: Book, day: int) -> int:
    """When an instrument's session of an Indian day number closes; 0 where it has none."""
    instrument = book.instrument
    if book.hours.day == day:
        return book.hours.closes
    session = calendar_of(instrument.exchange).session(day, instrument.symbol)
    return session.closes if session is not None else 0
