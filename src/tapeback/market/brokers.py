"""What a broker makes of orders and intraday positions, by date: `tables/brokers.yaml`.

Each figure is a row with its source. A figure that was found for no page of a broker is that of a
named other one, and the profile lists what it borrowed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from typing import Any, Literal, cast

import msgspec

from tapeback.errors import ConfigError, did_you_mean
from tapeback.market.dated import Row, rows, table
from tapeback.market.instruments import INDEX_UNDERLYINGS
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import MINUTE_NS, day_of
from tapeback.utils.money import RUPEE

Treatment = Literal["accept", "refuse", "protect"]

BROKERS = ("zerodha", "upstox", "angelone", "dhan", "groww", "fyers", "flat", "sandbox")
SEGMENTS = ("equity", "derivative", "currency", "commodity", "closing_auction")
SEGMENT_OF = {
    "NSE": "equity",
    "BSE": "equity",
    "NFO": "derivative",
    "BFO": "derivative",
    "NSE_INDEX": "derivative",
    "BSE_INDEX": "derivative",
    "CDS": "currency",
    "BCD": "currency",
    "MCX": "commodity",
    "MCX_INDEX": "commodity",
    "NCO": "commodity",
    "NCDEX": "commodity",
}
_TREATMENTS = {
    "stop_market": ("accept", "refuse", "protect"),
    "stock_option_market": ("accept", "refuse"),
    "market_orders": ("accept", "refuse", "protect"),
}
_KEYS = ("base", "plan", "slabs", "square_off", "square_off_penalty", *_TREATMENTS, "order_rate",
         "premium_credit")  # fmt: skip
_SLAB_KINDS = (
    "equity",
    *(
        f"{a}_{b}"
        for b in ("future", "option")
        for a in ("index", "stock", "commodity", "currency")
    ),
)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_SETTINGS = "your settings"
_LATEST = 1 << 20


class Slab(msgspec.Struct, frozen=True):
    """A limit's distance for prices up to `bound` rupees (itself `included` or not): a `fraction`
    of the price plus an `amount` of rupees."""

    bound: float
    included: bool
    fraction: float
    amount: float


class BrokerRules(msgspec.Struct, frozen=True):
    """What a broker does with orders in one instrument on one day.

    `market` and `stop_market` say what becomes of MARKET and SL-M: taken as they are, refused, or
    sent with a limit a slab away, which leaves what lies beyond it resting. `order_rate` is in
    orders a second, 0 for no limit; `penalty` what each order of a square-off costs on top, in
    money units with GST; `premium_credit` whether the premium of an option sold counts towards
    its margin. `rows` is all that was relied on.
    """

    market: Treatment
    stop_market: Treatment
    order_rate: int
    penalty: int
    premium_credit: bool
    slabs: tuple[Slab, ...]
    rows: tuple[Row, ...]

    def protection_price(self, buy: bool, price: float, tick: float) -> float:
        """The limit that protects an order at `price`: the last price, or a stop's trigger.

        Rupees, on the grid of `tick`, at least a tick away and never below one tick.
        """
        for slab in self.slabs:
            if price < slab.bound or (slab.included and price == slab.bound):
                break
        distance = max(price * slab.fraction + slab.amount, tick)
        limit = price + distance if buy else max(price - distance, tick)
        return round(round(limit / tick) * tick, 4)


class BrokerProfile:
    """A broker's rules by date. `plan` is what its charges go by; `borrowed` names the figures
    that are another profile's, such as
    `square_off_penalty: as zerodha`."""

    def __init__(self, name: str, plan: Any, chain: tuple[str, ...], own: Mapping[str, Row]):
        self.name = name
        self.plan = plan
        self._chain = chain
        self._rules: dict[tuple[Instrument, int], BrokerRules] = {}
        self._own = own
        self._slabs = _named(chain, own)

    @property
    def borrowed(self) -> tuple[str, ...]:
        found = []
        for path in _paths(self._chain[-1]):
            owner = next(name for name in self._chain if _node(name, path) is not None)
            if owner != self._chain[0] and ".".join(path) not in self._own:
                found.append(f"{'.'.join(path)}: as {owner}")
        for kind in _SLAB_KINDS:
            owner = _slab_owner(self._slabs, kind)
            if owner != self._slabs:
                found.append(f"slabs.{kind}: as {owner}")
        return tuple(found)

    @property
    def credits_premium(self) -> bool:
        """Whether the premium of an option sold counts towards its margin, as of late."""
        row = self.row(_LATEST, "premium_credit")
        return row is not None and bool(row["credited"])

    def row(self, day: int, *path: str) -> Row | None:
        """The row in force of a rule such as `("square_off", "equity")`; None where the broker
        has no such rule on that Indian day number."""
        own = self._own.get(".".join(path))
        if own is not None:
            return own
        for name in self._chain:
            if _node(name, path) is not None:
                return rows("brokers", "profiles", name, *path).on(day)
        return None

    def rules(self, instrument: Instrument, day: int) -> BrokerRules:
        """What holds for orders in an instrument on an Indian day number."""
        key = (instrument, bisect_right(change_days(), day))
        known = self._rules.get(key)
        if known is None:
            known = self._rules[key] = self._resolve(instrument, day)
        return known

    def _resolve(self, instrument: Instrument, day: int) -> BrokerRules:
        used: list[Row] = []

        def take(row: Row | None) -> Row | None:
            if row is not None:
                used.append(row)
            return row

        protection = self.row(day, "protection") or rows(
            "brokers", "exchange_rules", "protection"
        ).on(day)
        forced = take(self.row(day, "market_orders"))
        market: Treatment = "accept"
        if forced is not None:
            market = forced["treatment"]
        elif take(protection) is not None:
            market = "protect"
        stop = market
        kind = _slab_kind(instrument)
        if kind == "stock_option":
            choice = take(self.row(day, "stock_option_market"))
            if choice is not None and choice["treatment"] == "refuse":
                market = "refuse"
        if take(_ban(instrument, day)) is not None:
            choice = take(self.row(day, "stop_market"))
            stop = choice["treatment"] if choice is not None else "refuse"
        rate = take(
            self.row(day, "order_rate") or rows("brokers", "exchange_rules", "order_rate").on(day)
        )
        penalty = take(self.row(day, "square_off_penalty"))
        credit = take(self.row(day, "premium_credit"))
        slabs, row = _slabs(self._slabs, kind)
        if "protect" in (market, stop):
            used.append(row)
        return BrokerRules(
            market=market,
            stop_market=stop,
            order_rate=rate["per_second"] if rate is not None else 0,
            penalty=_penalty(penalty),
            premium_credit=credit is not None and credit["credited"],
            slabs=slabs,
            rows=tuple(used),
        )


@cache
def change_days() -> tuple[int, ...]:
    """The Indian day numbers on which a rule of any broker or exchange here begins, in order."""
    found: set[int] = set()
    waiting: list[Any] = [table("brokers")]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(node.get("from"), date):
                found.add(day_of(node["from"]))
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return tuple(sorted(found))


@cache
def _profile(name: str) -> BrokerProfile:
    return BrokerProfile(name, table("brokers")["profiles"][name]["plan"], _chain(name), {})


def broker_of(setting: str | Mapping[str, Any]) -> BrokerProfile:
    """The profile that the setting `broker` asks for.

    A mapping starts from `base` (zerodha) and replaces `plan`, `slabs`, `square_off` (by segment:
    `HH:MM` or minutes before the close), `square_off_penalty` (rupees an order, all told),
    `stop_market`, `stock_option_market`, `market_orders`, `order_rate` (orders a second) or
    `premium_credit`. Raises ConfigError with one line for each problem.
    """
    if isinstance(setting, str):
        if setting not in BROKERS:
            near = did_you_mean(setting, BROKERS)
            raise ConfigError(
                f"broker: unknown broker {setting!r}{near}.",
                remedy=f"Use one of {', '.join(BROKERS)}, or a mapping with `base`.",
            )
        return _profile(setting)
    if not isinstance(setting, Mapping):
        raise ConfigError(f"broker: must be a name or a mapping; got {setting!r}.")
    problems: list[str] = []
    own: dict[str, Row] = {}
    for key, value in setting.items():
        if key not in _KEYS:
            near = did_you_mean(str(key), _KEYS)
            problems.append(f"broker.{key}: unknown key{near}; known are {', '.join(_KEYS)}.")
        elif key != "plan":
            for path, values in _overrides(key, value, problems):
                own[path] = Row(f"broker.{path}", 0, "high", _SETTINGS, values)
    if problems:
        raise ConfigError(problems)
    base = setting.get("base", "zerodha")
    plan = setting.get("plan") or _profile(base).plan
    return BrokerProfile(f"custom ({base})", plan, _chain(base), own)


def _overrides(key: str, value: Any, problems: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What one key of a broker mapping says: the paths it replaces and their values."""
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if key == "base" and value in BROKERS:
        return
    if key == "square_off" and isinstance(value, Mapping):
        yield from _square_offs(value, problems)
    elif key == "slabs" and isinstance(value, str) and value in table("brokers")["slabs"]:
        yield key, {"name": value}
    elif key in _TREATMENTS and value in _TREATMENTS[key]:
        yield key, {"treatment": value}
    elif key == "premium_credit" and isinstance(value, bool):
        yield key, {"credited": value}
    elif key == "order_rate" and whole:
        yield key, {"per_second": value}
    elif key == "square_off_penalty" and (whole or (isinstance(value, float) and 0 <= value < 1e9)):
        yield key, {"rupees": str(value), "gst": "0"}
    else:
        problems.append(f"broker.{key}: must be {_wanted(key)}; got {value!r}.")


def _square_offs(
    times: Mapping[Any, Any], problems: list[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for segment, value in times.items():
        if segment not in SEGMENTS:
            problems.append(
                f"broker.square_off.{segment}: unknown segment"
                f"{did_you_mean(str(segment), SEGMENTS)}; known are {', '.join(SEGMENTS)}."
            )
        elif isinstance(value, str) and _CLOCK.fullmatch(value):
            yield f"square_off.{segment}", {"at": value}
        elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1440:
            yield f"square_off.{segment}", {"before_close": value}
        else:
            problems.append(
                f"broker.square_off.{segment}: must be a time such as '15:15' or minutes before "
                f"the close; got {value!r}."
            )


def _wanted(key: str) -> str:
    if key in _TREATMENTS:
        return f"one of {', '.join(_TREATMENTS[key])}"
    return {
        "base": f"one of {', '.join(BROKERS)}",
        "slabs": f"one of {', '.join(table('brokers')['slabs'])}",
        "square_off": f"a mapping of {', '.join(SEGMENTS)} to times",
        "premium_credit": "true or false",
        "order_rate": "a whole number of orders a second, 0 for no limit",
        "square_off_penalty": "rupees an order, at least 0",
    }[key]


def clock_ns(text: str) -> int:
    """Nanoseconds after midnight of a time of the day such as `15:20`."""
    hours, minutes = text.split(":")
    return (int(hours) * 60 + int(minutes)) * MINUTE_NS


def _chain(name: str) -> tuple[str, ...]:
    """A profile and those whose figures it takes where it has none of its own."""
    fallback = table("brokers")["profiles"][name].get("fallback")
    return (name,) if fallback is None else (name, *_chain(fallback))


def _named(chain: tuple[str, ...], own: Mapping[str, Row]) -> str:
    chosen = own.get("slabs")
    name = table("brokers")["profiles"][chain[0]]["slabs"] if chosen is None else chosen["name"]
    return cast(str, name)


def _node(name: str, path: tuple[str, ...]) -> Any:
    node: Any = table("brokers")["profiles"][name]
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _paths(name: str) -> Iterator[tuple[str, ...]]:
    """Every dated rule that a profile names."""
    for key, node in table("brokers")["profiles"][name].items():
        if isinstance(node, list):
            yield (key,)
        elif isinstance(node, dict):
            yield from ((key, inner) for inner in node)


def _ban(instrument: Instrument, day: int) -> Row | None:
    """The exchange's rule that ends SL-M for an instrument, where one is in force."""
    bans = table("brokers")["exchange_rules"]["stop_market_ban"]
    for key in (f"{instrument.exchange}_{instrument.kind}", instrument.exchange):
        row = (
            rows("brokers", "exchange_rules", "stop_market_ban", key).on(day)
            if key in bans
            else None
        )
        if row is not None:
            return row
    return None


def _slab_kind(instrument: Instrument) -> str:
    segment = SEGMENT_OF.get(instrument.exchange, "derivative")
    kind = "option" if instrument.kind == "option" else "future"
    if segment == "equity":
        return "equity"
    if segment != "derivative":
        return f"{segment}_{kind}"
    index = instrument.kind == "index" or instrument.underlying in INDEX_UNDERLYINGS
    return f"{'index' if index else 'stock'}_{kind}"


@cache
def _slabs(name: str, kind: str) -> tuple[tuple[Slab, ...], Row]:
    """A slab table's rungs for a kind of instrument, or those of `openalgo` where it has none."""
    owner = _slab_owner(name, kind)
    rungs = table("brokers")["slabs"][owner]
    found = rungs.get(kind) or rungs[_general(kind)]
    row = Row(f"brokers.slabs.{owner}.{kind}", 0, rungs["confidence"], rungs["source"], {})
    return tuple(
        Slab(
            float(rung.get("under", rung.get("to", "inf"))),
            "to" in rung,
            float(rung.get("percent", 0)) / 100,
            float(rung.get("amount", 0)),
        )
        for rung in found
    ), row


def _slab_owner(name: str, kind: str) -> str:
    rungs = table("brokers")["slabs"][name]
    return name if kind in rungs or _general(kind) in rungs else "openalgo"


def _general(kind: str) -> str:
    return "option" if kind.endswith("option") else "any"


def _penalty(row: Row | None) -> int:
    if row is None:
        return 0
    rupees, gst = float(row["rupees"]), float(row["gst"])
    return round(rupees * (1 + gst / 100) * RUPEE)
