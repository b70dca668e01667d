"""Every dated rule of a run in one place: what holds for an instrument on a session.

The engine asks once a session for each instrument; what it gets are plain figures. Every row of
the tables that was relied on is noted, so that a run can name those of low confidence.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from math import inf
from typing import Literal

import msgspec

from tapeback.errors import DataError
from tapeback.market.brokers import BrokerProfile, BrokerRules, broker_of, change_days
from tapeback.market.calendar import calendar_of
from tapeback.market.charges import ChargeSchedule
from tapeback.market.contracts.bans import BanList
from tapeback.market.contracts.lots import Lot, LotPolicy
from tapeback.market.contracts.master import Listing, MasterContract
from tapeback.market.contracts.price_bands import LOCKED_SHARE, LimitProtection, PriceBand
from tapeback.market.contracts.terms import terms_of, whole_lots
from tapeback.market.contracts.underlyings import has_derivatives, underlyings_row
from tapeback.market.costs.rates import Rates
from tapeback.market.costs.segments import segment_of
from tapeback.market.dated import Row
from tapeback.market.instruments import instrument_of
from tapeback.market.margin import PPM, MarginModel, MarginPolicy, MarginTerms, OptionTerms
from tapeback.market.sessions.schedule import Session
from tapeback.market.settling.corporate_actions import ActionBook
from tapeback.market.settling.expiry import delivery_margin
from tapeback.market.squareoff import squareoff_rule, time_of
from tapeback.models.instrument import Instrument

Fidelity = Literal["live", "sandbox", "none"]
NEVER = 1 << 62
_GRID = 1e-7
# No delivery margin is asked for earlier than four trading days before the expiry.
_DELIVERY_DAYS = 14


class SessionHours(msgspec.Struct, frozen=True):
    """When one instrument trades on one day. `opens` and `closes` of the session,
    `continuous_ends` of its continuous part (a closing auction may follow) and `square_off`, when
    MIS positions are closed (NEVER where they are not), are ns UTC."""

    day: int
    opens: int
    closes: int
    continuous_ends: int
    square_off: int = NEVER


class SessionTerms(msgspec.Struct, frozen=True):
    """What holds for orders in one instrument on one trading day.

    Quantities are units, prices rupees: an order may be of `lot.shown` times n up to
    `largest_order` (the whole lots of `freeze_quantity`; 0: no limit), within the `band`. A bar of
    one price short of `lower_lock` and `upper_lock` is not one of a locked band. `broker` says what
    becomes of MARKET and SL-M orders, None where no broker stands between.
    """

    lot: Lot = Lot(1, 1)
    tick_size: float = 0.05
    freeze_quantity: int = 0
    largest_order: int = 0
    band: PriceBand | None = None
    lower_lock: float = 0.0
    upper_lock: float = inf
    banned: bool = False
    protection: LimitProtection | None = None
    broker: BrokerRules | None = None


class Rulebook:
    """The rules of one run.

    With `fidelity` `none` there are sessions and charges only. `policy` overrides how strictly
    margin is asked for (None: by kind of instrument). `files` are the digests of the user's own
    tables, by the setting that names them.
    """

    def __init__(
        self,
        schedule: ChargeSchedule,
        *,
        fidelity: Fidelity = "live",
        broker: BrokerProfile | None = None,
        margin: MarginModel | None = None,
        policy: MarginPolicy | None = None,
        lots: LotPolicy | None = None,
        master: MasterContract | None = None,
        bans: BanList | None = None,
        actions: ActionBook | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.schedule = schedule
        self.files = dict(files or {})
        self.fidelity = fidelity
        self.broker = broker or broker_of("sandbox" if fidelity == "sandbox" else "zerodha")
        self.margin = margin or MarginModel("live" if fidelity == "live" else "sandbox")
        self.policy = policy
        self.lots = lots or LotPolicy()
        self.actions = actions or ActionBook(())
        self._master = master
        self._bans = bans or BanList()
        self.without_lot: dict[str, None] = {}
        self._used: dict[Row, None] = {}
        self._rates: dict[int, Rates] = {}
        self._square_offs: dict[tuple[str, bool, int], Row | None] = {}
        self._rules: dict[int, BrokerRules] = {}
        self._last_session: tuple[Row, ...] = ()

    def instrument(self, symbol: str, exchange: str) -> Instrument:
        """The instrument of an OpenAlgo symbol; a master contract that lists it wins."""
        listed = self._master.instrument(symbol, exchange) if self._master is not None else None
        return listed or instrument_of(symbol, exchange)

    def listing(self, symbol: str, exchange: str) -> Listing | None:
        """The master contract's row of a symbol; None where there is none."""
        return self._master.listing(symbol, exchange) if self._master is not None else None

    @property
    def master(self) -> MasterContract | None:
        """The user's master contract, None where the run has none."""
        return self._master

    @property
    def recounts(self) -> bool:
        """Whether a bot may count other quantities than its contracts have (`Lot`)."""
        return self.lots.mode == "scale" or self._master is not None

    def hours(self, instrument: Instrument, day: int) -> SessionHours:
        """When an instrument trades on an Indian day number."""
        calendar = calendar_of(instrument.exchange)
        session = calendar.session(day, instrument.symbol)
        opens, closes = calendar.hours(day, instrument.symbol)
        if session is not None and session.rows is not self._last_session:
            self._last_session = session.rows
            self.note(session.rows)
        if self.fidelity == "none":
            return SessionHours(day, opens, closes, closes)
        square_off = self._square_off(instrument, day, opens, closes, session)
        ends = session.continuous_ends if session is not None else closes
        if self.fidelity == "sandbox":
            ends = closes
        return SessionHours(day, opens, closes, ends, square_off)

    def terms(
        self, instrument: Instrument, day: int, close: float, underlying: float = 0.0
    ) -> SessionTerms:
        """What holds for orders in an instrument on an Indian day number; `close` is its last
        price before and `underlying` that of what it derives from, 0 where there is none."""
        if self.fidelity == "none":
            return SessionTerms(tick_size=instrument.tick_size)
        shares = instrument.kind == "equity" and has_derivatives(instrument.symbol)
        contract = terms_of(instrument, day, close, underlying_close=underlying, derivatives=shares)
        if "lot_size" in contract.unknown:
            self.without_lot[instrument.symbol] = None
        self.note(contract.rows)
        lot = self._lot(instrument, day, contract.multiplier)
        freeze = int(contract.freeze_quantity * contract.multiplier)
        if self.fidelity == "sandbox":
            return SessionTerms(lot, contract.tick_size, freeze)
        if shares:
            self.note((underlyings_row(),))
        locks = _locks(instrument, contract.band, close)
        rules = self.broker.rules(instrument, day)
        if id(rules) not in self._rules:
            self._rules[id(rules)] = rules
            self.note(rules.rows)
        return SessionTerms(
            lot,
            contract.tick_size,
            freeze,
            whole_lots(freeze, lot.traded),
            contract.band,
            *locks,
            self._bans.applies(instrument, day),
            contract.protection,
            rules,
        )

    def rates(self, instrument: Instrument, product: str, day: int) -> Rates:
        """The charges of executions in a product on an Indian day number."""
        segment = segment_of(instrument, product)
        rates = self.schedule.rates(segment, instrument.exchange, day, instrument.symbol)
        if id(rates) not in self._rates:
            self._rates[id(rates)] = rates
            self.note(rates.rows)
        return rates

    def margin_terms(self, instrument: Instrument, product: str, day: int) -> MarginTerms:
        """What a position in a product blocks on an Indian day number."""
        terms = self.margin.terms(instrument, product, day)
        self.note(terms.rows)
        if isinstance(terms, OptionTerms) and product == "NRML":
            self._ask_for_delivery(terms, instrument, day)
        return terms

    def _ask_for_delivery(self, terms: OptionTerms, instrument: Instrument, day: int) -> None:
        """Raise what a stock option blocks on the last days before its shares change hands. The
        margin of the shares is taken to be that of their future."""
        expiry = instrument.expiry
        if expiry is None or not 0 <= expiry - day <= _DELIVERY_DAYS:
            return
        left = len(calendar_of(instrument.exchange).trading_days(day + 1, expiry))
        asked = delivery_margin(instrument, day, left)
        if asked.share_ppm:
            terms.delivery = asked.share_ppm * (terms.scan + terms.exposure) // PPM
            self.note(() if asked.row is None else (asked.row,))

    def note(self, rows: Iterable[Row]) -> None:
        """Remember rows that the run relied on."""
        self._used.update(dict.fromkeys(rows))

    @property
    def doubtful(self) -> tuple[Row, ...]:
        """The rows of low confidence that were relied on, in the order of their names."""
        low = (row for row in self._used if row.confidence == "low")
        return tuple(sorted(low, key=lambda row: (row.rule, row.since)))

    def _lot(self, instrument: Instrument, day: int, multiplier: float) -> Lot:
        """The lot; a contract that its master lists in lots is traded in the units of its price."""
        lot = self.lots.lot(instrument, day)
        if multiplier == 1:
            return lot
        traded = lot.traded * multiplier
        if traded != int(traded):
            raise DataError(
                f"one lot of {instrument.symbol} is worth {traded:g} units of its price, which is "
                "no whole number.",
                remedy="Give the lot in units of the quotation in the master contract.",
            )
        return Lot(lot.shown, int(traded))

    def _square_off(
        self, instrument: Instrument, day: int, opens: int, closes: int, session: Session | None
    ) -> int:
        auction = session is not None and session.closing_auction is not None
        key = (instrument.exchange, auction, bisect_right(change_days(), day))
        if key not in self._square_offs:
            rule = squareoff_rule(self.broker, instrument, day, auction)
            self._square_offs[key] = rule
            self.note(() if rule is None else (rule,))
        found = self._square_offs[key]
        return NEVER if found is None else time_of(found, opens, closes, day)


def _locks(instrument: Instrument, band: PriceBand | None, close: float) -> tuple[float, float]:
    """From where on a bar of one price may be one of a locked band (S7)."""
    if close <= 0 or instrument.kind not in ("equity", "future"):
        return 0.0, inf
    if band is not None and band.certain:
        return band.lower + _GRID, band.upper - _GRID
    return close * (1 - LOCKED_SHARE), close * (1 + LOCKED_SHARE)
