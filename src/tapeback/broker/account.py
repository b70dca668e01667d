"""One account at the simulated broker: what all clients that a bot makes in a run share."""

from __future__ import annotations

import logging
from typing import NamedTuple

from tapeback.broker.feed import Feed
from tapeback.broker.frames import HistoryFrames
from tapeback.broker.gtt import GttBook
from tapeback.broker.listings import ListedSymbols
from tapeback.broker.option_chain import OptionChain
from tapeback.broker.option_desk import OptionDesk
from tapeback.broker.ports import Contracts, FeedSink
from tapeback.broker.quotes import QuoteBoard
from tapeback.broker.service import BrokerService
from tapeback.broker.session_book import SessionBook
from tapeback.core.ports import Listener
from tapeback.core.tape import Tape
from tapeback.models.order import Order

_logger = logging.getLogger(__name__)


class SentMessage(NamedTuple):
    """An alert that a bot sent at `ts` (ns UTC): recorded, never sent."""

    ts: int
    channel: str
    to: str
    text: str


class Account:
    """`contracts` say what is listed besides the run's series (else the user's master contract
    does), `sink` runs the callbacks of the feed. With a `tape` the bot is a script: it sees the bar
    that is under way, hears of ticks, and may ask for instruments that the run does not have yet;
    else it is called at the close of each bar and sees closed ones.

    `messages` are the alerts it sent, `notes` what the user should know of its calls, each once,
    `missing` how often it asked for which symbols that the run has no bars of.
    """

    def __init__(
        self,
        service: BrokerService,
        *,
        contracts: Contracts | None = None,
        sink: FeedSink | None = None,
        tape: Tape | None = None,
    ) -> None:
        self.tape = tape
        self.service = service
        self.simulator = service.simulator
        self.sandbox = service.rules.fidelity == "sandbox"
        self.live = service.rules.fidelity == "live"
        self.analyze = self.sandbox
        self.books = SessionBook(service)
        played = tape is not None
        if tape is not None:
            service.checks.market_open = tape.market_open
            service.price_of = lambda book: tape.ltp(
                book.instrument.symbol, book.instrument.exchange
            )
        self.quotes = QuoteBoard(service, played=played, ensure=self.ensure)
        self.frames = HistoryFrames(service.engine, self.quotes.forming if played else None)
        self.listed = ListedSymbols(service, contracts, self.ensure)
        self.desk = OptionDesk(self.listed, self.quotes, self._now)
        self.chain = OptionChain(self.desk, self.listed, self.quotes, self._now)
        self.gtts = GttBook(service, self.attend)
        self.feed = Feed(service, self.quotes, sink, tape, ensure=self.ensure)
        self._told: Listener | None = None
        self.messages: list[SentMessage] = []
        self.notes: dict[str, str] = {}
        self.missing: dict[tuple[str, str], int] = {}

    def ensure(self, symbol: str, exchange: str) -> bool:
        """Whether the run has bars of an instrument, or its tape can have them from now on."""
        key = (symbol, exchange)
        books = self.simulator.books
        if key in books:
            return True
        if self.tape is None or not self.tape.ensure(symbol, exchange):
            return False
        self.service.admit(books[key])
        return True

    def attend(self) -> None:
        """Hear of what happens to orders while somebody needs to: a GTT waits, or a client listens
        to order updates. A strategy goes on hearing of its orders."""
        if self.tape is not None:
            needed = self.gtts.waiting or self.feed.tells_orders
            self.tape.listen(self._hear if needed else None)
        elif self.simulator.listener != self._hear:
            self._told = self.simulator.listener
            self.simulator.listener = self._hear

    def _hear(self, order: Order) -> None:
        if self.gtts.hear(order):
            return
        self.feed.order_update(order)
        if self._told is not None:
            self._told(order)

    def note(self, code: str, message: str) -> None:
        """Tell the user something, once a run."""
        if code not in self.notes:
            self.notes[code] = message
            _logger.warning(message)

    def miss(self, symbol: str, exchange: str) -> None:
        """Count a question about a symbol that the run has no bars of."""
        key = (symbol, exchange)
        self.missing[key] = self.missing.get(key, 0) + 1

    def send_message(self, channel: str, to: str, text: str) -> None:
        """Record an alert, and show it in the log."""
        self.messages.append(SentMessage(self._now(), channel, to, text))
        _logger.info("%s to %s: %s", channel, to, text)

    def _now(self) -> int:
        return self.simulator.now
