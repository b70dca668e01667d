"""What a basket of positions would block, by the margin model of the run."""

from __future__ import annotations

from collections.abc import Iterable

from tapeback.broker.listings import ListedSymbols
from tapeback.broker.replies import Reply
from tapeback.broker.requests import Values
from tapeback.broker.service import BrokerService
from tapeback.market.margin import PPM, FutureTerms, OptionTerms
from tapeback.market.spreads import Leg, spread_requirement
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import day_number
from tapeback.utils.money import to_rupees, to_units

_Group = tuple[str, str, str]


class BasketMargin:
    """Margin of positions that are opened together, apart from what the account holds."""

    def __init__(self, service: BrokerService, listed: ListedSymbols) -> None:
        self._service = service
        self._listed = listed

    def required(self, positions: Iterable[Values]) -> Reply | tuple[str, str]:
        """`total_margin_required`, and how it splits into `span_margin` and `exposure_margin`,
        rupees. The symbol and exchange that are not known, where one is not. Futures and options
        on one underlying hedge one another; a position without a price is taken at the last one.
        """
        groups: dict[_Group, list[Leg]] = {}
        spots: dict[_Group, int] = {}
        for position in positions:
            symbol, exchange = position["symbol"], position["exchange"]
            instrument = self._listed.instrument(symbol, exchange)
            if instrument is None:
                return symbol, exchange
            product = position["product"]
            group = (instrument.underlying, exchange, product)
            groups.setdefault(group, []).append(self._leg(instrument, position))
            spots[group] = self._spot(instrument)
        total = sum(spread_requirement(legs, spots[group]) for group, legs in groups.items())
        exposure = sum(
            _exposure(leg, spots[group]) for group, legs in groups.items() for leg in legs
        )
        exposure = min(exposure, total)
        return {
            "exposure_margin": round(to_rupees(exposure), 2),
            "span_margin": round(to_rupees(total - exposure), 2),
            "total_margin_required": round(to_rupees(total), 2),
        }

    def _leg(self, instrument: Instrument, position: Values) -> Leg:
        service = self._service
        day = day_number(service.simulator.now)
        price = position["price"] or position["trigger_price"]
        if not price:
            price = service.last_price(instrument.symbol, instrument.exchange) or 0.0
        signed = int(position["quantity"]) * (1 if position["action"].upper() == "BUY" else -1)
        terms = service.rulebook.margin_terms(instrument, position["product"], day)
        return Leg(terms, signed, signed * to_units(price))

    def _spot(self, instrument: Instrument) -> int:
        """Last price of what a contract derives from, money units; 0 where it is unknown."""
        book = self._service.simulator.books.get((instrument.symbol, instrument.exchange))
        leader = None if book is None else book.leader
        if leader is None or leader.instrument.kind == "option":
            return 0
        return to_units(self._service.simulator.last_price(leader))


def _exposure(leg: Leg, spot: int) -> int:
    """The part of a leg's margin that SPAN does not scan, money units."""
    terms, quantity, cost = leg
    if isinstance(terms, FutureTerms):
        margin = abs(cost) * terms.exposure // PPM
    elif isinstance(terms, OptionTerms) and quantity < 0:
        margin = terms.exposed(-quantity, spot or terms.strike)
    else:
        return 0
    return margin * terms.share // PPM
